//! `flux-subsystem adopt`: keeps hand-made changes of an Application's Flux objects.

mod diff;
mod look;

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::json;

use super::Streams;
use super::checkouts::{Checkouts, SourceDir};
use super::cluster::ClusterArgs;
use super::flux_objects::application;
use crate::adopt::{Adoption, adopt};
use crate::flux::{Live, ObjectKey};
use crate::mirror::{Relation, compare, patch};
use crate::names;
use look::Look;

/// Write hand-made changes of an Application's Flux objects back into the Application
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The Application
    #[arg(value_name = "APP")]
    name: String,
    /// Its namespace
    #[arg(short, long, default_value = "argocd", value_name = "NAMESPACE")]
    namespace: String,
    /// Argo CD's own namespace
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd", value_name = "NAMESPACE")]
    argocd_namespace: String,
    /// Show what would change, and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Folder with the contents of a source's repository at the revision that is delivered, from its root; needed where value
    /// files in git are part of a release. Of several sources each is named by its position (from 1), its ref or its name; may
    /// be repeated
    #[arg(long = "source-dir", value_name = "[SOURCE=]DIR")]
    source_dirs: Vec<SourceDir>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
Somebody ran kubectl edit helmrelease, and the change is good. Without this command it shows as OutOfSync and the
next Sync takes it back. With it, the Application itself says the same from now on:

  $ flux-subsystem adopt podinfo
  Application argocd/podinfo does not know of:
    HelmRelease podinfo/podinfo spec.values.replicaCount
  --- Application argocd/podinfo
  +++ with what was changed by hand
  @@ -9,4 +9,4 @@
           - name: replicaCount
  -          value: \"2\"
  +          value: \"3\"
  Write this into the Application? [y/N]

Helm values go into the parameter that has that path, or else into valuesObject; versions, branches and images into
the field they come from; everything else into an annotation flamingo/KIND-override.

To let an Application keep every such change by itself, annotate it:
  kubectl annotate application APP -n argocd flux-subsystem.dev/adopt-edits=true

It takes the rights to get and patch the Application, and to list Flux objects in its destination namespace.
Exit code: 0 done or nothing to do, 1 refused, failed or declined, 2 wrong usage.";

/// Looks, shows, asks, writes.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(adopt_edits(args, streams))
}

async fn adopt_edits(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let client = args.cluster.client().await?;
    let checkouts = Checkouts::open(&args.source_dirs)?;
    let look = Look::at(&client, &args.namespace, &args.name, &args.argocd_namespace, &checkouts).await?;
    let identity = look.app.identity();
    let Some(adoption) = adopt(&look.app, &look.context, |key| look.live(key))
        .with_context(|| format!("Application {identity} cannot keep what was changed by hand"))?
    else {
        nothing(&look, streams)?;
        return Ok(ExitCode::SUCCESS);
    };
    show(&look, &adoption, streams)?;
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !confirmed(streams)? {
        writeln!(streams.errors, "nothing was written")?;
        return Ok(ExitCode::FAILURE);
    }
    let is_manual = look.app.automated().is_none();
    Box::pin(write(&client, args, &adoption, look, &checkouts)).await?;
    writeln!(streams.output, "Application {identity} keeps it")?;
    if is_manual {
        let name = &args.name;
        writeln!(streams.output, "it has no automated sync policy: argocd app sync {name} delivers it")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(look: &Look, adoption: &Adoption, streams: &mut Streams<'_>) -> anyhow::Result<()> {
    let identity = look.app.identity();
    writeln!(streams.output, "Application {identity} does not know of:")?;
    for edit in &adoption.edits {
        writeln!(streams.output, "  {edit}")?;
    }
    let mut after = look.raw.clone();
    patch::merge(&mut after, &adoption.patch);
    let is_colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let diff = diff::unified(&identity, &look.raw, &after, is_colored)?;
    write!(streams.output, "{diff}")?;
    for note in adoption.notes.iter().cloned().chain(look.owners()) {
        writeln!(streams.errors, "note: {note}")?;
    }
    streams.output.flush()?;
    Ok(())
}

fn confirmed(streams: &mut Streams<'_>) -> anyhow::Result<bool> {
    write!(streams.errors, "Write this into the Application? [y/N] ")?;
    streams.errors.flush()?;
    let mut answer = String::new();
    BufReader::new(&mut *streams.input).read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// How often a write is tried again that somebody else's came before.
const TRIES: usize = 10;

/// What was shown is what is written: guarded by the resourceVersion, which the bridge's own writes of the status move
/// on, and tried again for as long as the change is still the same one.
async fn write(
    client: &Client,
    args: &Args,
    shown: &Adoption,
    mut look: Look,
    checkouts: &Checkouts,
) -> anyhow::Result<()> {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &args.namespace, &application());
    let params =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    for _ in 0..TRIES {
        let mut change = shown.patch.clone();
        let version = &look.app.metadata.resource_version;
        patch::merge(&mut change, &json!({"metadata": {"resourceVersion": version}}));
        match api.patch(&args.name, &params, &Patch::Merge(&change)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(error).context("the Application cannot be written"),
        }
        look = Look::at(client, &args.namespace, &args.name, &args.argocd_namespace, checkouts).await?;
        let again = adopt(&look.app, &look.context, |key| look.live(key))?;
        if again.is_none_or(|again| again.patch != shown.patch) {
            break;
        }
    }
    bail!("the Application or its Flux objects changed in the meantime: nothing was written, look again")
}

/// Why there is nothing, as far as one can tell.
fn nothing(look: &Look, streams: &mut Streams<'_>) -> anyhow::Result<()> {
    let identity = look.app.identity();
    writeln!(streams.output, "Application {identity}: nothing was changed by hand")?;
    for key in outdated(look) {
        writeln!(
            streams.output,
            "  {key} was applied for an older version of the Application, so that its changes cannot be told apart: sync \
             first"
        )?;
    }
    if look.objects.is_empty() {
        writeln!(streams.output, "  it has no Flux objects in namespace {}", look.app.flux_namespace())?;
    }
    if look.app.self_heals() {
        writeln!(
            streams.output,
            "  it heals itself (selfHeal), which takes changes back within seconds: annotate it with {}=true to keep \
             them, or switch selfHeal off while you try",
            names::ANNOTATION_ADOPT_EDITS
        )?;
    }
    Ok(())
}

fn outdated(look: &Look) -> Vec<ObjectKey> {
    let identity = look.app.identity();
    let wanted = crate::translate::translate(&look.app, &look.context).objects;
    let is_outdated =
        |live: Option<Live<'_>>, manifest| compare::relation(&identity, manifest, live) == Relation::Outdated;
    let found = wanted.iter().filter(|manifest| is_outdated(look.live(&manifest.key), manifest));
    found.map(|manifest| manifest.key.clone()).collect()
}
