//! `argocd app terminate-op` ends a Sync whatever it waits for, and Flux's work with it as far as that can be stopped.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn an_install_that_never_becomes_ready() -> Result<()> {
    let env = Stack::shared().await?.test("terminate").await?;
    // A label that no Node has keeps the pods Pending.
    let app = Application::chart(&env, "6.3.5").parameter("nodeSelector.disk", "none").manual();
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--async"]).await?.text()?;
    app.wait(&env, "waiting for Flux's install", |app| {
        app["status"]["operationState"]["message"]
            .as_str()
            .is_some_and(|said| said.contains("'install' action"))
    })
    .await?;
    terminated(&env, &app).await?;
    env.wait_until("the release waits for a Sync", PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((release["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    let twice = env.argocd(&["app", "terminate-op", app.name()]).await?;
    assert!(twice.stderr.contains("No operation is in progress"), "{twice:?}");
    Ok(())
}

#[tokio::test]
async fn an_automated_operation_of_a_chart_that_is_not_healthy() -> Result<()> {
    let env = Stack::shared().await?.test("terminate-auto").await?;
    let app = Application::chart(&env, "6.3.5").parameter("nodeSelector.disk", "none");
    app.apply(&env).await?;
    app.wait(&env, "syncing", |app| app["status"]["operationState"]["phase"] == "Running").await?;
    terminated(&env, &app).await
}

async fn terminated(env: &TestEnv, app: &Application) -> Result<()> {
    env.argocd(&["app", "terminate-op", app.name()]).await?.text()?;
    let ended = app.wait(env, "without an operation", |app| app["operation"].is_null()).await?;
    let state = &ended["status"]["operationState"];
    assert_eq!((&state["phase"], &state["message"]), (&"Failed".into(), &"Operation terminated".into()));
    assert!(ended["status"]["history"].is_null(), "{ended}");
    Ok(())
}
