//! helm-controller works on ten releases at once. Those that never become ready keep none of its workers.

use std::time::{Duration, Instant};

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::broken;

/// `--concurrent` of helm-controller: as many of the broken ones, beside the healthy one, are what it can hold.
const WORKERS: usize = 10;
/// More than twice as many as helm-controller works on at once.
const BROKEN: usize = 22;
/// How long an edit may take beside them; Flux would wait five minutes for each of them.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_edit_arrives_beside_them() -> Result<()> {
    let env = Stack::shared().await?.test("broken-charts").await?;
    let healthy = Application::chart(&env, "6.3.5").named(&env, "healthy");
    healthy.deliver(&env).await?;
    let begun = Instant::now();
    let edited = healthy.clone().parameter("ui.message", "alone");
    edited.deliver(&env).await?;
    let alone = begun.elapsed();

    let together = json!({ "spec": { "destination": { "namespace": env.name("broken-ns") } } });
    for index in 0..BROKEN {
        broken::chart(&env).named(&env, &format!("b{index}")).merge(&together).apply(&env).await?;
    }
    let releases = async || {
        let all = env.list("HelmRelease", "").await?;
        let own = all.iter().filter(|release| {
            let namespace = release["metadata"]["namespace"].as_str().unwrap_or_default();
            namespace.starts_with(&env.namespace) && !release["status"]["lastAttemptedRevision"].is_null()
        });
        Ok((own.count() > WORKERS).then_some(()))
    };
    env.wait_until("as many are attempted as there are workers", PATIENCE, releases).await?;

    let begun = Instant::now();
    healthy.clone().parameter("ui.message", "beside").apply(&env).await?;
    env.wait_until("the edit has reached Helm", SOON, async || {
        Ok((healthy.release(&env).await?["revision"] == "3").then_some(()))
    })
    .await?;
    eprintln!(
        "edit of a healthy chart: alone {alone:?} (until Healthy), beside {BROKEN} broken ones {:?}",
        begun.elapsed()
    );
    Ok(())
}
