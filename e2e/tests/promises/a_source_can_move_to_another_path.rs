//! The path of a directory changes: its source object leaves out everything but the old one, and yet the new one is found.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::Application;

#[tokio::test]
async fn a_source_can_move_to_another_path() -> Result<()> {
    let env = Stack::shared().await?.test("moves-path").await?;
    let maps = ["old", "new", "deeper"].map(map);
    let [old, new, deeper] = maps.each_ref().map(|map| Some(map.as_str()));
    let files = [
        ("a/old/map.yaml", old),
        ("b/new.yaml", new),
        ("a/deeper.yaml", deeper),
        ("a/kustomization.yaml", Some("resources: [deeper.yaml]\nnamePrefix: kustomized-\n")),
    ];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "a/old", "main");
    app.deliver(&env).await?;
    app.delivered(&env, "ConfigMap", "old").await?;
    // Beside it, above it (where a kustomization decides), and back.
    for (path, source_type, name) in
        [("b", "Directory", "new"), ("a", "Kustomize", "kustomized-deeper"), ("a/old", "Directory", "old")]
    {
        let change = json!({ "spec": { "source": { "path": path } } });
        env.patch("Application", &env.control, app.name(), &change).await?;
        let shown = app.settled(&env).await?;
        assert_eq!(shown["status"]["sourceType"], source_type, "{path}");
        app.delivered(&env, "ConfigMap", name).await?;
        let names = maps_of(&env.list("ConfigMap", app.destination()).await?);
        assert_eq!(names, [name], "{path}");
        let sources = env.list("GitRepository", app.destination()).await?;
        assert_eq!(sources.len(), 1, "{path}: what was looked through is gone");
    }
    Ok(())
}

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

/// Their names, but for the one that every namespace has.
fn maps_of(maps: &[Value]) -> Vec<String> {
    let names = maps.iter().filter_map(|map| map["metadata"]["name"].as_str());
    names.filter(|name| *name != "kube-root-ca.crt").map(str::to_owned).collect()
}
