//! `flux-subsystem generate-app`: an Application for what Flux delivers already.

mod look;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::Streams;
use super::cluster::ClusterArgs;
use super::flux_objects::application;
use crate::argo::Application;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::generate::{Request, draft, prove};
use crate::merge::deep_merge;
use crate::{names, yaml};
use look::Look;

/// Make an Application from what Flux delivers already
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The workload object
    #[arg(value_name = "ks/NAME|hr/NAME", value_parser = workload)]
    workload: (FluxKind, String),
    /// Its namespace
    #[arg(short, long, default_value = "flux-system", value_name = "NAMESPACE")]
    namespace: String,
    /// Name of the Application; that of the workload unless set
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Namespace of the Application; Argo CD's own unless set
    #[arg(long, value_name = "NAMESPACE")]
    app_namespace: Option<String>,
    /// `AppProject` of the Application
    #[arg(long, default_value = "default", value_name = "PROJECT")]
    project: String,
    /// Argo CD's own namespace
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd", value_name = "NAMESPACE")]
    argocd_namespace: String,
    /// Have the Application generate the Flux objects from now on, instead of referring to them
    #[arg(long)]
    auto_create: bool,
    /// With --auto-create: folder with the contents of the source's repository, from its root, where Flux's artifact
    /// cannot be fetched from here
    #[arg(long, value_name = "DIR", requires = "auto_create")]
    source_dir: Option<PathBuf>,
    /// Print the Application, and write nothing
    #[arg(long)]
    export: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
Flux delivers podinfo, and Argo CD's UI shall show it:

  $ flux-subsystem generate-app hr/podinfo -n shop
  Application argocd/podinfo refers to HelmRelease shop/podinfo

The Application shows the objects, their health and what they delivered; a Sync asks Flux to reconcile. Whoever wrote
the Flux objects goes on owning them, and deleting the Application leaves them as they are.

  $ flux-subsystem generate-app hr/podinfo -n shop --auto-create
  Application argocd/podinfo generates HelmRepository shop/podinfo
  Application argocd/podinfo generates HelmRelease shop/podinfo

Now the Application is where changes are made: the bridge writes the Flux objects from it. Before anything is written,
the Application is translated as the bridge will translate it, and the result has to be what stands in the cluster,
field by field; what no field of an Application says goes into an annotation flamingo/KIND-override. Nothing restarts.
What cannot be proven is refused. Whatever wrote the Flux objects until now (a Kustomization, a pipeline) has to let
go of them.

--export prints the Application instead, to be kept in git. With --auto-create, the existing objects are then taken
over by marking them yourself, before the Application is there:
  kubectl label hr/podinfo -n shop flamingo/generated=true
  kubectl annotate hr/podinfo -n shop flux-subsystem.dev/application=argocd/podinfo

It takes the rights to get Flux objects and to create Applications; with --auto-create also to patch Flux objects.
Exit code: 0 done, 1 refused or failed, 2 wrong usage.";

/// `ks/NAME` or `hr/NAME`; the cluster may stand before it, as the original allows.
fn workload(text: &str) -> Result<(FluxKind, String), String> {
    let wrong = || "write ks/NAME or hr/NAME".to_owned();
    let rest = match text.split('/').collect::<Vec<_>>().as_slice() {
        [cluster, kind, name] if *cluster == names::IN_CLUSTER_NAME => [*kind, *name],
        [cluster, _, _] => {
            return Err(format!(
                "Flux delivers from the cluster that the kubeconfig names, not from {cluster}"
            ));
        }
        [kind, name] => [*kind, *name],
        _ => return Err(wrong()),
    };
    let kind = match rest[0].to_ascii_lowercase().as_str() {
        "ks" | "kustomization" | "kustomizations" => FluxKind::Kustomization,
        "hr" | "helmrelease" | "helmreleases" => FluxKind::HelmRelease,
        _ => return Err(wrong()),
    };
    if rest[1].is_empty() { Err(wrong()) } else { Ok((kind, rest[1].to_owned())) }
}

