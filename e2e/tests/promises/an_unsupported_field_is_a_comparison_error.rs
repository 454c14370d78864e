//! What Flux cannot do is said, naming the field; nothing is half-delivered, and what was delivered stays.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::observations::{columns, podinfo};

/// A directory in git, and the source of a second one beside it.
fn source(env: &TestEnv) -> Value {
    json!({ "repoURL": env.sources().git_url("fleet"), "path": "plain", "targetRevision": "main" })
}

#[tokio::test]
async fn an_unsupported_field_is_named_and_nothing_is_applied() -> Result<()> {
    let env = Stack::shared().await?.test("unsupported").await?;
    let several = json!([source(&env), source(&env)]);
    let broken = [
        ("spec.source.plugin", json!({ "source": { "plugin": { "name": "cue" } } })),
        ("spec.sources", json!({ "source": null, "sources": several })),
        (
            "spec.source.kustomize.commonLabels",
            json!({ "source": { "kustomize": { "commonLabels": { "a": "b" } } } }),
        ),
    ];
    for (number, (field, spec)) in broken.iter().enumerate() {
        let app = Application::of(&env, &source(&env)).named(&env, &format!("app{number}"));
        app.clone().merge(&json!({ "spec": spec })).apply(&env).await?;
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

    let several = json!({ "spec": { "source": null, "sources": [source(&env), source(&env)] } });
    app.clone().merge(&several).apply(&env).await?;
    let told = app.told(&env, "ComparisonError", "spec.sources").await?;
    assert_eq!(columns(&told), ["Unknown", "Healthy"]);
    assert_eq!(app.flux_objects(&env).await?, objects, "Flux goes on with what it has");
    assert_eq!(app.release(&env).await?, running);
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 1);

    let repaired = app.parameter("replicaCount", "2");
    repaired.deliver(&env).await?;
    assert_eq!(repaired.available(&env, &podinfo(&repaired)).await?, 2);
    Ok(())
}
