//! A chart from one repository with values from another (`$ref/…`): a commit there becomes a revision of the release.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn values_from_another_repository() -> Result<()> {
    let env = Stack::shared().await?.test("values-ref").await?;
    let files = [("env/prod.yaml", Some("replicaCount: 2\nui:\n  message: Hello from afar\n"))];
    let repository = env.sources().create_repository(&env.name("values"), &files).await?;
    let chart = json!({
        "repoURL": env.sources().helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5",
        "helm": { "valueFiles": ["$env/env/prod.yaml"] },
    });
    let values = json!({ "repoURL": repository.url(), "targetRevision": "main", "ref": "env" });
    let app = Application::sources(&env, &[chart, values]);
    let first = repository.resolve("main").await?;
    let delivered = app.deliver(&env).await?;
    assert_eq!(delivered["status"]["sync"]["revisions"], json!(["6.3.5", first]));
    assert_eq!(settings(&env, &app).await?["message"], "Hello from afar");
    assert_eq!(settings(&env, &app).await?["replicaCount"], "2");
    assert_eq!(app.release(&env).await?["revision"], "1");

    let edit = "replicaCount: 2\nui:\n  message: Hello again\n";
    let second = repository.commit("main", &[("env/prod.yaml", Some(edit))], "Edit").await?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        Ok((settings(&env, &app).await?["message"] == "Hello again").then_some(()))
    })
    .await?;
    app.wait(&env, "at the new commit", |app| {
        app["status"]["sync"]["revisions"] == json!(["6.3.5", second])
            && app["status"]["sync"]["status"] == "Synced"
    })
    .await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

/// A source with both `ref` and `path` is delivered itself, and not narrowed to its path.
#[tokio::test]
async fn a_source_that_is_referred_to_may_deliver_as_well() -> Result<()> {
    let env = Stack::shared().await?.test("values-ref-path").await?;
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: beside}\n";
    let files = [("env/prod.yaml", Some("replicaCount: 3\n")), ("extras/map.yaml", Some(map))];
    let repository = env.sources().create_repository(&env.name("values"), &files).await?;
    let values =
        json!({ "repoURL": repository.url(), "targetRevision": "main", "ref": "env", "path": "extras" });
    let chart = json!({
        "repoURL": env.sources().helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5",
        "helm": { "valueFiles": ["$env/env/prod.yaml"] },
    });
    let app = Application::sources(&env, &[values, chart]);
    let delivered = app.deliver(&env).await?;
    let commit = repository.resolve("main").await?;
    assert_eq!(delivered["status"]["sync"]["revisions"], json!([commit, "6.3.5"]));
    assert_eq!(settings(&env, &app).await?["replicaCount"], "3");
    app.delivered(&env, "ConfigMap", "beside").await?;
    Ok(())
}

/// What the chart says of the values that it was rendered with.
async fn settings(env: &TestEnv, app: &Application) -> Result<Value> {
    let map = app.delivered(env, "ConfigMap", &format!("{}-podinfo", app.name())).await?;
    map.get("data").cloned().context("no data")
}
