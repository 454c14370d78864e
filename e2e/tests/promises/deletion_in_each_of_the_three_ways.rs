//! The three ways of the UI's delete dialogue, as argocd-server writes them for its CLI, and kubectl's.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::namespaces::{everything_in, wait_until_empty};
use crate::observations::podinfo;

#[tokio::test]
async fn foreground() -> Result<()> {
    cascade("del-fore", "foreground").await
}

#[tokio::test]
async fn background() -> Result<()> {
    cascade("del-back", "background").await
}

async fn cascade(name: &str, policy: &str) -> Result<()> {
    let env = Stack::shared().await?.test(name).await?;
    let chart = Application::chart(&env, "6.3.5").without_finalizer();
    let url = env.sources().git_url("fleet");
    let git = Application::git(&env, &url, "apps/overlays/staging", "main").named(&env, "git").manual();
    for app in [&chart, &git] {
        app.apply(&env).await?;
    }
    // A manual one waits suspended between two Syncs: it has to be resumed before.
    env.argocd(&["app", "sync", git.name(), "--timeout", "90"]).await?.text()?;
    for app in [&chart, &git] {
        app.settled(&env).await?;
        let delete = ["app", "delete", app.name(), "--yes", "--cascade", "--propagation-policy", policy];
        env.argocd(&delete).await?.text()?;
    }
    for app in [&chart, &git] {
        env.wait_until_gone("Application", &env.control, app.name()).await?;
        wait_until_empty(&env, app.destination()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_a_cascade_flux_goes_on() -> Result<()> {
    let env = Stack::shared().await?.test("del-none").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let before = everything_in(&env, app.destination()).await?;
    env.argocd(&["app", "delete", app.name(), "--yes", "--cascade=false"]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    assert_eq!(everything_in(&env, app.destination()).await?, before);
    let change = json!({ "spec": { "values": { "ui": { "message": "Still here" } } } });
    env.patch("HelmRelease", app.destination(), app.name(), &change).await?;
    env.wait_until("Flux has delivered what changed", PATIENCE, async || {
        let settings = app.delivered(&env, "ConfigMap", &podinfo(&app)).await?;
        Ok((settings["data"]["message"] == "Still here").then_some(()))
    })
    .await
}

/// Argo CD adds these where manifests have hooks of its own; nobody but the bridge takes them off a bridged Application.
#[tokio::test]
async fn finalizers_of_argo_cds_hooks_do_not_stay() -> Result<()> {
    let env = Stack::shared().await?.test("del-hooks").await?;
    let finalizers = json!([
        "pre-delete-finalizer.argocd.argoproj.io",
        "post-delete-finalizer.argocd.argoproj.io/cleanup",
        "resources-finalizer.argocd.argoproj.io/background",
    ]);
    let app = Application::chart(&env, "6.3.5").merge(&json!({ "metadata": { "finalizers": finalizers } }));
    app.deliver(&env).await?;
    app.delete(&env).await?;
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn during_a_running_operation() -> Result<()> {
    let env = Stack::shared().await?.test("del-running").await?;
    let app = Application::chart(&env, "6.3.5").manual().merge(&json!({ "spec": { "source": { "helm": {
        "valuesObject": { "nodeSelector": { format!("test/{}", env.namespace): "open" } },
    } } } }));
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--async"]).await?.text()?;
    waits_for_a_node(&env, &app).await?;
    env.argocd(&["app", "delete", app.name(), "--yes"]).await?.text()?;
    // Helm does not stop in the middle of an install: its uninstall comes after it.
    env.wait_until("the release is to go", PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((!release["metadata"]["deletionTimestamp"].is_null()).then_some(()))
    })
    .await?;
    env.application(app.name()).await?;
    env.kubectl(&["label", "node", "node", &format!("test/{}=open", env.namespace)]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    wait_until_empty(&env, app.destination()).await
}

async fn waits_for_a_node(env: &TestEnv, app: &Application) -> Result<()> {
    env.wait_until("its pods wait for a Node", PATIENCE, async || {
        let deployment = app.delivered(env, "Deployment", &podinfo(app)).await?;
        let running = env.application(app.name()).await?["status"]["operationState"]["phase"].clone();
        ensure!(running == "Running", "the operation is {running}");
        Ok((deployment["status"]["unavailableReplicas"] == 1).then_some(()))
    })
    .await
}
