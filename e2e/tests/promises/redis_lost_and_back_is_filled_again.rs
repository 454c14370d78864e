//! Without Redis the bridge delivers on and says so; when Redis is back, empty, Argo CD shows every tree again.

use std::time::Duration;

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::{Options, Stack, TestEnv};

use crate::applications::Application;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn redis_lost_and_back_is_filled_again() -> Result<()> {
    // Its Redis is killed: nobody else may be using it.
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let bridge = stack.shared_bridge().await?;
    let env = stack.test("redis-lost").await?;
    let before = Application::chart(&env, "6.3.5").named(&env, "before");
    before.deliver(&env).await?;
    shows_tree(&env, &before).await?;

    stack.kill_component("redis").await?;
    env.wait_until("the bridge knows that Redis is away", PATIENCE, async || {
        Ok((bridge.metric("flux_subsystem_redis_connected", &[]).await? < 0.5).then_some(()))
    })
    .await?;
    let sentence = "Applications are delivered, but Argo CD shows no resource tree";
    assert!(bridge.log().contains(sentence), "{}", bridge.tail(20));
    let meanwhile = Application::chart(&env, "6.3.6").named(&env, "meanwhile");
    meanwhile.deliver(&env).await?;
    before.parameter("replicaCount", "2").deliver(&env).await?;

    stack.start_component("redis").await?;
    for app in ["before", "meanwhile"] {
        shows_tree(&env, &Application::chart(&env, "6.3.5").named(&env, app)).await?;
    }
    Ok(())
}

/// Waits until Argo CD's server answers with a tree that reaches down to the Flux object. Without Redis, or with none
/// filled, it has none.
async fn shows_tree(env: &TestEnv, app: &Application) -> Result<()> {
    let what = format!("argocd app get {} -o tree answers", app.name());
    env.wait_until(&what, PATIENCE, async || {
        let shown = env.argocd(&["app", "get", app.name(), "-o", "tree"]).await?.text()?;
        let has_release = shown.contains(&format!("HelmRelease/{}", app.name()));
        if has_release { Ok(Some(())) } else { Err(anyhow!("{shown}")) }
    })
    .await
}
