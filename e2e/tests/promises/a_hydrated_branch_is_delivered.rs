//! With a source hydrator, what is delivered is the branch with the hydrated manifests; hydrating stays Argo CD's job.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

const BRANCH: &str = "environments/prod";

#[tokio::test]
async fn a_hydrated_branch_is_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("hydrated").await?;
    let files = [("dry/kustomization.yaml", Some("resources: []\n"))];
    let repository = env.sources().create_repository(&env.name("dry"), &files).await?;
    repository.branch(BRANCH, "main").await?;
    // What the hydrator commits (argo-cd `commitserver/commit/hydratorhelper.go`).
    let hydrated = [
        ("shop/manifest.yaml", Some(map("first"))),
        ("shop/README.md", Some("# Manifest Hydration\n".to_owned())),
        ("shop/hydrator.metadata", Some("{}\n".to_owned())),
        ("hydrator.metadata", Some("{}\n".to_owned())),
    ];
    let hydrated = hydrated.each_ref().map(|(path, text)| (*path, text.as_deref()));
    let first = repository.commit(BRANCH, &hydrated, "Hydrate").await?;
    let app = Application::of(&env, &Value::Null).merge(&json!({ "spec": {
        "source": null,
        "sourceHydrator": {
            "drySource": { "repoURL": repository.url(), "path": "dry", "targetRevision": "main" },
            "syncSource": { "targetBranch": BRANCH, "path": "shop" },
        },
    } }));
    app.apply(&env).await?;
    let shown = app.wait(&env, "at the hydrated commit", |app| is_at(app, &first)).await?;
    let status = &shown["status"];
    let source = json!({ "repoURL": repository.url(), "path": "shop", "targetRevision": BRANCH });
    assert_eq!(status["sync"]["comparedTo"]["source"], source);
    assert_eq!(status["sourceType"], "Directory");
    let is_told = |condition: &Value| {
        condition["message"].as_str().is_some_and(|message| message.contains("Argo CD does not hydrate"))
    };
    assert!(status["conditions"].as_array().is_some_and(|all| all.iter().any(is_told)), "{status}");
    assert_eq!(app.delivered(&env, "ConfigMap", "map").await?["data"]["is"], "first");

    let second =
        repository.commit(BRANCH, &[("shop/manifest.yaml", Some(&map("second")))], "Hydrate").await?;
    app.wait(&env, "at the next hydrated commit", |app| is_at(app, &second)).await?;
    env.wait_until("the next manifests are there", PATIENCE, async || {
        Ok((app.delivered(&env, "ConfigMap", "map").await?["data"]["is"] == "second").then_some(()))
    })
    .await?;
    let shown = env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    assert!(shown.contains("Synced to environments/prod"), "{shown}");
    Ok(())
}

fn map(text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map}}\ndata: {{is: {text}}}\n")
}

fn is_at(app: &Value, commit: &str) -> bool {
    let status = &app["status"];
    status["sync"]["status"] == "Synced"
        && status["sync"]["revision"] == *commit
        && status["health"]["status"] == "Healthy"
        && status["operationState"]["phase"] == "Succeeded"
}
