//! An Application that only refers to Flux objects refers to none where its project delivers nothing: it shows nothing of them,
//! and neither a refresh nor a Sync asks anything of them.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::applications::Application;

/// A Kustomization of the fleet's plain folder in `namespace`.
async fn kustomization(env: &TestEnv, namespace: &str) -> Result<()> {
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": { "name": "own", "namespace": namespace },
        "spec": { "interval": "1h", "url": env.sources().git_url("fleet"), "ref": { "branch": "main" } },
    });
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": "own", "namespace": namespace },
        "spec": {
            "interval": "1h", "prune": true, "path": "./plain", "targetNamespace": namespace,
            "sourceRef": { "kind": "GitRepository", "name": "own" },
        },
    });
    env.apply(&source.to_string()).await?;
    env.apply(&kustomization.to_string()).await?;
    env.wait_for_ready("Kustomization", namespace, "own", "True").await.map(drop)
}

/// The metadata and spec that a request or an edit would change.
async fn state(env: &TestEnv, namespace: &str) -> Result<Vec<Value>> {
    let mut state = Vec::new();
    for kind in ["GitRepository", "Kustomization"] {
        let object = env.get(kind, namespace, "own").await?.context("gone")?;
        state.push(json!([object["metadata"]["annotations"], object["metadata"]["labels"], object["spec"]]));
    }
    Ok(state)
}

fn reference(env: &TestEnv, tenant: &Tenant, suffix: &str, namespace: &str) -> Application {
    Application::git(env, &env.sources().git_url("fleet"), "plain", "main")
        .named(env, suffix)
        .in_project(&tenant.project)
        .options(&["FluxSubsystem=true"])
        .merge(&json!({
            "metadata": { "labels": { "flamingo/workload-name": "own" } },
            "spec": { "destination": { "namespace": namespace } },
        }))
}

#[tokio::test]
async fn a_reference_touches_nothing_elsewhere() -> Result<()> {
    let env = Stack::shared().await?.test("border-reference").await?;
    let tenant = Tenant::new(&env).await?;
    kustomization(&env, &tenant.victim).await?;
    kustomization(&env, &tenant.own).await?;
    let before = state(&env, &tenant.victim).await?;

    let thief = reference(&env, &tenant, "thief", &tenant.victim);
    thief.apply(&env).await?;
    let refused = "do not match any of the allowed destinations in project";
    thief.wait(&env, "refused", |app| app["status"]["conditions"].to_string().contains(refused)).await?;
    let refresh = json!({ "metadata": { "annotations": { "argocd.argoproj.io/refresh": "hard" } } });
    env.patch("Application", &env.control, thief.name(), &refresh).await?;
    thief
        .wait(&env, "refreshed", |app| app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null())
        .await?;
    thief.sync(&env).await?;
    let ended = thief
        .wait(&env, "done with its Sync", |app| {
            app["operation"].is_null() && app["status"]["operationState"]["finishedAt"].is_string()
        })
        .await?;
    assert_ne!(ended["status"]["operationState"]["phase"], "Succeeded");
    assert_eq!(state(&env, &tenant.victim).await?, before, "asked for by a stranger");

    // The same in its own namespace is shown, and asked.
    let owner = reference(&env, &tenant, "owner", &tenant.own);
    owner.apply(&env).await?;
    env.wait_for_application(owner.name(), "Synced", "Healthy").await?;
    let before = state(&env, &tenant.own).await?;
    owner.sync(&env).await?;
    owner.settled(&env).await?;
    assert_ne!(state(&env, &tenant.own).await?, before, "nobody asked");
    Ok(())
}
