//! A Flux object in somebody else's namespace that says it belongs to an Application holds up neither that Application's deletion nor
//! its way back, whatever finalizers it has.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::forged_marks::{release, standing};
use crate::applications::Application;
use crate::namespaces::wait_until_empty;
use crate::switching::PLAIN;

/// Applies a forged object with a finalizer that nobody takes off; the object as it stands.
async fn hold(env: &TestEnv, app: &Application) -> Result<Value> {
    let mut forged = release(env, app, &env.namespace, app.name(), &json!({}));
    if let Some(metadata) = forged["metadata"].as_object() {
        let mut metadata = metadata.clone();
        metadata.insert("finalizers".to_owned(), json!(["example.org/held"]));
        forged = json!({ "metadata": metadata, "apiVersion": forged["apiVersion"], "kind": forged["kind"], "spec": forged["spec"] });
    }
    env.apply(&forged.to_string()).await?;
    standing(env, &env.namespace, app.name()).await
}

async fn let_go(env: &TestEnv, app: &Application) -> Result<()> {
    let change = json!({ "metadata": { "finalizers": null } });
    env.patch("HelmRelease", &env.namespace, app.name(), &change).await.map(drop)
}

#[tokio::test]
async fn an_application_goes_all_the_same() -> Result<()> {
    let env = Stack::shared().await?.test("forged-deletion").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let before = hold(&env, &app).await?;
    let deleted = app.delete(&env).await;
    let after = standing(&env, &env.namespace, app.name()).await;
    let_go(&env, &app).await?;
    deleted?;
    assert_eq!(after?, before);
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn an_application_goes_back_all_the_same() -> Result<()> {
    let env = Stack::shared().await?.test("forged-way-back").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;
    let before = hold(&env, &app).await?;
    app.switch(&env, &PLAIN).await?;
    let back = app.handed_back(&env).await;
    let after = standing(&env, &env.namespace, app.name()).await;
    let_go(&env, &app).await?;
    back?;
    assert_eq!(after?, before);
    assert_eq!(app.pods(&env).await?, pods);
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    app.delete(&env).await
}
