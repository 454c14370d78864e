//! One workload object, its source, and what its translation has to know.

use std::path::Path;

use anyhow::{Context as _, bail};
use kube::Client;
use kube::core::DynamicObject;

use crate::argo::Application;
use crate::artifact;
use crate::cli::checkout::Checkout;
use crate::cli::flux_objects::{get, policies, settings};
use crate::controller;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::generate::{Found, origin};
use crate::names;
use crate::policy::Effective;
use crate::translate::{
    Contents, Context, File, FilePattern, RemoteRefs, Settings, Want, customizations, translate,
};

/// What there is to make an Application from.
pub(super) struct Look {
    workload: (FluxKind, DynamicObject),
    source: Option<(FluxKind, DynamicObject)>,
}

impl Look {
    /// Reads both; without `auto_create` the source may be of any kind, or missing.
    pub(super) async fn at(client: &Client, key: &ObjectKey, auto_create: bool) -> anyhow::Result<Self> {
        let Some(object) = get(client, key).await? else {
            bail!("there is no {key} (-n names another namespace, list-candidates lists them all)");
        };
        let workload = Live { kind: key.kind, object: &object };
        let source = match origin(workload) {
            Ok(key) => get(client, &key).await?.map(|source| (key.kind, source)),
            Err(refusal) if auto_create => return Err(refusal.into()),
            Err(_) => None,
        };
        Ok(Self { workload: (key.kind, object), source })
    }

    /// The same as `generate` takes it.
    pub(super) fn found(&self) -> Found<'_> {
        let live = |found: &'_ (FluxKind, DynamicObject)| found.0;
        Found {
            workload: Live { kind: live(&self.workload), object: &self.workload.1 },
            source: self.source.as_ref().map(|(kind, object)| Live { kind: *kind, object }),
        }
    }

    /// Who else writes the workload object, and would take it back.
    pub(super) fn owners(&self) -> Option<String> {
        let workload = self.found().workload;
        let label = |name: &str| workload.label(&format!("kustomize.toolkit.fluxcd.io/{name}"));
        let (name, namespace) = label("name").zip(label("namespace"))?;
        Some(format!(
            "Kustomization {namespace}/{name} delivers {} and will write its own version back: take it out of that \
             source, and annotate it with kustomize.toolkit.fluxcd.io/prune=disabled before",
            workload.key()
        ))
    }

    /// What the bridge will know when it translates `app`: the refs that Flux found, and the contents of its artifact.
    pub(super) async fn context(
        &self,
        client: &Client,
        app: &Application,
        argocd: &str,
        source_dir: Option<&Path>,
    ) -> anyhow::Result<Context> {
        let settings = settings(client, argocd).await;
        let poll = settings.get("timeout.reconciliation").map(String::as_str);
        let mut context = Context {
            control_namespace: argocd.to_owned(),
            poll_interval: controller::poll_interval(poll),
            policy: Effective::of(app, &policies(client, argocd).await),
            ignore_differences: customizations(&settings),
            settings: Settings::read(|key| settings.get(key).cloned()),
            artifact_address: names::artifact_address(argocd),
            ..Context::default()
        };
        let (Some(spec), Some(source)) = (app.sources().first(), self.found().source) else {
            return Ok(context);
        };
        if source.kind == FluxKind::HelmRepository {
            return Ok(context);
        }
        context.refs.insert(spec.repo_url.clone(), refs(source));
        let reader = match source_dir {
            Some(folder) => Reader::Folder(Checkout::open(folder)?),
            None => Reader::artifact(source)?,
        };
        let [files, later_hooks] = reader.list().await.with_context(|| unseen(source))?;
        let is_oci = spec.repo_url.starts_with("oci://");
        let contents = Contents::of(files.iter().map(String::as_str), &spec.path, is_oci)
            .with_later_hooks(later_hooks.iter().map(String::as_str));
        context.contents.insert(0, contents);
        // Each answer may lead to the next question.
        loop {
            let wants = translate(app, &context).wants;
            let mut is_wiser = false;
            for want in wants {
                let Want::Files { source: 0, pattern } = want else { continue };
                let found = reader.read(&pattern).await.with_context(|| unseen(source))?;
                let files = context.files.entry(0).or_default();
                is_wiser |= files.insert(pattern, found.into()).is_none();
            }
            if !is_wiser {
                return Ok(context);
            }
        }
    }
}

/// The refs that the source object proves to exist.
fn refs(source: Live<'_>) -> RemoteRefs {
    let reference = source.at(fields::REFERENCE);
    let text = |field: &str| reference?.get(field)?.as_str();
    let commit = text("commit").unwrap_or_default();
    let branch = text("branch").or_else(|| reference.is_none().then_some("master"));
    let known = [("refs/heads/", branch), ("refs/tags/", text("tag")), ("", text("name"))];
    let names = known.iter().filter_map(|(prefix, name)| Some(format!("{prefix}{}", (*name)?)));
    RemoteRefs { head: None, refs: names.map(|name| (name, commit.to_owned())).collect() }
}

fn unseen(source: Live<'_>) -> String {
    let key = source.key();
    format!(
        "what {key} holds cannot be seen from here (pass --source-dir with the contents of its repository)"
    )
}

/// Where the contents of the source are read.
enum Reader {
    /// A folder that a person names.
    Folder(Checkout),
    /// What source-controller serves.
    Artifact { http: reqwest::Client, url: String, digest: String },
}

impl Reader {
    /// The artifact that the source object offers.
    fn artifact(source: Live<'_>) -> anyhow::Result<Self> {
        let key = source.key();
        let text = |field| source.text(field).map(str::to_owned);
        let Some((url, digest)) = text(fields::ARTIFACT_URL).zip(text(fields::ARTIFACT_DIGEST)) else {
            bail!(
                "{key} has no artifact: wait until it is Ready, or pass --source-dir with the contents of its repository"
            );
        };
        Ok(Self::Artifact { http: reqwest::Client::new(), url, digest })
    }

    /// All files, and those among them that may become a hook that Helm runs after everything else.
    async fn list(&self) -> anyhow::Result<[Vec<String>; 2]> {
        Ok(match self {
            Self::Folder(checkout) => [checkout.files().map(str::to_owned).collect(), checkout.later_hooks()],
            Self::Artifact { http, url, digest } => {
                let packed = artifact::fetch(http, url, digest, 0).await?;
                [packed.names, packed.later_hooks].map(|names| names.iter().map(str::to_owned).collect())
            }
        })
    }

    async fn read(&self, pattern: &FilePattern) -> anyhow::Result<Vec<(String, File)>> {
        match self {
            Self::Folder(checkout) => checkout.read(pattern).map_err(anyhow::Error::msg),
            Self::Artifact { http, url, digest } => {
                Ok(artifact::read_files(http, url, digest, pattern).await?)
            }
        }
    }
}
