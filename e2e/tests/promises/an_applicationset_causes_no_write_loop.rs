//! An ApplicationSet tries to take the stamp away at each of its looks, and nothing is written for that: neither the
//! Applications nor the ApplicationSet change, so nobody wakes anybody.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::application_sets::{ApplicationSet, STAMP};
use crate::applications::Application;

/// How many of the controller's looks must pass without a write.
const PERIODS: u32 = 3;

#[tokio::test]
async fn with_a_template_that_does_not_know_of_the_stamp() -> Result<()> {
    let env = Stack::shared().await?.test("set-loop").await?;
    let (set, apps) = at_rest(&env, |set| set).await?;
    silent(&env, &set, &apps).await
}

#[tokio::test]
async fn not_even_events_are_written_where_the_stamp_is_preserved() -> Result<()> {
    let env = Stack::shared().await?.test("set-preserved").await?;
    let preserved = json!({ "annotations": STAMP });
    let (set, apps) = at_rest(&env, |set| set.with("preservedFields", &preserved)).await?;
    let before = events(&env, &set).await?;
    silent(&env, &set, &apps).await?;
    assert_eq!(events(&env, &set).await?, before);
    Ok(())
}

/// A set of two Applications that its controller looks at every other second, delivered and at rest.
async fn at_rest(
    env: &TestEnv,
    change: impl FnOnce(ApplicationSet) -> ApplicationSet,
) -> Result<(ApplicationSet, [Application; 2])> {
    let url = env.sources().git_url("fleet");
    let generator = json!({ "git": {
        "repoURL": url, "revision": "v1.1.0", "directories": [{ "path": "apps/overlays/*" }],
        "requeueAfterSeconds": 2,
    } });
    let template = Application::git(env, &url, "{{.path.path}}", "v1.1.0").named(env, "{{.path.basename}}");
    let set = change(ApplicationSet::generated(env, &template, &generator));
    set.apply(env).await?;
    let apps = ["staging", "production"]
        .map(|name| Application::git(env, &url, &format!("apps/overlays/{name}"), "v1.1.0").named(env, name));
    for app in &apps {
        app.appears(env).await?;
        app.settled(env).await?;
    }
    // A look that began before the last write ends.
    set.reconciled(env, 2).await?;
    Ok((set, apps))
}

/// Over some looks of the controller, nothing of it changes.
async fn silent(env: &TestEnv, set: &ApplicationSet, apps: &[Application]) -> Result<()> {
    let before = versions(env, set, apps).await?;
    set.reconciled(env, PERIODS).await?;
    let after = versions(env, set, apps).await?;
    assert_eq!(before, after, "something was written in {PERIODS} periods");
    set.delete(env).await
}

/// The resourceVersions of the set and of its Applications.
async fn versions(env: &TestEnv, set: &ApplicationSet, apps: &[Application]) -> Result<Vec<Value>> {
    let mut all = vec![set.live(env).await?["metadata"]["resourceVersion"].clone()];
    for app in apps {
        all.push(env.application(app.name()).await?["metadata"]["resourceVersion"].clone());
    }
    Ok(all)
}

/// The resourceVersions of the events about the set: each look that patches an Application adds to one.
async fn events(env: &TestEnv, set: &ApplicationSet) -> Result<Vec<String>> {
    let all = env.list("Event", &env.control).await?;
    let own = all.iter().filter(|event| event["involvedObject"]["name"] == set.name());
    let version = |event: &Value| event["metadata"]["resourceVersion"].as_str().map(str::to_owned);
    let mut versions: Vec<_> = own.map(version).collect::<Option<_>>().context("an event without version")?;
    versions.sort();
    Ok(versions)
}
