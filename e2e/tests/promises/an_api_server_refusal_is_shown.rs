//! What the API server refuses is shown in its words, and heals.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;
use crate::observations::{has_failed, podinfo};

#[tokio::test]
async fn an_api_server_refusal_is_shown() -> Result<()> {
    let env = Stack::shared().await?.test("refusal").await?;
    let app = Application::chart(&env, "6.3.5");
    let refused = app.clone().annotation("flamingo/helmrelease-override", "spec: {noSuchField: true}");
    refused.apply(&env).await?;
    let told = refused.told(&env, "SyncError", "noSuchField").await?;
    assert_eq!(told["status"]["sync"]["status"], "OutOfSync");
    assert!(has_failed(&told), "{told}");
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());

    app.deliver(&env).await?;

    refused.apply(&env).await?;
    refused.told(&env, "SyncError", "noSuchField").await?;
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 1, "what was delivered runs on");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1", "the wish is what it was");
    Ok(())
}
