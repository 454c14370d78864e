//! A config management plugin, for which Flux has no word, renders in Argo CD's repo-server as for a plain Application, and Flux
//! delivers what comes of it: with its revision, its Syncs and its failures.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Repository, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

async fn repository(env: &TestEnv) -> Result<Repository> {
    let files = [("printed/message", Some("first")), ("README.md", Some("of no use"))];
    env.sources().create_repository(&env.name("printed"), &files).await
}

fn application(env: &TestEnv, repository: &Repository) -> Application {
    let plugin = json!({
        "name": "printer",
        "env": [{ "name": "GREETING", "value": "hello from $ARGOCD_APP_NAME" }],
        "parameters": [{ "name": "colour", "string": "blue" }, { "name": "sizes", "array": ["s", "m"] }, { "name": "flags", "map": { "a": "1" } }],
    });
    let source = json!({ "source": { "plugin": plugin } });
    Application::git(env, &repository.url(), "printed", "main").merge(&json!({ "spec": source }))
}

async fn printed(env: &TestEnv, app: &Application) -> Result<Value> {
    app.delivered(env, "ConfigMap", "printed").await?.get("data").cloned().context("no data")
}

#[tokio::test]
async fn a_plugin_is_rendered_and_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("plugin").await?;
    let repository = repository(&env).await?;
    let app = application(&env, &repository);
    let delivered = app.deliver(&env).await?;
    let commit = repository.resolve("main").await?;
    assert_eq!(delivered["status"]["sourceType"], "Plugin");
    assert_eq!(delivered["status"]["sync"]["revision"], *commit);

    // The same as stock Argo CD makes of it.
    let plain = application(&env, &repository).named(&env, "plain").plain();
    plain.deliver(&env).await?;
    let (mut ours, mut stock) = (printed(&env, &app).await?, printed(&env, &plain).await?);
    assert_eq!(ours["message"], "first");
    assert_eq!(ours["revision"], *commit);
    assert_eq!(ours["colour"], "blue");
    for (data, app) in [(&mut ours, &app), (&mut stock, &plain)] {
        assert_eq!(data["application"], app.name());
        assert_eq!(data["namespace"], app.destination());
        assert_eq!(data["greeting"], format!("hello from {}", app.name()));
        for own in ["application", "namespace", "greeting"] {
            data[own] = json!("");
        }
    }
    assert_eq!(ours, stock);

    // A commit counts.
    let next = repository.commit("main", &[("printed/message", Some("second"))], "Edit").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        Ok((printed(&env, &app).await?["message"] == "second").then_some(()))
    })
    .await?;
    let settled = app.settled(&env).await?;
    assert_eq!(settled["status"]["sync"]["revision"], *next);
    let history = app.history(&env).await?;
    let revisions: Vec<_> = history.iter().map(|entry| entry["revision"].clone()).collect();
    assert_eq!(revisions, [json!(commit), json!(next)]);

    // What leaves with the Application leaves nothing behind, in Argo CD's namespace either.
    app.delete(&env).await?;
    let left = env.list("OCIRepository", &env.control).await?;
    assert!(
        left.iter()
            .all(|object| !object["metadata"]["name"].as_str().unwrap_or_default().contains(app.name()))
    );
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_fails_keeps_what_it_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("plugin-fails").await?;
    let repository = repository(&env).await?;
    let app = application(&env, &repository);
    app.deliver(&env).await?;
    repository.commit("main", &[("printed/message", None), ("printed/other", Some("x"))], "Break").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.told(
        &env,
        "ComparisonError",
        "Failed to load target state: failed to generate manifest for source 1 of 1",
    )
    .await?;
    assert_eq!(printed(&env, &app).await?["message"], "first");

    repository.commit("main", &[("printed/message", Some("again"))], "Mend").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(printed(&env, &app).await?["message"], "again");
    Ok(())
}

#[tokio::test]
async fn a_manual_application_waits_for_its_sync() -> Result<()> {
    let env = Stack::shared().await?.test("plugin-manual").await?;
    let repository = repository(&env).await?;
    let app = application(&env, &repository).manual();
    app.apply(&env).await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    let first = repository.resolve("main").await?;
    let next = repository.commit("main", &[("printed/message", Some("second"))], "Edit").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.wait(&env, "OutOfSync at the new commit", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["sync"]["revision"] == *next
    })
    .await?;
    assert_eq!(printed(&env, &app).await?["message"], "first");
    app.sync(&env).await?;
    app.settled(&env).await?;
    assert_eq!(printed(&env, &app).await?["message"], "second");

    // Back to a revision of the past.
    let history = app.history(&env).await?;
    let id = history.first().context("no history")?["id"].to_string();
    env.argocd(&["app", "rollback", app.name(), &id, "--timeout", "60"]).await?.text()?;
    assert_eq!(printed(&env, &app).await?["message"], "first");
    app.wait(&env, "rolled back", |app| {
        let last =
            app["status"]["history"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
        last["revision"] == *first
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_prints_nothing_deletes_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("plugin-empty").await?;
    let repository = repository(&env).await?;
    let app = application(&env, &repository);
    app.deliver(&env).await?;
    repository.commit("main", &[("printed/empty", Some("yes"))], "Nothing").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.told(&env, "SyncError", "auto-sync will wipe out all resources").await?;
    assert_eq!(printed(&env, &app).await?["message"], "first");
    // Who asks for it gets it.
    env.argocd(&["app", "sync", app.name(), "--prune"]).await?.text()?;
    env.wait_until("everything is gone", PATIENCE, async || {
        Ok(env.get("ConfigMap", app.destination(), "printed").await?.is_none().then_some(()))
    })
    .await
}
