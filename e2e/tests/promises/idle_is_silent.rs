//! With nothing happening, nothing is written, though every source is polled every other second.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;

/// How long nothing may happen. Time itself is what is tried here, so this one test sleeps.
const IDLENESS: Duration = Duration::from_secs(60);

#[tokio::test]
async fn idle_is_silent() -> Result<()> {
    let env = Stack::shared().await?.test("idle").await?.with_control_namespace("2s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let sources = env.sources();
    let git = sources.git_url("fleet");
    let apps = [
        Application::chart(&env, "6.3.5"),
        Application::chart(&env, "6.x").self_healing().named(&env, "range"),
        Application::git(&env, &git, "charts/podinfo", "HEAD").named(&env, "chart-in-git"),
        Application::git(&env, &git, "apps/overlays/staging", "main").self_healing().named(&env, "overlay"),
        Application::git(&env, &git, "plain", "v1.1.0").named(&env, "directory"),
        Application::git(&env, &sources.oci_url("manifests/argocd"), "./podinfo", "1.0.5")
            .named(&env, "artifact"),
    ];
    for app in &apps {
        app.apply(&env).await?;
    }
    for app in &apps {
        app.settled(&env).await?;
    }
    let waiting = Application::chart(&env, "6.3.5").manual().named(&env, "manual");
    // Retries are told of, one by one, until they end.
    let no_retry = json!({ "spec": { "syncPolicy": { "retry": { "limit": 0 } } } });
    let broken = Application::chart(&env, "0.0.1").named(&env, "broken").merge(&no_retry);
    waiting.apply(&env).await?;
    broken.apply(&env).await?;
    waiting.wait(&env, "waiting", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    broken.told(&env, "ComparisonError", "0.0.1").await?;

    let before = (at_rest(&env).await?, bridge.metric("flux_subsystem_writes_total", &[]).await?);
    tokio::time::sleep(IDLENESS).await;
    let after = (versions(&env).await?, bridge.metric("flux_subsystem_writes_total", &[]).await?);
    assert_eq!(before, after);
    Ok(())
}

/// Waits until two looks, with a poll of every source between them, show the same.
async fn at_rest(env: &TestEnv) -> Result<BTreeMap<String, Value>> {
    let mut last = versions(env).await?;
    let mut since = std::time::Instant::now();
    env.wait_until("everything is at rest", crate::applications::PATIENCE, async || {
        let now = versions(env).await?;
        if now != last {
            (last, since) = (now, std::time::Instant::now());
        }
        Ok((since.elapsed() > Duration::from_secs(5)).then(|| last.clone()))
    })
    .await
}

/// The resourceVersion of every Application of the test.
async fn versions(env: &TestEnv) -> Result<BTreeMap<String, Value>> {
    let all = env.list("Application", &env.control).await?;
    let version =
        |app: &Value| (app["metadata"]["name"].to_string(), app["metadata"]["resourceVersion"].clone());
    Ok(all.iter().map(version).collect())
}
