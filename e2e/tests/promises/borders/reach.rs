//! A tenant with a namespace of his own, what stands elsewhere, and what stock Argo CD's server does with either.

use anyhow::{Context as _, Result, bail, ensure};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::projects::project;
use crate::resource_trees::Tree;

/// What kwok answers for every container.
const LOG_LINE: &str = "a line that the container has logged";

/// A project that permits one namespace, and no object of the cluster.
pub(super) fn one_namespace(namespace: &str) -> Value {
    json!({
        "destinations": [{ "server": "*", "namespace": namespace }],
        "clusterResourceWhitelist": [],
    })
}

/// An Application that refers to an object of its name in its destination namespace, in a project that permits nothing but that
/// namespace, which is made.
pub(super) async fn tenant(env: &TestEnv) -> Result<Application> {
    let app = Application::git(env, &env.sources().git_url("fleet"), "plain", "main");
    let project = project(env, &one_namespace(app.destination())).await?;
    env.kubectl(&["create", "namespace", app.destination()]).await?.text()?;
    Ok(app.options(&["FluxSubsystem=true"]).in_project(&project))
}

/// A namespace that is somebody else's.
pub(super) async fn elsewhere(env: &TestEnv) -> Result<String> {
    let namespace = env.name("victim");
    env.kubectl(&["create", "namespace", &namespace]).await?.text()?;
    Ok(namespace)
}

/// Makes a `ConfigMap`.
pub(super) async fn config_map(env: &TestEnv, namespace: &str, name: &str) -> Result<Value> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace },
        "data": { "of": namespace },
    });
    env.apply(&manifest.to_string()).await?;
    env.get("ConfigMap", namespace, name).await?.context("no ConfigMap")
}

/// Makes a Deployment `web` with a Pod of that image, and waits until the Pod runs; the Pod.
pub(super) async fn deployment(env: &TestEnv, namespace: &str, image: &str) -> Result<Value> {
    let labels = json!({ "app": "web" });
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": namespace },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
        },
    });
    env.apply(&manifest.to_string()).await?;
    env.wait_until("a Pod runs", PATIENCE, async || {
        let pods = env.list("Pod", namespace).await?;
        Ok(pods.into_iter().find(|pod| pod["status"]["phase"] == "Running"))
    })
    .await
}

/// Makes a workload object by hand that Flux does not look at, so that nobody writes its status but the test.
pub(super) async fn suspended(env: &TestEnv, kind: &str, namespace: &str, name: &str) -> Result<()> {
    let (api, spec) = match kind {
        "Kustomization" => (
            "kustomize.toolkit.fluxcd.io/v1",
            json!({
                "interval": "10m", "suspend": true, "path": "./plain", "prune": false,
                "sourceRef": { "kind": "GitRepository", "name": "fleet" },
            }),
        ),
        _ => (
            "helm.toolkit.fluxcd.io/v2",
            json!({
                "interval": "10m", "suspend": true, "values": { "password": "hunter2" },
                "chart": { "spec": {
                    "chart": "podinfo", "sourceRef": { "kind": "HelmRepository", "name": "charts" },
                } },
            }),
        ),
    };
    let metadata = json!({ "name": name, "namespace": namespace });
    let manifest = json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec });
    env.apply(&manifest.to_string()).await
}

/// Writes into the status of a workload object what it is to have delivered, as whoever may edit Flux objects of a namespace can:
/// `NAMESPACE_NAME_GROUP_KIND` each.
pub(super) async fn forge(
    env: &TestEnv,
    kind: &str,
    namespace: &str,
    name: &str,
    ids: &[String],
) -> Result<()> {
    let entries: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "v": "v1" })).collect();
    let change = json!({ "status": { "inventory": { "entries": entries } } }).to_string();
    let arguments =
        ["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &change];
    env.kubectl(&arguments).await?.text().map(drop)
}

/// A node as a request names it.
pub(super) fn node(group: &str, kind: &str, namespace: &str, name: &str) -> Value {
    json!({ "group": group, "version": "v1", "kind": kind, "namespace": namespace, "name": name })
}

/// The node of that name; an error unless it has a UID.
pub(super) fn reached(tree: &Tree, kind: &str, name: &str) -> Result<Value> {
    let node = named(tree, kind, name)?;
    ensure!(node["uid"].is_string(), "{node} has no UID");
    Ok(node)
}

/// The node of that name; an error if it has a UID.
pub(super) fn shown_only(tree: &Tree, kind: &str, name: &str) -> Result<Value> {
    let node = named(tree, kind, name)?;
    ensure!(node["uid"].is_null(), "{node} has a UID");
    Ok(node)
}

fn named(tree: &Tree, kind: &str, name: &str) -> Result<Value> {
    let found = tree.kind(kind).into_iter().find(|node| node["name"] == name);
    found.cloned().with_context(|| format!("no {kind} {name} among {:?}", tree.kinds()))
}

