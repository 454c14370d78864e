//! What is changed in the Application arrives as an upgrade of its release.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;

use crate::applications::Application;

#[tokio::test]
async fn four_replicas_by_a_helm_parameter() -> Result<()> {
    let env = Stack::shared().await?.test("parameter").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let app = app.parameter("replicaCount", "4");
    let changed = app.deliver(&env).await?;

    let release = app.release(&env).await?;
    assert_eq!(release["revision"], "2");
    assert_eq!(release["status"], "deployed");
    let deployment = app.delivered(&env, "Deployment", &format!("{}-podinfo", app.name())).await?;
    assert_eq!(deployment["status"]["availableReplicas"], 4);
    let pods = env.list("Pod", app.destination()).await?;
    let running = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).count();
    assert_eq!(running, 4);

    let history = changed["status"]["history"].as_array().context("no history")?;
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["source"]["helm"]["parameters"][0]["value"], "4");
    Ok(())
}

#[tokio::test]
async fn another_chart_version_by_target_revision() -> Result<()> {
    let env = Stack::shared().await?.test("version").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let app = Application::chart(&env, "6.4.0");
    let changed = app.deliver(&env).await?;
    let release = app.release(&env).await?;
    assert_eq!((&release["revision"], &release["chart"]), (&"2".into(), &"podinfo-6.4.0".into()));
    assert_eq!(changed["status"]["sync"]["revision"], "6.4.0");
    Ok(())
}
