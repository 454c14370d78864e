//! Live objects come from shared watches: one for each kind and namespace in use, none when nothing is in use, and one of the
//! whole cluster for a kind that is in use in many namespaces.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

/// What the chart delivers and what becomes of it: `ConfigMap`, `ServiceAccount`, Deployment, `ReplicaSet`, Pod, Service and
/// `EndpointSlice`.
const KINDS: f64 = 7.0;
/// Watches outlive their last user by a minute.
const GRACE: Duration = Duration::from_secs(60);
const NAMESPACES: usize = 14;

pub(crate) async fn watches(env: &TestEnv, bridge: &Bridge, expected: f64) -> Result<()> {
    let what = format!("{expected} kinds and namespaces are watched");
    env.wait_until(&what, PATIENCE + GRACE, async || {
        let found = bridge.metric("flux_subsystem_live_watches", &[]).await?;
        let is_expected = (found - expected).abs() < 0.5;
        if is_expected { Ok(Some(())) } else { Err(anyhow!("{found} are")) }
    })
    .await
}

#[tokio::test]
async fn watches_are_shared_and_end_with_their_last_user() -> Result<()> {
    let env = Stack::shared().await?.test("watched").await?.with_control_namespace("10s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    watches(&env, &bridge, 0.0).await?;
    let first = Application::chart(&env, "6.3.5");
    first.deliver(&env).await?;
    watches(&env, &bridge, KINDS).await?;

    let beside = Application::chart(&env, "6.3.5").named(&env, "beside").into_namespace(first.destination());
    beside.deliver(&env).await?;
    let elsewhere = Application::chart(&env, "6.3.5").named(&env, "elsewhere");
    elsewhere.deliver(&env).await?;
    watches(&env, &bridge, 2.0 * KINDS).await?;

    for app in [&elsewhere, &beside, &first] {
        app.delete(&env).await?;
    }
    watches(&env, &bridge, 0.0).await?;
    let kept = bridge.metric("flux_subsystem_live_objects", &[]).await?;
    assert!(kept < 0.5, "{kept} objects are kept though nothing is watched");
    Ok(())
}

#[tokio::test]
async fn many_namespaces_take_one_watch() -> Result<()> {
    let env = Stack::shared().await?.test("crowd").await?.with_control_namespace("10s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let mut manifests = String::new();
    for number in 0..NAMESPACES {
        let namespace = env.name(&format!("n{number}"));
        writeln!(
            manifests,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\napiVersion: v1\n\
             kind: ConfigMap\nmetadata: {{name: settings, namespace: {namespace}}}"
        )?;
    }
    let files = [("objects/all.yaml", Some(manifests.as_str()))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "objects", "main");
    app.deliver(&env).await?;
    // That of Namespaces, and that of ConfigMaps.
    watches(&env, &bridge, 2.0).await?;
    // Each namespace holds its own and `kube-root-ca.crt`; those of other namespaces are not kept.
    let namespaces = env.list("Namespace", "").await?.len();
    let kept = bridge.metric("flux_subsystem_live_objects", &[]).await?;
    let most = f64::from(u32::try_from(namespaces + 2 * NAMESPACES)?);
    assert!(kept <= most + 8.0, "{kept} objects are kept, of which {most} are of interest");
    Ok(())
}
