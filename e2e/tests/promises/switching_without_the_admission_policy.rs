//! On a cluster without the admission policy the stamp comes late: the bridge says so, and delivers nothing before stock
//! Argo CD has let go.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{BridgeOptions, Options, Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};
use crate::switching::{BRIDGED, PLAIN};

const MARK: &str = "flux-subsystem.dev/stamped";

#[tokio::test]
async fn a_late_stamp_is_told_and_waited_for() -> Result<()> {
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let _bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    let env = stack.test("late").await?;
    let (running, new) =
        (Application::chart(&env, "6.3.5"), Application::chart(&env, "6.3.5").named(&env, "new"));
    let running = running.options(&PLAIN);
    running.deliver(&env).await?;
    let pods = running.pods(&env).await?;
    without_policy(&env, &new).await?;

    running.switch(&env, &BRIDGED).await?;
    new.apply(&env).await?;
    for app in [&running, &new] {
        let mark = app
            .wait(&env, "stamped", |app| !app["metadata"]["annotations"][MARK].is_null())
            .await?["metadata"]["annotations"][MARK]
            .clone();
        app.taken_over(&env).await?;
        assert_eq!(app.release(&env).await?["revision"], "1");
        assert_eq!(app.events(&env, "TakenOverLate").await?.len(), 1);
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        let waited = seconds(&release["metadata"]["creationTimestamp"])? - seconds(&mark)?;
        assert!(waited >= 10, "Flux began {waited} seconds after the stamp");
    }
    assert_eq!(running.pods(&env).await?, pods);

    running.switch(&env, &PLAIN).await?;
    running.handed_back(&env).await?;
    assert_eq!(running.pods(&env).await?, pods);
    assert_eq!(running.left_behind(&env).await?, Vec::<String>::new());
    new.delete(&env).await
}

/// The API server lets the end of a policy follow a moment after it was deleted.
async fn without_policy(env: &TestEnv, app: &Application) -> Result<()> {
    let policy = "mutatingadmissionpolicybindings/take-over.flux-subsystem.dev";
    env.kubectl(&["delete", policy]).await?.text()?;
    let create = ["create", "--dry-run=server", "-f", "-", "-o", "json"];
    env.wait_until("the policy has no effect any more", PATIENCE, async || {
        let admitted = env.stack().run_with_input("kubectl", &create, &app.to_yaml()).await?.json()?;
        ensure!(admitted["metadata"]["annotations"][MARK].is_null(), "it is stamped");
        Ok(Some(()))
    })
    .await
}

/// Seconds since 1970.
fn seconds(time: &Value) -> Result<i64> {
    let time: jiff::Timestamp = time.as_str().context("no time")?.parse()?;
    Ok(time.as_second())
}
