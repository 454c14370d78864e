//! A field that an override makes something else than Flux has there is refused by name. What was delivered keeps running, and the
//! bridge goes on with everybody else's Applications.

use anyhow::Result;
use flux_subsystem_e2e::sources::git::Repository;
use flux_subsystem_e2e::{BridgeOptions, Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

const OVERRIDE: &str = "flamingo/kustomize-override.2";

fn map(name: &str, from: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{from: {from}}}\n---\n")
}

fn two(env: &TestEnv, repository: &Repository) -> Application {
    let source = |path: &str| json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" });
    Application::sources(env, &[source("a"), source("b")])
}

#[tokio::test]
async fn it_is_refused_and_the_others_go_on() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("wrong-type").await?.with_control_namespace("5s").await?;
    let bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;
    let (first, second) = (map("shared", "a"), map("own", "b"));
    let files = [("a/all.yaml", Some(first.as_str())), ("b/all.yaml", Some(second.as_str()))];
    let repository = env.sources().create_repository(&env.name("two"), &files).await?;
    let app = two(&env, &repository);
    app.deliver(&env).await?;

    let broken = app.clone().annotation(OVERRIDE, "spec: {commonMetadata: x}");
    broken.apply(&env).await?;
    let told = broken.told(&env, "ComparisonError", "spec.commonMetadata is a text").await?;
    let conditions = told["status"]["conditions"].to_string();
    assert!(conditions.contains(OVERRIDE) && conditions.contains("it is a map"), "{conditions}");
    // From now on the second source takes over what the first one delivers.
    let both = map("own", "b") + &map("shared", "b");
    let revision = repository.commit("main", &[("b/all.yaml", Some(&both))], "shared").await?;
    broken
        .wait(&env, "at the commit", |app| app["status"]["sync"]["revisions"] == json!([revision, revision]))
        .await?;
    app.delivered(&env, "ConfigMap", "shared").await?;

    let other = Application::chart(&env, "6.3.5").named(&env, "other");
    other.deliver(&env).await?;
    assert!(bridge.alive());
    assert!(!bridge.metrics().await?.contains("flux_subsystem_panics_total{"));

    let right = app.clone().annotation(OVERRIDE, "spec: {commonMetadata: {annotations: {team: web}}}");
    right.apply(&env).await?;
    env.wait_until("shared is from b, as the override says", PATIENCE, async || {
        let shared = app.delivered(&env, "ConfigMap", "shared").await?;
        let found = [&shared["data"]["from"], &shared["metadata"]["annotations"]["team"]];
        if found == ["b", "web"] { Ok(Some(())) } else { Err(anyhow::anyhow!("{found:?}")) }
    })
    .await?;
    for app in [&app, &other] {
        app.delete(&env).await?;
    }
    Ok(())
}
