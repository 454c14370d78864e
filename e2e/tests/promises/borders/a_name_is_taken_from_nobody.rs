//! Two Applications may deliver to one namespace; neither gets hold of the other's Flux objects by calling its own the same.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::tenant::Tenant;
use crate::applications::Application;

#[tokio::test]
async fn a_name_is_taken_from_nobody() -> Result<()> {
    let env = Stack::shared().await?.test("border-name").await?;
    let tenant = Tenant::new(&env).await?;
    let label = json!({ "metadata": { "labels": { "flamingo/workload-name": "shared" } } });
    let chart = |suffix: &str, version: &str| {
        tenant.owns(Application::chart(&env, version).named(&env, suffix)).merge(&label)
    };
    let first = chart("first", "6.3.5");
    first.deliver(&env).await?;
    let before = env.get("HelmRelease", &tenant.own, "shared").await?.context("no HelmRelease")?;

    let second = chart("second", "6.3.6");
    second.apply(&env).await?;
    let owner = format!("{}/{}", env.control, first.name());
    second
        .wait(&env, "told whose it is", |app| app["status"]["conditions"].to_string().contains(&owner))
        .await?;
    second.delete(&env).await?;
    let after = env.get("HelmRelease", &tenant.own, "shared").await?.context("it was deleted")?;
    assert_eq!([&after["metadata"]["uid"], &after["spec"]], [&before["metadata"]["uid"], &before["spec"]]);
    first.settled(&env).await.map(drop)
}
