//! Pods that never become ready, where Flux is told to wait for them: it gives up after `spec.timeout`, and the Application is
//! Degraded until repaired.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::Application;
use crate::observations::{columns, podinfo};

/// Nothing else makes Flux wait for this chart.
const WAITING: &str = "spec: {timeout: 3s, install: {disableWait: false}, upgrade: {disableWait: false}}";

/// A label that no Node has keeps the pods Pending, and Flux gives up soon.
fn unschedulable(env: &TestEnv) -> Application {
    Application::chart(env, "6.3.5")
        .annotation("flamingo/helmrelease-override", WAITING)
        .parameter("nodeSelector.disk", "none")
}

fn operation_message(application: &Value) -> &str {
    application["status"]["operationState"]["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_first_delivery_that_fails_degrades_the_application() -> Result<()> {
    let env = Stack::shared().await?.test("failing-install").await?;
    let (broken, repaired) = (unschedulable(&env), Application::chart(&env, "6.3.5"));
    broken.apply(&env).await?;
    let told = broken.failed(&env).await?;
    let message = operation_message(&told);
    // Flux may have made its second attempt, an upgrade of the failed install, before anybody looked.
    let is_told = message.contains("Helm install failed") || message.contains("Helm upgrade failed");
    assert!(is_told && message.contains("timeout waiting for"), "{message}");
    assert_eq!(broken.release(&env).await?["status"], "failed", "helm says the same");

    repaired.deliver(&env).await?;
    assert_eq!(repaired.available(&env, &podinfo(&repaired)).await?, 1);
    assert_eq!(repaired.release(&env).await?["status"], "deployed");
    Ok(())
}

#[tokio::test]
async fn a_later_delivery_that_fails_leaves_the_pods_before_it_running() -> Result<()> {
    let env = Stack::shared().await?.test("failing-upgrade").await?;
    let (broken, repaired) = (unschedulable(&env), Application::chart(&env, "6.3.5"));
    repaired.deliver(&env).await?;

    broken.apply(&env).await?;
    let told = broken.failed(&env).await?;
    assert_eq!(columns(&told), ["OutOfSync", "Degraded"]);
    let message = operation_message(&told);
    assert!(message.contains("upgrade failed") && message.contains("timeout waiting for"), "{message}");
    assert_eq!(
        broken.available(&env, &podinfo(&broken)).await?,
        1,
        "the pod of the delivery before it runs on"
    );
    assert_eq!(broken.history(&env).await?.len(), 1, "a failed delivery is none");

    repaired.deliver(&env).await?;
    assert_eq!(repaired.available(&env, &podinfo(&repaired)).await?, 1);
    Ok(())
}
