//! What a policy does not let an Application change is named in the Application and in the policy, and changes nothing.

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn an_override_that_is_not_allowed_is_named_and_changes_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("refused").await?;
    let policy = json!({
        "apiVersion": "flux-subsystem.dev/v1alpha1",
        "kind": "FluxDeliveryPolicy",
        "metadata": { "name": env.name("strict"), "namespace": env.control },
        "spec": {
            "selector": { "matchLabels": { "policy": env.namespace } },
            "overrides": { "allowed": [{ "kinds": ["HelmRelease"], "paths": ["/spec/timeout"] }] },
        },
    });
    env.apply(&policy.to_string()).await?;
    let label = json!({ "metadata": { "labels": { "policy": env.namespace } } });
    let app = Application::chart(&env, "6.3.5").merge(&label);
    let allowed = app.clone().annotation("flamingo/helmrelease-override", "spec: {timeout: 3m}");
    allowed.deliver(&env).await?;
    assert_eq!(allowed.delivered(&env, "HelmRelease", app.name()).await?["spec"]["timeout"], "3m");
    let before = app.flux_objects(&env).await?;

    let refused = app.clone().annotation(
        "flamingo/helmrelease-override",
        "spec: {timeout: 3m, serviceAccountName: cluster-admin}",
    );
    refused.apply(&env).await?;
    let words = "/spec/serviceAccountName may not be set";
    refused.told(&env, "ComparisonError", words).await?;
    assert_eq!(app.flux_objects(&env).await?, before, "what was delivered goes on as it was");
    let name = env.name("strict");
    let status = env
        .wait_until("the policy tells of it", PATIENCE, async || {
            let policy = env.get("FluxDeliveryPolicy", &env.control, &name).await?.unwrap_or_default();
            let status = &policy["status"];
            if status["refusedApplications"] == 1 {
                Ok(Some(status.clone()))
            } else {
                Err(anyhow!("{status}"))
            }
        })
        .await?;
    let refusal = &status["refusals"][0];
    assert_eq!(refusal["application"], format!("{}/{}", env.control, app.name()));
    assert_eq!(refusal["field"], "metadata.annotations[flamingo/helmrelease-override]");
    assert!(refusal["message"].as_str().is_some_and(|message| message.contains(words)), "{refusal}");

    allowed.deliver(&env).await?;
    env.wait_until("nothing is refused any more", PATIENCE, async || {
        let policy = env.get("FluxDeliveryPolicy", &env.control, &name).await?.unwrap_or_default();
        let status = &policy["status"];
        let is_clear =
            status["refusedApplications"] == 0 && status["refusals"].as_array().is_none_or(Vec::is_empty);
        if is_clear { Ok(Some(())) } else { Err(anyhow!("{status}")) }
    })
    .await?;
    env.delete("FluxDeliveryPolicy", &env.control, &name).await
}
