//! With `selfHeal: true`, edits by hand go by themselves: those of Flux objects by the bridge, those of what Flux
//! delivered by Flux.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn an_edited_helmrelease_is_put_back() -> Result<()> {
    let env = Stack::shared().await?.test("heal-value").await?;
    let app = Application::chart(&env, "6.3.5").parameter("replicaCount", "2").self_healing();
    app.deliver(&env).await?;
    patch(&env, &app, "helmrelease", app.name(), r#"{"spec": {"values": {"replicaCount": "3"}}}"#).await?;
    healed(&env, "the value is 2 again", async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok(release["spec"]["values"]["replicaCount"] == 2 && replicas(&env, &app).await? == 2)
    })
    .await?;
    let after = app.settled(&env).await?;
    let history = after["status"]["history"].as_array().map(Vec::len);
    assert_eq!(history, Some(1), "a healing is no delivery of something new, as in Argo CD");
    Ok(())
}

#[tokio::test]
async fn an_edited_source_is_put_back() -> Result<()> {
    let env = Stack::shared().await?.test("heal-source").await?;
    let app = Application::chart(&env, "6.3.5").self_healing();
    app.deliver(&env).await?;
    patch(&env, &app, "helmrepository", app.name(), r#"{"spec": {"url": "http://127.0.0.1:1/"}}"#).await?;
    healed(&env, "the url is the Application's again", async || {
        let source = app.delivered(&env, "HelmRepository", app.name()).await?;
        Ok(source["spec"]["url"] == env.sources().helm_url("podinfo"))
    })
    .await?;
    app.settled(&env).await.map(drop)
}

#[tokio::test]
async fn an_edited_deployment_of_a_chart_is_put_back_by_flux() -> Result<()> {
    let env = Stack::shared().await?.test("heal-chart").await?;
    // Flux looks for drift at every reconciliation of the release.
    let often = r#"{"spec": {"interval": "1s"}}"#;
    let app =
        Application::chart(&env, "6.3.5").self_healing().annotation("flamingo/helmrelease-override", often);
    app.deliver(&env).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(release["spec"]["driftDetection"]["mode"], "enabled");
    patch(&env, &app, "deployment", &deployment(&app), r#"{"spec": {"replicas": 3}}"#).await?;
    healed(&env, "one replica again", async || Ok(replicas(&env, &app).await? == 1)).await?;
    app.settled(&env).await.map(drop)
}

#[tokio::test]
async fn without_self_heal_drift_is_shown_and_stays() -> Result<()> {
    let env = Stack::shared().await?.test("drift").await?;
    let often = r#"{"spec": {"interval": "1s"}}"#;
    let app = Application::chart(&env, "6.3.5").annotation("flamingo/helmrelease-override", often);
    app.deliver(&env).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(release["spec"]["driftDetection"]["mode"], "warn");
    patch(&env, &app, "deployment", &deployment(&app), r#"{"spec": {"replicas": 3}}"#).await?;
    app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    assert_eq!(replicas(&env, &app).await?, 3);
    Ok(())
}

fn deployment(app: &Application) -> String {
    format!("{}-podinfo", app.name())
}

async fn replicas(env: &TestEnv, app: &Application) -> Result<u64> {
    let found = app.delivered(env, "Deployment", &deployment(app)).await?;
    Ok(found["spec"]["replicas"].as_u64().unwrap_or_default())
}

async fn patch(env: &TestEnv, app: &Application, kind: &str, name: &str, patch: &str) -> Result<()> {
    let arguments = ["patch", kind, name, "-n", app.destination(), "--type=merge", "-p", patch];
    env.kubectl(&arguments).await?.text().map(drop)
}

async fn healed(env: &TestEnv, what: &str, mut check: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    env.wait_until(what, PATIENCE, async || Ok(check().await?.then_some(()))).await
}
