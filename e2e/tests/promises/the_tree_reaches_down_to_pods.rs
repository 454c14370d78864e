//! The tree of a bridged Application reaches from its Flux objects through everything they delivered down to Pods.

use anyhow::{Context as _, Result, bail};
use flux_subsystem_e2e::{Chart, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::resource_trees::{Tree, TreeStream};

const TO_A_POD: [&str; 4] = ["Pod", "ReplicaSet", "Deployment", "HelmRelease"];

/// The one Pod, running, and what is above it.
fn running(tree: &Tree) -> Result<Vec<String>> {
    let pod = tree.only("Pod")?;
    if pod["health"]["status"] != "Healthy" {
        bail!("{pod}");
    }
    Ok(tree.ancestry(pod))
}

#[tokio::test]
async fn from_a_helm_release_to_a_container() -> Result<()> {
    let env = Stack::shared().await?.test("tree").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let (tree, above) = app.tree(&env, "a running Pod", running).await?;
    assert_eq!(above, TO_A_POD);
    assert_eq!(tree.ancestry(tree.only("EndpointSlice")?), ["EndpointSlice", "Service", "HelmRelease"]);
    for kind in ["ConfigMap", "ServiceAccount", "HelmRepository", "HelmChart"] {
        let node = tree.only(kind)?;
        assert!(node["uid"].is_string() && node["createdAt"].is_string(), "{node}");
    }
    let images = &tree.only("Pod")?["images"];
    assert_eq!(*images, json!(["registry.local/podinfo:6.3.5"]));

    let pod = tree.only("Pod")?["name"].as_str().context("no name")?;
    let shown = env.argocd(&["app", "get", app.name(), "-o", "tree=detailed"]).await?.text()?;
    assert!(shown.contains(&format!("Pod/{pod}")), "{shown}");
    assert!(shown.contains(&format!("HelmRelease/{}", app.name())), "{shown}");
    let drawn = env.argocd(&["app", "resources", app.name(), "--output", "tree"]).await?.text()?;
    assert!(drawn.lines().any(|line| line.contains("Pod") && line.contains(pod)), "{drawn}");
    // Without a shape, it lists roots alone.
    let listed = env.argocd(&["app", "resources", app.name()]).await?.text()?;
    for kind in ["HelmRepository", "HelmRelease"] {
        assert!(listed.lines().any(|line| line.contains(kind) && line.contains(app.name())), "{listed}");
    }
    Ok(())
}

#[tokio::test]
async fn through_a_helm_release_that_a_kustomization_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("tree-nested").await?;
    let url = env.sources().oci_url("manifests/argocd");
    let source = json!({ "repoURL": url, "path": "./podinfo", "targetRevision": "1.0.5" });
    let app = Application::of(&env, &source).self_healing();
    app.deliver(&env).await?;
    let nested = |tree: &Tree| {
        let pods = tree.kind("Pod");
        let [first, _] = *pods else { bail!("{} Pods", pods.len()) };
        Ok(tree.ancestry(first))
    };
    let (_, above) = app.tree(&env, "two Pods", nested).await?;
    assert_eq!(above, [&TO_A_POD[..], &["Kustomization"]].concat());
    Ok(())
}

#[tokio::test]
async fn an_open_page_sees_a_new_pod() -> Result<()> {
    let env = Stack::shared().await?.test("tree-stream").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let (tree, _) = app.tree(&env, "a running Pod", running).await?;
    let before = tree.only("Pod")?["name"].clone();

    let mut page = TreeStream::open(&env, &app).await?;
    env.delete("Pod", app.destination(), before.as_str().context("no name")?).await?;
    let is_new =
        |tree: &Tree| running(tree).is_ok() && tree.kind("Pod").iter().all(|pod| pod["name"] != before);
    page.until("another Pod", is_new).await?;
    Ok(())
}

