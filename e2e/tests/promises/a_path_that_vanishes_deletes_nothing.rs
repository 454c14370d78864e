//! An automated Application with pruning whose path vanishes from the source, or whose kustomization breaks, keeps what it
//! has delivered and says why.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\n";

#[tokio::test]
async fn a_path_that_vanishes_deletes_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("vanished").await?;
    let files = [("objects/kept.yaml", Some(MAP)), ("README.md", Some("Objects"))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "objects", "main");
    app.deliver(&env).await?;
    let before = app.delivered(&env, "ConfigMap", "kept").await?;
    repository.commit("main", &[("objects/kept.yaml", None)], "all leave").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.told(&env, "ComparisonError", "app path does not exist").await?;
    let after = app.delivered(&env, "ConfigMap", "kept").await?;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    Ok(())
}
