//! How long the edit of an ordinary chart takes while other Applications hang on a repo-server that does not answer, beside the same
//! edits while it does.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use flux_subsystem_e2e::private::Relay;
use flux_subsystem_e2e::{BridgeOptions, Options, Stack, TestEnv};
use serde_json::{Value, json};

use super::{CHART, say};

const PATIENCE: Duration = Duration::from_secs(300);
/// Edits of one chart, one after the other, in each half of a round.
const EDITS: usize = 5;

/// Measures and prints.
pub(super) async fn measure(number: usize, rounds: usize) -> Result<String> {
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    stack.sources().publish_chart("speck", &CHART).await?;
    let env = stack.test("hanging").await?.with_control_namespace("3600s").await?;
    let relay = Relay::to(&stack.state().address("argocd-repo-server")).await?;
    let arguments = vec![format!("--repo-server={}", relay.address())];
    let _bridge = stack.bridge(BridgeOptions { arguments, ..BridgeOptions::serving(&env.control) }).await?;
    say(&format!("{number} Applications that the repo-server renders, and a chart"))?;
    let hanging = rendered(&env, number).await?;
    let url = env.sources().helm_url("speck");
    let chart =
        application(&env, "plain", &json!({ "repoURL": url, "chart": "speck", "targetRevision": "1.0.0" }));
    env.apply(&chart.to_string()).await?;
    for name in hanging.iter().map(String::as_str).chain(["plain"]) {
        env.wait_for_application(name, "Synced", "Healthy").await?;
    }
    let mut edit = 0;
    let mut table = String::from("round  answering  hanging  ratio  (median of edit to Helm revision)\n");
    for round in 1..=rounds {
        say(&format!("round {round}: the repo-server answers"))?;
        let answering = edits(&env, &mut edit).await?;
        say(&format!("round {round}: it hangs, and {number} Applications are refreshed"))?;
        relay.freeze(true);
        for name in &hanging {
            let refresh = json!({ "metadata": { "annotations": { "argocd.argoproj.io/refresh": "hard" } } });
            env.patch("Application", &env.control, name, &refresh).await?;
        }
        let hangs = edits(&env, &mut edit).await?;
        relay.freeze(false);
        for name in &hanging {
            env.wait_for_application(name, "Synced", "Healthy").await?;
        }
        let ratio = hangs.as_secs_f64() / answering.as_secs_f64();
        writeln!(
            table,
            "{round:<5}  {:>7.2} s  {:>5.2} s  {ratio:>5.2}",
            answering.as_secs_f64(),
            hangs.as_secs_f64()
        )?;
    }
    Ok(table)
}

/// Applications of Jsonnet, which Flux does not read.
async fn rendered(env: &TestEnv, number: usize) -> Result<Vec<String>> {
    let map = "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map-' + std.extVar('name') } }";
    let repository =
        env.sources().create_repository(&env.name("jsonnet"), &[("deploy/map.jsonnet", Some(map))]).await?;
    let mut names = Vec::new();
    for number in 0..number {
        let name = format!("rendered-{number}");
        let jsonnet = json!({ "extVars": [{ "name": "name", "value": name }] });
        let source = json!({
            "repoURL": repository.url(),
            "path": "deploy",
            "targetRevision": "main",
            "directory": { "jsonnet": jsonnet },
        });
        env.apply(&application(env, &name, &source).to_string()).await?;
        names.push(name);
    }
    Ok(names)
}

fn application(env: &TestEnv, name: &str, source: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": name, "namespace": env.control },
        "spec": {
            "project": "default",
            "destination": { "server": "https://kubernetes.default.svc", "namespace": env.namespace },
            "source": source,
            "syncPolicy": {
                "automated": { "prune": true },
                "syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"],
            },
        },
    })
}

/// The median time from the edit of the chart to its Helm revision.
async fn edits(env: &TestEnv, edit: &mut usize) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..EDITS {
        *edit += 1;
        let parameters = json!([{ "name": "edit", "value": edit.to_string() }]);
        let change = json!({ "spec": { "source": { "helm": { "parameters": parameters } } } });
        let before = revision(env).await?;
        let begin = Instant::now();
        env.patch("Application", &env.control, "plain", &change).await?;
        env.wait_until("the edit is a Helm revision", PATIENCE, async || {
            Ok((revision(env).await? > before).then_some(()))
        })
        .await?;
        times.push(begin.elapsed());
    }
    times.sort();
    match times.get(EDITS / 2) {
        Some(median) => Ok(*median),
        None => bail!("nothing was measured"),
    }
}

async fn revision(env: &TestEnv) -> Result<i64> {
    let release = env.get("HelmRelease", &env.namespace, "plain").await?.unwrap_or_default();
    Ok(release.pointer("/status/history/0/version").and_then(Value::as_i64).unwrap_or_default())
}
