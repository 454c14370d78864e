//! `argocd app sync --resource` takes the Flux objects; what they deliver comes as a whole, and a selection of that is
//! refused with a sentence that names the way out.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;
use crate::observations::podinfo;

#[tokio::test]
async fn selected_resources_of_flux_are_synced() -> Result<()> {
    let env = Stack::shared().await?.test("selected").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text()?;
    app.settled(&env).await?;
    let app = app.parameter("replicaCount", "2");
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;

    let release = format!("helm.toolkit.fluxcd.io:HelmRelease:{}", app.name());
    let arguments = ["app", "sync", app.name(), "--resource", &release, "--timeout", "80"];
    env.argocd(&arguments).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    assert_eq!(app.history(&env).await?.len(), 1, "a part leaves no history, as with stock Argo CD");

    // The CLI refuses by itself what is no resource of the Application; other programs may write what they like.
    let resource = json!({"group": "apps", "kind": "Deployment", "name": podinfo(&app)});
    let operation = json!({"operation": {"sync": {"resources": [resource]}}});
    env.patch("Application", &env.control, app.name(), &operation).await?;
    let refused =
        app.wait(&env, "refused", |app| app["status"]["operationState"]["phase"] == "Failed").await?;
    let message = refused["status"]["operationState"]["message"].to_string();
    assert!(message.contains("cannot be synced by itself") && message.contains("HelmRelease"), "{message}");
    Ok(())
}
