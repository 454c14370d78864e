//! Automated: each new commit of the branch is delivered, and recorded as an operation that nobody had to start.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn a_commit_on_a_branch() -> Result<()> {
    follows("main", "git-branch").await
}

#[tokio::test]
async fn a_commit_on_the_default_branch_behind_head() -> Result<()> {
    follows("HEAD", "git-head").await
}

async fn follows(revision: &str, test: &str) -> Result<()> {
    let env = Stack::shared().await?.test(test).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/production", revision);
    let first = app.deliver(&env).await?;
    assert_eq!(first["status"]["sync"]["revision"], *repository.resolve("main").await?, "the bare commit");
    assert_eq!(first["status"]["sourceType"], "Kustomize");
    assert_eq!(app.delivered(&env, "Deployment", "web").await?["status"]["availableReplicas"], 3);

    let commit =
        repository.commit("main", &[("apps/base/revision.env", Some("revision=moved\n"))], "Move").await?;
    let moved = env.wait_until("the commit is delivered and recorded", PATIENCE, async || {
        let app = app.settled(&env).await?;
        Ok((app["status"]["sync"]["revision"] == *commit).then_some(app))
    });
    let moved = moved.await?;
    assert_eq!(app.delivered(&env, "ConfigMap", "web-revision").await?["data"]["revision"], "moved");
    let operation = &moved["status"]["operationState"];
    assert_eq!(operation["operation"]["initiatedBy"]["automated"], true);
    assert_eq!(operation["syncResult"]["revision"], *commit);
    let history = moved["status"]["history"].as_array().context("no history")?;
    let revisions: Vec<_> = history.iter().map(|entry| &entry["revision"]).collect();
    assert_eq!(revisions, [&first["status"]["sync"]["revision"], &commit.into()]);
    assert_eq!(history[1]["initiatedBy"]["automated"], true);
    Ok(())
}

#[tokio::test]
async fn what_a_commit_removes_is_pruned() -> Result<()> {
    let env = Stack::shared().await?.test("git-prune").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main");
    app.deliver(&env).await?;
    app.delivered(&env, "ConfigMap", "revision").await?;
    repository.commit("main", &[("plain/revision.yaml", None)], "Remove").await?;
    env.wait_until_gone("ConfigMap", app.destination(), "revision").await?;
    app.settled(&env).await.map(drop)
}
