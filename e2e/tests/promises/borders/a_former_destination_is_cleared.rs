//! An Application that delivers to another namespace from now on leaves nothing in the former one, nor does it when it is deleted or
//! handed back on the way.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::namespaces::wait_until_empty;
use crate::switching::PLAIN;

/// Delivered to the first of two namespaces, and told to deliver to the second.
async fn moved(env: &TestEnv, app: &Application) -> Result<Application> {
    app.deliver(env).await?;
    let there = env.name("there");
    let moved = app.clone().merge(&json!({ "spec": { "destination": { "namespace": there } } }));
    moved.apply(env).await?;
    Ok(moved)
}

#[tokio::test]
async fn what_was_delivered_goes_where_pruning_is_on() -> Result<()> {
    let env = Stack::shared().await?.test("former").await?;
    let url = env.sources().git_url("fleet");
    let git = Application::git(&env, &url, "apps/overlays/staging", "main");
    let before = git.destination().to_owned();
    let app = moved(&env, &git).await?;
    app.settled(&env).await?;
    wait_until_empty(&env, &before).await?;
    app.wait(&env, "without a word of the former place", |app| {
        !app["status"]["resources"].to_string().contains(&before)
    })
    .await?;
    app.delete(&env).await
}

#[tokio::test]
async fn a_deletion_takes_it_along() -> Result<()> {
    let env = Stack::shared().await?.test("former-gone").await?;
    let unpruned = json!({ "spec": { "syncPolicy": { "automated": { "prune": false } } } });
    let chart = Application::chart(&env, "6.3.5").merge(&unpruned);
    let before = chart.destination().to_owned();
    let app = moved(&env, &chart).await?;
    app.wait(&env, "delivered elsewhere", |app| {
        app["status"]["health"]["status"] == "Healthy"
            && app["status"]["operationState"]["phase"] == "Succeeded"
    })
    .await?;
    app.delete(&env).await?;
    wait_until_empty(&env, &before).await
}

#[tokio::test]
async fn the_way_back_lets_go_of_it() -> Result<()> {
    let env = Stack::shared().await?.test("former-back").await?;
    let chart = Application::chart(&env, "6.3.5");
    chart.deliver(&env).await?;
    let change = json!({ "spec": {
        "destination": { "namespace": env.name("there") },
        "syncPolicy": { "syncOptions": PLAIN },
    } });
    env.patch("Application", &env.control, chart.name(), &change).await?;
    env.wait_until("nothing of Flux is left", PATIENCE, async || {
        let left = chart.left_behind(&env).await?;
        if left.is_empty() { Ok(Some(())) } else { Err(anyhow::anyhow!("{left:?}")) }
    })
    .await?;
    assert!(!chart.pods(&env).await?.is_empty(), "what was delivered runs on");
    chart.delete(&env).await
}
