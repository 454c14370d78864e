//! What was delivered before a project was restricted is out of reach from then on, and runs on.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::reach::{can_be_drawn, logs, node, reached, refused, shown_only};
use crate::applications::Application;
use crate::observations::podinfo;
use crate::projects::{project, restrict};
use crate::resource_trees::Tree;

/// Deployment and Pod, each with its UID.
async fn running(env: &TestEnv, app: &Application) -> Result<[Value; 2]> {
    let (_, pod) = app
        .tree(env, "a running Pod", |tree| {
            let pod = tree.only("Pod")?;
            ensure!(pod["health"]["status"] == "Healthy", "{pod}");
            Ok(pod.clone())
        })
        .await?;
    Ok([app.delivered(env, "Deployment", &podinfo(app)).await?, pod])
}

async fn runs_on(env: &TestEnv, app: &Application, [deployment, pod]: &[Value; 2]) -> Result<()> {
    let found = app.delivered(env, "Deployment", &podinfo(app)).await?;
    ensure!(found["metadata"]["uid"] == deployment["metadata"]["uid"], "another Deployment");
    let found = app.delivered(env, "Pod", pod["name"].as_str().context("no name")?).await?;
    ensure!(
        found["metadata"]["uid"] == pod["uid"] && found["metadata"]["deletionTimestamp"].is_null(),
        "{found}"
    );
    Ok(())
}

#[tokio::test]
async fn where_it_may_no_longer_deliver() -> Result<()> {
    let env = Stack::shared().await?.test("restricted-place").await?;
    let project = project(&env, &json!({})).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.deliver(&env).await?;
    let before = running(&env, &app).await?;
    let pod = before[1]["name"].as_str().context("no name")?;

    restrict(&env, &project, &json!({ "destinations": [{ "server": "*", "namespace": "elsewhere" }] }))
        .await?;
    app.told(&env, "InvalidSpecError", "do not match any of the allowed destinations").await?;
    let flux_alone = |tree: &Tree| {
        shown_only(tree, "HelmRelease", app.name())?;
        shown_only(tree, "HelmRepository", app.name())?;
        let others = tree.0.iter().filter(|node| node["uid"].is_string()).collect::<Vec<_>>();
        ensure!(others.is_empty(), "in reach: {others:?}");
        can_be_drawn(tree)
    };
    app.tree(&env, "Flux's objects, out of reach", flux_alone).await?;
    for (group, kind, name) in [
        ("", "Pod", pod),
        ("apps", "Deployment", &podinfo(&app)),
        ("helm.toolkit.fluxcd.io", "HelmRelease", app.name()),
        ("source.toolkit.fluxcd.io", "HelmRepository", app.name()),
    ] {
        refused(&env, &app, &node(group, kind, app.destination(), name)).await?;
    }
    ensure!(!logs(&env, &app, app.destination(), pod).await?, "its logs are shown");
    env.argocd(&["app", "get", app.name(), "-o", "tree"]).await?.text()?;
    runs_on(&env, &app, &before).await?;

    restrict(&env, &project, &json!({ "destinations": [{ "server": "*", "namespace": "*" }] })).await?;
    app.settled(&env).await?;
    app.tree(&env, "the Pod again", |tree| reached(tree, "Pod", pod)).await?;
    runs_on(&env, &app, &before).await
}

#[tokio::test]
async fn of_a_kind_that_is_no_longer_permitted() -> Result<()> {
    let env = Stack::shared().await?.test("restricted-kind").await?;
    let project = project(&env, &json!({})).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.deliver(&env).await?;
    let before = running(&env, &app).await?;

    let denied = json!({ "namespaceResourceBlacklist": [{ "group": "apps", "kind": "Deployment" }] });
    restrict(&env, &project, &denied).await?;
    let without = |tree: &Tree| {
        ensure!(
            ["Deployment", "ReplicaSet", "Pod"].iter().all(|kind| tree.kind(kind).is_empty()),
            "{:?}",
            tree.kinds()
        );
        reached(tree, "Service", &podinfo(&app))
    };
    let (_, service) = app.tree(&env, "all but the Deployment", without).await?;
    refused(&env, &app, &node("apps", "Deployment", app.destination(), &podinfo(&app))).await?;
    app.ask(&env, "GET", &format!("/resource?{}", Application::query(&service)), "").await?;
    runs_on(&env, &app, &before).await
}
