//! The one watch of a kind that is in use in many namespaces goes on after an outage of the network: an Application in a
//! namespace that comes into use afterwards hears of what happens to its Pods.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Stack, TestEnv};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::a_crash_looping_pod_degrades_the_application::write_status;
use crate::applications::{Application, PATIENCE};

/// More than are watched one by one.
const NAMESPACES: usize = 11;
/// After so many failures in a row the bridge stops waiting for an answer.
const FAILURES: f64 = 4.5;

#[tokio::test]
async fn a_watch_outlives_an_outage() -> Result<()> {
    let env = Stack::shared().await?.test("outage").await?.with_control_namespace("3600s").await?;
    let way = Way::open(env.stack().state().address("apiserver")).await?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig").display().to_string();
    std::fs::write(&kubeconfig, kubeconfig_through(&env, &way).await?)?;
    let variables = vec![("KUBECONFIG".to_owned(), kubeconfig)];
    let bridge =
        env.stack().bridge(BridgeOptions { variables, ..BridgeOptions::serving(&env.control) }).await?;
    let url = repository(&env).await?;
    Application::git(&env, &url, "crowd", "main").deliver(&env).await?;
    env.wait_until("one watch each of Deployments, ReplicaSets, Pods and Namespaces", PATIENCE, async || {
        let watches = bridge.metric("flux_subsystem_live_watches", &[]).await?;
        Ok(((watches - 4.0).abs() < 0.5).then_some(()))
    })
    .await?;

    way.is_open.send_replace(false);
    for kind in ["Deployment", "ReplicaSet", "Pod"] {
        fails_for_a_while(&env, &bridge, kind).await?;
    }
    way.is_open.send_replace(true);

    let late = Application::git(&env, &url, "late", "main").named(&env, "late");
    late.deliver(&env).await?;
    let pods = env.list("Pod", late.destination()).await?;
    write_status(&env, pods.first().context("no Pod")?, true).await?;
    late.wait(&env, "Degraded", |app| app["status"]["health"]["status"] == "Degraded").await?;
    Ok(())
}

const DEPLOYMENT: &str = "
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web }] }
";

/// A repository with a Deployment in each of many namespaces, and one that is alone: of another kind, somebody could hear.
async fn repository(env: &TestEnv) -> Result<String> {
    let mut crowd = String::new();
    for number in 0..NAMESPACES {
        let namespace = env.name(&format!("n{number}"));
        writeln!(crowd, "---\napiVersion: v1\nkind: Namespace\nmetadata: {{ name: {namespace} }}")?;
        writeln!(crowd, "---\n{}", deployment(&format!("{{ name: web, namespace: {namespace} }}")))?;
    }
    let late = deployment("{ name: web }");
    let files = [("crowd/all.yaml", Some(crowd.as_str())), ("late/web.yaml", Some(late.as_str()))];
    Ok(env.sources().create_repository(&env.name("objects"), &files).await?.url())
}

fn deployment(metadata: &str) -> String {
    format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {metadata}{DEPLOYMENT}")
}

/// A way to the API server that can be cut: nothing of what goes on there meanwhile reaches the bridge, and nobody else is
/// concerned. (An API server that starts anew has all watches list anew.)
struct Way {
    address: String,
    is_open: watch::Sender<bool>,
}

impl Way {
    async fn open(target: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (is_open, gate) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut gate, target) = (gate.clone(), target.clone());
                if !*gate.borrow() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await?;
                    tokio::select! {
                        ended = copy_bidirectional(&mut stream, &mut server) => ended.map(drop),
                        _ = gate.wait_for(|is_open| !is_open) => Ok(()),
                    }
                });
            }
        });
        Ok(Self { address, is_open })
    }
}

/// A kubeconfig of the bridge's service account.
async fn kubeconfig_through(env: &TestEnv, way: &Way) -> Result<String> {
    let token = env.kubectl(&["create", "token", "flux-subsystem", "-n", &env.control]).await?.text()?;
    let cluster = json!({ "server": format!("https://{}", way.address), "insecure-skip-tls-verify": true });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "way",
        "clusters": [{ "name": "way", "cluster": cluster }],
        "users": [{ "name": "way", "user": { "token": token.trim() } }],
        "contexts": [{ "name": "way", "context": { "cluster": "way", "user": "way" } }],
    });
    Ok(config.to_string())
}

async fn fails_for_a_while(env: &TestEnv, bridge: &Bridge, kind: &str) -> Result<()> {
    env.wait_until(
        &format!("the watch of {kind} fails again and again"),
        Duration::from_secs(30),
        async || {
            let failures = bridge.metric("flux_subsystem_watch_errors_total", &[("kind", kind)]).await?;
            Ok((failures > FAILURES).then_some(()))
        },
    )
    .await
}
