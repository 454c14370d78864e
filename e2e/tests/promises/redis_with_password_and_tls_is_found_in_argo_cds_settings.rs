//! Address and password of Argo CD's Redis come from Argo CD's own `ConfigMap` and Secret, now and after every change.

use std::time::Duration;

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Redis, RedisOptions, Stack};
use serde_json::json;

use crate::applications::Application;
use crate::redis_settings::{keys, parameters, password, wait_for_tree};

fn with_password(password: &str, is_tls: bool) -> RedisOptions {
    RedisOptions { password: Some(password.to_owned()), is_tls }
}

#[tokio::test]
async fn redis_with_password_and_tls_is_found_in_argo_cds_settings() -> Result<()> {
    let env = Stack::shared().await?.test("redis-tls").await?.with_control_namespace("120s").await?;
    let redis = Redis::start(with_password("correct-horse", true)).await?;
    parameters(&env, &json!({ "redis.server": redis.address(), "redis.db": "0" })).await?;
    password(&env, "correct-horse").await?;
    let file = |flag: &str, name: &str| format!("--redis-{flag}={}", redis.file(name).display());
    let arguments = vec![
        "--redis-use-tls".to_owned(),
        file("ca-certificate", "ca.crt"),
        file("client-certificate", "tls.crt"),
        file("client-key", "tls.key"),
    ];
    let bridge =
        env.stack().bridge(BridgeOptions { arguments, ..BridgeOptions::serving(&env.control) }).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    wait_for_tree(&env, &redis, &app, ".gz").await?;
    assert!(!bridge.log().contains("correct-horse"), "the password is in the log");

    app.delete(&env).await?;
    for key in keys(&app, ".gz") {
        assert_eq!(redis.value(&key)?, None, "{key} outlives its Application");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_by_nobody_one_knows_is_refused_unless_told_to_believe_it() -> Result<()> {
    let env = Stack::shared().await?.test("redis-skip").await?.with_control_namespace("120s").await?;
    let redis = Redis::start(with_password("x", true)).await?;
    parameters(&env, &json!({ "redis.server": redis.address() })).await?;
    password(&env, "x").await?;
    let file = |flag: &str, name: &str| format!("--redis-{flag}={}", redis.file(name).display());
    let mut arguments = vec![
        "--redis-use-tls".to_owned(),
        file("client-certificate", "tls.crt"),
        file("client-key", "tls.key"),
    ];
    let options = BridgeOptions { arguments: arguments.clone(), ..BridgeOptions::serving(&env.control) };
    let careful = env.stack().bridge(options).await?;
    env.wait_until("the bridge says why it has no Redis", Duration::from_secs(30), async || {
        Ok(careful.log().contains("no connection to Argo CD's Redis").then_some(()))
    })
    .await?;
    assert!(careful.log().to_lowercase().contains("certificate"), "{}", careful.tail(20));
    drop(careful);
    arguments.push("--redis-insecure-skip-tls-verify".to_owned());
    let _bridge =
        env.stack().bridge(BridgeOptions { arguments, ..BridgeOptions::serving(&env.control) }).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    wait_for_tree(&env, &redis, &app, ".gz").await.map(drop)
}

#[tokio::test]
async fn another_redis_and_password_count_at_once() -> Result<()> {
    let env = Stack::shared().await?.test("redis-moves").await?.with_control_namespace("120s").await?;
    let (old, new) =
        (Redis::start(with_password("old", false)).await?, Redis::start(with_password("new", false)).await?);
    parameters(&env, &json!({ "redis.server": old.address() })).await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let connected = bridge.metric("flux_subsystem_redis_connected", &[]).await?;
    assert!(connected < 0.5, "it was not told the password: {}", bridge.tail(20));
    password(&env, "old").await?;
    wait_for_tree(&env, &old, &app, ".gz").await?;
    password(&env, "new").await?;
    parameters(&env, &json!({ "redis.server": new.address() })).await?;
    wait_for_tree(&env, &new, &app, ".gz").await.map(drop)
}

#[tokio::test]
async fn sentinels_say_where_redis_is() -> Result<()> {
    let env = Stack::shared().await?.test("redis-sentinel").await?.with_control_namespace("120s").await?;
    let redis = Redis::start(with_password("theirs", false)).await?;
    let sentinel = Redis::sentinel(&redis, "argocd", RedisOptions::default()).await?;
    password(&env, "theirs").await?;
    let arguments =
        vec!["--sentinel".to_owned(), sentinel.address(), "--sentinelmaster".to_owned(), "argocd".to_owned()];
    let _bridge =
        env.stack().bridge(BridgeOptions { arguments, ..BridgeOptions::serving(&env.control) }).await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    wait_for_tree(&env, &redis, &app, ".gz").await.map(drop)
}
