//! An Application without `FluxSubsystem=true` belongs to stock Argo CD; the bridge beside it never writes to it.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, beginning};

#[tokio::test]
async fn stock_argo_cd_deploys_it_and_flux_knows_nothing_of_it() -> Result<()> {
    let env = Stack::shared().await?.test("plain").await?;
    left_alone(&env, &Application::chart(&env, "6.3.5").options(&["CreateNamespace=true"])).await
}

#[tokio::test]
async fn the_option_set_to_false_is_no_wish_to_join() -> Result<()> {
    let env = Stack::shared().await?.test("plain-false").await?;
    let options = ["CreateNamespace=true", "FluxSubsystem=false", "AutoCreateFluxResources=true"];
    left_alone(&env, &Application::chart(&env, "6.3.5").options(&options)).await
}

async fn left_alone(env: &TestEnv, app: &Application) -> Result<()> {
    let since = beginning(env).await?;
    // The bridge is at work all the while: it delivers this one in the same control namespace.
    let bridged = Application::chart(env, "6.3.5").named(env, "bridged");
    bridged.apply(env).await?;
    app.deliver(env).await?;
    bridged.settled(env).await?;
    app.delivered(env, "Deployment", &format!("{}-podinfo", app.name())).await?;

    let namespace = app.destination();
    let releases = env.helm(&["list", "-n", namespace, "-o", "json"]).await?.json()?;
    assert_eq!(releases, Value::Array(Vec::new()), "Argo CD renders charts, it does not release them");
    let flux = env.flux(&["get", "all", "-n", namespace]).await?;
    assert_eq!(flux.stdout, "", "Flux has something in {namespace}");

    bridged.delete(env).await?;

    let versions = app.versions(env, &since).await?;
    let managers = |app: &Value| app["metadata"]["managedFields"].to_string();
    for version in &versions {
        assert!(!managers(version).contains("flux-subsystem"), "the bridge wrote: {}", managers(version));
    }
    let last = env.application(app.name()).await?;
    assert!(last["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"].is_null(), "it is stamped");
    let by_argo_cd = |app: &Value| managers(app).contains("argocd-application-controller");
    assert!(versions.iter().any(by_argo_cd), "the watch missed its life");
    app.delete(env).await
}
