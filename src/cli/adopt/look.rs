//! One Application and its Flux objects, read once with a person's rights.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use serde_json::Value;

use crate::adopt::assume;
use crate::argo::Application;
use crate::cli::checkout::Checkout;
use crate::cli::checkouts::Checkouts;
use crate::cli::flux_objects::{application, policies, settings};
use crate::controller;
use crate::credentials::Repositories;
use crate::flux::naming;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::names;
use crate::policy::Effective;
use crate::translate::{Context, FilePattern, Want, customizations, source_field, translate};

/// What there is to adopt from, and into.
pub(super) struct Look {
    /// The Application.
    pub(super) app: Application,
    /// The same with every field.
    pub(super) raw: Value,
    /// The Flux objects that were generated for it.
    pub(super) objects: BTreeMap<ObjectKey, DynamicObject>,
    /// Under which they were.
    pub(super) context: Context,
}

impl Look {
    /// Reads all of it.
    pub(super) async fn at(
        client: &Client,
        namespace: &str,
        name: &str,
        argocd: &str,
        checkouts: &Checkouts,
    ) -> anyhow::Result<Self> {
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &application());
        let found =
            api.get_opt(name).await.with_context(|| format!("cannot read Application {namespace}/{name}"))?;
        let Some(found) = found else {
            bail!("there is no Application {name} in namespace {namespace} (-n names another one)")
        };
        let mut raw = serde_json::to_value(found)?;
        if let Some(metadata) = raw.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let app: Application = serde_json::from_value(raw.clone())?;
        if !app.is_bridged() {
            bail!(
                "Application {namespace}/{name} is stock Argo CD's: it lacks the sync option {}",
                names::OPTION_FLUX_SUBSYSTEM
            );
        }
        if app.is_deleting() {
            bail!("Application {namespace}/{name} is being deleted");
        }
        let objects = objects(client, &app, argocd).await?;
        let settings = settings(client, argocd).await;
        let poll = settings.get("timeout.reconciliation").map(String::as_str);
        let mut polls = vec![controller::poll_interval(poll)];
        polls.extend(assume::live_poll(&objects));
        let known = Context {
            control_namespace: argocd.to_owned(),
            ignore_differences: customizations(&settings),
            policy: Effective::of(&app, &policies(client, argocd).await),
            ..Context::default()
        };
        let known = Context { repositories: repositories(client, argocd, &objects).await?, ..known };
        let mut context = assume::context(&app, &known, &polls, &objects);
        read_files(&app, checkouts, &objects, &mut context)?;
        Ok(Self { app, raw, objects, context })
    }

    /// A live object.
    pub(super) fn live(&self, key: &ObjectKey) -> Option<Live<'_>> {
        self.objects.get(key).map(|object| Live { kind: key.kind, object })
    }

    /// Who else writes the Application, and would take the change back.
    pub(super) fn owners(&self) -> Option<String> {
        let owners = self.app.metadata.owner_references.iter().flatten();
        let mut sets = owners.filter(|owner| owner.kind == "ApplicationSet").map(|owner| &owner.name);
        if let Some(set) = sets.next() {
            return Some(format!(
                "ApplicationSet {set} generates it and writes its own version back: change the template too"
            ));
        }
        let tracking = self.app.annotation("argocd.argoproj.io/tracking-id")?;
        let parent = tracking.split(':').next().unwrap_or_default();
        Some(format!(
            "Application {parent} delivers it and may write its own version back: change its source too"
        ))
    }
}

