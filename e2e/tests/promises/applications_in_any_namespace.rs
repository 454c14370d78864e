//! Applications outside of Argo CD's own namespace, where Argo CD's setting and the project allow them.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;
use crate::projects::project_in;

/// A test whose Applications are in a namespace that Argo CD's setting names by a pattern.
async fn elsewhere(test: &str) -> Result<TestEnv> {
    let mut env = Stack::shared().await?.test(test).await?;
    let namespace = env.name("applications");
    env.kubectl(&["create", "namespace", &namespace]).await?.text()?;
    env.control = namespace;
    Ok(env)
}

#[tokio::test]
async fn one_is_delivered_and_shown_and_deleted() -> Result<()> {
    let env = elsewhere("any-namespace").await?;
    let project = project_in(&env, "argocd", &json!({ "sourceNamespaces": [env.control] })).await?;
    // The instance name is what Argo CD puts into the build environment.
    let app =
        Application::chart(&env, "6.3.5").in_project(&project).parameter("ui.message", "$ARGOCD_APP_NAME");
    app.deliver(&env).await?;
    let settings = app.delivered(&env, "ConfigMap", &format!("{}-podinfo", app.name())).await?;
    assert_eq!(settings["data"]["message"], format!("{}_{}", env.control, app.name()));
    assert_eq!(app.release(&env).await?["name"], app.name());

    let qualified = format!("{}/{}", env.control, app.name());
    let shown = env.argocd(&["app", "get", &qualified, "-o", "json"]).await?.json()?;
    assert_eq!(shown["status"]["health"]["status"], "Healthy");
    env.argocd(&["app", "set", &qualified, "--revision", "6.3.6"]).await?.text()?;
    app.wait(&env, "Synced at 6.3.6", |app| {
        app["status"]["sync"]["revision"] == "6.3.6" && app["status"]["sync"]["status"] == "Synced"
    })
    .await?;
    // The Sync by itself may still be under way.
    env.argocd(&["app", "wait", &qualified, "--operation", "--timeout", "90"]).await?.text()?;
    env.argocd(&["app", "sync", &qualified, "--timeout", "90"]).await?.text()?;
    env.argocd(&["app", "wait", &qualified, "--timeout", "90"]).await?.text()?;

    env.argocd(&["app", "delete", &qualified, "--yes"]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_project_that_does_not_know_the_namespace_refuses_it() -> Result<()> {
    let env = elsewhere("foreign-namespace").await?;
    let project = project_in(&env, "argocd", &json!({ "sourceNamespaces": ["elsewhere"] })).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.apply(&env).await?;
    let sentence = format!(
        "application '{}' in namespace '{}' is not permitted to use project '{project}'",
        app.name(),
        env.control
    );
    let told = app.told(&env, "UnknownError", &sentence).await?;
    let conditions = told["status"]["conditions"].as_array().context("no conditions")?;
    assert_eq!(conditions.len(), 1, "stock Argo CD's words and the bridge's are the same: {conditions:?}");
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());
    let permitted = json!({ "spec": { "sourceNamespaces": [env.control] } });
    env.patch("AppProject", "argocd", &project, &permitted).await?;
    app.settled(&env).await.map(drop)
}
