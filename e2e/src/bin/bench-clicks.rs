//! `cargo bench-clicks`: how long after a click its effect is visible through Argo CD's own server, for a plain and for
//! a bridged Application side by side, and what an idle one of either writes.
//!
//! Rounds alternate, because machines are noisy: look at the ratios of the medians.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

/// Measure clicks on bridged Applications beside those on plain ones
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each side is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long idleness is watched, in seconds
    #[arg(long, default_value_t = 120)]
    idle: u64,
}

/// What is measured, in the order of a round.
const CLICKS: [&str; 6] = [
    "create -> Healthy",
    "Sync -> operation shown",
    "Sync -> operation finished",
    "parameter -> Healthy",
    "refresh -> answered",
    "delete -> gone",
];
/// No effect takes longer, or it does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// One side.
struct Side {
    name: &'static str,
    options: &'static [&'static str],
    /// Seconds of every round, by click.
    times: [Vec<f64>; CLICKS.len()],
    idle_writes: f64,
}

impl Side {
    const fn new(name: &'static str, options: &'static [&'static str]) -> Self {
        Self { name, options, times: [const { Vec::new() }; CLICKS.len()], idle_writes: 0.0 }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let stack = Stack::shared().await?;
    let env = stack.test("clicks").await?;
    let mut sides = [
        Side::new("plain", &["CreateNamespace=true"]),
        Side::new("bridged", &["CreateNamespace=true", "FluxSubsystem=true", "AutoCreateFluxResources=true"]),
    ];
    for round in 1..=arguments.rounds {
        for side in &mut sides {
            writeln!(std::io::stderr(), "round {round}: {}", side.name)?;
            let name = env.name(&format!("{}-{round}", side.name));
            let times = clicks(&env, &name, side.options).await?;
            side.times.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
        }
    }
    idle(&env, &mut sides, arguments.idle).await?;
    std::io::stdout().write_all(table(&mut sides)?.as_bytes())?;
    Ok(())
}

/// One round of one side, from creation to deletion.
async fn clicks(env: &TestEnv, name: &str, options: &[&str]) -> Result<[f64; CLICKS.len()]> {
    let create = create(env, name, options, "").await?;

    let before = operation(&shown(env, name).await?, "startedAt");
    // Argo CD's times are whole seconds: an operation that begins in the second of the last one looks the same.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let begun = Instant::now();
    env.argocd(&["app", "sync", name, "--async"]).await?.text()?;
    let started = until(env, name, begun, |app| {
        let started = operation(app, "startedAt");
        !started.is_null() && started != before
    })
    .await?;
    let finished =
        until(env, name, begun, |app| app["operation"].is_null() && !operation(app, "finishedAt").is_null())
            .await?;

    let begun = Instant::now();
    env.argocd(&["app", "set", name, "--parameter", "ui.message=changed"]).await?.text()?;
    let set = until(env, name, begun, |app| {
        let compared = &app["status"]["sync"]["comparedTo"]["source"]["helm"]["parameters"];
        compared[0]["value"] == "changed" && is_delivered(app)
    })
    .await?;

    let begun = Instant::now();
    env.argocd(&["app", "get", name, "--refresh"]).await?.text()?;
    let refresh = begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    env.argocd(&["app", "delete", name, "--yes"]).await?.text()?;
    env.wait_until_gone("Application", &env.control, name).await?;
    Ok([create, started, finished, set, refresh, begun.elapsed().as_secs_f64()])
}

/// Creates an automated Application of the chart podinfo as the CLI does; seconds until it is Synced and Healthy.
async fn create(env: &TestEnv, name: &str, options: &[&str], suffix: &str) -> Result<f64> {
    let url = env.sources().helm_url("podinfo");
    let namespace = format!("{name}{suffix}");
    let mut arguments = vec!["app", "create", name, "--repo", &url, "--helm-chart", "podinfo"];
    arguments.extend(["--revision", "6.3.5", "--dest-server", "https://kubernetes.default.svc"]);
    arguments.extend(["--dest-namespace", &namespace, "--sync-policy", "auto", "--set-finalizer"]);
    arguments.extend(options.iter().flat_map(|option| ["--sync-option", *option]));
    let begun = Instant::now();
    env.argocd(&arguments).await?.text()?;
    until(env, name, begun, is_delivered).await
}

/// Seconds since `begun` until what is stored of the Application, which is what Argo CD's server and UI show, looks like
/// that.
async fn until(env: &TestEnv, name: &str, begun: Instant, check: impl Fn(&Value) -> bool) -> Result<f64> {
    loop {
        let app = shown(env, name).await?;
        if check(&app) {
            return Ok(begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > PATIENCE {
            anyhow::bail!("{name} does not get there: {}", app["status"]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn shown(env: &TestEnv, name: &str) -> Result<Value> {
    env.application(name).await
}

fn operation(app: &Value, field: &str) -> Value {
    app["status"]["operationState"][field].clone()
}

fn is_delivered(app: &Value) -> bool {
    let status = &app["status"];
    status["sync"]["status"] == "Synced"
        && status["health"]["status"] == "Healthy"
        && status["operationState"]["phase"] == "Succeeded"
        && app["operation"].is_null()
}

/// Counts the versions that one Application of each side gets while nothing happens.
async fn idle(env: &TestEnv, sides: &mut [Side], seconds: u64) -> Result<()> {
    writeln!(std::io::stderr(), "{seconds} s of idleness")?;
    for side in &*sides {
        create(env, &env.name(side.name), side.options, "-idle").await?;
    }
    // What follows a delivery has followed.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let last = env.list("Application", &env.control).await?;
    let since =
        last.iter().filter_map(|app| app["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok());
    let since = since.max().context("no Applications")?.to_string();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    for side in sides {
        let path = format!(
            "/apis/argoproj.io/v1alpha1/namespaces/{}/applications?watch=1&timeoutSeconds=1\
             &fieldSelector=metadata.name={}&resourceVersion={since}",
            env.control,
            env.name(side.name)
        );
        let events = env.kubectl(&["get", "--raw", &path]).await?.text()?;
        let count = u32::try_from(events.lines().count()).map_or(f64::MAX, f64::from);
        side.idle_writes = count * 3600.0 / Duration::from_secs(seconds).as_secs_f64();
    }
    Ok(())
}

fn table(sides: &mut [Side; 2]) -> Result<String> {
    let mut text = format!("{:<28} {:>9} {:>9} {:>7}\n", "median of rounds", "plain", "bridged", "ratio");
    let [plain, bridged] = sides;
    for (click, times) in CLICKS.iter().zip(plain.times.iter_mut().zip(&mut bridged.times)) {
        let (plain, bridged) = (median(times.0), median(times.1));
        writeln!(text, "{click:<28} {plain:>7.2} s {bridged:>7.2} s {:>7.2}", bridged / plain)?;
    }
    let writes = "idle: writes per hour";
    writeln!(text, "{writes:<28} {:>9.0} {:>9.0}", plain.idle_writes, bridged.idle_writes)?;
    writeln!(text, "\n{}", json!({ "plain": plain.times, "bridged": bridged.times }))?;
    Ok(text)
}

/// Sorts.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
