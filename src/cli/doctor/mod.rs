//! `flux-subsystem doctor`: is this cluster ready for the bridge, and does the bridge work in it?

mod checks;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::Streams;
use super::cluster::ClusterArgs;
use super::redis::RedisArgs;
use crate::doctor::{Finding, Level, Namespaces};
use checks::Cluster;

/// How long everything may be silent.
const SILENCE: Duration = Duration::from_secs(2);
/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Check a cluster: versions, CRDs, admission policy, rights, Redis, network policies, Applications
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Namespace that Argo CD and the bridge run in
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd", value_name = "NAMESPACE")]
    argocd_namespace: String,
    /// Namespace that Flux runs in
    #[arg(long, default_value = "flux-system", value_name = "NAMESPACE")]
    flux_namespace: String,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    redis: RedisArgs,
}

const HELP: &str = "\
  $ flux-subsystem doctor
  OK    Kubernetes        v1.36.3
  OK    Argo CD           v3.5.7
  FAIL  Admission policy  a bridged Application is not stamped when it is created: …
        fix: apply manifests/admission-policy.yaml (Kubernetes 1.36 or newer) and wait a moment

OK: as it should be. WARN: the bridge works with less than it could do, or nobody can tell from here: what you may
not see counts as WARN and names the right that is missing. FAIL: something does not work.

Nothing is written: the admission policy is tried with a dry run. Redis is usually not reachable from outside:
  kubectl port-forward -n argocd service/argocd-redis 6379 &
  flux-subsystem doctor --redis 127.0.0.1:6379

Exit code: 0 no FAIL, 1 at least one FAIL or no answer from the cluster, 2 wrong usage.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// A line each, and a line for the way out
    Text,
    /// A list of {check, level, finding, fix}
    Json,
}

/// Makes all checks at once and prints what they found.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(examine(args, streams))
}

async fn examine(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let client = args.cluster.client().await?;
    let version = tokio::time::timeout(PATIENCE, client.apiserver_version())
        .await
        .context("the API server does not answer in time")?
        .context("the API server does not answer")?;
    let namespaces = Namespaces { argocd: args.argocd_namespace.clone(), flux: args.flux_namespace.clone() };
    let cluster =
        Cluster { client, namespaces, redis: args.redis.overrides()?, version: version.git_version };
    let findings = all(&cluster, streams.errors).await?;
    match args.output {
        Output::Text => print(&findings, streams.output)?,
        Output::Json => writeln!(streams.output, "{}", serde_json::to_string_pretty(&findings)?)?,
    }
    streams.output.flush()?;
    let is_failing = findings.iter().any(|finding| finding.level == Level::Fail);
    Ok(if is_failing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs all checks at once; their order in the result is that of the list. Says what it waits for when that takes long.
async fn all(cluster: &Cluster, errors: &mut dyn Write) -> anyhow::Result<Vec<Finding>> {
    let checks = cluster.checks();
    let mut waiting: BTreeSet<&'static str> = checks.iter().map(|(name, _)| *name).collect();
    let mut running: FuturesUnordered<_> = checks
        .into_iter()
        .enumerate()
        .map(|(index, (name, check))| async move {
            let findings = tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(|_| {
                let fix = "look at the API server, and at the network on the way there";
                vec![Finding::warn(name, format!("no answer after {PATIENCE:?}"), fix)]
            });
            (index, name, findings)
        })
        .collect();
    let mut found = Vec::new();
    while !waiting.is_empty() {
        match tokio::time::timeout(SILENCE, running.next()).await {
            Ok(Some((index, name, findings))) => {
                waiting.remove(name);
                found.push((index, findings));
            }
            Ok(None) => break,
            Err(_) => {
                let names: Vec<&str> = waiting.iter().copied().collect();
                writeln!(errors, "still checking: {}", names.join(", "))?;
            }
        }
    }
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().flat_map(|(_, findings)| findings).collect())
}

fn print(findings: &[Finding], output: &mut dyn Write) -> anyhow::Result<()> {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for Finding { check, level, finding, fix } in findings {
        writeln!(output, "{:<4}  {check:<width$}  {finding}", level.word())?;
        if !fix.is_empty() {
            writeln!(output, "      fix: {fix}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_each_and_a_fix_where_there_is_one() {
        let findings =
            [Finding::ok("Kubernetes", "v1.36.3"), Finding::fail("CRDs", "x is not installed", "install x")];
        let mut output = Vec::new();
        print(&findings, &mut output).unwrap();
        let expected =
            "OK    Kubernetes  v1.36.3\nFAIL  CRDs        x is not installed\n      fix: install x\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!(json[0], serde_json::json!({"check": "Kubernetes", "level": "OK", "finding": "v1.36.3"}));
    }
}
