//! Without its AppProject an Application delivers nothing, and what it delivered before stays.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::tenant::Tenant;
use crate::applications::Application;

#[tokio::test]
async fn a_project_that_is_not_there_permits_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("border-projectless").await?;
    let tenant = Tenant::new(&env).await?;
    let app = tenant.owns(Application::chart(&env, "6.3.5"));
    app.deliver(&env).await?;
    let elsewhere =
        json!({ "spec": { "project": env.name("nowhere"), "source": { "targetRevision": "6.3.6" } } });
    env.patch("Application", &env.control, app.name(), &elsewhere).await?;
    let refused = format!("referencing project {} which does not exist", env.name("nowhere"));
    app.wait(&env, "refused", |app| app["status"]["conditions"].to_string().contains(&refused)).await?;
    app.sync(&env).await?;
    let ended = app
        .wait(&env, "done with its Sync", |app| {
            app["operation"].is_null() && app["status"]["operationState"]["finishedAt"].is_string()
        })
        .await?;
    assert_ne!(ended["status"]["operationState"]["phase"], "Succeeded");
    let release = app.release(&env).await?;
    assert!(release["chart"].as_str().is_some_and(|chart| chart.starts_with("podinfo-6.3.5")), "{release}");

    let back = json!({ "spec": { "project": tenant.project } });
    env.patch("Application", &env.control, app.name(), &back).await?;
    app.settled(&env).await?;
    let release = app.release(&env).await?;
    assert!(release["chart"].as_str().is_some_and(|chart| chart.starts_with("podinfo-6.3.6")), "{release}");
    Ok(())
}
