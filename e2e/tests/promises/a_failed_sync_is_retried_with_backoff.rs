//! A Sync that fails is tried again as it says, and an automated one as the policy says: in Argo CD's words.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;

/// A value that the chart's schema refuses.
fn refused(app: &Application) -> Application {
    app.clone().parameter("ui.color", "blue")
}

fn message(app: &Value) -> &str {
    app["status"]["operationState"]["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_sync_says_how_often() -> Result<()> {
    let env = Stack::shared().await?.test("retry").await?;
    let app = delivered(&env).await?;
    refused(&app).apply(&env).await?;
    let flags = ["--retry-limit", "2", "--retry-backoff-duration", "2s", "--retry-backoff-factor", "1"];
    env.argocd(&[&["app", "sync", app.name(), "--async"], &flags[..]].concat()).await?.text()?;
    app.wait(&env, "waiting for its first retry", |app| message(app).contains(". Retrying attempt #1 at "))
        .await?;
    let failed = app.wait(&env, "failed", |app| app["status"]["operationState"]["phase"] == "Failed").await?;
    assert!(message(&failed).ends_with("(retried 2 times)."), "{}", message(&failed));
    assert_eq!(failed["status"]["operationState"]["retryCount"], 2);
    assert!(failed["operation"].is_null());
    Ok(())
}

#[tokio::test]
async fn an_automated_sync_is_tried_again_and_a_repair_does_not_wait() -> Result<()> {
    let env = Stack::shared().await?.test("retry-auto").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let retry = json!({"limit": 5, "backoff": {"duration": "10m", "maxDuration": "10m"}});
    let app = app.merge(&json!({"spec": {"syncPolicy": {"retry": retry}}}));
    refused(&app).apply(&env).await?;
    app.wait(&env, "waiting for its first retry", |app| message(app).contains(". Retrying attempt #1 at "))
        .await?;
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1");
    Ok(())
}

#[tokio::test]
async fn terminate_ends_the_waiting() -> Result<()> {
    let env = Stack::shared().await?.test("retry-end").await?;
    let app = delivered(&env).await?;
    refused(&app).apply(&env).await?;
    let flags =
        ["--retry-limit", "5", "--retry-backoff-duration", "10m", "--retry-backoff-max-duration", "10m"];
    env.argocd(&[&["app", "sync", app.name(), "--async"], &flags[..]].concat()).await?.text()?;
    app.wait(&env, "waiting for its first retry", |app| message(app).contains("Retrying attempt #1")).await?;
    env.argocd(&["app", "terminate-op", app.name()]).await?.text()?;
    let ended = app.wait(&env, "ended", |app| app["operation"].is_null()).await?;
    assert_eq!(ended["status"]["operationState"]["phase"], "Failed");
    assert_eq!(message(&ended), "Operation terminated (retried 1 times).");
    Ok(())
}

/// A manual Application that is delivered and at rest.
async fn delivered(env: &TestEnv) -> Result<Application> {
    let app = Application::chart(env, "6.3.5").manual();
    app.apply(env).await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text()?;
    app.settled(env).await?;
    Ok(app)
}
