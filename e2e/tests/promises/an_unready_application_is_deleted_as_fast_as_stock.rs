//! Nobody waits for the health of what is about to go.

use std::time::{Duration, Instant};

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;
use crate::broken;
use crate::twins::Twins;

/// What two deletions may differ by, whatever the machine does beside them.
const SLACK: Duration = Duration::from_secs(15);

async fn time_of_deletion(env: &TestEnv, app: &Application) -> Result<Duration> {
    let begun = Instant::now();
    app.delete(env).await?;
    Ok(begun.elapsed())
}

/// A kustomization in a public repository: Flux would check its health for `spec.timeout`, five minutes.
#[tokio::test]
async fn of_a_kustomization() -> Result<()> {
    let env = Stack::shared().await?.test("unready-end").await?;
    let kustomization = "resources: [web.yaml]\n";
    let files = [("app/kustomization.yaml", Some(kustomization)), ("app/web.yaml", Some(broken::DEPLOYMENT))];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let source = json!({ "repoURL": repository.url(), "path": "app", "targetRevision": "main" });
    let twins = Twins::apply(&env, "web", &source).await?;
    for app in [&twins.plain, &twins.bridged] {
        env.wait_until("its Deployment is there", crate::applications::PATIENCE, async || {
            Ok(env.get("Deployment", app.destination(), "web").await?.map(drop))
        })
        .await?;
    }
    let plain = time_of_deletion(&env, &twins.plain).await?;
    let bridged = time_of_deletion(&env, &twins.bridged).await?;
    eprintln!("deletion of what is not ready: plain {plain:?}, bridged {bridged:?}");
    assert!(env.get("Deployment", twins.bridged.destination(), "web").await?.is_none());
    assert!(bridged < plain * 2 + SLACK, "plain {plain:?}, bridged {bridged:?}");
    Ok(())
}

/// The same with a release.
#[tokio::test]
async fn of_a_chart() -> Result<()> {
    let env = Stack::shared().await?.test("unready-release").await?;
    let twins = Twins::of(&env, "web", |app| {
        app.merge(&json!({ "spec": { "source": broken::chart(&env).manifest()["spec"]["source"] } }))
    })
    .await?;
    for app in [&twins.plain, &twins.bridged] {
        env.wait_until("its Pod is there", crate::applications::PATIENCE, async || {
            Ok(env.list("Pod", app.destination()).await?.pop().map(drop))
        })
        .await?;
    }
    let plain = time_of_deletion(&env, &twins.plain).await?;
    let bridged = time_of_deletion(&env, &twins.bridged).await?;
    eprintln!("deletion of a release that is not ready: plain {plain:?}, bridged {bridged:?}");
    assert!(env.list("Deployment", twins.bridged.destination()).await?.is_empty());
    assert!(bridged < plain * 2 + SLACK, "plain {plain:?}, bridged {bridged:?}");
    Ok(())
}
