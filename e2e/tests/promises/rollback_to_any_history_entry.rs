//! `argocd app rollback` delivers any entry of the history again: its version, its values, its commit. The Application is
//! OutOfSync afterwards, as with stock Argo CD, and the next Sync goes back to what it says.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;

#[tokio::test]
async fn a_chart_goes_back_to_its_version_and_values() -> Result<()> {
    let env = Stack::shared().await?.test("rollback-chart").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    sync(&env, &app).await?;
    let app = app.parameter("replicaCount", "2");
    app.apply(&env).await?;
    sync(&env, &app).await?;
    let app = app.at("6.4.0");
    app.apply(&env).await?;
    sync(&env, &app).await?;
    assert_eq!(revisions(&env, &app).await?, ["6.3.5", "6.3.5", "6.4.0"]);

    roll_back(&env, &app, "0").await?;
    assert_eq!(revisions(&env, &app).await?, ["6.3.5", "6.3.5", "6.4.0", "6.3.5"]);
    let release = app.release(&env).await?;
    assert_eq!((&release["revision"], &release["chart"]), (&"4".into(), &"podinfo-6.3.5".into()));
    assert_eq!(replicas(&env, &app).await?, 1);
    let shown = app.wait(&env, "OutOfSync at what it says", |app| at(app, "OutOfSync", "6.4.0")).await?;
    assert_eq!(shown["status"]["history"][3]["source"]["targetRevision"], "6.3.5");
    assert!(shown["status"]["history"][3]["source"]["helm"]["parameters"].is_null());

    roll_back(&env, &app, "1").await?;
    assert_eq!(replicas(&env, &app).await?, 2);
    sync(&env, &app).await?;
    app.settled(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.4.0");
    Ok(())
}

#[tokio::test]
async fn a_repository_goes_back_to_its_commit() -> Result<()> {
    let env = Stack::shared().await?.test("rollback-git").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/staging", "main").manual();
    app.apply(&env).await?;
    sync(&env, &app).await?;
    let first = repository.resolve("main").await?;
    let second = commit(&repository, "second").await?;
    sync(&env, &app).await?;
    app.wait(&env, "Synced at the second commit", |app| at(app, "Synced", &second)).await?;
    assert_eq!(revision(&env, &app).await?, "second");

    let before = revision_of_the_source(&env, &app).await?;
    roll_back(&env, &app, "0").await?;
    assert_eq!(revisions(&env, &app).await?, [first.clone(), second.clone(), first.clone()]);
    assert_ne!(revision(&env, &app).await?, "second");
    app.wait(&env, "OutOfSync at its branch", |app| at(app, "OutOfSync", &second)).await?;
    env.wait_until("the source follows the branch again", PATIENCE, async || {
        Ok((revision_of_the_source(&env, &app).await? == before).then_some(()))
    })
    .await?;
    // The branch moves on, and nothing is delivered before somebody asks.
    let third = commit(&repository, "third").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.wait(&env, "OutOfSync at the third commit", |app| at(app, "OutOfSync", &third)).await?;
    assert_ne!(revision(&env, &app).await?, "third");
    sync(&env, &app).await?;
    app.settled(&env).await?;
    assert_eq!(revision(&env, &app).await?, "third");
    Ok(())
}

#[tokio::test]
async fn an_automated_application_is_not_rolled_back() -> Result<()> {
    let env = Stack::shared().await?.test("rollback-auto").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let app = app.at("6.4.0");
    app.deliver(&env).await?;
    let refused = env.argocd(&["app", "rollback", app.name(), "0"]).await?;
    assert!(refused.stderr.contains("rollback cannot be initiated when auto-sync is enabled"), "{refused:?}");
    Ok(())
}

async fn commit(repository: &flux_subsystem_e2e::sources::git::Repository, word: &str) -> Result<String> {
    let text = format!("revision={word}");
    repository.commit("main", &[("apps/base/revision.env", Some(&text))], word).await
}

async fn sync(env: &TestEnv, app: &Application) -> Result<()> {
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text().map(drop)
}

async fn roll_back(env: &TestEnv, app: &Application, id: &str) -> Result<()> {
    let printed = env.argocd(&["app", "rollback", app.name(), id, "--timeout", "80"]).await?.text()?;
    assert!(printed.contains("successfully synced (all tasks run)"), "{printed}");
    Ok(())
}

async fn revisions(env: &TestEnv, app: &Application) -> Result<Vec<String>> {
    let history = app.history(env).await?;
    Ok(history.iter().map(|entry| entry["revision"].as_str().unwrap_or_default().to_owned()).collect())
}

async fn replicas(env: &TestEnv, app: &Application) -> Result<u64> {
    let deployment = app.delivered(env, "Deployment", &podinfo(app)).await?;
    deployment["spec"]["replicas"].as_u64().context("no replicas")
}

async fn revision(env: &TestEnv, app: &Application) -> Result<String> {
    let map = app.delivered(env, "ConfigMap", "web-revision").await?;
    Ok(map["data"]["revision"].as_str().context("no revision")?.to_owned())
}

async fn revision_of_the_source(env: &TestEnv, app: &Application) -> Result<Value> {
    Ok(app.delivered(env, "GitRepository", app.name()).await?["spec"]["ref"].clone())
}

fn at(app: &Value, sync: &str, revision: &str) -> bool {
    app["status"]["sync"]["status"] == sync && app["status"]["sync"]["revision"] == revision
}
