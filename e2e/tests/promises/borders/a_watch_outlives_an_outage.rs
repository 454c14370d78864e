//! The one watch of a kind that is in use in many namespaces goes on after an outage of the API server: an Application in a
//! namespace that comes into use afterwards has health and a tree, and hears of what happens to its objects.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Bridge, BridgeOptions, Options, Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

/// More than are watched one by one.
const NAMESPACES: usize = 11;
/// After so many failures in a row the bridge stops waiting for an answer.
const FAILURES: f64 = 4.5;

#[tokio::test]
async fn a_watch_outlives_an_outage() -> Result<()> {
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    let env = stack.test("outage").await?;
    let crowd = in_many_namespaces(&env).await?;
    crowd.deliver(&env).await?;
    env.wait_until("one watch each of Deployments, ReplicaSets, Pods and Namespaces", PATIENCE, async || {
        let watches = bridge.metric("flux_subsystem_live_watches", &[]).await?;
        Ok(((watches - 4.0).abs() < 0.5).then_some(()))
    })
    .await?;

    stack.kill_component("kube-apiserver").await?;
    for kind in ["Deployment", "ReplicaSet", "Pod"] {
        fails_for_a_while(&bridge, kind).await?;
    }
    stack.start_component("kube-apiserver").await?;

    let late = Application::chart(&env, "6.3.5").named(&env, "late");
    // An API server that has just started does not know all CRDs yet.
    env.wait_until("Applications are served again", PATIENCE, async || Ok(late.apply(&env).await.ok()))
        .await?;
    late.settled(&env).await?;
    let (_, pod) = late
        .tree(&env, "its Pod", |tree| Ok(tree.only("Pod")?["name"].as_str().context("no name")?.to_owned()))
        .await?;
    env.delete("Pod", late.destination(), &pod).await?;
    late.tree(&env, "another Pod", |tree| {
        let name = tree.only("Pod")?["name"].as_str().context("no name")?;
        (name != pod).then_some(()).context("it is the same one")
    })
    .await?;
    Ok(())
}

/// A Deployment in each of many namespaces.
async fn in_many_namespaces(env: &TestEnv) -> Result<Application> {
    let mut manifests = String::new();
    for number in 0..NAMESPACES {
        let namespace = env.name(&format!("n{number}"));
        writeln!(
            manifests,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\napiVersion: apps/v1\n\
             kind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: web, image: web}}]}}"
        )?;
    }
    let files = [("objects/all.yaml", Some(manifests.as_str()))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    Ok(Application::git(env, &repository.url(), "objects", "main"))
}

/// Asks the bridge itself: the API server is away, and with it everything that a failure would be explained with.
async fn fails_for_a_while(bridge: &Bridge, kind: &str) -> Result<()> {
    let waiting = async {
        while bridge.metric("flux_subsystem_watch_errors_total", &[("kind", kind)]).await? < FAILURES {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("the watch of {kind} goes on"))?
}
