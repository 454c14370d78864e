//! `flamingo/KIND-override` merges into a generated object, `flamingo/KIND-replace` takes the place of its spec.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn an_override_is_merged_and_taken_back() -> Result<()> {
    let env = Stack::shared().await?.test("override").await?;
    let app = Application::chart(&env, "6.3.5").parameter("replicaCount", "2");
    let overridden = app
        .clone()
        .annotation(
            "flamingo/helmrelease-override",
            "spec: {timeout: 3m, values: {ui: {message: Overridden}}}",
        )
        .annotation(
            "flamingo/helmrepository-override",
            "metadata: {labels: {team: web}}\nspec: {timeout: 30s}",
        );
    overridden.deliver(&env).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(release["spec"]["timeout"], "3m");
    assert_eq!(release["spec"]["values"], json!({ "replicaCount": 2, "ui": { "message": "Overridden" } }));
    let repository = app.delivered(&env, "HelmRepository", app.name()).await?;
    assert_eq!([&repository["spec"]["timeout"], &repository["metadata"]["labels"]["team"]], ["30s", "web"]);
    let settings = format!("{}-podinfo", app.name());
    assert_eq!(app.delivered(&env, "ConfigMap", &settings).await?["data"]["message"], "Overridden");

    app.deliver(&env).await?;
    app.wait(&env, "without the override", |app| {
        app["status"]["history"].as_array().is_some_and(|all| all.len() == 2)
    })
    .await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert!(release["spec"]["timeout"].is_null(), "{}", release["spec"]);
    assert_eq!(app.delivered(&env, "ConfigMap", &settings).await?["data"]["message"], "Hello");
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

#[tokio::test]
async fn a_replaced_spec_is_the_whole_spec() -> Result<()> {
    let env = Stack::shared().await?.test("replace").await?;
    let app = Application::chart(&env, "6.3.5");
    let spec = json!({
        "interval": "7m",
        "releaseName": "mine",
        "chart": { "spec": { "chart": "podinfo", "version": "6.4.0",
            "sourceRef": { "kind": "HelmRepository", "name": app.name() } } },
        "values": { "replicaCount": 2 },
    });
    app.clone().annotation("flamingo/helmrelease-replace", &spec.to_string()).deliver(&env).await?;
    let release = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!([&release["spec"]["interval"], &release["spec"]["values"]], [&json!("7m"), &spec["values"]]);
    assert!(release["spec"]["install"].is_null(), "{}", release["spec"]);
    let shown = app.release(&env).await?;
    assert_eq!([&shown["name"], &shown["chart"]], ["mine", "podinfo-6.4.0"]);
    Ok(())
}

#[tokio::test]
async fn a_kustomization_is_overridden_under_its_original_name() -> Result<()> {
    let env = Stack::shared().await?.test("kustomize-override").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "apps/overlays/staging", "main")
        .annotation("flamingo/kustomize-override", "spec: {namePrefix: blue-}")
        .annotation("flamingo/gitrepository-override", "spec: {timeout: 40s}");
    app.deliver(&env).await?;
    assert_eq!(app.delivered(&env, "Kustomization", app.name()).await?["spec"]["namePrefix"], "blue-");
    assert_eq!(app.delivered(&env, "GitRepository", app.name()).await?["spec"]["timeout"], "40s");
    app.delivered(&env, "Deployment", "blue-web").await?;
    Ok(())
}
