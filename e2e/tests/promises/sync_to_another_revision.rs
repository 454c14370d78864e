//! `argocd app sync --revision` delivers what it names, and leaves the Application OutOfSync with what it says.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::Application;

#[tokio::test]
async fn a_branch_a_tag_and_a_commit() -> Result<()> {
    let env = Stack::shared().await?.test("revision-git").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    // A commit that only an annotated tag names, and one that only a branch names.
    repository.branch("side", "main").await?;
    let file = "apps/base/revision.env";
    let tagged = repository.commit("side", &[(file, Some("revision=tagged"))], "Tagged").await?;
    repository.annotated_tag("v7.0.0", "side").await?;
    repository.branch("side", "main").await?;
    let other = repository.commit("side", &[(file, Some("revision=branched"))], "Other").await?;

    let app = Application::git(&env, &repository.url(), "apps/overlays/staging", "main").manual();
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    for (revision, commit, word) in
        [("v7.0.0", &tagged, "tagged"), ("side", &other, "branched"), (&*tagged, &tagged, "tagged")]
    {
        sync(&env, &app, &["--revision", revision]).await?;
        let map = app.delivered(&env, "ConfigMap", "web-revision").await?;
        assert_eq!(map["data"]["revision"], word);
        assert_eq!(last(&env, &app).await?["revision"], **commit);
        app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    }
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    Ok(())
}

#[tokio::test]
async fn a_version_of_a_chart_and_a_sync_that_pins_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("revision-chart").await?;
    let app = Application::chart(&env, "6.x").manual();
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    let newest = last(&env, &app).await?["revision"].clone();
    let version = async || -> Result<Value> {
        Ok(app.delivered(&env, "HelmRelease", app.name()).await?["spec"]["chart"]["spec"]["version"].clone())
    };
    assert_eq!(version().await?, "6.x");
    sync(&env, &app, &[]).await?;
    assert_eq!(version().await?, "6.x", "a Sync of what is offered pins nothing");

    sync(&env, &app, &["--revision", "6.3.5"]).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    app.wait(&env, "OutOfSync at the newest", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["sync"]["revision"] == newest
    })
    .await?;
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    assert_eq!(version().await?, "6.x");
    Ok(())
}

#[tokio::test]
async fn an_automated_application_follows_its_own_revision_alone() -> Result<()> {
    let env = Stack::shared().await?.test("revision-auto").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let refused = env.argocd(&["app", "sync", app.name(), "--revision", "6.4.0"]).await?;
    assert!(refused.stderr.contains("Cannot sync to 6.4.0: auto-sync currently set to 6.3.5"), "{refused:?}");
    Ok(())
}

async fn sync(env: &TestEnv, app: &Application, flags: &[&str]) -> Result<()> {
    let arguments = [&["app", "sync", app.name(), "--timeout", "80"], flags].concat();
    let printed = env.argocd(&arguments).await?.text()?;
    assert!(printed.contains("successfully synced (all tasks run)"), "{printed}");
    Ok(())
}

async fn last(env: &TestEnv, app: &Application) -> Result<Value> {
    app.history(env).await?.last().cloned().context("no history")
}
