//! What Argo CD reads uncompressed is written uncompressed, also from the moment on that the setting is changed.

use anyhow::{Context as _, Result};
use flux_subsystem::cache::codec::Compression;
use flux_subsystem::cache::{self, settings};
use flux_subsystem_e2e::{BridgeOptions, Redis, RedisOptions, Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;
use crate::redis_settings::{keys, parameters, wait_for_tree};

#[tokio::test]
async fn compression_none_is_honoured() -> Result<()> {
    let env = Stack::shared().await?.test("redis-plain").await?.with_control_namespace("120s").await?;
    let redis = Redis::start(RedisOptions::default()).await?;
    parameters(&env, &json!({ "redis.server": redis.address(), "redis.compression": "none" })).await?;
    let _bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let plain = wait_for_tree(&env, &redis, &app, "").await?;
    for key in keys(&app, ".gz") {
        assert_eq!(redis.value(&key)?, None, "{key} is not what Argo CD reads");
    }
    assert_eq!(forms(&env).await?, [(Compression::Gzip, 0), (Compression::None, 1)]);
    parameters(&env, &json!({ "redis.compression": "gzip" })).await?;
    let compressed = wait_for_tree(&env, &redis, &app, ".gz").await?;
    assert_eq!(compressed["nodes"].as_array().map(Vec::len), plain["nodes"].as_array().map(Vec::len));
    app.delete(&env).await?;
    for key in [keys(&app, ".gz"), keys(&app, "")].concat() {
        assert_eq!(redis.value(&key)?, None, "{key} outlives its Application");
    }
    Ok(())
}

/// How many trees have which form, found as somebody finds it who looks from outside.
async fn forms(env: &TestEnv) -> Result<[(Compression, usize); 2]> {
    let found = cache::read(env.client(), &env.control).await?;
    let settings = settings::resolve(&settings::Overrides::default(), &found)?.context("switched off")?;
    let probe = cache::probe(&settings).await?;
    assert!(probe.version.contains('.'), "{probe:?}");
    Ok(probe.trees)
}
