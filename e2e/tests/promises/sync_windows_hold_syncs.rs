//! Sync windows: a closed one holds automated Syncs, and what Flux would deliver by itself; the server refuses manual
//! ones. An open one lets both through.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::columns;
use crate::projects::{held, project, restrict};

/// Closed at all times.
fn closed(manual: bool) -> Value {
    json!({ "syncWindows": [{
        "kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"], "manualSync": manual,
    }] })
}

#[tokio::test]
async fn a_closed_window_holds_automated_syncs() -> Result<()> {
    let env = Stack::shared().await?.test("window").await?;
    let project = project(&env, &json!({})).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app =
        Application::git(&env, &repository.url(), "apps/overlays/production", "main").in_project(&project);
    app.deliver(&env).await?;

    restrict(&env, &project, &closed(false)).await?;
    held(&env, &app).await?;
    let commit =
        repository.commit("main", &[("apps/base/revision.env", Some("revision=moved\n"))], "Move").await?;
    let waiting = app
        .wait(&env, "OutOfSync at the new commit", |app| {
            app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["sync"]["revision"] == *commit
        })
        .await?;
    assert_eq!(columns(&waiting), ["OutOfSync", "Healthy"], "not shown as Suspended");
    let refused = env.argocd(&["app", "sync", app.name()]).await?;
    assert!(refused.stderr.contains("cannot sync: blocked by sync window"), "{}", refused.stderr);
    assert_ne!(app.delivered(&env, "ConfigMap", "web-revision").await?["data"]["revision"], "moved");

    restrict(&env, &project, &json!({ "syncWindows": null })).await?;
    app.wait(&env, "Synced at the new commit", |app| {
        app["status"]["sync"]["status"] == "Synced"
            && app["status"]["sync"]["revision"] == *commit
            && app["status"]["operationState"]["phase"] == "Succeeded"
    })
    .await?;
    assert_eq!(app.delivered(&env, "ConfigMap", "web-revision").await?["data"]["revision"], "moved");
    env.wait_until("Flux is on its own again", PATIENCE, async || {
        let kustomization = app.delivered(&env, "Kustomization", app.name()).await?;
        Ok(kustomization["spec"]["suspend"].is_null().then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_window_that_lets_manual_syncs_through() -> Result<()> {
    let env = Stack::shared().await?.test("window-manual").await?;
    let project = project(&env, &closed(true)).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync and waiting", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());
    env.argocd(&["app", "sync", app.name(), "--timeout", "90"]).await?.text()?;
    app.settled(&env).await.map(drop)
}

/// A person began it, and then the window closed.
#[tokio::test]
async fn a_running_operation_says_what_it_waits_for() -> Result<()> {
    let env = Stack::shared().await?.test("window-running").await?;
    let project = project(&env, &closed(false)).await?;
    let app = Application::chart(&env, "6.3.5").manual().in_project(&project);
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync and waiting", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    app.sync(&env).await?;
    app.wait(&env, "blocked", |app| {
        let operation = &app["status"]["operationState"];
        operation["phase"] == "Running" && operation["message"] == "Sync operation blocked by sync window"
    })
    .await?;
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());
    restrict(&env, &project, &json!({ "syncWindows": null })).await?;
    app.settled(&env).await.map(drop)
}
