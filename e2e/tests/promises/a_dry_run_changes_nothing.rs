//! `argocd app sync --dry-run` has the API server check every Flux object, and changes none.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn a_dry_run_changes_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("dry-run").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text()?;
    app.settled(&env).await?;
    let app = app.parameter("replicaCount", "3");
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    let before = app.flux_objects(&env).await?;

    let printed = env.argocd(&["app", "sync", app.name(), "--dry-run", "--timeout", "60"]).await?.text()?;
    assert!(
        printed.contains(&format!("helmrelease.helm.toolkit.fluxcd.io/{} configured (dry run)", app.name())),
        "{printed}"
    );
    let after = app.wait(&env, "at rest", |app| app["operation"].is_null()).await?;
    let state = &after["status"]["operationState"];
    assert_eq!((&state["phase"], &state["operation"]["sync"]["dryRun"]), (&json!("Succeeded"), &json!(true)));
    assert_eq!(app.flux_objects(&env).await?, before);
    assert_eq!(app.history(&env).await?.len(), 1);
    assert_eq!(app.release(&env).await?["revision"], "1");
    Ok(())
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_in_its_words() -> Result<()> {
    let env = Stack::shared().await?.test("dry-run-refused").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    let override_ =
        json!({"metadata": {"annotations": {"flamingo/helmrelease-override": "spec: {noSuchField: 1}"}}});
    let app = app.merge(&override_);
    app.apply(&env).await?;
    let arguments = ["app", "sync", app.name(), "--dry-run", "--timeout", "60"];
    let printed = env.argocd(&arguments).await?;
    assert!(printed.stdout.contains("noSuchField"), "{printed:?}");
    let state = app.wait(&env, "told", |app| app["status"]["operationState"]["phase"] == "Failed").await?;
    let state = &state["status"]["operationState"];
    assert_eq!(state["message"], "one or more objects failed to apply (dry run)");
    assert!(state["syncResult"]["resources"].to_string().contains("noSuchField"), "{state}");
    Ok(())
}
