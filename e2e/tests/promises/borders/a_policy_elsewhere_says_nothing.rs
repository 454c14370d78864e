//! Whoever writes `FluxDeliveryPolicy` objects decides as whom Flux delivers. Those outside of Argo CD's own namespace count
//! for nobody.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::applications::Application;

fn policy(env: &TestEnv, namespace: &str, project: &str, interval: &str) -> Value {
    json!({
        "apiVersion": "flux-subsystem.dev/v1alpha1",
        "kind": "FluxDeliveryPolicy",
        "metadata": { "name": env.name("policy"), "namespace": namespace },
        "spec": {
            "priority": 1_000_000,
            "selector": { "projects": [project] },
            "intervals": { "workload": interval },
            "restrictedProjects": "Native",
        },
    })
}

#[tokio::test]
async fn a_policy_elsewhere_says_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("border-policy").await?;
    let tenant = Tenant::new(&env).await?;
    env.apply(&policy(&env, &tenant.own, &tenant.project, "51m").to_string()).await?;
    env.apply(&policy(&env, &env.control, &tenant.project, "52m").to_string()).await?;
    let app = tenant.owns(Application::chart(&env, "6.3.5"));
    app.deliver(&env).await?;
    let release = env.get("HelmRelease", &tenant.own, app.name()).await?.context("no HelmRelease")?;
    assert_eq!(release["spec"]["interval"], "52m");

    env.delete("FluxDeliveryPolicy", &env.control, &env.name("policy")).await?;
    env.wait_until("nothing governs it", crate::applications::PATIENCE, async || {
        let release = env.get("HelmRelease", &tenant.own, app.name()).await?.context("no HelmRelease")?;
        let is_free = release["spec"]["interval"] == "10m" && release["spec"]["chartRef"].is_object();
        anyhow::ensure!(is_free, "{}", release["spec"]);
        Ok(Some(()))
    })
    .await
}
