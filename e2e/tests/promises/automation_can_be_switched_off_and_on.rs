//! `automated` decides whether a change is delivered at once or waits for a Sync; switching it delivers nothing itself.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::{columns, podinfo};

#[tokio::test]
async fn no_automated_policy_is_off() -> Result<()> {
    switched("automation-none", &Value::Null).await
}

#[tokio::test]
async fn enabled_false_is_off() -> Result<()> {
    switched("automation-false", &json!({ "enabled": false })).await
}

/// Switches automation off by that value of `spec.syncPolicy.automated`, and on again.
async fn switched(test: &str, off: &Value) -> Result<()> {
    let env = Stack::shared().await?.test(test).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let off = app.clone().merge(&json!({ "spec": { "syncPolicy": { "automated": off } } }));
    off.apply(&env).await?;
    env.wait_until("the release waits for a Sync", PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((release["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    app.settled(&env).await?;

    off.parameter("replicaCount", "2").apply(&env).await?;
    app.wait(&env, "waiting for a Sync", |app| columns(app)[0] == "OutOfSync").await?;
    assert_eq!(app.release(&env).await?["revision"], "1", "nothing is delivered unasked");

    let on = app.parameter("replicaCount", "2");
    on.deliver(&env).await?;
    assert_eq!(on.release(&env).await?["revision"], "2");
    let release = on.delivered(&env, "HelmRelease", on.name()).await?;
    assert!(release["spec"]["suspend"].is_null(), "{}", release["spec"]);
    assert_eq!(on.available(&env, &podinfo(&on)).await?, 2);
    Ok(())
}
