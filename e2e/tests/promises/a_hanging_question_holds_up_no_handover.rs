//! A bridge that is told to go while it waits for a repo-server that does not answer goes at once, and hands its Lease over.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Stack, TestEnv};
use serde_json::json;
use tokio::net::TcpListener;

use crate::applications::{Application, PATIENCE};

/// A question may take a minute, and Kubernetes waits for half of one. A Lease runs out after 15 s.
const GOES_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_hanging_question_holds_up_no_handover() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("goes-at-once").await?.with_control_namespace("10s").await?;
    // The kernel takes connections for it; nobody ever answers.
    let repo_server = TcpListener::bind("127.0.0.1:0").await?;
    let address = repo_server.local_addr()?.to_string();
    let first = replica(&env, "first", &address).await?;
    let second = replica(&env, "second", &address).await?;
    let files =
        [("deploy/map.jsonnet", Some("{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map' } }"))];
    let repository = env.sources().create_repository(&env.name("jsonnet"), &files).await?;
    let jsonnet = json!({ "spec": { "source": { "directory": { "jsonnet": { "libs": ["lib"] } } } } });
    let app = Application::git(&env, &repository.url(), "deploy", "main").merge(&jsonnet);
    app.apply(&env).await?;
    let _question = tokio::time::timeout(PATIENCE, repo_server.accept()).await.context("nobody asks")??;

    let begun = Instant::now();
    first.terminate();
    assert!(begun.elapsed() < GOES_WITHIN, "it took {:?}", begun.elapsed());
    assert!(first.log().contains("released the lease"), "{}", first.tail(20));
    env.wait_until("the second replica leads", GOES_WITHIN, async || {
        Ok((second.metric("flux_subsystem_leader", &[]).await? > 0.5).then_some(()))
    })
    .await
}

async fn replica(env: &TestEnv, name: &str, repo_server: &str) -> Result<Bridge> {
    let options = BridgeOptions {
        name: env.name(name),
        arguments: vec!["--leader-elect".to_owned(), format!("--repo-server={repo_server}")],
        variables: vec![("POD_NAME".to_owned(), name.to_owned())],
        ..BridgeOptions::serving(&env.control)
    };
    env.stack().bridge(options).await
}
