//! Argo CD lets a project go only when no Application is left in it: a bridged one does not keep it longer than a plain one.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn the_application_first() -> Result<()> {
    let env = Stack::shared().await?.test("project").await?;
    let (app, project) = in_project(&env).await?;
    env.argocd(&["app", "delete", app.name(), "--yes", "--wait"]).await?.text()?;
    env.argocd(&["proj", "delete", &project]).await?.text()?;
    env.wait_until_gone("AppProject", &env.control, &project).await
}

/// `kubectl delete appproject` while the Application is there: the project waits for it.
#[tokio::test]
async fn the_project_first() -> Result<()> {
    let env = Stack::shared().await?.test("project-first").await?;
    let (app, project) = in_project(&env).await?;
    env.delete("AppProject", &env.control, &project).await?;
    app.delete(&env).await?;
    env.wait_until_gone("AppProject", &env.control, &project).await
}

async fn in_project(env: &TestEnv) -> Result<(Application, String)> {
    let project = env.name("project");
    let manifest = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": project,
            "namespace": env.control,
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{ "server": "*", "namespace": "*" }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
        },
    });
    env.apply(&manifest.to_string()).await?;
    let app = Application::chart(env, "6.3.5").merge(&json!({ "spec": { "project": project } }));
    app.deliver(env).await?;
    Ok((app, project))
}
