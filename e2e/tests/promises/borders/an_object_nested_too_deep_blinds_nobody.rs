//! The API server takes objects that are nested thousands of levels deep, and tells them in one list with all others. Whoever
//! writes one has an error of his own; the bridge goes on to see everybody else's.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{BridgeOptions, Stack};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

/// `{"a": {"a": …}}`, far deeper than usual readers go, and far from what the API server refuses.
fn nested() -> Value {
    (0..400).fold(json!("end"), |inner, _| json!({ "a": inner }))
}

#[tokio::test]
async fn an_application_nested_too_deep_blinds_nobody() -> Result<()> {
    let env = Stack::shared().await?.test("border-deep").await?.with_control_namespace("30s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let values = json!({ "spec": { "source": { "helm": { "valuesObject": nested() } } } });
    let deep = Application::chart(&env, "6.3.5").named(&env, "deep").merge(&values);
    env.kubectl_with_input(&["create", "-f", "-"], &deep.to_yaml()).await?.text()?;
    let neighbour = Application::chart(&env, "6.3.5").named(&env, "neighbour");
    neighbour.deliver(&env).await?;
    let conditions = "jsonpath={.status.conditions[*].message}";
    env.wait_until("the one that is too deep is told so", PATIENCE, async || {
        let get = ["get", "application", deep.name(), "-n", &env.control, "-o", conditions];
        let said = env.kubectl(&get).await?.text()?;
        ensure!(said.contains("cannot be read: something in it is nested deeper"), "{said}");
        Ok(Some(()))
    })
    .await?;
    // A bridge that starts lists them together.
    bridge.restart().await?;
    let next = Application::chart(&env, "6.3.5").named(&env, "next");
    next.deliver(&env).await?;
    for app in [&deep, &neighbour, &next] {
        app.delete(&env).await?;
    }
    ensure!(bridge.alive(), "the bridge ended:\n{}", bridge.tail(30));
    Ok(())
}

#[tokio::test]
async fn a_flux_object_nested_too_deep_blinds_nobody() -> Result<()> {
    let env = Stack::shared().await?.test("border-deep-flux").await?.with_control_namespace("30s").await?;
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": { "name": "deep", "namespace": env.namespace },
        "spec": {
            "interval": "1h", "suspend": true, "values": nested(),
            "chart": { "spec": { "chart": "none", "sourceRef": { "kind": "HelmRepository", "name": "none" } } },
        },
    });
    env.kubectl_with_input(&["create", "-f", "-"], &release.to_string()).await?.text()?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    // While it runs, such an object comes by the watch.
    let change = json!({ "metadata": { "labels": { "seen": "again" } } });
    env.patch("HelmRelease", &env.namespace, "deep", &change).await.ok();
    let version = json!({ "spec": { "source": { "targetRevision": "6.3.6" } } });
    env.patch("Application", &env.control, app.name(), &version).await?;
    app.settled(&env).await?;
    env.delete("HelmRelease", &env.namespace, "deep").await.ok();
    ensure!(bridge.alive(), "the bridge ended:\n{}", bridge.tail(30));
    Ok(())
}