/// Looks, proves, writes.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(generate_app(args, streams))
}

async fn generate_app(args: &Args, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    let client = args.cluster.client().await?;
    let (kind, name) = &args.workload;
    let look = Look::at(&client, &ObjectKey::new(*kind, &args.namespace, name), args.auto_create).await?;
    let request = Request {
        name: args.app.clone().unwrap_or_else(|| name.clone()),
        namespace: args.app_namespace.clone().unwrap_or_else(|| args.argocd_namespace.clone()),
        project: args.project.clone(),
        auto_create: args.auto_create,
    };
    let mut app = draft(&request, look.found())?;
    let mut taken_over = Vec::new();
    let mut said = vec![format!("refers to {}", look.found().workload.key())];
    if args.auto_create {
        let context = look.context(&client, &app, &args.argocd_namespace, args.source_dir.as_deref()).await?;
        let proven = prove(&app, look.found(), &context)?;
        said = proven.objects.iter().map(|object| format!("generates {}", object.key)).collect();
        taken_over = proven.existing;
        app = proven.app;
        for note in proven.notes.into_iter().chain(look.owners()) {
            writeln!(streams.errors, "note: {note}")?;
        }
    }
    let written = manifest(&app)?;
    if args.export {
        write!(streams.output, "{}", yaml::write(&written)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_there = exists(&client, &app).await?;
    // First the marks: an Application that finds the objects unmarked takes them for somebody else's.
    for key in &taken_over {
        take_over(&client, &app, key).await?;
    }
    if !is_there {
        create(&client, &app, written).await?;
    }
    for sentence in said {
        writeln!(streams.output, "Application {} {sentence}", app.identity())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The Application as Kubernetes reads it.
fn manifest(app: &Application) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(app)?;
    deep_merge(&mut value, json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}));
    Ok(value)
}

/// Whether the Application is there, left by an earlier try; one that says something else is in the way.
async fn exists(client: &Client, app: &Application) -> anyhow::Result<bool> {
    let identity = app.identity();
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), app.namespace(), &application());
    let found =
        api.get_opt(app.name()).await.with_context(|| format!("cannot read Application {identity}"))?;
    let Some(found) = found else { return Ok(false) };
    let found: Application = serde_json::from_value(serde_json::to_value(found)?)?;
    if serde_json::to_value(&found.spec)? != serde_json::to_value(&app.spec)? {
        bail!("there is another Application {identity} (--app names this one otherwise)");
    }
    Ok(true)
}

async fn create(client: &Client, app: &Application, written: Value) -> anyhow::Result<()> {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), app.namespace(), &application());
    let params = PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let created = api.create(&params, &serde_json::from_value(written)?).await;
    created.with_context(|| format!("cannot create Application {}", app.identity())).map(drop)
}

/// Marks an object as the Application's own: from now on the bridge writes it.
async fn take_over(client: &Client, app: &Application, key: &ObjectKey) -> anyhow::Result<()> {
    let marks = Manifest::owned_by(app, key.clone(), Value::Null);
    let patch = json!({"metadata": {"labels": marks.labels, "annotations": marks.annotations}});
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &key.namespace, &key.kind.api_resource());
    let params =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(&key.name, &params, &Patch::Merge(&patch))
        .await
        .with_context(|| format!("cannot mark {key}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ks/apps", Some((FluxKind::Kustomization, "apps")))]
    #[case("HelmRelease/podinfo", Some((FluxKind::HelmRelease, "podinfo")))]
    #[case("in-cluster/hr/podinfo", Some((FluxKind::HelmRelease, "podinfo")))]
    #[case("other/hr/podinfo", None)]
    #[case("podinfo", None)]
    #[case("ks/", None)]
    #[case("deploy/podinfo", None)]
    fn workloads(#[case] text: &str, #[case] expected: Option<(FluxKind, &str)>) {
        let expected = expected.map(|(kind, name)| (kind, name.to_owned()));
        assert_eq!(workload(text).ok(), expected);
    }
}
