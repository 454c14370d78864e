//! A Redis that takes connections and does not answer holds up neither deliveries nor the answer to a refresh.

use std::time::{Duration, Instant};

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Redis, RedisOptions, Stack};
use serde_json::json;

use crate::applications::Application;
use crate::redis_settings::{parameters, wait_for_tree};

/// argocd-server's own patience is far longer; a refresh that waited for a connection to break would take this long.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_slow_redis_holds_nothing_up() -> Result<()> {
    let env = Stack::shared().await?.test("redis-slow").await?.with_control_namespace("3600s").await?;
    let redis = Redis::start(RedisOptions::default()).await?;
    parameters(&env, &json!({ "redis.server": redis.address() })).await?;
    let _bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let before = Application::chart(&env, "6.3.5").named(&env, "before");
    before.deliver(&env).await?;
    wait_for_tree(&env, &redis, &before, ".gz").await?;

    redis.pause(true)?;
    let begun = Instant::now();
    let refresh = json!({ "metadata": { "annotations": { "argocd.argoproj.io/refresh": "normal" } } });
    env.patch("Application", &env.control, before.name(), &refresh).await?;
    before
        .wait(&env, "refreshed", |app| app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null())
        .await?;
    assert!(begun.elapsed() < PATIENCE, "the answer took {:?}", begun.elapsed());
    let meanwhile = Application::chart(&env, "6.3.6").named(&env, "meanwhile");
    meanwhile.deliver(&env).await?;

    redis.pause(false)?;
    for app in [&before, &meanwhile] {
        wait_for_tree(&env, &redis, app, ".gz").await?;
    }
    Ok(())
}
