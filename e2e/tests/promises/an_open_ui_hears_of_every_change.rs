//! Who has the page of an Application open is sent its new resource tree, by argocd-server, without asking again.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, http};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};
use crate::redis_settings::wait_for_tree;

#[tokio::test]
async fn an_open_ui_hears_of_every_change() -> Result<()> {
    let env = Stack::shared().await?.test("redis-stream").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    wait_for_tree(&env, &env.stack().redis(), &app, ".gz").await?;
    let server = env.stack().state().address("argocd-server");
    let mut page =
        http::lines(&server, &format!("/api/v1/stream/applications/{}/resource-tree", app.name())).await?;
    app.clone().parameter("replicaCount", "2").apply(&env).await?;
    let sent = tokio::time::timeout(PATIENCE, async {
        while let Some(line) = page.next().await? {
            let nodes =
                serde_json::from_str::<Value>(&line).ok().map(|message| message["result"]["nodes"].clone());
            let is_release = |node: &Value| node["kind"] == "HelmRelease" && node["name"] == app.name();
            if nodes.iter().filter_map(|nodes| nodes.as_array()).flatten().any(is_release) {
                return anyhow::Ok(());
            }
        }
        anyhow::bail!("the stream has ended")
    });
    sent.await.context("nothing was sent")?
}