#[tokio::test]
async fn its_nodes_read_as_those_of_stock_argo_cd() -> Result<()> {
    let env = Stack::shared().await?.test("tree-alike").await?;
    let chart = |suffix: &str| Application::chart(&env, "6.3.5").named(&env, suffix);
    let plain = chart("plain").options(&["CreateNamespace=true"]);
    let bridged = chart("fluxed");
    plain.apply(&env).await?;
    bridged.apply(&env).await?;
    for kind in ["Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "ConfigMap", "ServiceAccount"]
    {
        let stock = node(&env, &plain, kind).await?;
        let shown = |tree: &Tree| {
            let found = alike(tree.only(kind)?);
            if found == stock { Ok(()) } else { bail!("{found} instead of {stock}") }
        };
        bridged.tree(&env, &format!("the {kind} of stock Argo CD"), shown).await?;
    }
    Ok(())
}

/// A node of a plain Application, once it is healthy.
async fn node(env: &TestEnv, app: &Application, kind: &str) -> Result<Value> {
    let settled = |tree: &Tree| {
        let node = tree.only(kind)?;
        let health = &node["health"]["status"];
        if health.is_null() || health == "Healthy" { Ok(alike(node)) } else { bail!("{node}") }
    };
    Ok(app.tree(env, &format!("a healthy {kind}"), settled).await?.1)
}

/// What two Applications of one chart have in common.
fn alike(node: &Value) -> Value {
    let urls = &node["networkingInfo"]["externalURLs"];
    json!([node["group"], node["version"], node["info"], node["health"], node["images"], urls])
}

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: password}\nstringData: {password: s3cr3t}\n";

#[tokio::test]
async fn a_secret_is_named_and_not_read() -> Result<()> {
    let env = Stack::shared().await?.test("tree-secret").await?;
    let repository = env.name("charts");
    let edits = [("templates/password.yaml", Some(SECRET))];
    env.sources().publish_chart(&repository, &Chart { edits: &edits, ..Chart::podinfo("1.0.0") }).await?;
    let app = Application::chart_from(&env, &env.sources().helm_url(&repository), "1.0.0");
    app.deliver(&env).await?;
    let named = |tree: &Tree| tree.only("Secret").cloned();
    let (_, secret) = app.tree(&env, "the Secret", named).await?;
    assert_eq!((&secret["uid"], &secret["health"]), (&Value::Null, &Value::Null), "{secret}");
    assert_eq!(app.settled(&env).await?["status"]["health"]["status"], "Healthy");
    Ok(())
}

/// A kind of one's own, an object of it, and the right to see it.
fn custom(env: &TestEnv) -> String {
    let kinds = format!("{}s", env.namespace.replace('-', ""));
    let group = format!("{}.example.org", env.namespace);
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{kinds}.{group}") },
            "spec": {
                "group": group, "scope": "Namespaced", "names": { "plural": kinds, "kind": "Gizmo" },
                "versions": [{
                    "name": "v1beta2", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object" } },
                }],
            },
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {
                "name": env.name("gizmos"), "labels": { "flux-subsystem.dev/aggregate-to-live": "true" },
            },
            "rules": [{ "apiGroups": [group], "resources": [kinds], "verbs": ["list", "watch"] }],
        },
        {
            "apiVersion": format!("{group}/v1beta2"), "kind": "Gizmo",
            "metadata": { "name": "one", "namespace": env.name("ns") },
        },
    ] })
    .to_string()
}

#[tokio::test]
async fn a_custom_resource_is_seen_by_whose_role_is_labelled() -> Result<()> {
    let env = Stack::shared().await?.test("tree-custom").await?;
    let manifests = custom(&env);
    let files = [("objects/all.yaml", Some(manifests.as_str()))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "objects", "main");
    app.deliver(&env).await?;
    let seen = |tree: &Tree| {
        let gizmo = tree.only("Gizmo")?;
        if gizmo["uid"].is_string() { Ok(gizmo["version"].clone()) } else { bail!("{gizmo}") }
    };
    assert_eq!(app.tree(&env, "the Gizmo", seen).await?.1, "v1beta2");
    Ok(())
}