/// What of the sources is part of the wish: value files, and the revisions that they are from or that parameters name.
fn read_files(
    app: &Application,
    checkouts: &Checkouts,
    objects: &BTreeMap<ObjectKey, DynamicObject>,
    context: &mut Context,
) -> anyhow::Result<()> {
    loop {
        let mut is_wiser = false;
        let translation = translate(app, context);
        for want in translation.wants.clone() {
            match want {
                Want::Files { source, pattern } => {
                    let (FilePattern::Path(path) | FilePattern::Glob(path)) = &pattern;
                    let Some(checkout) = checkouts.of(app, source) else {
                        let field = source_field(app, source, "");
                        bail!(
                            "what {path} holds is part of what the Application asks for (name a folder with the \
                             repository of {field}: --source-dir {}=DIR)",
                            source + 1
                        )
                    };
                    let found = checkout.read(&pattern).map_err(anyhow::Error::msg)?;
                    let files = context.files.entry(source).or_default();
                    is_wiser |= files.insert(pattern, found.into()).is_none();
                }
                Want::Revision { source } => {
                    // A clone may be elsewhere by now; what was delivered is what counts.
                    let commit = assume::revision(source, &translation, objects)
                        .or_else(|| checkouts.of(app, source).and_then(Checkout::head));
                    let commit = commit.map(|commit| context.revisions.insert(source, commit));
                    is_wiser |= commit.is_some_and(|known| known.is_none());
                }
                _ => {}
            }
        }
        if !is_wiser {
            return Ok(());
        }
    }
}

/// Everything generated for `app`; kinds that are not served have none.
async fn objects(
    client: &Client,
    app: &Application,
    argocd: &str,
) -> anyhow::Result<BTreeMap<ObjectKey, DynamicObject>> {
    let namespace = app.flux_namespace();
    let mut objects = BTreeMap::new();
    if namespace.is_empty() {
        return Ok(objects);
    }
    objects.extend(objects_in(client, app, namespace).await?);
    let workloads = objects.iter().filter(|(key, _)| key.kind.is_workload());
    let names = |(key, object): (&ObjectKey, _)| naming::source_key(Live { kind: key.kind, object });
    // Where its source reads credentials, it stands beside them.
    if workloads.filter_map(names).any(|source| source.namespace == argocd) {
        objects.extend(objects_in(client, app, argocd).await?);
    }
    Ok(objects)
}

/// What Argo CD knows of repositories, where a source reads it; `None` where none does.
async fn repositories(
    client: &Client,
    argocd: &str,
    objects: &BTreeMap<ObjectKey, DynamicObject>,
) -> anyhow::Result<Option<Arc<Repositories>>> {
    let is_private = |key: &ObjectKey| key.kind.is_source() && key.namespace == argocd;
    if !objects.keys().any(is_private) {
        return Ok(None);
    }
    let types = format!("{} in (repository,repo-creds)", names::LABEL_ARGO_SECRET_TYPE);
    let secrets = Api::<Secret>::namespaced(client.clone(), argocd);
    let secrets = secrets.list(&ListParams::default().labels(&types)).await.with_context(|| {
        format!(
            "its source reads credentials of Argo CD's, and whoever adopts has to list Secrets in {argocd}"
        )
    })?;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), argocd);
    let map = async |name: &str| -> anyhow::Result<BTreeMap<String, String>> {
        let found =
            maps.get_opt(name).await.with_context(|| format!("cannot read ConfigMap {argocd}/{name}"))?;
        Ok(found.and_then(|map| map.data).unwrap_or_default())
    };
    let known_hosts = map(controller::KNOWN_HOSTS).await?.remove("ssh_known_hosts").unwrap_or_default();
    let certificates = map(controller::CERTIFICATES).await?;
    let secrets = secrets.items.iter().map(controller::live_secret);
    Ok(Some(Arc::new(Repositories::new(secrets, known_hosts, certificates))))
}

/// Everything generated for `app` in one namespace.
async fn objects_in(
    client: &Client,
    app: &Application,
    namespace: &str,
) -> anyhow::Result<BTreeMap<ObjectKey, DynamicObject>> {
    let identity = app.identity();
    let mut objects = BTreeMap::new();
    let params = ListParams::default().labels(&format!("{}=true", names::LABEL_GENERATED));
    for kind in FluxKind::ALL.into_iter().filter(|kind| *kind != FluxKind::HelmChart) {
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind.api_resource());
        let found = match api.list(&params).await {
            Ok(found) => found.items,
            Err(kube::Error::Api(status)) if status.is_not_found() => Vec::new(),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot list {} in namespace {namespace}", kind.plural()));
            }
        };
        for object in found {
            let live = Live { kind, object: &object };
            // Where the Application has objects now; of former places nothing is adopted.
            if live.is_marked_for(&identity) {
                objects.insert(live.key(), object);
            }
        }
    }
    Ok(objects)
}
