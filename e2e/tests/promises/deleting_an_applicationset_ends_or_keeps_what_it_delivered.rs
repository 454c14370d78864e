//! Deleting an ApplicationSet ends what its Applications delivered, or keeps it running where that is wished.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::application_sets::ApplicationSet;
use crate::applications::Application;
use crate::namespaces::{everything_in, wait_until_empty};

const NAMES: [&str; 2] = ["dev", "prod"];

#[tokio::test]
async fn everything_goes_with_it() -> Result<()> {
    let env = Stack::shared().await?.test("set-delete").await?;
    // Without finalizers in its template, an ApplicationSet gives its Applications the one that cascades.
    let (set, apps) = delivered(&env, |set| set).await?;
    set.delete(&env).await?;
    for app in &apps {
        env.wait_until_gone("Application", &env.control, app.name()).await?;
        wait_until_empty(&env, app.destination()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn everything_stays_where_it_is_to_be_preserved() -> Result<()> {
    let env = Stack::shared().await?.test("set-preserve").await?;
    let policy = json!({ "preserveResourcesOnDeletion": true });
    let (set, apps) = delivered(&env, |set| set.with("syncPolicy", &policy)).await?;
    let mut before = Vec::new();
    for app in &apps {
        before.push((pod(&env, app).await?, everything_in(&env, app.destination()).await?));
    }
    set.delete(&env).await?;
    for (app, before) in apps.iter().zip(before) {
        env.wait_until_gone("Application", &env.control, app.name()).await?;
        let after = (pod(&env, app).await?, everything_in(&env, app.destination()).await?);
        assert_eq!(before, after);
        // It is not merely left over: Flux goes on delivering.
        let again = ["reconcile", "helmrelease", app.name(), "-n", app.destination(), "--timeout=60s"];
        env.flux(&again).await?.text()?;
        assert_eq!(app.release(&env).await?["status"], "deployed");
    }
    Ok(())
}

async fn delivered(
    env: &TestEnv,
    change: impl FnOnce(ApplicationSet) -> ApplicationSet,
) -> Result<(ApplicationSet, [Application; 2])> {
    let template = Application::chart(env, "6.3.5").without_finalizer();
    let elements = NAMES.map(|name| json!({ "name": name }));
    let set = change(ApplicationSet::of(env, template, &json!(elements)));
    set.apply(env).await?;
    let apps = NAMES.map(|name| Application::chart(env, "6.3.5").named(env, name));
    for app in &apps {
        app.appears(env).await?;
        app.settled(env).await?;
    }
    Ok((set, apps))
}

/// The uid of its only Pod.
async fn pod(env: &TestEnv, app: &Application) -> Result<String> {
    let pods = env.list("Pod", app.destination()).await?;
    let [pod] = pods.as_slice() else { anyhow::bail!("{} Pods", pods.len()) };
    Ok(pod["metadata"]["uid"].to_string())
}
