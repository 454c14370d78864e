//! `argocd app diff` of a bridged Application is empty while it is Synced, and shows a hand-made edit of its Flux objects.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::{Application, PATIENCE};

#[tokio::test]
async fn as_its_exit_code_says() -> Result<()> {
    let env = Stack::shared().await?.test("diff").await?;
    let app = Application::chart(&env, "6.3.5").parameter("ui.message", "as wished");
    app.deliver(&env).await?;
    let diff = async || env.argocd(&["app", "diff", app.name()]).await;
    env.wait_until("the diff is empty", PATIENCE, async || {
        let output = diff().await?;
        anyhow::ensure!(output.code == 0 && output.stdout.is_empty(), "{output:?}");
        Ok(Some(()))
    })
    .await?;

    let edit = json!({ "spec": { "values": { "ui": { "message": "by hand" } } } });
    env.patch("HelmRelease", app.destination(), app.name(), &edit).await?;
    let shown = env
        .wait_until("the edit is shown", PATIENCE, async || {
            let output = diff().await?;
            Ok((output.code == 1).then_some(output.stdout))
        })
        .await?;
    let mut changed: Vec<_> =
        shown.lines().filter(|line| line.starts_with(['<', '>'])).map(|line| line[1..].trim()).collect();
    changed.sort_unstable();
    assert_eq!(changed, ["message: as wished", "message: by hand"], "{shown}");

    app.sync(&env).await?;
    env.wait_until("the diff is empty again", PATIENCE, async || Ok((diff().await?.code == 0).then_some(())))
        .await
}
