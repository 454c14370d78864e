//! With the cascade finalizer, the end of an Application is the end of everything it delivered, in an order that lets
//! Flux clean up.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};
use crate::namespaces::wait_until_empty;

#[tokio::test]
async fn a_chart_leaves_nothing_but_the_namespace() -> Result<()> {
    let env = Stack::shared().await?.test("delete").await?;
    let app = Application::chart(&env, "6.3.5").parameter("hpa.enabled", "true");
    app.deliver(&env).await?;
    // The workload is held back so that the order can be seen.
    let deployment = format!("{}-podinfo", app.name());
    hold(&env, &app, "deployment", &deployment, r#"["example.com/hold"]"#).await?;
    env.delete("Application", &env.control, app.name()).await?;
    env.wait_until("the release is being uninstalled", PATIENCE, async || {
        let deployment = app.delivered(&env, "Deployment", &deployment).await?;
        Ok((!deployment["metadata"]["deletionTimestamp"].is_null()).then_some(()))
    })
    .await?;
    assert!(
        env.get("HelmRepository", app.destination(), app.name()).await?.is_some(),
        "the release needs it still"
    );
    env.application(app.name()).await?;
    hold(&env, &app, "deployment", &deployment, "null").await?;

    let seen = order_of_ends(&env, &app).await?;
    assert!(seen["release"] <= seen["HelmRelease"], "{seen:?}");
    assert!(seen["HelmRelease"] <= seen["HelmRepository"], "{seen:?}");
    assert!(seen["HelmRepository"] <= seen["Application"], "{seen:?}");
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn a_kustomization_leaves_nothing_but_the_namespace() -> Result<()> {
    let env = Stack::shared().await?.test("delete-git").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "apps/overlays/production", "main");
    app.deliver(&env).await?;
    app.delete(&env).await?;
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn a_manual_application_between_two_syncs_leaves_nothing_either() -> Result<()> {
    let env = Stack::shared().await?.test("delete-manual").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    env.wait_until("the release waits suspended", PATIENCE, async || {
        Ok((app.delivered(&env, "HelmRelease", app.name()).await?["spec"]["suspend"] == true).then_some(()))
    })
    .await?;
    app.delete(&env).await?;
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn an_application_deleted_at_once_leaves_nothing_either() -> Result<()> {
    let env = Stack::shared().await?.test("delete-early").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    app.delete(&env).await?;
    if env.get("Namespace", "", app.destination()).await?.is_some() {
        wait_until_empty(&env, app.destination()).await?;
    }
    Ok(())
}

async fn hold(env: &TestEnv, app: &Application, kind: &str, name: &str, finalizers: &str) -> Result<()> {
    let change = format!(r#"{{"metadata": {{"finalizers": {finalizers}}}}}"#);
    let arguments = ["patch", kind, name, "-n", app.destination(), "--type=merge", "-p", &change];
    env.kubectl(&arguments).await?.text().map(drop)
}

/// Looks until everything is gone, and says at which look each was gone. In every look, what should go later is looked
/// at earlier: whatever happens meanwhile, a right order never looks wrong.
async fn order_of_ends(env: &TestEnv, app: &Application) -> Result<BTreeMap<&'static str, u32>> {
    let (ns, mut look, mut gone) = (app.destination(), 0, BTreeMap::new());
    env.wait_until("everything is gone", PATIENCE, async || {
        look += 1;
        for (kind, namespace) in
            [("Application", env.control.as_str()), ("HelmRepository", ns), ("HelmRelease", ns)]
        {
            if env.get(kind, namespace, app.name()).await?.is_none() {
                gone.entry(kind).or_insert(look);
            }
        }
        let releases = env.helm(&["list", "-n", ns, "-o", "json"]).await?.json()?;
        if releases.as_array().is_some_and(Vec::is_empty) {
            gone.entry("release").or_insert(look);
        }
        ensure!(gone.len() == 4, "only these are gone: {gone:?}");
        Ok(Some(()))
    })
    .await?;
    Ok(gone)
}
