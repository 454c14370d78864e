//! What is made below a permitted object is held against the project, too: by its kind, and by where it stands.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use super::reach::{
    config_map, elsewhere, forge, logs, name, node, none_of, one_namespace, reached, refused, suspended,
    tenant,
};
use crate::applications::Application;
use crate::observations::podinfo;
use crate::projects::{project, restrict};
use crate::resource_trees::Tree;

fn no(group: &str, kind: &str) -> Value {
    json!({ "namespaceResourceBlacklist": [{ "group": group, "kind": kind }] })
}

#[tokio::test]
async fn of_a_kind_that_it_denies() -> Result<()> {
    let env = Stack::shared().await?.test("children-kind").await?;
    let project = project(&env, &no("", "Pod")).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.deliver(&env).await?;
    let is_above_pods = |tree: &Tree| {
        tree.only("ReplicaSet").cloned().and_then(|set| {
            anyhow::ensure!(set["uid"].is_string(), "{set}");
            Ok(set)
        })
    };
    let (tree, _) = app.tree(&env, "what is above Pods", is_above_pods).await?;
    assert_eq!(tree.kind("Pod"), [&Value::Null; 0]);
    let pods = env.list("Pod", app.destination()).await?;
    let pod = name(pods.first().context("no Pod runs")?)?;
    refused(&env, &app, &node("", "Pod", app.destination(), pod)).await?;
    assert!(!logs(&env, &app, app.destination(), pod).await?, "its logs are shown");

    // Nor what is below something that is denied.
    restrict(&env, &project, &no("apps", "ReplicaSet")).await?;
    let without = |tree: &Tree| {
        anyhow::ensure!(tree.kind("ReplicaSet").is_empty(), "{:?}", tree.kinds());
        reached(tree, "Deployment", &podinfo(&app))
    };
    let (tree, _) = app.tree(&env, "no ReplicaSet", without).await?;
    assert_eq!(tree.kind("Pod"), [&Value::Null; 0]);

    restrict(&env, &project, &json!({ "namespaceResourceBlacklist": null })).await?;
    app.tree(&env, "the Pod, once it is permitted", |tree| reached(tree, "Pod", pod)).await?;
    assert!(logs(&env, &app, app.destination(), pod).await?);
    Ok(())
}

#[tokio::test]
async fn of_another_namespace() -> Result<()> {
    let env = Stack::shared().await?.test("children-place").await?;
    let app = tenant(&env).await?;
    let (own, victim) = (app.destination(), elsewhere(&env).await?);
    let role = env.name("role");
    let kind = json!({ "group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role });
    let manifest = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": role }, "rules": [],
    });
    env.apply(&manifest.to_string()).await?;
    let uid = env.get("ClusterRole", "", &role).await?.context("no ClusterRole")?["metadata"]["uid"].clone();
    // Something elsewhere that an object of the cluster has made.
    config_map(&env, &victim, "crown").await?;
    let owner = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": role, "uid": uid });
    env.patch("ConfigMap", &victim, "crown", &json!({ "metadata": { "ownerReferences": [owner] } })).await?;
    let project = app.manifest()["spec"]["project"].as_str().unwrap_or_default().to_owned();
    restrict(&env, &project, &json!({ "clusterResourceWhitelist": [kind] })).await?;

    // Those who live there have it watched.
    let theirs = app.clone().named(&env, "theirs").into_namespace(&victim).in_project("default");
    suspended(&env, "Kustomization", &victim, theirs.name()).await?;
    forge(&env, "Kustomization", &victim, theirs.name(), &[format!("{victim}_crown__ConfigMap")]).await?;
    theirs.apply(&env).await?;
    theirs.tree(&env, "what is theirs", |tree| reached(tree, "ConfigMap", "crown")).await?;

    suspended(&env, "Kustomization", own, app.name()).await?;
    let ids = [format!("_{role}_rbac.authorization.k8s.io_ClusterRole")];
    forge(&env, "Kustomization", own, app.name(), &ids).await?;
    app.apply(&env).await?;
    let (tree, _) = app.tree(&env, "the object above", |tree| reached(tree, "ClusterRole", &role)).await?;
    none_of(&tree, &victim)?;
    refused(&env, &app, &node("", "ConfigMap", &victim, "crown")).await?;

    let both = [own, &victim].map(|namespace| one_namespace(namespace)["destinations"][0].clone());
    restrict(&env, &project, &json!({ "destinations": both })).await?;
    app.tree(&env, "what is below, once it is permitted", |tree| reached(tree, "ConfigMap", "crown")).await?;
    env.delete("ClusterRole", "", &role).await
}
