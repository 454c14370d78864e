//! Labels and annotations of `managedNamespaceMetadata` are there, stay there, and go when they are no longer wished for;
//! everything else of the namespace is left alone.

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

fn labelled(app: &Application, labels: &Value) -> Application {
    let metadata = json!({ "labels": labels, "annotations": { "example.org/owner": "web" } });
    app.clone().merge(&json!({ "spec": { "syncPolicy": { "managedNamespaceMetadata": metadata } } }))
}

/// Waits until the labels of the namespace are `expected`, beside what Kubernetes adds.
async fn are(env: &TestEnv, namespace: &str, expected: &Value) -> Result<()> {
    env.wait_until(&format!("namespace {namespace} has the labels {expected}"), PATIENCE, async || {
        let found = env.get("Namespace", "", namespace).await?.unwrap_or_default();
        let mut labels = found["metadata"]["labels"].clone();
        if let Some(labels) = labels.as_object_mut() {
            labels.remove("kubernetes.io/metadata.name");
        }
        let is_annotated = found["metadata"]["annotations"]["example.org/owner"] == "web";
        if labels == *expected && is_annotated { Ok(Some(())) } else { Err(anyhow!("{}", found["metadata"])) }
    })
    .await
}

#[tokio::test]
async fn namespace_metadata_is_kept_up() -> Result<()> {
    let env = Stack::shared().await?.test("namespace-metadata").await?;
    let app = Application::chart(&env, "6.3.5");
    let namespace = app.destination().to_owned();
    labelled(&app, &json!({ "a": "1", "b": "1" })).deliver(&env).await?;
    are(&env, &namespace, &json!({ "a": "1", "b": "1" })).await?;

    let edit = json!({ "metadata": { "labels": { "a": "edited", "mine": "yes" } } });
    env.patch("Namespace", "", &namespace, &edit).await?;
    are(&env, &namespace, &json!({ "a": "1", "b": "1", "mine": "yes" })).await?;

    labelled(&app, &json!({ "a": "2", "c": "1" })).deliver(&env).await?;
    are(&env, &namespace, &json!({ "a": "2", "c": "1", "mine": "yes" })).await
}

#[tokio::test]
async fn two_applications_do_not_fight() -> Result<()> {
    let env = Stack::shared().await?.test("namespace-dispute").await?;
    let first = Application::chart(&env, "6.3.5");
    let namespace = first.destination().to_owned();
    labelled(&first, &json!({ "a": "1" })).deliver(&env).await?;
    let second = Application::chart(&env, "6.3.5").named(&env, "second").into_namespace(&namespace);
    let second = labelled(&second, &json!({ "a": "2", "b": "2" }));
    second.apply(&env).await?;
    second.told(&env, "TranslationWarning", "managedNamespaceMetadata.labels[a]").await?;
    second.settled(&env).await?;
    are(&env, &namespace, &json!({ "a": "1", "b": "2" })).await
}

#[tokio::test]
async fn a_manual_application_waits_for_its_sync() -> Result<()> {
    let env = Stack::shared().await?.test("namespace-manual").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    let namespace = app.destination().to_owned();
    labelled(&app, &json!({ "a": "1" })).apply(&env).await?;
    app.appears(&env).await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    are(&env, &namespace, &json!({ "a": "1" })).await?;
    labelled(&app, &json!({ "a": "2" })).apply(&env).await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    are(&env, &namespace, &json!({ "a": "1" })).await?;
    app.sync(&env).await?;
    are(&env, &namespace, &json!({ "a": "2" })).await
}
