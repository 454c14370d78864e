//! What Flux cannot do is said, naming the field; nothing is half-delivered, and what was delivered stays.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::observations::{columns, podinfo};

/// The chart of the test with something that Flux has no word for.
fn unsupported(env: &TestEnv, settings: &Value) -> Application {
    Application::chart(env, "6.3.5").merge(&json!({ "spec": { "source": settings } }))
}

#[tokio::test]
async fn an_unsupported_field_is_named_and_nothing_is_applied() -> Result<()> {
    let env = Stack::shared().await?.test("unsupported").await?;
    let broken = [
        ("spec.source.helm.version", json!({ "helm": { "version": "v2" } })),
        ("spec.source.kustomize.namePrefix", json!({ "kustomize": { "namePrefix": "x-" } })),
        ("spec.source.directory", json!({ "directory": { "recurse": true } })),
    ];
    for (number, (field, settings)) in broken.iter().enumerate() {
        let app = unsupported(&env, settings).named(&env, &format!("app{number}"));
        app.apply(&env).await?;
        let told = app.told(&env, "ComparisonError", field).await?;
        assert_eq!(columns(&told)[0], "Unknown");
        assert_eq!(app.flux_objects(&env).await?, Vec::<String>::new(), "{field}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_delivered_outlives_an_unsupported_field() -> Result<()> {
    let env = Stack::shared().await?.test("unsupported-later").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let (objects, running) = (app.flux_objects(&env).await?, app.release(&env).await?);

    unsupported(&env, &json!({ "kustomize": { "namePrefix": "x-" } })).apply(&env).await?;
    let told = app.told(&env, "ComparisonError", "spec.source.kustomize.namePrefix").await?;
    assert_eq!(columns(&told), ["Unknown", "Healthy"]);
    assert_eq!(app.flux_objects(&env).await?, objects, "Flux goes on with what it has");
    assert_eq!(app.release(&env).await?, running);
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 1);

    let repaired = app.parameter("replicaCount", "2");
    repaired.deliver(&env).await?;
    assert_eq!(repaired.available(&env, &podinfo(&repaired)).await?, 2);
    Ok(())
}
