//! A workload object may read its source from a namespace that the project does not permit, where Flux allows it. What it delivers
//! is shown, and of the source nothing; nor is that asked to fetch anew.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::reach::{elsewhere, node, none_of, reached, refused, tenant};
use crate::resource_trees::Tree;

#[tokio::test]
async fn of_an_object_that_is_referred_to() -> Result<()> {
    let env = Stack::shared().await?.test("foreign-source").await?;
    let app = tenant(&env).await?;
    let (own, victim) = (app.destination(), elsewhere(&env).await?);
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": { "name": "fleet", "namespace": victim },
        "spec": { "interval": "10m", "url": env.sources().git_url("fleet"), "ref": { "branch": "main" } },
    });
    let workload = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": app.name(), "namespace": own },
        "spec": {
            "interval": "10m", "path": "./plain", "prune": true, "targetNamespace": own,
            "sourceRef": { "kind": "GitRepository", "name": "fleet", "namespace": victim },
        },
    });
    for object in [&source, &workload] {
        env.apply(&object.to_string()).await?;
    }
    env.wait_for_ready("Kustomization", own, app.name(), "True").await?;
    app.apply(&env).await?;
    let shown = env.wait_for_application(app.name(), "Synced", "Healthy").await?;
    let commit = env.sources().repository("fleet").resolve("main").await?;
    assert_eq!(shown["status"]["sync"]["revision"], *commit);
    let running = |tree: &Tree| {
        reached(tree, "Kustomization", app.name())?;
        reached(tree, "Deployment", "plain")
    };
    let (tree, _) = app.tree(&env, "what is delivered", running).await?;
    none_of(&tree, &victim)?;
    refused(&env, &app, &node("source.toolkit.fluxcd.io", "GitRepository", &victim, "fleet")).await?;

    env.argocd(&["app", "get", app.name(), "--hard-refresh"]).await?.text()?;
    let after = env.get("GitRepository", &victim, "fleet").await?.context("no GitRepository")?;
    assert!(after["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].is_null(), "{after}");
    app.sync(&env).await?;
    app.wait(&env, "synced by somebody", |app| {
        let operation = &app["status"]["operationState"];
        operation["phase"] == "Succeeded" && operation["operation"]["initiatedBy"]["username"] == "admin"
    })
    .await?;
    let asked = app.delivered(&env, "Kustomization", app.name()).await?;
    assert!(asked["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].is_string(), "{asked}");
    Ok(())
}
