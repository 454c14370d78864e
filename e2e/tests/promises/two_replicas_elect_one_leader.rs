//! Two replicas: one leads, the other stands by, ready, and takes over when the first one dies or goes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Stack, TestEnv, http};

use crate::applications::{Application, PATIENCE};

/// How long a lease holds: a replica that dies is missed after it, one that goes hands over well before.
const LEASE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_standby_takes_over_from_a_dead_leader_and_from_one_that_goes() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("replicas").await?.with_control_namespace("10s").await?;
    let first = replica(&env, "first").await?;
    leads(&env, &first, "first").await?;
    let second = replica(&env, "second").await?;
    stands_by(&first, &second).await?;
    Application::chart(&env, "6.3.5").deliver(&env).await?;

    first.kill();
    let orphan = Application::chart(&env, "6.3.5").named(&env, "orphan");
    orphan.apply(&env).await?;
    leads(&env, &second, "second").await?;
    orphan.settled(&env).await?;

    first.restart().await?;
    stands_by(&second, &first).await?;
    let begun = Instant::now();
    second.terminate();
    leads(&env, &first, "first").await?;
    assert!(begun.elapsed() < LEASE, "a replica that goes gives its lease back");
    let heir = Application::chart(&env, "6.3.5").named(&env, "heir");
    heir.deliver(&env).await.map(drop)
}

async fn replica(env: &TestEnv, name: &str) -> Result<Bridge> {
    let options = BridgeOptions {
        name: env.name(name),
        arguments: vec!["--leader-elect".to_owned()],
        variables: vec![("POD_NAME".to_owned(), name.to_owned())],
        ..BridgeOptions::serving(&env.control)
    };
    env.stack().bridge(options).await
}

/// Waits until the replica leads, by its own word and by the Lease.
async fn leads(env: &TestEnv, replica: &Bridge, name: &str) -> Result<()> {
    env.wait_until(&format!("{name} leads"), PATIENCE, async || {
        let lease = env.get("Lease", &env.control, "flux-subsystem").await?.context("no Lease")?;
        Ok((is_leader(replica).await? && lease["spec"]["holderIdentity"] == name).then_some(()))
    })
    .await
}

async fn stands_by(leader: &Bridge, standby: &Bridge) -> Result<()> {
    assert!(is_leader(leader).await? && !is_leader(standby).await?, "one leads, the other does not");
    // The one that was elected a moment ago may still be filling its caches.
    leader.wait_ready().await?;
    assert_eq!(http::get(standby.address(), "/readyz").await?.0, 200);
    Ok(())
}

async fn is_leader(replica: &Bridge) -> Result<bool> {
    Ok(replica.metric("flux_subsystem_leader", &[]).await? > 0.5)
}
