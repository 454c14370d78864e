//! Somebody deletes the namespace that an Application delivers to, and then the Application: both go.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;

#[tokio::test]
async fn a_namespace_on_its_way_out_does_not_hold_the_application() -> Result<()> {
    let env = Stack::shared().await?.test("ns-first").await?;
    let url = env.sources().git_url("fleet");
    let git = Application::git(&env, &url, "apps/overlays/staging", "main").named(&env, "git");
    for app in [Application::chart(&env, "6.3.5"), git] {
        app.deliver(&env).await?;
        env.delete("Namespace", "", app.destination()).await?;
        app.delete(&env).await?;
        env.wait_until_gone("Namespace", "", app.destination()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_application_whose_namespace_is_gone_goes() -> Result<()> {
    let env = Stack::shared().await?.test("ns-gone").await?;
    // Nobody makes the namespace again.
    let options = ["FluxSubsystem=true", "AutoCreateFluxResources=true"];
    let app = Application::chart(&env, "6.3.5").options(&options);
    env.kubectl(&["create", "namespace", app.destination()]).await?.text()?;
    app.deliver(&env).await?;
    env.delete("Namespace", "", app.destination()).await?;
    env.wait_until_gone("Namespace", "", app.destination()).await?;
    app.told(&env, "SyncError", &format!("namespaces \"{}\" not found", app.destination())).await?;
    env.argocd(&["app", "delete", app.name(), "--yes"]).await?.text()?;
    env.wait_until_gone("Application", &env.control, app.name()).await
}
