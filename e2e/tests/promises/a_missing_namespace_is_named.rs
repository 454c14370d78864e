//! A destination namespace that is not there, and nobody asked for: named in the API server's words, healed once it is.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;
use crate::observations::columns;

#[tokio::test]
async fn a_missing_namespace_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("no-namespace").await?;
    let app =
        Application::chart(&env, "6.3.5").options(&["FluxSubsystem=true", "AutoCreateFluxResources=true"]);
    app.apply(&env).await?;
    let absent = app.destination();
    let told = app.told(&env, "SyncError", &format!("namespaces \"{absent}\" not found")).await?;
    assert_eq!(columns(&told), ["OutOfSync", "Missing"]);
    assert!(env.get("Namespace", "", absent).await?.is_none(), "nobody asked for it");

    env.kubectl(&["create", "namespace", absent]).await?.text()?;
    let healed = app.settled(&env).await?;
    assert!(healed["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", healed["status"]);
    Ok(())
}
