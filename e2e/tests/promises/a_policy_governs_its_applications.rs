//! A `FluxDeliveryPolicy` sets what its Applications do not say themselves, tells how many it governs, and takes it back when
//! it goes.

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;

/// A policy for the Applications of this test that carry its label.
fn policy(env: &TestEnv, suffix: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["selector"] = json!({ "matchLabels": { "policy": env.namespace } });
    json!({
        "apiVersion": "flux-subsystem.dev/v1alpha1",
        "kind": "FluxDeliveryPolicy",
        "metadata": { "name": env.name(suffix), "namespace": env.control },
        "spec": spec,
    })
}

fn governed(env: &TestEnv, app: Application) -> Application {
    app.merge(&json!({ "metadata": { "labels": { "policy": env.namespace } } }))
}

/// Waits until the status of a policy passes `check`, and returns it.
async fn said(env: &TestEnv, suffix: &str, what: &str, check: impl Fn(&Value) -> bool) -> Result<Value> {
    let name = env.name(suffix);
    env.wait_until(&format!("policy {name} says: {what}"), PATIENCE, async || {
        let policy = env.get("FluxDeliveryPolicy", &env.control, &name).await?.unwrap_or_default();
        if check(&policy["status"]) {
            Ok(Some(policy["status"].clone()))
        } else {
            Err(anyhow!("{}", policy["status"]))
        }
    })
    .await
}

#[tokio::test]
async fn a_chart_is_delivered_as_the_policy_says() -> Result<()> {
    let env = Stack::shared().await?.test("governed").await?;
    let patch = json!([{ "op": "add", "path": "/metadata/labels/team", "value": "platform" }]).to_string();
    let spec = json!({
        "intervals": { "source": "7m", "workload": "33m" },
        "timeouts": { "source": "44s", "workload": "9m" },
        "retryInterval": "77s",
        "waitForHealth": true,
        "labels": { "example.org/shard": "one" },
        "driftIgnore": [{ "paths": ["/spec/replicas"], "target": { "kind": "Deployment" } }],
        "postRenderers": [{ "kustomize": { "patches": [{ "patch": patch, "target": { "kind": "Deployment" } }] } }],
    });
    env.apply(&policy(&env, "all", &spec).to_string()).await?;
    let app = governed(&env, Application::chart(&env, "6.3.5"));
    let free = Application::chart(&env, "6.3.5").named(&env, "free");
    app.apply(&env).await?;
    free.deliver(&env).await?;
    app.settled(&env).await?;

    let repository = app.delivered(&env, "HelmRepository", app.name()).await?;
    assert_eq!([&repository["spec"]["interval"], &repository["spec"]["timeout"]], ["7m", "44s"]);
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    let spec = &release["spec"];
    assert_eq!([&spec["interval"], &spec["timeout"]], ["33m", "9m"]);
    assert_eq!(spec["upgrade"]["strategy"]["retryInterval"], "77s");
    assert!(spec["install"]["disableWait"].is_null(), "{}", spec["install"]);
    assert_eq!(spec["driftDetection"]["ignore"][0]["paths"], json!(["/spec/replicas"]));
    let chart = app.delivered(&env, "HelmChart", &format!("{}-{}", app.destination(), app.name())).await?;
    for object in [&repository, &release, &chart] {
        assert_eq!(object["metadata"]["labels"]["example.org/shard"], "one", "{}", object["kind"]);
    }
    let deployment = app.delivered(&env, "Deployment", &podinfo(&app)).await?;
    assert_eq!(deployment["metadata"]["labels"]["team"], "platform");
    let release = free.delivered(&env, "HelmRelease", free.name()).await?;
    assert_eq!(release["spec"]["interval"], "10m");
    assert_eq!(release["spec"]["install"]["disableWait"], true);
    assert_eq!(
        release["spec"]["postRenderers"].as_array().map(Vec::len),
        Some(1),
        "what keeps objects is nobody's policy"
    );

    let status = said(&env, "all", "one Application", |status| status["governedApplications"] == 1).await?;
    let condition = &status["conditions"][0];
    assert_eq!(
        [&condition["type"], &condition["status"], &condition["reason"]],
        ["Ready", "True", "Governing"]
    );
    assert_eq!([&status["observedGeneration"], &status["refusedApplications"]], [1, 0]);

    env.delete("FluxDeliveryPolicy", &env.control, &env.name("all")).await?;
    env.wait_until("the defaults are back", PATIENCE, async || {
        let spec = app.delivered(&env, "HelmRelease", app.name()).await?["spec"].take();
        if spec["interval"] == "10m" && spec["timeout"].is_null() {
            Ok(Some(()))
        } else {
            Err(anyhow!("{spec}"))
        }
    })
    .await?;
    app.settled(&env).await.map(drop)
}

