//! Flux objects as people write them by hand.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

/// A namespace of its own with a `HelmRelease` of podinfo and its `HelmRepository`, Ready; returns the namespace.
pub(crate) async fn release(env: &TestEnv, name: &str) -> Result<String> {
    let ns = env.name(&format!("{name}-ns"));
    let repository = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
        "metadata": { "name": name, "namespace": ns },
        "spec": { "interval": "1m", "url": env.sources().helm_url("podinfo") },
    });
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": { "name": name, "namespace": ns },
        "spec": {
            "interval": "7m",
            "chart": { "spec": {
                "chart": "podinfo", "version": "6.3.5", "sourceRef": { "kind": "HelmRepository", "name": name },
            } },
            "values": { "replicaCount": 2 },
            "maxHistory": 3,
        },
    });
    make(env, &ns, [&repository, &release]).await?;
    env.wait_for_ready("HelmRelease", &ns, name, "True").await?;
    Ok(ns)
}

/// The same with a Kustomization, fed by a `GitRepository` of another name.
pub(crate) async fn kustomization(env: &TestEnv, name: &str) -> Result<String> {
    let ns = env.name(&format!("{name}-ns"));
    let repository = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": { "name": "fleet", "namespace": ns },
        "spec": { "interval": "1m", "url": env.sources().git_url("fleet"), "ref": { "branch": "main" } },
    });
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": name, "namespace": ns },
        "spec": {
            "interval": "10m", "path": "./apps/overlays/staging", "prune": true, "targetNamespace": ns,
            "sourceRef": { "kind": "GitRepository", "name": "fleet" },
            "commonMetadata": { "labels": { "team": "web" } },
        },
    });
    make(env, &ns, [&repository, &kustomization]).await?;
    env.wait_for_ready("Kustomization", &ns, name, "True").await?;
    Ok(ns)
}

async fn make(env: &TestEnv, namespace: &str, objects: [&Value; 2]) -> Result<()> {
    env.kubectl(&["create", "namespace", namespace]).await?.text()?;
    for object in objects {
        env.apply(&object.to_string()).await?;
    }
    Ok(())
}

/// The object of that kind and name; an error when there is none.
pub(crate) async fn live(env: &TestEnv, kind: &str, namespace: &str, name: &str) -> Result<Value> {
    env.get(kind, namespace, name).await?.with_context(|| format!("no {kind} {namespace}/{name}"))
}
