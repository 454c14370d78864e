//! Without a cascade finalizer, as `argocd app delete --cascade=false` leaves it, the Application goes alone: its Flux
//! objects stay and go on delivering.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::namespaces::everything_in;

#[tokio::test]
async fn flux_objects_and_workloads_stay_and_go_on() -> Result<()> {
    let env = Stack::shared().await?.test("keep").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/staging", "main").without_finalizer();
    app.deliver(&env).await?;
    let before = everything_in(&env, app.destination()).await?;
    app.delete(&env).await?;
    assert_eq!(everything_in(&env, app.destination()).await?, before);

    repository.commit("main", &[("apps/base/revision.env", Some("revision=later\n"))], "Later").await?;
    env.wait_until("the next commit is delivered", PATIENCE, async || {
        let map = app.delivered(&env, "ConfigMap", "web-revision").await?;
        Ok((map["data"]["revision"] == "later").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_release_stays_and_an_application_of_that_name_takes_it_up_again() -> Result<()> {
    let env = Stack::shared().await?.test("keep-chart").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    env.argocd(&["app", "delete", app.name(), "--cascade=false", "--yes"]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(release["metadata"]["deletionTimestamp"], json!(null));

    let again = app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1", "nothing changed, so nothing was released");
    let history = again["status"]["history"].as_array().context("no history")?;
    assert_eq!(history.len(), 1);
    let taken_up = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(taken_up["metadata"]["uid"], release["metadata"]["uid"]);
    Ok(())
}
