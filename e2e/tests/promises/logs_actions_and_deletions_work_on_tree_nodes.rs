//! What the UI and the CLI offer on a node of the tree works on those of a bridged Application.

use anyhow::{Context as _, Result, bail, ensure};
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;
use crate::resource_trees::Tree;

/// What kwok answers for every container.
const LOG_LINE: &str = "a line that the container has logged";

fn running(tree: &Tree) -> Result<Value> {
    let pod = tree.only("Pod")?;
    ensure!(pod["health"]["status"] == "Healthy", "{pod}");
    Ok(pod.clone())
}

#[tokio::test]
async fn logs_manifest_and_events_of_a_pod() -> Result<()> {
    let env = Stack::shared().await?.test("node-read").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let (_, pod) = app.tree(&env, "a running Pod", running).await?;
    let name = pod["name"].as_str().context("no name")?;

    for arguments in [
        &["app", "logs", app.name()][..],
        &["app", "logs", app.name(), "--kind", "Deployment", "--name", &podinfo(&app)],
        &["app", "logs", app.name(), "--kind", "Pod", "--name", name],
    ] {
        let logs = env.argocd(arguments).await?.text()?;
        assert!(logs.contains(LOG_LINE), "{arguments:?}: {logs}");
    }

    let resource =
        ["app", "get-resource", app.name(), "--kind", "Pod", "--resource-name", name, "-o", "json"];
    let manifest = env.argocd(&resource).await?.text()?;
    assert!(manifest.contains(pod["uid"].as_str().context("no uid")?), "{manifest}");

    let path = format!(
        "/events?resourceNamespace={}&resourceName={name}&resourceUID={}",
        app.destination(),
        pod["uid"].as_str().unwrap_or_default()
    );
    let events = app.ask(&env, "GET", &path, "").await?.to_string();
    assert!(events.contains("Scheduled"), "{events}");
    Ok(())
}

#[tokio::test]
async fn actions_on_flux_objects_and_on_what_they_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("node-act").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    app.tree(&env, "a running Pod", running).await?;
    let run = async |action: &str| {
        let arguments = ["app", "actions", "run", app.name(), action, "--kind", "HelmRelease"];
        env.argocd(&arguments).await?.text().map(drop)
    };
    let listed =
        env.argocd(&["app", "actions", "list", app.name(), "--kind", "HelmRelease"]).await?.text()?;
    assert!(listed.contains("suspend") && listed.contains("reconcile"), "{listed}");
    run("suspend").await?;
    app.wait(&env, "Suspended", |app| app["status"]["health"]["status"] == "Suspended").await?;
    run("resume").await?;
    app.settled(&env).await?;

    let deployment = json!({
        "namespace": app.destination(), "resourceName": podinfo(&app), "version": "v1", "group": "apps",
        "kind": "Deployment", "action": "restart",
    });
    app.ask(&env, "POST", "/resource/actions/v2", &deployment.to_string()).await?;
    let restarted = |tree: &Tree| {
        let revisions = tree.kind("ReplicaSet").iter().map(|set| set["info"].to_string()).collect::<String>();
        if revisions.contains("Rev:2") { running(tree) } else { bail!("{revisions}") }
    };
    app.tree(&env, "a second revision and its Pod", restarted).await?;
    Ok(())
}

#[tokio::test]
async fn deletions_of_a_pod_and_of_a_flux_object() -> Result<()> {
    let env = Stack::shared().await?.test("node-delete").await?;
    let app = Application::chart(&env, "6.3.5").self_healing();
    app.deliver(&env).await?;
    let (_, pod) = app.tree(&env, "a running Pod", running).await?;
    app.ask(&env, "DELETE", &format!("/resource?{}", Application::query(&pod)), "").await?;
    let replaced = |tree: &Tree| {
        let next = running(tree)?;
        ensure!(next["uid"] != pod["uid"], "the same Pod");
        Ok(())
    };
    app.tree(&env, "another Pod", replaced).await?;

    let namespace = app.destination();
    let repository = env.get("HelmRepository", namespace, app.name()).await?.context("no HelmRepository")?;
    let arguments =
        ["app", "delete-resource", app.name(), "--kind", "HelmRepository", "--prompts-enabled=false"];
    env.argocd(&arguments).await?.text()?;
    env.wait_until("self-heal has made another HelmRepository", PATIENCE, async || {
        let found = env.get("HelmRepository", namespace, app.name()).await?.context("none")?;
        Ok((found["metadata"]["uid"] != repository["metadata"]["uid"]).then_some(()))
    })
    .await?;
    app.settled(&env).await.map(drop)
}
