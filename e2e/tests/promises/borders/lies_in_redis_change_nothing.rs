//! Argo CD's Redis is written and never read: who gets hold of it can lie to people who look, and changes nothing of what is
//! delivered.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::redis_settings::keys;

#[tokio::test]
async fn lies_in_redis_change_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("border-redis").await?;
    let redis = env.stack().redis();
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let [tree, managed] = keys(&app, ".gz");
    env.wait_until("both entries are there", PATIENCE, async || {
        Ok((redis.value(&tree)?.is_some() && redis.value(&managed)?.is_some()).then_some(()))
    })
    .await?;
    for key in [&tree, &managed] {
        redis.command(&["SET", key, "no-gzip-at-all", "EX", "600"])?;
    }
    let change = json!({ "spec": { "source": { "targetRevision": "6.3.6" } } });
    env.patch("Application", &env.control, app.name(), &change).await?;
    app.settled(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.6");
    // And the truth takes the place of the lies.
    env.wait_until("the tree is true again", PATIENCE, async || {
        let tree = redis.value(&tree).ok().flatten().context("still a lie")?;
        ensure!(tree["nodes"].as_array().is_some_and(|nodes| nodes.len() > 2), "{tree}");
        Ok(Some(()))
    })
    .await
}
