//! Argo CD's settings of Redis, as an administrator changes them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Redis, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;

/// How long something may take that is written to Redis.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets parameters in `argocd-cmd-params-cm`.
pub(crate) async fn parameters(env: &TestEnv, parameters: &Value) -> Result<()> {
    let change = json!({ "data": parameters });
    env.patch("ConfigMap", &env.control, "argocd-cmd-params-cm", &change).await.map(drop)
}

/// Puts the password where Argo CD's manifests have it.
pub(crate) async fn password(env: &TestEnv, password: &str) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "argocd-redis", "namespace": env.control },
        "stringData": { "auth": password },
    });
    env.apply(&secret.to_string()).await
}

/// The keys of an Application, tree first: `suffix` is `.gz` or empty.
pub(crate) fn keys(app: &Application, suffix: &str) -> [String; 2] {
    ["resources-tree", "managed-resources"].map(|what| format!("app|{what}|{}|1.8.3{suffix}", app.name()))
}

/// Waits until both entries of an Application are there, and returns the tree.
pub(crate) async fn wait_for_tree(
    env: &TestEnv,
    redis: &Redis,
    app: &Application,
    suffix: &str,
) -> Result<Value> {
    let [tree, managed] = keys(app, suffix);
    env.wait_until(&format!("{tree} is in Redis"), PATIENCE, async || {
        let tree = redis.value(&tree)?.context("no tree")?;
        let managed = redis.value(&managed)?.context("no managed resources")?;
        anyhow::ensure!(managed.is_array(), "{managed}");
        let nodes = tree["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_whole = nodes.iter().any(|node| node["kind"] == "HelmRelease" && node["name"] == app.name());
        if is_whole { Ok(Some(tree)) } else { Err(anyhow::anyhow!("{tree}")) }
    })
    .await
}
