//! Flux objects that carry the bridge's marks, and that somebody else has written.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::Application;

/// A suspended `HelmRelease` that says it was made for `app`; `change` is merged into its spec.
pub(super) fn release(env: &TestEnv, app: &Application, namespace: &str, name: &str, spec: &Value) -> Value {
    let mut whole = json!({
        "interval": "1h", "suspend": true,
        "chart": { "spec": { "chart": "podinfo", "sourceRef": { "kind": "HelmRepository", "name": app.name() } } },
    });
    if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
        whole.extend(spec.clone());
    }
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "flamingo/generated": "true",
                "app.kubernetes.io/managed-by": "flux-subsystem",
                "flux-subsystem.dev/application-name": app.name(),
                "flux-subsystem.dev/application-namespace": env.control,
            },
            "annotations": { "flux-subsystem.dev/application": format!("{}/{}", env.control, app.name()) },
        },
        "spec": whole,
    })
}

/// Writes the status of a `HelmRelease`, as whoever may edit Flux's objects can: a release that Flux is said to have stored.
pub(super) async fn says_stored(env: &TestEnv, release: &Value, storage: &str, stored: &str) -> Result<()> {
    let time = "2026-01-01T00:00:00Z";
    let snapshot = json!({
        "name": stored, "namespace": storage, "version": 1, "status": "deployed", "digest": "sha256:0",
        "configDigest": "sha256:0", "chartName": "podinfo", "chartVersion": "6.3.5",
        "firstDeployed": time, "lastDeployed": time,
    });
    let ready = json!({
        "type": "Ready", "status": "False", "reason": "InstallFailed", "message": "forged", "lastTransitionTime": time,
    });
    let status =
        json!({ "status": { "storageNamespace": storage, "history": [snapshot], "conditions": [ready] } });
    let metadata = &release["metadata"];
    let [name, namespace] = ["name", "namespace"].map(|field| metadata[field].as_str().unwrap_or_default());
    let patch = status.to_string();
    let arguments =
        ["patch", "helmrelease", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
    env.kubectl(&arguments).await?.text().map(drop)
}

/// What the bridge could have changed of a `HelmRelease`; Flux's own controller notes things on it.
pub(super) async fn standing(env: &TestEnv, namespace: &str, name: &str) -> Result<Value> {
    let found = env.get("HelmRelease", namespace, name).await?.context("the forged object is gone")?;
    let metadata = &found["metadata"];
    let marks = [&metadata["labels"], &metadata["annotations"]];
    Ok(json!([metadata["uid"], metadata["deletionTimestamp"], marks, found["spec"]]))
}
