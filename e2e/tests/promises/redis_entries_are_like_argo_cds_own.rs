//! In one Redis, what the bridge writes of its Application has the names, the form and the life of what stock Argo CD
//! writes of a plain one.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{Redis, Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};
use crate::redis_settings::keys;

#[tokio::test]
async fn redis_entries_are_like_argo_cds_own() -> Result<()> {
    let env = Stack::shared().await?.test("redis-like").await?;
    let redis = env.stack().redis();
    let bridged = Application::chart(&env, "6.3.5").named(&env, "bridged");
    let plain = Application::chart(&env, "6.3.5").named(&env, "plain").plain();
    for app in [&bridged, &plain] {
        app.deliver(&env).await?;
    }
    let (ours, theirs) = (names(&env, &redis, &bridged).await?, names(&env, &redis, &plain).await?);
    assert_eq!(ours, theirs);
    for (ours, theirs) in keys(&bridged, ".gz").iter().zip(keys(&plain, ".gz")) {
        let life = |key: &str| anyhow::Ok(redis.text(&["TTL", key])?.parse::<i64>()?);
        let lives = (life(ours)?, life(&theirs)?);
        assert!(lives.0 > 1800 && lives.0 <= 3600 && lives.1 <= 3600, "seconds to live: {lives:?}");
        let value = |key: &str| redis.value(key)?.with_context(|| format!("no {key}"));
        let (ours, theirs) = (fields(&value(ours)?), fields(&value(&theirs)?));
        assert!(ours.is_subset(&known(&theirs)), "{ours:?} beside {theirs:?}");
    }
    Ok(())
}

/// The names of everything about that Application, with its name left out, once there are two.
async fn names(env: &TestEnv, redis: &Redis, app: &Application) -> Result<BTreeSet<String>> {
    env.wait_until(&format!("{} is in Redis", app.name()), PATIENCE, async || {
        let found = redis.text(&["KEYS", &format!("app|*|{}|*", app.name())])?;
        let names: BTreeSet<String> = found.lines().map(|name| name.replace(app.name(), "APP")).collect();
        ensure!(names.len() >= 2, "{names:?}");
        Ok(Some(names))
    })
    .await
}

/// Paths of fields, with list indices and free maps left out.
fn fields(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect("", value, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !path.ends_with("abels") => {
            for (name, value) in fields {
                collect(&format!("{path}/{name}"), value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// What stock Argo CD wrote, and what it writes of other Applications (argo-cd `pkg/apis/application/v1alpha1/types.go`:
/// `ResourceNode`, `ResourceDiff`).
fn known(theirs: &BTreeSet<String>) -> BTreeSet<String> {
    let others = [
        "/group",
        "/nodes",
        "/nodes/group",
        "/nodes/health/message",
        "/nodes/networkingInfo/externalURLs",
        "/nodes/networkingInfo/ingress/hostname",
        "/nodes/networkingInfo/ingress/ip",
        "/nodes/parentRefs/group",
        "/modified",
    ];
    theirs.iter().cloned().chain(others.map(str::to_owned)).collect()
}
