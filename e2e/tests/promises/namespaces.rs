//! What is in a namespace.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::TestEnv;

use crate::applications::PATIENCE;

/// What Kubernetes puts into every namespace by itself.
const ALWAYS: [&str; 2] = ["configmap/kube-root-ca.crt", "serviceaccount/default"];

/// Every object in a namespace as `KIND.GROUP/NAME`, of whatever kind, but for events and what is always there.
pub(crate) async fn everything_in(env: &TestEnv, namespace: &str) -> Result<Vec<String>> {
    let kinds =
        env.kubectl(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]).await?.text()?;
    let kinds: Vec<_> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
    let found = env.kubectl(&["get", &kinds.join(","), "-n", namespace, "-o", "name"]).await?.text()?;
    Ok(found.lines().filter(|name| !ALWAYS.contains(name)).map(str::to_owned).collect())
}

/// Waits until nothing is left in a namespace: pods go a moment after what made them.
pub(crate) async fn wait_until_empty(env: &TestEnv, namespace: &str) -> Result<()> {
    env.wait_until(&format!("nothing is left in {namespace}"), PATIENCE, async || {
        let left = everything_in(env, namespace).await?;
        ensure!(left.is_empty(), "left: {left:?}");
        Ok(Some(()))
    })
    .await
}
