//! Where the repo-server has plugins, one of them may take a source for its own that says nothing of itself, as with stock Argo
//! CD; what it leaves alone is delivered as ever.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Stack};
use serde_json::json;

use crate::applications::Application;

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n";

#[tokio::test]
async fn a_plugin_is_found_by_discovery() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("finds").await?.with_control_namespace("10s").await?;
    // Argo CD runs beside the cluster here: what stands for it says which sidecars it has.
    let sidecar =
        json!({ "name": "finder", "image": "any", "command": ["/var/run/argocd/argocd-cmp-server"] });
    let labels = json!({ "app.kubernetes.io/name": "argocd-repo-server" });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "argocd-repo-server", "namespace": env.control },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": { "containers": [sidecar] } },
        },
    });
    env.apply(&deployment.to_string()).await?;
    let _bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;

    let files = [
        ("found/find-me", Some("hidden")),
        ("found/plain.yaml", Some(MAP)),
        ("told/find-me", Some("hidden")),
        ("told/plain.yaml", Some(MAP)),
        ("plain/plain.yaml", Some(MAP)),
    ];
    let url = env.sources().create_repository(&env.name("plugins"), &files).await?.url();
    let found = Application::git(&env, &url, "found", "main").named(&env, "found");
    let told = Application::git(&env, &url, "told", "main").named(&env, "told");
    let told = told.merge(&json!({ "spec": { "source": { "directory": { "recurse": true } } } }));
    let plain = Application::git(&env, &url, "plain", "main").named(&env, "plain");
    for app in [&found, &told, &plain] {
        app.apply(&env).await?;
    }
    let of_the_plugin = found.settled(&env).await?;
    assert_eq!(of_the_plugin["status"]["sourceType"], "Plugin");
    assert_eq!(found.delivered(&env, "ConfigMap", "found").await?["data"]["word"], "hidden");
    for app in [&told, &plain] {
        assert_eq!(app.settled(&env).await?["status"]["sourceType"], "Directory");
        app.delivered(&env, "ConfigMap", "plain").await?;
        assert!(env.list("OCIRepository", app.destination()).await?.is_empty());
    }
    Ok(())
}
