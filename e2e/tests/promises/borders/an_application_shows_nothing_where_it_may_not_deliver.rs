//! An Application that names a namespace which its project does not permit shows nothing of what stands there.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::reach::{config_map, elsewhere, forge, node, one_namespace, reached, refused, suspended};
use crate::applications::Application;
use crate::projects::{project, restrict};
use crate::resource_trees::Tree;

/// Nothing in the tree is in reach, and nothing of the release is shown.
async fn shows_nothing(env: &TestEnv, app: &Application, victim: &str, before: &Value) -> Result<()> {
    app.told(env, "InvalidSpecError", "do not match any of the allowed destinations").await?;
    // Somebody asks for a refresh, which Flux is not asked for here.
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.tree(env, "nothing", |tree: &Tree| {
        let found: Vec<_> = tree.0.iter().filter(|node| node["uid"].is_string()).collect();
        ensure!(found.is_empty(), "in reach: {found:?}");
        Ok(())
    })
    .await?;
    let managed = app.ask(env, "GET", "/managed-resources", "").await?.to_string();
    ensure!(!managed.contains("hunter2"), "{managed}");
    let shown = env.application(app.name()).await?["status"].to_string();
    ensure!(!shown.contains("crown"), "{shown}");
    for (group, kind, name) in
        [("helm.toolkit.fluxcd.io", "HelmRelease", "release"), ("", "ConfigMap", "crown")]
    {
        refused(env, app, &node(group, kind, victim, name)).await?;
    }
    let after = env.get("HelmRelease", victim, "release").await?.context("no HelmRelease")?;
    ensure!(after["metadata"]["annotations"] == before["metadata"]["annotations"], "asked: {after}");
    Ok(())
}

#[tokio::test]
async fn neither_what_it_refers_to_nor_what_it_would_generate() -> Result<()> {
    let env = Stack::shared().await?.test("forbidden-place").await?;
    let victim = elsewhere(&env).await?;
    config_map(&env, &victim, "crown").await?;
    suspended(&env, "HelmRelease", &victim, "release").await?;
    forge(&env, "HelmRelease", &victim, "release", &[format!("{victim}_crown__ConfigMap")]).await?;
    let before = env.get("HelmRelease", &victim, "release").await?.context("no HelmRelease")?;
    let project = project(&env, &one_namespace(&env.name("own"))).await?;
    let named = json!({ "metadata": { "labels": { "flamingo/workload-name": "release" } } });
    let generates = Application::chart(&env, "6.3.5").named(&env, "generates").merge(&named);
    let generates = generates.into_namespace(&victim).in_project(&project);
    let refers = Application::chart(&env, "6.3.5").named(&env, "refers").merge(&named);
    let refers = refers.into_namespace(&victim).in_project(&project).options(&["FluxSubsystem=true"]);
    for app in [&generates, &refers] {
        app.apply(&env).await?;
        shows_nothing(&env, app, &victim, &before).await?;
    }

    restrict(&env, &project, &one_namespace(&victim)).await?;
    refers
        .tree(&env, "what is permitted now", |tree| {
            reached(tree, "HelmRelease", "release")?;
            reached(tree, "ConfigMap", "crown")
        })
        .await?;
    Ok(())
}
