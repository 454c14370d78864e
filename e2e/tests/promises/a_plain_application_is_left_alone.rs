//! An Application without `FluxSubsystem=true` belongs to stock Argo CD; the bridge beside it never writes to it.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::Application;

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
    let namespace = env.get("Namespace", "", &env.namespace).await?.context("no namespace")?;
    let since = namespace["metadata"]["resourceVersion"].as_str().context("no resourceVersion")?.to_owned();
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

    let versions = versions(env, app, &since).await?;
    assert!(versions.len() > 1, "the watch missed its life: {versions:?}");
    for (version, managers) in &versions {
        assert!(!managers.iter().any(|name| name == "flux-subsystem"), "{version} was written by {managers:?}");
    }
    let last = env.application(app.name()).await?;
    assert!(last["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"].is_null(), "it is stamped");
    assert!(versions.iter().any(|(_, managers)| managers.iter().any(|name| name == "argocd-application-controller")));
    app.delete(env).await
}

/// Every version that the Application had since the resourceVersion `since`: its resourceVersion and who had written
/// which of its fields.
async fn versions(env: &TestEnv, app: &Application, since: &str) -> Result<Vec<(String, Vec<String>)>> {
    let (control, name) = (&env.control, app.name());
    let path = format!(
        "/apis/argoproj.io/v1alpha1/namespaces/{control}/applications?watch=1&timeoutSeconds=1\
         &fieldSelector=metadata.name={name}&resourceVersion={since}"
    );
    let events = env.kubectl(&["get", "--raw", &path]).await?.text()?;
    let events = serde_json::Deserializer::from_str(&events).into_iter::<Value>();
    events
        .map(|event| {
            let mut event = event?;
            let metadata = event["object"]["metadata"].take();
            let managers = metadata["managedFields"].as_array().into_iter().flatten();
            let managers = managers.filter_map(|entry| entry["manager"].as_str().map(str::to_owned)).collect();
            Ok((metadata["resourceVersion"].to_string(), managers))
        })
        .collect()
}
