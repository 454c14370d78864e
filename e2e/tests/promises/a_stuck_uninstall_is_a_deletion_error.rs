//! What keeps an Application from going is told in Flux's words, and it goes once that is out of the way.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Stack};

use crate::applications::Application;
use crate::namespaces::wait_until_empty;
use crate::observations::{conditions, ready_message};

/// An uninstall hook that cannot even be created.
const HOOK: &str = r"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-farewell
  namespace: {{ .Release.Namespace }}-farewell
  annotations:
    helm.sh/hook: pre-delete
data:
  last: words
";

#[tokio::test]
async fn a_hook_that_fails_is_told_and_the_rest_follows_when_it_works() -> Result<()> {
    let env = Stack::shared().await?.test("stuck").await?;
    let repository = env.name("charts");
    let edits = [("templates/farewell.yaml", Some(HOOK))];
    env.sources().publish_chart(&repository, &Chart { edits: &edits, ..Chart::podinfo("1.0.0") }).await?;
    let app = Application::chart_from(&env, &env.sources().helm_url(&repository), "1.0.0");
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;

    env.argocd(&["app", "delete", app.name(), "--yes"]).await?.text()?;
    let missing = format!("{}-farewell", app.destination());
    let told = app.told(&env, "DeletionError", &format!("namespaces \"{missing}\" not found")).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    let said = conditions(&told, "DeletionError");
    assert!(said.contains(&ready_message(&release)), "not Flux's words: {said}");
    assert_eq!(app.pods(&env).await?, pods, "nothing was removed behind Helm's back");
    let shown = env.argocd(&["app", "get", app.name()]).await?.text()?;
    assert!(shown.contains("DeletionError"), "{shown}");

    env.kubectl(&["create", "namespace", &missing]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    env.kubectl(&["delete", "configmap", "-n", &missing, "--all"]).await?.text()?;
    wait_until_empty(&env, app.destination()).await
}

/// A finalizer on what was delivered: the deletion waits, and goes on when it is taken off.
#[tokio::test]
async fn an_object_that_does_not_go_holds_the_application() -> Result<()> {
    let env = Stack::shared().await?.test("stuck-git").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "apps/overlays/staging", "main");
    app.deliver(&env).await?;
    let hold = |by: serde_json::Value| serde_json::json!({ "metadata": { "finalizers": by } });
    let change = hold(serde_json::json!(["example.com/hold"]));
    env.patch("Service", app.destination(), "web", &change).await?;
    env.argocd(&["app", "delete", app.name(), "--yes"]).await?.text()?;
    env.wait_until("the Service is to go", crate::applications::PATIENCE, async || {
        let service = app.delivered(&env, "Service", "web").await?;
        Ok((!service["metadata"]["deletionTimestamp"].is_null()).then_some(()))
    })
    .await?;
    env.application(app.name()).await?;
    assert!(env.get("GitRepository", app.destination(), app.name()).await?.is_some());
    env.patch("Service", app.destination(), "web", &hold(serde_json::Value::Null)).await?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    wait_until_empty(&env, app.destination()).await
}
