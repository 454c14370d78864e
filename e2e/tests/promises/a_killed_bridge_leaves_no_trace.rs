//! All state is in the API server: killed at any moment and started again, the bridge comes to the same end, and no
//! release is made twice.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Stack, TestEnv, kinds};
use futures::TryStreamExt as _;
use kube::Api;
use kube::api::{DynamicObject, WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::namespaces::wait_until_empty;

#[tokio::test]
async fn killed_once_the_first_flux_object_exists() -> Result<()> {
    let (env, bridge) = own_bridge("kill-first").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    moment(&env, "HelmRepository", app.destination(), app.name(), |_| true).await?;
    bridge.kill();
    bridge.restart().await?;
    app.settled(&env).await?;
    ended(&env, &app, "1", 1).await
}

#[tokio::test]
async fn killed_while_the_release_is_installed_and_started_after_it() -> Result<()> {
    let (env, bridge) = own_bridge("kill-install").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    moment(&env, "HelmRelease", app.destination(), app.name(), |release| ready(release) != "True").await?;
    bridge.kill();
    env.wait_for_ready("HelmRelease", app.destination(), app.name(), "True").await?;
    assert_ne!(
        env.application(app.name()).await?["status"]["sync"]["status"],
        "Synced",
        "nobody was there to see"
    );
    bridge.restart().await?;
    app.settled(&env).await?;
    ended(&env, &app, "1", 1).await
}

#[tokio::test]
async fn killed_during_an_upgrade() -> Result<()> {
    let (env, bridge) = own_bridge("kill-upgrade").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let app = app.parameter("replicaCount", "4");
    app.apply(&env).await?;
    moment(&env, "HelmRelease", app.destination(), app.name(), |release| {
        release["spec"]["values"]["replicaCount"] == 4 && ready(release) == "Unknown"
    })
    .await?;
    bridge.kill();
    bridge.restart().await?;
    app.settled(&env).await?;
    ended(&env, &app, "2", 2).await
}

#[tokio::test]
async fn killed_during_a_sync() -> Result<()> {
    let (env, bridge) = own_bridge("kill-sync").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    app.sync(&env).await?;
    moment(&env, "Application", &env.control, app.name(), |app| {
        !app["operation"].is_null() && app["status"]["operationState"]["phase"] == "Running"
    })
    .await?;
    bridge.kill();
    bridge.restart().await?;
    app.settled(&env).await?;
    ended(&env, &app, "1", 2).await
}

#[tokio::test]
async fn killed_while_a_release_is_uninstalled() -> Result<()> {
    let (env, bridge) = own_bridge("kill-delete").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let deployment = format!("{}-podinfo", app.name());
    let hold = |by: Value| json!({ "metadata": { "finalizers": by } });
    env.patch("Deployment", app.destination(), &deployment, &hold(json!(["example.com/hold"]))).await?;
    env.delete("Application", &env.control, app.name()).await?;
    moment(&env, "HelmRelease", app.destination(), app.name(), |release| {
        !release["metadata"]["deletionTimestamp"].is_null()
    })
    .await?;
    bridge.kill();
    env.patch("Deployment", app.destination(), &deployment, &hold(Value::Null)).await?;
    env.wait_until_gone("HelmRelease", app.destination(), app.name()).await?;
    let left = env.application(app.name()).await?;
    assert_eq!(
        left["metadata"]["finalizers"].as_array().map(Vec::len),
        Some(1),
        "nobody was there to take it off"
    );
    bridge.restart().await?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn killed_again_and_again() -> Result<()> {
    let (env, bridge) = own_bridge("kill-often").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    for _ in 0..5 {
        bridge.kill();
        bridge.restart().await?;
    }
    app.settled(&env).await?;
    let app = app.parameter("replicaCount", "4");
    app.apply(&env).await?;
    for _ in 0..5 {
        bridge.kill();
        bridge.restart().await?;
    }
    app.settled(&env).await?;
    ended(&env, &app, "2", 2).await
}

/// A control namespace with a bridge of its own.
async fn own_bridge(name: &str) -> Result<(TestEnv, Bridge)> {
    let stack = Stack::shared().await?;
    let env = stack.test(name).await?.with_control_namespace("10s").await?;
    let bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;
    Ok((env, bridge))
}

/// The end of a story that nothing disturbed: one object of each kind, so many releases and deliveries; and a deletion
/// that leaves nothing.
async fn ended(env: &TestEnv, app: &Application, revision: &str, deliveries: usize) -> Result<()> {
    for kind in ["HelmRepository", "HelmChart", "HelmRelease"] {
        assert_eq!(env.list(kind, app.destination()).await?.len(), 1, "objects of kind {kind}");
    }
    let release = app.release(env).await?;
    assert_eq!((&release["revision"], &release["status"]), (&json!(revision), &json!("deployed")));
    let ids: Vec<_> = app.history(env).await?.iter().map(|entry| entry["id"].as_u64()).collect();
    assert_eq!(ids, (0..deliveries as u64).map(Some).collect::<Vec<_>>(), "entries of the history");
    app.delete(env).await?;
    wait_until_empty(env, app.destination()).await
}

fn ready(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    ready.and_then(|ready| ready["status"].as_str()).unwrap_or_default()
}

/// Returns as soon as a watch tells that `check` is true of the object: looking now and then would be too late.
async fn moment(
    env: &TestEnv,
    kind: &str,
    namespace: &str,
    name: &str,
    check: impl Fn(&Value) -> bool,
) -> Result<()> {
    let api = Api::<DynamicObject>::namespaced_with(env.client().clone(), namespace, &kinds::resource(kind)?);
    let only = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = Box::pin(api.watch(&only, "0").await?);
    let watching = async {
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event
                && check(&serde_json::to_value(object)?)
            {
                return Ok(());
            }
        }
        anyhow::bail!("the watch of {kind} {name} ended")
    };
    tokio::time::timeout(PATIENCE, watching).await.with_context(|| format!("the moment of {kind} {name}"))?
}
