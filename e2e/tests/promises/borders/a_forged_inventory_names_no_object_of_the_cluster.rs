//! Objects of the cluster are in a tree where the project names their kind, and their name.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use super::reach::{config_map, forge, node, reached, refused, suspended, tenant};
use crate::projects::restrict;
use crate::resource_trees::Tree;

async fn cluster_role(env: &TestEnv, name: &str) -> Result<()> {
    let manifest = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name }, "rules": [],
    });
    env.apply(&manifest.to_string()).await
}

#[tokio::test]
async fn unless_the_project_permits_it() -> Result<()> {
    let env = Stack::shared().await?.test("forged-cluster").await?;
    let app = tenant(&env).await?;
    let own = app.destination();
    let (granted, other) = (env.name("granted"), env.name("other"));
    cluster_role(&env, &granted).await?;
    cluster_role(&env, &other).await?;
    config_map(&env, own, "mine").await?;
    suspended(&env, "Kustomization", own, app.name()).await?;
    let ids = [
        format!("{own}_mine__ConfigMap"),
        format!("_{granted}_rbac.authorization.k8s.io_ClusterRole"),
        format!("_{other}_rbac.authorization.k8s.io_ClusterRole"),
        // As if they were in his namespace.
        format!("{own}_{other}_rbac.authorization.k8s.io_ClusterRole"),
    ];
    forge(&env, "Kustomization", own, app.name(), &ids).await?;
    app.apply(&env).await?;
    let (tree, _) = app.tree(&env, "what is the tenant's", |tree| reached(tree, "ConfigMap", "mine")).await?;
    let in_reach =
        |tree: &Tree| tree.kind("ClusterRole").iter().filter(|node| node["namespace"].is_null()).count();
    assert_eq!(in_reach(&tree), 0, "{:?}", tree.kind("ClusterRole"));
    for namespace in ["", own] {
        for name in [&granted, &other] {
            refused(&env, &app, &node("rbac.authorization.k8s.io", "ClusterRole", namespace, name)).await?;
        }
    }

    let project = app.manifest()["spec"]["project"].as_str().unwrap_or_default();
    let kind = json!({ "group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": granted });
    restrict(&env, project, &json!({ "clusterResourceWhitelist": [kind] })).await?;
    let (tree, _) =
        app.tree(&env, "what is permitted now", |tree| reached(tree, "ClusterRole", &granted)).await?;
    assert_eq!(in_reach(&tree), 1, "{:?}", tree.kind("ClusterRole"));
    refused(&env, &app, &node("rbac.authorization.k8s.io", "ClusterRole", "", &other)).await?;
    assert!(env.get("ClusterRole", "", &other).await?.is_some());
    for name in [&granted, &other] {
        env.delete("ClusterRole", "", name).await?;
    }
    Ok(())
}
