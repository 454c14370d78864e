//! `prune`: an object that leaves the source leaves the cluster, and stays where pruning is off.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

const KEPT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\n";
const LEAVING: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: leaving\n";

#[tokio::test]
async fn an_object_that_left_the_source_is_deleted_with_prune() -> Result<()> {
    let env = Stack::shared().await?.test("prune").await?;
    let app = left(&env, |app| app).await?;
    env.wait_until_gone("ConfigMap", app.destination(), "leaving").await?;
    app.delivered(&env, "ConfigMap", "kept").await.map(drop)
}

#[tokio::test]
async fn and_stays_without() -> Result<()> {
    let env = Stack::shared().await?.test("no-prune").await?;
    let off = json!({"spec": {"syncPolicy": {"automated": {"prune": false}}}});
    let app = left(&env, |app| app.merge(&off)).await?;
    app.settled(&env).await?;
    app.delivered(&env, "ConfigMap", "leaving").await.map(drop)
}

/// Delivers two objects, then a commit that holds only one of them.
async fn left(env: &TestEnv, change: impl Fn(Application) -> Application) -> Result<Application> {
    let files = [("objects/kept.yaml", Some(KEPT)), ("objects/leaving.yaml", Some(LEAVING))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = change(Application::git(env, &repository.url(), "objects", "main"));
    app.deliver(env).await?;
    app.delivered(env, "ConfigMap", "leaving").await?;
    let commit = repository.commit("main", &[("objects/leaving.yaml", None)], "one leaves").await?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        let history = app.history(env).await?;
        Ok(history.last().filter(|entry| entry["revision"] == commit.as_str()).map(drop))
    })
    .await?;
    Ok(app)
}
