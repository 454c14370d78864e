//! `cargo bench-bridge`: many Applications at once through the bridge, beside the same Flux objects applied by kubectl.
//!
//! Both run on one stack, one after the other and several times, because machines are noisy: look at the ratios.

mod hanging;
mod report;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use flux_subsystem_e2e::process::Usage;
use flux_subsystem_e2e::{Bridge, BridgeOptions, Chart, Options, Redis, RedisOptions, Stack, TestEnv};
use jiff::Timestamp;
use serde_json::{Value, json};

use report::{Cost, report};

/// A release of one `ConfigMap`: what is measured is the delivery, not a workload.
const CHART: Chart<'static> = Chart {
    name: "speck",
    version: "1.0.0",
    edits: &[
        ("templates/configmap.yaml", Some(CONFIG_MAP)),
        ("templates/NOTES.txt", None),
        ("templates/_names.tpl", None),
        ("templates/deployment.yaml", None),
        ("templates/hook.yaml", None),
        ("templates/hpa.yaml", None),
        ("templates/service-account.yaml", None),
        ("templates/service.yaml", None),
        ("templates/settings.yaml", None),
        ("templates/tests/reachable.yaml", None),
        ("values.schema.json", None),
    ],
};
const CONFIG_MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  a: b\n";

/// How long entries in Redis live here, so that a short idleness sees them renewed; an hour in Argo CD's manifests.
const EXPIRATION: u64 = 20;

/// Measure the bridge beside Flux alone
#[derive(Debug, Parser)]
struct Arguments {
    /// How many Applications at once
    #[arg(long, default_value_t = 100)]
    applications: usize,
    /// How often each side is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long idleness is watched, in seconds
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Measure edits of a chart while so many other Applications hang on a repo-server that does not answer, instead
    #[arg(long, value_name = "APPLICATIONS", num_args = 0..=1, default_missing_value = "20")]
    hanging: Option<usize>,
}

/// One side of one round.
struct Measured {
    wall: Duration,
    deletion: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(number) = arguments.hanging {
        let table = hanging::measure(number, arguments.rounds).await?;
        return Ok(std::io::stdout().write_all(table.as_bytes())?);
    }
    let stack = Stack::private(Options::default()).await?;
    stack.sources().publish_chart("speck", &CHART).await?;
    let env = stack.test("bench").await?.with_control_namespace("120s").await?;
    let redis = Redis::start(RedisOptions::default()).await?;
    let parameters = json!({
        "redis.server": redis.address(),
        "controller.app.state.cache.expiration": format!("{EXPIRATION}s"),
    });
    env.patch("ConfigMap", &env.control, "argocd-cmd-params-cm", &json!({ "data": parameters })).await?;
    let mut table = String::from("round  without bridge  with bridge  ratio  delete (with bridge)\n");
    let mut cost = Cost::default();
    for round in 1..=arguments.rounds {
        say(&format!("round {round}: Flux objects by kubectl"))?;
        let alone = without(&env, &arguments, round).await?;
        say(&format!("round {round}: Applications through the bridge"))?;
        let bridged = with(&env, &redis, &arguments, round, &mut cost).await?;
        writeln!(
            table,
            "{round:<5}  {:>12.1} s  {:>9.1} s  {:>5.2}  {:>18.1} s",
            alone.wall.as_secs_f64(),
            bridged.wall.as_secs_f64(),
            bridged.wall.as_secs_f64() / alone.wall.as_secs_f64(),
            bridged.deletion.as_secs_f64()
        )?;
    }
    report(&mut table, &arguments, &cost)?;
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{line}")?)
}

/// The Applications of one round, as YAML.
fn applications(env: &TestEnv, arguments: &Arguments, round: usize) -> String {
    let (control, url) = (&env.control, env.sources().helm_url("speck"));
    let namespace = &env.namespace;
    (0..arguments.applications).fold(String::new(), |mut all, number| {
        let _ = write!(
            all,
            "---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: speck-{round}-{number}
  namespace: {control}
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  destination: {{server: 'https://kubernetes.default.svc', namespace: {namespace}}}
  source: {{repoURL: '{url}', chart: speck, targetRevision: 1.0.0}}
  syncPolicy:
    automated: {{prune: true}}
    syncOptions: [FluxSubsystem=true, AutoCreateFluxResources=true]
"
        );
        all
    })
}

/// Applies with one `kubectl apply` and waits until `is_done` holds of `number` objects of `kind`.
async fn deliver(
    env: &TestEnv,
    yaml: &str,
    kind: &str,
    namespace: &str,
    number: usize,
    is_done: fn(&Value) -> bool,
) -> Result<Duration> {
    let begin = Instant::now();
    env.stack().run_with_input("kubectl", &["apply", "-f", "-"], yaml).await?;
    env.wait_until("everything is delivered", Duration::from_secs(600), async || {
        let done = env.list(kind, namespace).await?.iter().filter(|object| is_done(object)).count();
        Ok((done == number).then_some(()))
    })
    .await?;
    let wall = begin.elapsed();
    say(&format!("  {}", spans(env).await?))?;
    Ok(wall)
}

