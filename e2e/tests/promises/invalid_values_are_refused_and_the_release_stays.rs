//! Values that the chart refuses, and values that are no YAML: the release that runs stays as it is.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;
use crate::observations::{columns, has_failed, podinfo, ready_message};

#[tokio::test]
async fn values_against_the_schema_of_the_chart_are_refused() -> Result<()> {
    let env = Stack::shared().await?.test("values-schema").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let before = app.release(&env).await?;

    let refused = app.clone().parameter("ui.color", "blue");
    refused.apply(&env).await?;
    let told = refused.told(&env, "SyncError", "values don't meet the specifications").await?;
    assert_eq!(columns(&told), ["OutOfSync", "Degraded"]);
    assert!(has_failed(&told), "{told}");
    let words = "values don't meet the specifications";
    let flux =
        ready_message(&env.wait_for_failure("HelmRelease", app.destination(), app.name(), words).await?);
    assert!(flux.contains("color"), "{flux}");
    let message = told["status"]["operationState"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(flux.trim_end_matches('.')), "Flux's own words: {message}");
    assert_eq!(app.release(&env).await?, before, "the release stays");
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 1);

    app.parameter("ui.color", "#336699").deliver(&env).await?;
    assert_eq!(refused.release(&env).await?["revision"], "2");
    Ok(())
}

#[tokio::test]
async fn values_that_are_no_yaml_are_named() -> Result<()> {
    let env = Stack::shared().await?.test("values-yaml").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let before = app.release(&env).await?;

    app.clone().values("ui: {message: Hello}\nbackends: [").apply(&env).await?;
    let told = app.told(&env, "ComparisonError", "spec.source.helm.values").await?;
    assert_eq!(columns(&told), ["Unknown", "Healthy"], "what was delivered is well");
    assert_eq!(app.release(&env).await?, before, "the release stays");
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 1);

    let repaired = app.values("ui: {message: Salut}\n");
    repaired.deliver(&env).await?;
    let settings = repaired.delivered(&env, "ConfigMap", &podinfo(&repaired)).await?;
    assert_eq!(settings["data"]["message"], "Salut");
    Ok(())
}
