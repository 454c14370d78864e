//! Flux waits for the health of what others depend on, and for as long holds a worker of its controller: a Kustomization of a
//! stranger has no say in that.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use super::tenant::Tenant;
use crate::applications::{Application, PATIENCE};

/// A Kustomization in `namespace` that waits for that of `app`, and delivers nothing.
async fn depend(env: &TestEnv, namespace: &str, app: &Application) -> Result<()> {
    let object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": "stranger", "namespace": namespace },
        "spec": {
            "interval": "10m", "path": "./", "prune": false,
            "sourceRef": { "kind": "GitRepository", "name": "nothing" },
            "dependsOn": [{ "name": app.name(), "namespace": app.destination() }],
        },
    });
    env.apply(&object.to_string()).await?;
    env.wait_until("Flux has looked at it", PATIENCE, async || {
        let found = env.get("Kustomization", namespace, "stranger").await?;
        Ok(found.filter(|found| found["status"]["conditions"].is_array()).map(drop))
    })
    .await
}

async fn waits(env: &TestEnv, app: &Application, expected: &Value) -> Result<()> {
    env.wait_until(&format!("spec.wait is {expected}"), PATIENCE, async || {
        let kustomization = app.delivered(env, "Kustomization", app.name()).await?;
        ensure!(kustomization["spec"]["wait"] == *expected, "{}", kustomization["spec"]);
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn only_who_may_write_there_has_a_say() -> Result<()> {
    let env = Stack::shared().await?.test("border-waiting").await?;
    let tenant = Tenant::new(&env).await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "plain", "main");
    app.deliver(&env).await?;
    waits(&env, &app, &Value::Null).await?;
    depend(&env, &tenant.own, &app).await?;
    // Beside it, one in the namespace of the object itself.
    depend(&env, app.destination(), &app).await?;
    waits(&env, &app, &json!(true)).await?;
    let told = app.settled(&env).await?;
    assert_eq!(told["status"]["history"].as_array().map(Vec::len), Some(1), "an operation began for that");
    env.delete("Kustomization", app.destination(), "stranger").await?;
    waits(&env, &app, &Value::Null).await?;
    assert!(env.get("Kustomization", &tenant.own, "stranger").await?.is_some(), "it depends on it still");
    Ok(())
}
