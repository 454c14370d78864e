//! Whoever switches while a Sync is under way loses nothing and gets nothing twice: the operation is finished by who
//! delivers now, or ends as it was told to.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE, beginning};
use crate::observations::podinfo;
use crate::switching::{BRIDGED, PLAIN, our_annotations};

#[tokio::test]
async fn what_stock_argo_cd_left_behind_is_finished_by_flux() -> Result<()> {
    let env = Stack::shared().await?.test("switch-in").await?;
    let app = held(&env, &PLAIN).await?;
    let since = beginning(&env).await?;
    app.switch(&env, &BRIDGED).await?;
    env.wait_until("Flux has begun", PATIENCE, async || {
        Ok(env.get("HelmRelease", app.destination(), app.name()).await?.map(drop))
    })
    .await?;
    let pods = app.pods(&env).await?;
    let_go(&env).await?;
    let done = app.taken_over(&env).await?;
    let operation = &done["status"]["operationState"];
    assert_eq!(operation["operation"]["info"][0]["value"], "pressed", "{operation}");
    assert_eq!(app.release(&env).await?["revision"], "1");
    assert_eq!(app.pods(&env).await?, pods);
    assert_eq!(ends(&app.versions(&env, &since).await?), ["Succeeded"]);
    app.delete(&env).await
}

#[tokio::test]
async fn what_was_being_terminated_ends() -> Result<()> {
    let env = Stack::shared().await?.test("switch-terminate").await?;
    let app = held(&env, &PLAIN).await?;
    // Both at once: stock Argo CD has no time for it.
    let change = json!({
        "spec": { "syncPolicy": { "syncOptions": BRIDGED } },
        "status": { "operationState": { "phase": "Terminating" } },
    });
    env.patch("Application", &env.control, app.name(), &change).await?;
    let ended = app
        .wait(&env, "at the end of its operation", |app| {
            app["operation"].is_null() && app["status"]["operationState"]["phase"] == "Failed"
        })
        .await?;
    let message = ended["status"]["operationState"]["message"].as_str().context("no message")?;
    assert!(message.contains("terminated"), "{message}");
    let_go(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "90"]).await?.text()?;
    app.taken_over(&env).await?;
    app.delete(&env).await
}

#[tokio::test]
async fn what_flux_was_at_is_finished_by_stock_argo_cd() -> Result<()> {
    let env = Stack::shared().await?.test("switch-out").await?;
    let app = held(&env, &BRIDGED).await?;
    let since = beginning(&env).await?;
    app.switch(&env, &PLAIN).await?;
    env.wait_until("Flux is told to let go", PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((release["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    let pods = app.pods(&env).await?;
    let waits = env.application(app.name()).await?;
    assert!(!our_annotations(&waits).is_empty(), "Helm is still at it");
    let_go(&env).await?;
    let done = app
        .wait(&env, "synced by stock Argo CD", |app| {
            our_annotations(app).is_empty()
                && app["operation"].is_null()
                && app["status"]["operationState"]["phase"] == "Succeeded"
        })
        .await?;
    assert_eq!(done["status"]["operationState"]["operation"]["info"][0]["value"], "pressed");
    assert_eq!(done["status"]["history"].as_array().map(Vec::len), Some(1), "delivered once");
    assert_eq!(ends(&app.versions(&env, &since).await?), ["Succeeded"]);
    app.handed_back(&env).await?;
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    assert_eq!(app.pods(&env).await?, pods);
    app.delete(&env).await
}

/// A manual Application whose first operation is under way: its pods find no Node until [`let_go`], and a hook comes after
/// them.
async fn held(env: &TestEnv, options: &[&str]) -> Result<Application> {
    let values = json!({ "nodeSelector": { label(env): "open" }, "hook": "ConfigMap" });
    let source = json!({ "spec": { "source": { "helm": { "valuesObject": values } } } });
    let app = Application::chart(env, "6.3.5").options(options).manual().merge(&source);
    app.apply(env).await?;
    let sync = ["app", "sync", app.name(), "--async", "--info", "button=pressed"];
    env.argocd(&sync).await?.text()?;
    env.wait_until("its pods wait for a Node", PATIENCE, async || {
        let deployment = env.get("Deployment", app.destination(), &podinfo(&app)).await?;
        let deployment = deployment.context("no Deployment")?;
        Ok((deployment["status"]["unavailableReplicas"] == 1).then_some(()))
    })
    .await?;
    let app_now = env.application(app.name()).await?;
    assert_eq!(app_now["status"]["operationState"]["phase"], "Running");
    Ok(app)
}

async fn let_go(env: &TestEnv) -> Result<()> {
    env.kubectl(&["label", "node", "node", &format!("{}=open", label(env))]).await?.text().map(drop)
}

fn label(env: &TestEnv) -> String {
    format!("test/{}", env.namespace)
}

/// The phases in which operations ended, one for each end.
fn ends(versions: &[Value]) -> Vec<String> {
    let ended = |state: &&Value| !state["finishedAt"].is_null() && state["phase"] != "Running";
    let states = versions.iter().map(|app| &app["status"]["operationState"]).filter(ended);
    let mut ends: Vec<_> = states
        .map(|state| [&state["finishedAt"], &state["phase"]].map(|text| text.as_str().unwrap_or_default()))
        .collect();
    ends.dedup();
    ends.into_iter().map(|[_, phase]| phase.to_owned()).collect()
}
