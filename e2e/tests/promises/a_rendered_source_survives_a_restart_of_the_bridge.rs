//! The bridge keeps what was rendered in memory alone: whoever restarts it changes nothing of what is delivered, and Flux still
//! gets an artifact that it asks for.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{BridgeOptions, Stack};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn a_rendered_source_survives_a_restart_of_the_bridge() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-restart").await?.with_control_namespace("10s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let files = [("printed/message", Some("first"))];
    let repository = env.sources().create_repository(&env.name("printed"), &files).await?;
    let app = Application::git(&env, &repository.url(), "printed", "main")
        .merge(&json!({ "spec": { "source": { "plugin": { "name": "printer" } } } }));
    app.deliver(&env).await?;
    let artifact = async || -> Result<_> {
        let list = env.list("OCIRepository", &env.control).await?;
        list.into_iter().next().context("no OCIRepository")
    };
    let before = artifact().await?;
    let map = app.delivered(&env, "ConfigMap", "printed").await?;

    bridge.kill();
    bridge.restart().await?;
    // Flux has lost the artifact, and the new process has never rendered it for anybody.
    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    let again = json!({ "metadata": { "annotations": { "reconcile.fluxcd.io/requestedAt": "again" } } });
    let lost = json!({ "status": { "artifact": null } }).to_string();
    let status = [
        "patch",
        "ocirepository",
        name,
        "-n",
        &env.control,
        "--subresource=status",
        "--type=merge",
        "-p",
        &lost,
    ];
    env.kubectl(&status).await?.text()?;
    env.patch("OCIRepository", &env.control, name, &again).await?;
    env.wait_until("Flux has fetched the artifact again", PATIENCE, async || {
        let object = artifact().await?;
        let is_same = object["status"]["artifact"]["digest"] == before["status"]["artifact"]["digest"];
        Ok(is_same.then_some(()))
    })
    .await?;
    let after = artifact().await?;
    assert_eq!(after["spec"], before["spec"], "the same digest of the same source");
    app.settled(&env).await?;
    let same = app.delivered(&env, "ConfigMap", "printed").await?;
    assert_eq!(
        same["metadata"]["resourceVersion"], map["metadata"]["resourceVersion"],
        "nothing was applied anew"
    );

    // And the next commit is delivered by the new process.
    repository.commit("main", &[("printed/message", Some("second"))], "Edit").await?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        let map = app.delivered(&env, "ConfigMap", "printed").await?;
        Ok((map["data"]["message"] == "second").then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_service_leads_to_the_replica_that_leads() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-leader").await?.with_control_namespace("30s").await?;
    let replica = async |name: &str, address: &str| {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = BridgeOptions {
            name: env.name(name),
            arguments: vec!["--leader-elect".to_owned()],
            variables: vec![variable("POD_NAME", name), variable("POD_IP", address)],
            ..BridgeOptions::serving(&env.control)
        };
        env.stack().bridge(options).await
    };
    let leads_to = async |address: &str| {
        env.wait_until(&format!("the Service leads to {address}"), PATIENCE, async || {
            let slice = env.get("EndpointSlice", &env.control, "flux-subsystem-artifacts").await?;
            let slice = slice.context("no EndpointSlice")?;
            assert_eq!(slice["metadata"]["labels"]["kubernetes.io/service-name"], "flux-subsystem-artifacts");
            assert_eq!(slice["endpoints"].as_array().map(Vec::len), Some(1), "{slice}");
            Ok((slice["endpoints"][0]["addresses"] == json!([address])).then_some(()))
        })
        .await
    };
    let first = replica("first", "10.1.2.3").await?;
    leads_to("10.1.2.3").await?;
    let _second = replica("second", "10.1.2.4").await?;
    leads_to("10.1.2.3").await?;
    first.terminate();
    leads_to("10.1.2.4").await
}
