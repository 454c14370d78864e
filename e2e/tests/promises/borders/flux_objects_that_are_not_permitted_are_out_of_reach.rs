//! Flux objects need not be permitted: they are shown, but nobody may use them to deliver what the project does not permit.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{Chart, Stack};
use serde_json::{Value, json};

use super::reach::{can_be_drawn, node, reached, refused, shown_only};
use super::tenant::trust;
use crate::applications::Application;
use crate::observations::podinfo;
use crate::projects::{project, restrict};
use crate::resource_trees::Tree;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: password}\nstringData: {password: s3cr3t}\n";
const GROUPS: [&str; 4] = ["", "apps", "batch", "discovery.k8s.io"];

#[tokio::test]
async fn and_everything_else_goes_on() -> Result<()> {
    let env = Stack::shared().await?.test("flux-unpermitted").await?;
    let charts = env.name("charts");
    // Nobody may look at a Secret, so that it has no UID in the tree either.
    let edits = [("templates/password.yaml", Some(SECRET))];
    env.sources().publish_chart(&charts, &Chart { edits: &edits, ..Chart::podinfo("1.0.0") }).await?;
    let kinds = GROUPS.map(|group| json!({ "group": group, "kind": "*" }));
    let project = project(&env, &json!({ "namespaceResourceWhitelist": kinds })).await?;
    let policy = trust(&env, &project).await?;
    let app = Application::chart_from(&env, &env.sources().helm_url(&charts), "1.0.0").in_project(&project);
    let delivered = app.deliver(&env).await?;
    let listed: Vec<&Value> =
        delivered["status"]["resources"].as_array().into_iter().flatten().map(|one| &one["kind"]).collect();
    assert_eq!(listed, ["HelmRelease", "HelmRepository"]);

    let way = |tree: &Tree| {
        let pod = tree.only("Pod")?;
        ensure!(
            tree.ancestry(pod) == ["Pod", "ReplicaSet", "Deployment", "HelmRelease"],
            "{:?}",
            tree.ancestry(pod)
        );
        for (kind, name) in
            [("HelmRelease", app.name()), ("HelmRepository", app.name()), ("Secret", "password")]
        {
            shown_only(tree, kind, name)?;
        }
        can_be_drawn(tree)?;
        reached(tree, "Deployment", &podinfo(&app))
    };
    app.tree(&env, "the whole way, Flux's objects out of reach", way).await?;
    for (group, kind) in
        [("helm.toolkit.fluxcd.io", "HelmRelease"), ("source.toolkit.fluxcd.io", "HelmRepository")]
    {
        refused(&env, &app, &node(group, kind, app.destination(), app.name())).await?;
    }
    let drawn = env.argocd(&["app", "get", app.name(), "-o", "tree=detailed"]).await?.text()?;
    assert!(drawn.contains("Pod/"), "{drawn}");
    let drawn = env.argocd(&["app", "resources", app.name(), "--output", "tree"]).await?.text()?;
    assert!(drawn.contains("Pod"), "{drawn}");
    let diff = env.argocd(&["app", "diff", app.name()]).await?;
    assert!(diff.ok() && diff.stdout.trim().is_empty(), "{}{}", diff.stdout, diff.stderr);

    restrict(&env, &project, &json!({ "namespaceResourceWhitelist": null })).await?;
    app.tree(&env, "the release in reach", |tree| reached(tree, "HelmRelease", app.name())).await?;
    env.delete("FluxDeliveryPolicy", &env.control, &policy).await
}
