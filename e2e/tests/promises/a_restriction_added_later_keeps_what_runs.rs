//! A project that refuses what runs already stops new deliveries, and takes nothing away.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::projects::{held, project, restrict};

#[tokio::test]
async fn a_source_that_is_no_longer_permitted() -> Result<()> {
    let env = Stack::shared().await?.test("restricted-later").await?;
    let project = project(&env, &json!({})).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app =
        Application::git(&env, &repository.url(), "apps/overlays/production", "main").in_project(&project);
    app.deliver(&env).await?;
    let uid = app.delivered(&env, "Deployment", "web").await?["metadata"]["uid"].clone();

    restrict(&env, &project, &json!({ "sourceRepos": ["https://example.org/*"] })).await?;
    app.told(&env, "InvalidSpecError", "is not permitted in project").await?;
    held(&env, &app).await?;
    let commit =
        repository.commit("main", &[("apps/base/revision.env", Some("revision=moved\n"))], "Move").await?;
    env.wait_until("the commit is fetched", PATIENCE, async || {
        let source = app.delivered(&env, "GitRepository", app.name()).await?;
        let revision = source["status"]["artifact"]["revision"].as_str().unwrap_or_default();
        Ok(revision.ends_with(&commit).then_some(()))
    })
    .await?;
    let refused = env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?;
    assert!(!refused.ok(), "{}{}", refused.stdout, refused.stderr);
    let runs = app.delivered(&env, "ConfigMap", "web-revision").await?;
    assert_ne!(runs["data"]["revision"], "moved");
    assert_eq!(app.delivered(&env, "Deployment", "web").await?["metadata"]["uid"], uid);

    restrict(&env, &project, &json!({ "sourceRepos": ["*"] })).await?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        let settled = app.settled(&env).await?;
        Ok((settled["status"]["sync"]["revision"] == *commit).then_some(()))
    })
    .await?;
    assert_eq!(app.delivered(&env, "ConfigMap", "web-revision").await?["data"]["revision"], "moved");
    assert!(app.delivered(&env, "Kustomization", app.name()).await?["spec"]["suspend"].is_null());
    Ok(())
}
