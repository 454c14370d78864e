//! What Argo CD shows of an Application does not run out while nothing happens, is not written again for that, and comes
//! back when Redis has lost it.

use std::time::Duration;

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{BridgeOptions, Redis, RedisOptions, Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;
use crate::redis_settings::{keys, parameters, wait_for_tree};

const EXPIRATION: Duration = Duration::from_secs(4);
/// Far longer than anybody waits here.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_idle_application_stays_in_redis() -> Result<()> {
    let env = Stack::shared().await?.test("redis-idle").await?.with_control_namespace("3600s").await?;
    let redis = Redis::start(RedisOptions::default()).await?;
    let expiration = format!("{}s", EXPIRATION.as_secs());
    let settings = json!({
        "redis.server": redis.address(), "controller.app.state.cache.expiration": expiration,
    });
    parameters(&env, &settings).await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    wait_for_tree(&env, &redis, &app, ".gz").await?;
    at_rest(&env, &redis).await?;

    let renewals = calls(&redis, "expire")?;
    let before = (calls(&redis, "set")?, bridge.metric("flux_subsystem_writes_total", &[]).await?);
    env.wait_until("the entries have outlived their time twice", PATIENCE, async || {
        for key in keys(&app, ".gz") {
            ensure!(redis.text(&["EXISTS", &key])? == "1", "{key} has run out");
        }
        // Both keys, in each half of their time.
        Ok((calls(&redis, "expire")? >= renewals + 2 * 4).then_some(()))
    })
    .await?;
    let after = (calls(&redis, "set")?, bridge.metric("flux_subsystem_writes_total", &[]).await?);
    assert_eq!(before, after, "nothing had changed");

    redis.text(&["FLUSHALL"])?;
    wait_for_tree(&env, &redis, &app, ".gz").await?;
    Ok(())
}

/// Waits until nothing is written for longer than a Deployment takes to become available.
async fn at_rest(env: &TestEnv, redis: &Redis) -> Result<()> {
    let (mut last, mut since) = (0, std::time::Instant::now());
    env.wait_until("nothing is written any more", PATIENCE, async || {
        let now = calls(redis, "set")?;
        if now != last {
            (last, since) = (now, std::time::Instant::now());
        }
        Ok((since.elapsed() > Duration::from_secs(5)).then_some(()))
    })
    .await
}

/// How often the command was carried out.
fn calls(redis: &Redis, command: &str) -> Result<u64> {
    Ok(redis.calls()?.into_iter().find(|(name, _)| name == command).map_or(0, |(_, calls)| calls))
}
