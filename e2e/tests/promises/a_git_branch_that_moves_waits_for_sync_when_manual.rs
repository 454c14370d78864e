//! Without an automated sync policy, a newer revision shows and waits for the button.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn a_new_commit_waits_for_a_sync() -> Result<()> {
    let env = Stack::shared().await?.test("manual").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/staging", "main").manual();
    app.apply(&env).await?;
    let first = repository.resolve("main").await?;
    app.wait(&env, "OutOfSync at the first commit", |app| at(app, "OutOfSync", &first)).await?;
    assert!(env.get("Deployment", app.destination(), "web").await?.is_none(), "nobody has pressed Sync");
    app.sync(&env).await?;
    app.settled(&env).await?;
    waits_suspended(&env, &app).await?;

    let commit =
        repository.commit("main", &[("apps/base/revision.env", Some("revision=moved\n"))], "Move").await?;
    app.wait(&env, "OutOfSync at the new commit", |app| at(app, "OutOfSync", &commit)).await?;
    assert_ne!(revision(&env, &app).await?, "moved");
    assert_eq!(app.history(&env).await?.len(), 1);

    app.sync(&env).await?;
    app.wait(&env, "Synced at the new commit", |app| at(app, "Synced", &commit)).await?;
    app.settled(&env).await?;
    assert_eq!(revision(&env, &app).await?, "moved");
    let history = app.history(&env).await?;
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["revision"], *commit);
    waits_suspended(&env, &app).await
}

#[tokio::test]
async fn a_parameter_waits_for_a_sync() -> Result<()> {
    let env = Stack::shared().await?.test("manual-chart").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync and Missing", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["health"]["status"] == "Missing"
    })
    .await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?.text()?;
    app.settled(&env).await?;
    let app = app.parameter("replicaCount", "2");
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync and Healthy", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["health"]["status"] == "Healthy"
    })
    .await?;
    assert_eq!(app.release(&env).await?["revision"], "1");
    env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

fn at(app: &serde_json::Value, sync: &str, commit: &str) -> bool {
    app["status"]["sync"]["status"] == sync && app["status"]["sync"]["revision"] == commit
}

async fn revision(env: &flux_subsystem_e2e::TestEnv, app: &Application) -> Result<String> {
    let map = app.delivered(env, "ConfigMap", "web-revision").await?;
    Ok(map["data"]["revision"].as_str().context("no revision")?.to_owned())
}

/// The sources run on, the Kustomization waits.
async fn waits_suspended(env: &flux_subsystem_e2e::TestEnv, app: &Application) -> Result<()> {
    env.wait_until("the Kustomization is suspended again", PATIENCE, async || {
        Ok((app.delivered(env, "Kustomization", app.name()).await?["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    let source = app.delivered(env, "GitRepository", app.name()).await?;
    assert_ne!(source["spec"]["suspend"], true);
    Ok(())
}
