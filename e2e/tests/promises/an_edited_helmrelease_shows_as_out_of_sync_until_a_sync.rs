//! Without `selfHeal`, an edit of a generated Flux object by hand takes effect, shows, and stays until a Sync.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn a_sync_through_the_operation_field_brings_it_back() -> Result<()> {
    let env = Stack::shared().await?.test("edited").await?;
    let app = edited(&env).await?;
    app.sync(&env).await?;
    brought_back(&env, &app, "admin").await
}

#[tokio::test]
async fn a_sync_through_the_argocd_command_brings_it_back() -> Result<()> {
    let env = Stack::shared().await?.test("edited-cli").await?;
    let app = edited(&env).await?;
    let printed = env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?.text()?;
    assert!(printed.contains("Succeeded"), "{printed}");
    brought_back(&env, &app, "").await
}

/// Four replicas by parameter, two by hand: the release follows the hand, and the Application says so.
async fn edited(env: &TestEnv) -> Result<Application> {
    let app = Application::chart(env, "6.3.5");
    app.deliver(env).await?;
    let app = app.parameter("replicaCount", "4");
    app.deliver(env).await?;

    let edit = r#"[{"op": "replace", "path": "/spec/values/replicaCount", "value": "2"}]"#;
    let arguments = ["patch", "helmrelease", app.name(), "-n", app.destination(), "--type=json", "-p", edit];
    env.kubectl(&arguments).await?.text()?;
    revision(env, &app, "3", 2).await?;

    let changed = app.wait(env, "OutOfSync and Healthy", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["health"]["status"] == "Healthy"
    });
    let changed = changed.await?;
    assert_eq!(out_of_sync(&changed), [json!("HelmRelease")]);
    assert_eq!(changed["status"]["history"].as_array().map(Vec::len), Some(2), "an edit is no delivery");
    Ok(app)
}

async fn brought_back(env: &TestEnv, app: &Application, user: &str) -> Result<()> {
    let synced = app.settled(env).await?;
    revision(env, app, "4", 4).await?;
    assert_eq!(out_of_sync(&synced), Vec::<Value>::new());
    let operation = &synced["status"]["operationState"];
    assert_eq!(operation["message"], "successfully synced (all tasks run)");
    let entry =
        synced["status"]["history"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    assert_eq!(entry["id"], 2);
    assert_eq!(entry["initiatedBy"]["username"].as_str().unwrap_or_default(), user);
    assert!(entry["initiatedBy"]["automated"].is_null(), "{entry}");
    Ok(())
}

/// Waits until the release is at that revision and the Deployment has that many replicas.
async fn revision(env: &TestEnv, app: &Application, revision: &str, replicas: u32) -> Result<()> {
    let what = format!("revision {revision} has {replicas} replicas");
    env.wait_until(&what, PATIENCE, async || {
        let release = app.release(env).await?;
        let deployment = app.delivered(env, "Deployment", &format!("{}-podinfo", app.name())).await?;
        let is_there = release["revision"] == revision
            && release["status"] == "deployed"
            && deployment["status"]["availableReplicas"] == replicas
            && deployment["status"]["replicas"] == replicas;
        Ok(is_there.then_some(()))
    })
    .await
}

/// The kinds of the resources that the Application shows as `OutOfSync`.
fn out_of_sync(app: &Value) -> Vec<Value> {
    let resources = app["status"]["resources"].as_array().cloned().unwrap_or_default();
    resources.into_iter().filter(|one| one["status"] == "OutOfSync").map(|one| one["kind"].clone()).collect()
}
