//! A source that reads Argo CD's credentials stands in Argo CD's namespace: it is shown, and nobody of a project that does not
//! permit that namespace gets at it, or he would have the credentials sent to an address of his own.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;
use serde_json::{Value, json};

use super::reach::{can_be_drawn, node, one_namespace, reached, refused, shown_only};
use super::tenant::trust;
use crate::applications::Application;
use crate::credentials::secret;
use crate::projects::{project, restrict};
use crate::resource_trees::Tree;

#[tokio::test]
async fn of_whoever_may_edit_the_application() -> Result<()> {
    let env = Stack::shared().await?.test("private-reach").await?;
    let repository = env.name("fleet");
    let url = env.sources().create_fleet(&repository).await?.url();
    env.sources().protect(Server::Git, &repository, "me", "hunter2")?;
    secret(&env, "repository", "repo", &[("url", &url), ("username", "me"), ("password", "hunter2")]).await?;
    let app = Application::git(&env, &url, "charts/podinfo", "main");
    let project = project(&env, &one_namespace(app.destination())).await?;
    let policy = trust(&env, &project).await?;
    let app = app.in_project(&project);
    env.kubectl(&["create", "namespace", app.destination()]).await?.text()?;
    app.deliver(&env).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    let source = release["spec"]["chart"]["spec"]["sourceRef"]["name"].as_str().context("no source")?;
    let before = env.get("GitRepository", &env.control, source).await?.context("no GitRepository")?;

    let way = |tree: &Tree| {
        let pod = tree.only("Pod")?;
        ensure!(
            tree.ancestry(pod) == ["Pod", "ReplicaSet", "Deployment", "HelmRelease"],
            "{:?}",
            tree.ancestry(pod)
        );
        shown_only(tree, "GitRepository", source)?;
        shown_only(tree, "HelmChart", &format!("{}-{}", app.destination(), app.name()))?;
        can_be_drawn(tree)?;
        reached(tree, "HelmRelease", app.name())
    };
    let (tree, release) = app.tree(&env, "the whole way, the source out of reach", way).await?;
    assert_eq!(tree.only("GitRepository")?["health"]["status"], "Healthy");
    for (kind, name) in [
        ("GitRepository", source),
        ("HelmChart", tree.only("HelmChart")?["name"].as_str().unwrap_or_default()),
    ] {
        refused(&env, &app, &node("source.toolkit.fluxcd.io", kind, &env.control, name)).await?;
    }
    let after = env.get("GitRepository", &env.control, source).await?.context("no GitRepository")?;
    assert_eq!(after["spec"], before["spec"]);
    app.ask(&env, "GET", &format!("/resource?{}", Application::query(&release)), "").await?;

    // What it holds is not shown either, and there is no difference.
    let managed = app.ask(&env, "GET", "/managed-resources", "").await?;
    let items = managed["items"].as_array().context("no items")?;
    let shown =
        |kind: &str| items.iter().find(|item| item["kind"] == kind).map(|item| item["liveState"].clone());
    let is_there =
        |state: Option<Value>| state.and_then(|state| state.as_str().map(|state| state.contains("status")));
    assert_eq!((is_there(shown("GitRepository")), is_there(shown("HelmRelease"))), (Some(false), Some(true)));
    let diff = env.argocd(&["app", "diff", app.name()]).await?;
    assert!(diff.ok() && diff.stdout.trim().is_empty(), "{}{}", diff.stdout, diff.stderr);
    let drawn = env.argocd(&["app", "get", app.name(), "-o", "tree"]).await?.text()?;
    assert!(drawn.contains("Pod/"), "{drawn}");

    // In reach of a project that permits Argo CD's namespace.
    let both = [app.destination(), &env.control]
        .map(|namespace| one_namespace(namespace)["destinations"][0].clone());
    restrict(&env, &project, &json!({ "destinations": both })).await?;
    app.tree(&env, "the source in reach", |tree| reached(tree, "GitRepository", source)).await?;
    env.delete("FluxDeliveryPolicy", &env.control, &policy).await
}
