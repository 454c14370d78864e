//! `flux-subsystem list-candidates`: what Flux delivers and no Application shows.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Streams;
use super::cluster::ClusterArgs;
use super::flux_objects::{bridged_applications, list, short, summary};
use super::table::{first_line, table};
use crate::flux::{FluxKind, Live, ObjectKey, naming};
use crate::translate::{Context, translate};
use crate::{names, yaml};

/// List what Flux delivers and no Application shows
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, visible_alias = "lc")]
pub struct Args {
    /// Look only in this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
  $ flux-subsystem list-candidates
  NAMESPACE     NAME         SOURCE                                  READY   MESSAGE
  flux-system   ks/apps      GitRepository flux-system/flux-system   True    Applied revision: main@sha1:…
  shop          hr/podinfo   HelmRepository shop/podinfo             True    Helm upgrade succeeded …

Each of them can get an Application, which shows it in Argo CD's UI:
  flux-subsystem generate-app hr/podinfo -n shop

It takes the rights to list Applications, Kustomizations and HelmReleases, in all namespaces unless -n names one.
Exit code: 0 done (also when there are none), 1 failed, 2 wrong usage.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// Columns
    Table,
    /// A list of {kind, namespace, name, source, ready, suspended, message}
    Json,
    /// The same as YAML
    Yaml,
}

/// Lists, filters, prints.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(list_candidates(args, streams))
}

async fn list_candidates(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let client = args.cluster.client().await?;
    let referenced: BTreeSet<ObjectKey> = bridged_applications(&client, None)
        .await?
        .iter()
        .flat_map(|app| translate(app, &Context::default()).references)
        .collect();
    let mut candidates = Vec::new();
    for kind in [FluxKind::Kustomization, FluxKind::HelmRelease] {
        for object in list(&client, kind, args.namespace.as_deref()).await? {
            let live = Live { kind, object: &object };
            if is_candidate(live, &referenced) {
                candidates.push(candidate(live));
            }
        }
    }
    candidates
        .sort_by_key(|candidate| [&candidate["namespace"], &candidate["name"]].map(ToString::to_string));
    match args.output {
        Output::Json => writeln!(streams.output, "{:#}", Value::Array(candidates))?,
        Output::Yaml => write!(streams.output, "{}", yaml::write(&Value::Array(candidates))?)?,
        Output::Table if candidates.is_empty() => {
            writeln!(streams.errors, "every Kustomization and HelmRelease has an Application")?;
        }
        Output::Table => {
            let rows: Vec<Vec<String>> = candidates.iter().map(row).collect();
            write!(streams.output, "{}", table(&["NAMESPACE", "NAME", "SOURCE", "READY", "MESSAGE"], &rows))?;
        }
    }
    streams.output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Neither generated for an Application, nor referred to by one, nor delivered by one of Argo CD's.
fn is_candidate(live: Live<'_>, referenced: &BTreeSet<ObjectKey>) -> bool {
    let is_tracked = live.annotation(names::ANNOTATION_TRACKING_ID).is_some();
    !live.is_generated() && !is_tracked && !live.is_deleting() && !referenced.contains(&live.key())
}

fn candidate(live: Live<'_>) -> Value {
    let mut candidate = summary(live);
    if let Some(fields) = candidate.as_object_mut() {
        fields.remove("generated");
        let source = naming::source_key(live).map(|key| key.to_string()).unwrap_or_default();
        fields.insert("source".to_owned(), json!(source));
    }
    candidate
}

fn row(candidate: &Value) -> Vec<String> {
    let text = |field: &str| candidate[field].as_str().unwrap_or_default().to_owned();
    let kind = FluxKind::parse(&text("kind")).unwrap_or(FluxKind::Kustomization);
    let key = ObjectKey::new(kind, &text("namespace"), &text("name"));
    vec![text("namespace"), short(&key), text("source"), text("ready"), first_line(&text("message"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror;
    use rstest::rstest;

    #[rstest]
    #[case::free(json!({}), true)]
    #[case::generated(json!({"labels": {"flamingo/generated": "true"}, "annotations": {"flux-subsystem.dev/application": "argocd/a"}}), false)]
    #[case::of_argo_cd(json!({"annotations": {"argocd.argoproj.io/tracking-id": "a:b"}}), false)]
    #[case::going(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), false)]
    fn candidates(#[case] metadata: Value, #[case] expected: bool) {
        let mut object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "shop", "namespace": "apps"},
        });
        mirror::patch::merge(&mut object, &json!({"metadata": metadata}));
        let object = serde_json::from_value(object).unwrap();
        let live = Live { kind: FluxKind::HelmRelease, object: &object };
        assert_eq!(is_candidate(live, &BTreeSet::new()), expected);
        assert!(!is_candidate(live, &[live.key()].into()), "an Application refers to it");
    }
}