/// Nothing of the namespace is in the tree.
pub(super) fn none_of(tree: &Tree, namespace: &str) -> Result<()> {
    let found: Vec<&Value> = tree.0.iter().filter(|node| node["namespace"] == namespace).collect();
    ensure!(found.is_empty(), "in the tree: {found:?}");
    Ok(())
}

/// The CLI can draw the tree: it finds parents by UID alone, and follows a node without one that hangs below another without
/// for as long as there is memory.
pub(super) fn can_be_drawn(tree: &Tree) -> Result<()> {
    let has_none = |object: &Value| object["uid"].is_null();
    let parents = |node: &Value| node["parentRefs"].as_array().cloned().unwrap_or_default();
    for node in tree.0.iter().filter(|node| has_none(node)) {
        let mut above = parents(node);
        for _ in 0..tree.0.len() {
            ensure!(!above.iter().any(has_none), "{node} hangs below what has no UID");
            let known = tree.0.iter().filter(|node| above.iter().any(|parent| parent["uid"] == node["uid"]));
            above = known.flat_map(parents).collect();
        }
    }
    Ok(())
}

/// What the server offers on a node, from the mildest on: method, path, body.
fn offers(node: &Value) -> [(&'static str, String, &'static str); 4] {
    let query = Application::query(node);
    [
        ("GET", format!("/resource?{query}"), ""),
        ("GET", format!("/resource/actions?{query}"), ""),
        (
            "POST",
            format!("/resource?{query}&patchType=application%2Fmerge-patch%2Bjson"),
            r#""{\"metadata\":{\"labels\":{\"reached\":\"yes\"}}}""#,
        ),
        ("DELETE", format!("/resource?{query}"), ""),
    ]
}

/// The server refuses all that it offers on a node, since it is not in the tree.
pub(super) async fn refused(env: &TestEnv, app: &Application, node: &Value) -> Result<()> {
    for (method, path, body) in offers(node) {
        match app.ask(env, method, &path, body).await {
            Ok(answer) => bail!("{method} {path} was answered: {answer}"),
            Err(error) => {
                let text = format!("{error:#}");
                ensure!(text.contains("not found as part of application"), "{method} {path}: {text}");
            }
        }
    }
    Ok(())
}

/// The server does all that it offers on a node; afterwards the object is gone.
pub(super) async fn answered(env: &TestEnv, app: &Application, node: &Value) -> Result<()> {
    for (method, path, body) in offers(node) {
        app.ask(env, method, &path, body).await?;
    }
    Ok(())
}

/// Whether the server shows what a Pod has logged.
pub(super) async fn logs(env: &TestEnv, app: &Application, namespace: &str, pod: &str) -> Result<bool> {
    let arguments = ["app", "logs", app.name(), "--kind", "Pod", "--namespace", namespace, "--name", pod];
    let output = env.argocd(&arguments).await?;
    Ok(output.stdout.contains(LOG_LINE))
}

/// Name of an object.
pub(super) fn name(object: &Value) -> Result<&str> {
    object["metadata"]["name"].as_str().context("no name")
}

/// A forged inventory of a workload object of that kind, which names objects elsewhere beside one of the tenant's own, opens
/// nothing but that.
pub(super) async fn forgery_opens_nothing(env: &TestEnv, kind: &str) -> Result<()> {
    let app = tenant(env).await?;
    let (own, victim) = (app.destination(), elsewhere(env).await?);
    config_map(env, own, "mine").await?;
    let crown = config_map(env, &victim, "crown").await?;
    let pod = deployment(env, &victim, "registry.local/victim:1.0.0").await?;
    let pod_name = name(&pod)?;
    suspended(env, kind, own, app.name()).await?;
    let ids = [
        format!("{own}_mine__ConfigMap"),
        format!("{victim}_crown__ConfigMap"),
        format!("{victim}_web_apps_Deployment"),
        format!("{victim}_{pod_name}__Pod"),
    ];
    forge(env, kind, own, app.name(), &ids).await?;
    app.apply(env).await?;

    let (tree, mine) =
        app.tree(env, "what is the tenant's", |tree| reached(tree, "ConfigMap", "mine")).await?;
    none_of(&tree, &victim)?;
    for victim in [
        node("", "ConfigMap", &victim, "crown"),
        node("apps", "Deployment", &victim, "web"),
        node("", "Pod", &victim, pod_name),
    ] {
        refused(env, &app, &victim).await?;
    }
    assert!(!logs(env, &app, &victim, pod_name).await?, "what the victim has logged is shown");
    answered(env, &app, &mine).await?;
    env.wait_until_gone("ConfigMap", own, "mine").await?;

    assert_eq!(
        env.get("ConfigMap", &victim, "crown").await?.as_ref(),
        Some(&crown),
        "the victim stays as it is"
    );
    let after = env.get("Pod", &victim, pod_name).await?.context("no Pod")?;
    assert_eq!(after["metadata"]["uid"], pod["metadata"]["uid"]);
    Ok(())
}
