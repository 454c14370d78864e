//! A Pod that crashes after a delivery degrades the Application, though its `HelmRelease` stays Ready.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::resource_trees::Tree;

/// What a kubelet writes of a container that crashes again and again, or of one that runs.
fn status(pod: &Value, is_crashing: bool) -> Value {
    let container = &pod["spec"]["containers"][0];
    let state = if is_crashing {
        json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container" } })
    } else {
        json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } })
    };
    let is_ready = if is_crashing { "False" } else { "True" };
    json!({ "status": {
        "phase": "Running",
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": "",
            "ready": !is_crashing, "restartCount": 7, "state": state,
        }],
        "conditions": [
            { "type": "Ready", "status": is_ready }, { "type": "ContainersReady", "status": is_ready },
        ],
    } })
}

/// Writes it.
pub(crate) async fn write_status(env: &TestEnv, pod: &Value, is_crashing: bool) -> Result<()> {
    let field = |name: &str| pod["metadata"][name].as_str().context("a Pod without a name");
    let (namespace, name) = (field("namespace")?, field("name")?);
    let change = status(pod, is_crashing).to_string();
    let arguments =
        ["patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &change];
    env.kubectl(&arguments).await?.text().map(drop)
}

#[tokio::test]
async fn until_it_runs_again() -> Result<()> {
    let env = Stack::shared().await?.test("crash").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let pods = env.list("Pod", app.destination()).await?;
    let [pod] = &*pods else { anyhow::bail!("{} Pods", pods.len()) };

    write_status(&env, pod, true).await?;
    let degraded = app.wait(&env, "Degraded", |app| app["status"]["health"]["status"] == "Degraded").await?;
    assert_eq!(degraded["status"]["sync"]["status"], "Synced", "nothing else was asked for");
    let crashing = |tree: &Tree| {
        let pod = tree.only("Pod")?;
        let info = pod["info"].to_string();
        anyhow::ensure!(info.contains("CrashLoopBackOff") && pod["health"]["status"] == "Degraded", "{pod}");
        Ok(info)
    };
    let (_, info) = app.tree(&env, "the crash", crashing).await?;
    assert!(info.contains(r#""name":"Restart Count","value":"7""#), "{info}");
    env.wait_for_ready("HelmRelease", app.destination(), app.name(), "True").await?;

    write_status(&env, pod, false).await?;
    app.wait(&env, "Healthy again", |app| app["status"]["health"]["status"] == "Healthy").await?;
    Ok(())
}
