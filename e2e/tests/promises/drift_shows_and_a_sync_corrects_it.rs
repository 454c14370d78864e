//! Without `selfHeal`, what somebody changed behind Helm's back shows object by object, stays, and a Sync corrects it.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;

#[tokio::test]
async fn drift_shows_and_a_sync_corrects_it() -> Result<()> {
    let env = Stack::shared().await?.test("drift").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;

    let (deployment, namespace) = (podinfo(&app), app.destination());
    env.kubectl(&["scale", "deployment", &deployment, "-n", namespace, "--replicas=3"]).await?.text()?;
    env.flux(&["reconcile", "helmrelease", app.name(), "-n", namespace]).await?.text()?;
    app.wait(&env, "the Deployment as OutOfSync", |app| {
        let resources = app["status"]["resources"].as_array();
        app["status"]["sync"]["status"] == "OutOfSync"
            && resources.into_iter().flatten().any(|resource| {
                resource["kind"] == "Deployment"
                    && resource["group"] == "apps"
                    && resource["status"] == "OutOfSync"
            })
    })
    .await?;

    env.argocd(&["app", "sync", app.name(), "--timeout", "60"]).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(app.delivered(&env, "Deployment", &deployment).await?["spec"]["replicas"], 1);
    assert_eq!(app.release(&env).await?["revision"], "1", "drift is corrected without a new release");
    env.wait_until("drift detection is back on warn", PATIENCE, async || {
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        Ok((release["spec"]["driftDetection"]["mode"] == "warn").then_some(()))
    })
    .await
}
