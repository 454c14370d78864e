//! `flux suspend` is respected and shown; the bridge's own suspension of a manual Application is nobody's business.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;
use crate::observations::columns;

#[tokio::test]
async fn flux_suspend_shows_and_flux_resume_ends_it() -> Result<()> {
    let env = Stack::shared().await?.test("suspend").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let flux = async |verb| {
        let arguments = [verb, "helmrelease", app.name(), "-n", app.destination()];
        env.flux(&arguments).await?.text()
    };
    flux("suspend").await?;
    app.wait(&env, "Suspended", |app| columns(app)[1] == "Suspended").await?;

    let changed = app.clone().parameter("replicaCount", "2");
    changed.apply(&env).await?;
    app.sync(&env).await?;
    let refused = app
        .wait(&env, "told so by a Sync", |app| app["status"]["operationState"]["phase"] == "Failed")
        .await?;
    let message = refused["status"]["operationState"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("suspended by somebody else"), "{message}");
    assert!(message.contains(&format!("flux resume helmrelease {}", app.name())), "{message}");
    assert_eq!(app.release(&env).await?["revision"], "1");

    flux("resume").await?;
    changed.settled(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

#[tokio::test]
async fn a_manual_application_is_not_suspended_in_anybodys_eyes() -> Result<()> {
    let env = Stack::shared().await?.test("suspend-manual").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    app.wait(&env, "waiting for a Sync", |app| columns(app) == ["OutOfSync", "Missing"]).await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    env.wait_until("the release waits for the next Sync", crate::applications::PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((release["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    let rested = app.settled(&env).await?;
    assert_eq!(columns(&rested), ["Synced", "Healthy"]);
    Ok(())
}