#[tokio::test]
async fn a_kustomization_is_delivered_as_the_policy_s_service_account() -> Result<()> {
    let env = Stack::shared().await?.test("service-account").await?;
    let labels = json!({ "name": "any", "labels": { "team": "platform" } });
    let patch = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": labels }).to_string();
    let spec = json!({
        "serviceAccountName": "deployer",
        "patches": [{ "patch": patch, "target": { "kind": "Deployment" } }],
    });
    env.apply(&policy(&env, "account", &spec).to_string()).await?;
    let git = env.sources().git_url("fleet");
    let app = governed(&env, Application::git(&env, &git, "apps/overlays/staging", "main"));
    app.apply(&env).await?;
    // Nobody of that name may do anything here yet.
    env.wait_for_failure("Kustomization", app.destination(), app.name(), "deployer").await?;

    let namespace = app.destination();
    env.apply(
        &json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "deployer", "namespace": namespace } })
        .to_string(),
    )
    .await?;
    env.apply(
        &json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "deployer", "namespace": namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "deployer", "namespace": namespace }] })
        .to_string(),
    )
    .await?;
    app.sync(&env).await?;
    app.settled(&env).await?;
    let web = app.delivered(&env, "Deployment", "web").await?;
    assert_eq!(web["metadata"]["labels"]["team"], "platform");
    Ok(())
}

#[tokio::test]
async fn a_tie_is_told_by_both() -> Result<()> {
    let env = Stack::shared().await?.test("tie").await?;
    let app = governed(&env, Application::chart(&env, "6.3.5").manual());
    app.apply(&env).await?;
    for (suffix, interval) in [("a", "71s"), ("b", "72s")] {
        let spec = json!({ "intervals": { "source": interval } });
        env.apply(&policy(&env, suffix, &spec).to_string()).await?;
    }
    let ambiguous = |status: &Value| status["conditions"][0]["reason"] == "Ambiguous";
    for suffix in ["a", "b"] {
        let status = said(&env, suffix, "a tie", ambiguous).await?;
        let message = status["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(&format!("{} wins by its name", env.name("a"))), "{message}");
    }
    env.wait_until("the first by name wins", PATIENCE, async || {
        let repository = app.delivered(&env, "HelmRepository", app.name()).await?;
        if repository["spec"]["interval"] == "71s" {
            Ok(Some(()))
        } else {
            Err(anyhow!("{}", repository["spec"]))
        }
    })
    .await?;
    env.apply(&policy(&env, "b", &json!({ "priority": 1, "intervals": { "source": "72s" } })).to_string())
        .await?;
    for suffix in ["a", "b"] {
        said(&env, suffix, "no tie", |status| status["conditions"][0]["status"] == "True").await?;
        env.delete("FluxDeliveryPolicy", &env.control, &env.name(suffix)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_policy_may_not_say_is_refused_by_the_api_server() -> Result<()> {
    let env = Stack::shared().await?.test("invalid-policy").await?;
    let broken = [
        (json!({ "intervals": { "source": "0s" } }), "an interval is at least 1s"),
        (json!({ "timeouts": { "source": "1h" } }), "spec.timeouts.source"),
        (json!({ "labels": { "flux-subsystem.dev/application-name": "x" } }), "are not a policy's to set"),
        (json!({ "labels": { "a": "b c" } }), "a value is letters"),
        (
            json!({ "overrides": { "allowed": [{ "paths": ["spec/x"] }] } }),
            "spec.overrides.allowed[0].paths[0]",
        ),
        (json!({ "driftIgnore": [{ "paths": [] }] }), "spec.driftIgnore[0].paths"),
        (
            json!({ "postRenderers": [{ "kustomize": { "images": [{ "name": "a" }] } }] }),
            "an image has a newName",
        ),
        (json!({ "labels": null, "retryInterval": null, "nonsense": 1 }), "nonsense"),
    ];
    for (spec, words) in broken {
        let manifest = policy(&env, "broken", &spec).to_string();
        let refusal = env.apply(&manifest).await.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(refusal.contains(words), "{spec}: {refusal:?}");
    }
    let expression = json!({ "key": "a", "operator": "In" });
    let mut manifest = policy(&env, "broken", &json!({}));
    manifest["spec"]["selector"]["matchExpressions"] = json!([expression]);
    let refusal = env.apply(&manifest.to_string()).await.err().map(|error| format!("{error:#}"));
    assert!(refusal.is_some_and(|refusal| refusal.contains("In and NotIn have values")));
    Ok(())
}