/// When the first and the last release were created and ready, in seconds since the first was created.
async fn spans(env: &TestEnv) -> Result<String> {
    let releases = env.list("HelmRelease", &env.namespace).await?;
    let times = |pointer: &str| -> Vec<Timestamp> {
        let texts = releases.iter().filter_map(|release| release.pointer(pointer)?.as_str());
        let mut times: Vec<_> = texts.filter_map(|text| text.parse().ok()).collect();
        times.sort();
        times
    };
    let (created, ready) =
        (times("/metadata/creationTimestamp"), times("/status/conditions/0/lastTransitionTime"));
    let first = created.first().copied().unwrap_or_default();
    let since = |time: Option<&Timestamp>| time.map_or(0, |time| time.duration_since(first).as_secs());
    let (last, begin, end) = (since(created.last()), since(ready.first()), since(ready.last()));
    Ok(format!("releases: last created after {last} s, ready from {begin} s to {end} s"))
}

async fn without(env: &TestEnv, arguments: &Arguments, round: usize) -> Result<Measured> {
    let binary = flux_subsystem_e2e::bridge::built_binary("flux-subsystem")?.display().to_string();
    let applications = applications(env, arguments, round);
    let translated = env.stack().run_with_input(&binary, &["translate", "-f", "-"], &applications).await?;
    let yaml = translated.stdout;
    let wall = deliver(env, &yaml, "HelmRelease", &env.namespace, arguments.applications, is_ready).await?;
    let begin = Instant::now();
    env.stack().run_with_input("kubectl", &["delete", "-f", "-", "--wait=false"], &yaml).await?;
    gone(env, "HelmRelease", &env.namespace).await?;
    gone(env, "HelmRepository", &env.namespace).await?;
    Ok(Measured { wall, deletion: begin.elapsed() })
}

async fn with(
    env: &TestEnv,
    redis: &Redis,
    arguments: &Arguments,
    round: usize,
    cost: &mut Cost,
) -> Result<Measured> {
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let yaml = applications(env, arguments, round);
    let (before, writes, commands) = (bridge.usage()?, writes(&bridge).await?, entries(redis)?);
    let wall = deliver(env, &yaml, "Application", &env.control, arguments.applications, is_healthy).await?;
    let after = bridge.usage()?;
    cost.cpu += after.cpu_seconds - before.cpu_seconds;
    cost.resident = cost.resident.max(after.resident_bytes);
    cost.writes += self::writes(&bridge).await? - writes;
    cost.redis += entries(redis)? - commands;
    if round == arguments.rounds {
        idle(&bridge, redis, arguments, cost).await?;
    }
    let begin = Instant::now();
    env.stack().run_with_input("kubectl", &["delete", "-f", "-", "--wait=false"], &yaml).await?;
    gone(env, "Application", &env.control).await?;
    Ok(Measured { wall, deletion: begin.elapsed() })
}

/// Idleness is a span of time, so this waits for one.
async fn idle(bridge: &Bridge, redis: &Redis, arguments: &Arguments, cost: &mut Cost) -> Result<()> {
    say(&format!("{} s of idleness", arguments.idle))?;
    let settle = Duration::from_secs(5);
    tokio::time::sleep(settle).await;
    let (before, writes): (Usage, f64) = (bridge.usage()?, writes(bridge).await?);
    let (commands, pings) = (entries(redis)?, calls(redis, &["ping"])?);
    tokio::time::sleep(Duration::from_secs(arguments.idle)).await;
    cost.idle_cpu = bridge.usage()?.cpu_seconds - before.cpu_seconds;
    cost.idle_writes = self::writes(bridge).await? - writes;
    cost.idle_redis = entries(redis)? - commands;
    cost.idle_pings = calls(redis, &["ping"])? - pings;
    Ok(())
}

/// How many commands Redis has carried out that are about entries of Applications.
fn entries(redis: &Redis) -> Result<u64> {
    calls(redis, &["set", "expire", "del", "publish"])
}

fn calls(redis: &Redis, names: &[&str]) -> Result<u64> {
    let all = redis.calls()?;
    Ok(all.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, calls)| calls).sum())
}

async fn writes(bridge: &Bridge) -> Result<f64> {
    bridge.metric("flux_subsystem_writes_total", &[]).await
}

async fn gone(env: &TestEnv, kind: &str, namespace: &str) -> Result<()> {
    env.wait_until("everything is gone", Duration::from_secs(600), async || {
        Ok(env.list(kind, namespace).await?.is_empty().then_some(()))
    })
    .await
    .with_context(|| format!("deletion of every {kind}"))
}

fn is_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn is_healthy(application: &Value) -> bool {
    let text = |pointer| application.pointer(pointer).and_then(Value::as_str);
    text("/status/health/status") == Some("Healthy")
        && text("/status/sync/status") == Some("Synced")
        && text("/status/operationState/phase") == Some("Succeeded")
}
