//! As with stock Argo CD, an operation is done once its objects are applied; whether they are well is told apart from that.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::broken;
use crate::observations::columns;
use crate::twins::Twins;

fn phase(app: &Value) -> &Value {
    &app["status"]["operationState"]["phase"]
}

/// Waits until the operation has ended and somebody has looked at what it delivered.
async fn ended(env: &TestEnv, app: &Application) -> Result<Value> {
    app.wait(env, "Synced and Progressing after its operation", |app| {
        phase(app) == "Succeeded" && columns(app) == ["Synced", "Progressing"]
    })
    .await
}

async fn both(env: &TestEnv, twins: &Twins) -> Result<()> {
    for app in [&twins.plain, &twins.bridged] {
        let ended = ended(env, app).await?;
        assert_eq!(ended["status"]["history"].as_array().map(Vec::len), Some(1), "{}", app.name());
    }
    Ok(())
}

#[tokio::test]
async fn of_a_directory() -> Result<()> {
    let env = Stack::shared().await?.test("applied-dir").await?;
    let files = [("app/web.yaml", Some(broken::DEPLOYMENT))];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let source = json!({ "repoURL": repository.url(), "path": "app", "targetRevision": "main" });
    both(&env, &Twins::apply(&env, "dir", &source).await?).await
}

#[tokio::test]
async fn of_a_chart() -> Result<()> {
    let env = Stack::shared().await?.test("applied-chart").await?;
    let url = env.sources().helm_url("podinfo");
    let source = json!({
        "repoURL": url, "chart": "podinfo", "targetRevision": "6.3.5",
        "helm": { "parameters": [{ "name": "nodeSelector.disk", "value": "none" }] },
    });
    both(&env, &Twins::apply(&env, "chart", &source).await?).await
}

/// What the objects become of later moves the health, and no operation.
#[tokio::test]
async fn and_health_follows_the_objects() -> Result<()> {
    let env = Stack::shared().await?.test("applied-late").await?;
    let impatient =
        broken::DEPLOYMENT.replace("spec:\n  selector", "spec:\n  progressDeadlineSeconds: 2\n  selector");
    let files = [("app/web.yaml", Some(impatient.as_str()))];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let app = Application::git(&env, &repository.url(), "app", "main");
    app.apply(&env).await?;
    let degraded = app.wait(&env, "Degraded", |app| columns(app) == ["Synced", "Degraded"]).await?;
    assert_eq!(phase(&degraded), "Succeeded", "applied is applied");
    let message = degraded["status"]["health"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("web"), "{message}");

    let mended = impatient.replace("nodeSelector: {disk: none}", "nodeSelector: {}");
    repository.commit("main", &[("app/web.yaml", Some(mended.as_str()))], "Mend").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(app.history(&env).await?.len(), 2);
    Ok(())
}
