//! The watches: one a kind, for all Applications together. Kinds that are not served (yet) are asked for again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{mpsc, watch};

use super::Options;
use super::cache::{Cache, Stores};
use super::lenient::{self, Lenient};
use super::missed;
use super::namespaces;
use super::secrets::{self, Secrets};
use crate::argo::Application;
use crate::flux::FluxKind;
use crate::metrics::Metrics;
use crate::mirror::namespace::is_manager;
use crate::policy::FluxDeliveryPolicy;
use crate::project::AppProject;
use crate::watch_error;

/// kubectl's copy of a whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The kind of policies; without its CRD there are none.
const POLICY: &str = "FluxDeliveryPolicy";

pub(super) type ApplicationEvent = Result<Event<Application>, watcher::Error>;
type Objects<K> = BoxStream<'static, Result<K, watcher::Error>>;

/// What the controller is driven by.
pub(super) struct Streams {
    pub(super) applications: BoxStream<'static, ApplicationEvent>,
    pub(super) flux: Vec<(FluxKind, Objects<DynamicObject>)>,
    pub(super) namespaces: Objects<PartialObjectMeta<Namespace>>,
    pub(super) projects: Objects<AppProject>,
    /// Credentials changed, or Secrets that the bridge made.
    pub(super) woken: secrets::Woken,
    /// Something changed that concerns every Application.
    pub(super) everything: BoxStream<'static, ()>,
}

/// Sets up all watches; they run as soon as the streams are polled.
pub(super) fn start(
    client: &Client,
    options: &Options,
    metrics: &Arc<Metrics>,
) -> (SharedCache, Arc<Secrets>, Streams) {
    let (signal, everything) = mpsc::unbounded_channel();
    let kinds = FluxKind::ALL.iter().map(|kind| kind.kind());
    let watches = Arc::new(Watches {
        cache: OnceLock::new(),
        pending: Mutex::new(
            kinds
                .chain(["Application", "AppProject", "Namespace", "ConfigMap", POLICY])
                .chain(secrets::WATCHED)
                .collect(),
        ),
        filled: watch::channel(false).0,
        signal,
        metrics: Arc::clone(metrics),
    });
    let (applications, applications_writer) = reflector::store();
    let (namespaces, namespaces_writer) = reflector::store();
    let (settings, settings_writer) = reflector::store();
    let (projects, projects_writer) = reflector::store();
    let (policies, policies_writer) = reflector::store();
    let mut stores = BTreeMap::new();
    let mut flux = Vec::new();
    for kind in FluxKind::ALL {
        let writer = Writer::new(kind.api_resource());
        stores.insert(kind, writer.as_reader());
        flux.push((kind, watches.flux(client.clone(), kind, writer)));
    }
    let (secrets, woken) = secrets::start(&watches, client, &options.control_namespace, &applications);
    let cache = Arc::new(Cache::new(
        Stores { applications, flux: stores, namespaces, settings, projects, policies },
        watches.filled.subscribe(),
    ));
    // Set once, here; the streams are not polled before.
    let _ = watches.cache.set(Arc::clone(&cache));
    let settings = watches.settings(client.clone(), options, settings_writer);
    let policies = watches.policies(client.clone(), options, policies_writer);
    let signals = futures::stream::select(tokio_stream(everything), policies);
    let streams = Streams {
        applications: watches.applications(client, options, applications_writer),
        namespaces: watches.namespaces(client.clone(), namespaces_writer),
        projects: watches.projects(client.clone(), options, projects_writer),
        flux,
        woken,
        everything: futures::stream::select(settings, signals).boxed(),
    };
    (cache, secrets, streams)
}

pub(super) type SharedCache = Arc<Cache>;

fn tokio_stream(mut receiver: mpsc::UnboundedReceiver<()>) -> impl Stream<Item = ()> {
    futures::stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Every Application that was added or changed; the end of one needs no reconcile.
pub(super) fn applied(
    events: impl Stream<Item = ApplicationEvent> + Send + 'static,
) -> impl Stream<Item = Result<Application, watcher::Error>> + Send + 'static {
    without_errors(events.boxed().applied_objects())
}

/// Errors are noted and answered with a new try inside each watch. kube's controller would hold up all of its streams
/// for each of them (kube-runtime `controller/mod.rs`, `trigger_backoff`): one missing CRD would stop everything.
fn without_errors<K: Send + 'static>(
    stream: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
) -> Objects<K> {
    stream.filter(|item| std::future::ready(item.is_ok())).boxed()
}

/// What all watches share.
pub(super) struct Watches {
    cache: OnceLock<SharedCache>,
    /// Kinds that have not been listed yet and are not known to be absent.
    pending: Mutex<BTreeSet<&'static str>>,
    filled: watch::Sender<bool>,
    signal: mpsc::UnboundedSender<()>,
    metrics: Arc<Metrics>,
}

impl Watches {
    fn applications(
        self: &Arc<Self>,
        client: &Client,
        options: &Options,
        writer: Writer<Application>,
    ) -> BoxStream<'static, ApplicationEvent> {
        let watches = Arc::clone(self);
        let all =
            namespaces::applications(client, &options.control_namespace, &options.application_namespaces);
        missed::told(all, writer.as_reader())
            .reflect(writer)
            .inspect(move |event| watches.note("Application", event))
            .boxed()
    }

    fn namespaces(
        self: &Arc<Self>,
        client: Client,
        writer: Writer<PartialObjectMeta<Namespace>>,
    ) -> Objects<PartialObjectMeta<Namespace>> {
        let watches = Arc::clone(self);
        let all = watcher(Api::<PartialObjectMeta<Namespace>>::all(client), Config::default())
            .backoff(Delays::default())
            .modify(|namespace| {
                let managed = namespace.managed_fields_mut();
                managed.retain(|entry| entry.manager.as_deref().is_some_and(is_manager));
                namespace.annotations_mut().remove(LAST_APPLIED);
            });
        let stream = missed::told(all, writer.as_reader())
            .reflect(writer)
            .inspect(move |event| watches.note("Namespace", event))
            .touched_objects();
        without_errors(stream)
    }

    fn projects(
        self: &Arc<Self>,
        client: Client,
        options: &Options,
        writer: Writer<AppProject>,
    ) -> Objects<AppProject> {
        let api = Api::<AppProject>::namespaced(client, &options.control_namespace);
        let watches = Arc::clone(self);
        let all = watcher(api, Config::default())
            .backoff(Delays::default())
            .modify(|project| project.managed_fields_mut().clear());
        let stream = missed::told(all, writer.as_reader())
            .reflect(writer)
            .inspect(move |event| watches.note("AppProject", event))
            .touched_objects();
        without_errors(stream)
    }

    fn settings(
        self: &Arc<Self>,
        client: Client,
        options: &Options,
        writer: Writer<ConfigMap>,
    ) -> BoxStream<'static, ()> {
        let api = Api::<ConfigMap>::namespaced(client, &options.control_namespace);
        let watches = Arc::clone(self);
        let all = watcher(api, Config::default().fields("metadata.name=argocd-cm"))
            .backoff(Delays::default())
            .modify(|map| map.managed_fields_mut().clear());
        missed::told(all, writer.as_reader())
            .reflect(writer)
            .inspect(move |event| watches.note("ConfigMap", event))
            .touched_objects()
            .filter_map(|event| async move { event.ok().map(|_| ()) })
            .boxed()
    }

    /// A policy may concern every Application. Its status is the bridge's own and concerns none.
    fn policies(
        self: &Arc<Self>,
        client: Client,
        options: &Options,
        writer: Writer<FluxDeliveryPolicy>,
    ) -> BoxStream<'static, ()> {
        let api = Api::<FluxDeliveryPolicy>::namespaced(client, &options.control_namespace);
        let watches = Arc::clone(self);
        let mut known = HashMap::new();
        watcher(api, Config::default())
            .backoff(Delays::default())
            .modify(|policy| policy.managed_fields_mut().clear())
            .reflect(writer)
            .inspect(move |event| {
                if event.as_ref().is_err_and(is_not_served) {
                    watches.is_listed(POLICY);
                }
                watches.note(POLICY, event);
            })
            .filter_map(move |event| {
                let is_news = match event {
                    Ok(Event::Apply(policy) | Event::InitApply(policy)) => {
                        let generation = policy.metadata.generation;
                        let is_going = policy.metadata.deletion_timestamp.is_some();
                        known.insert(policy.name_any(), (generation, is_going))
                            != Some((generation, is_going))
                    }
                    Ok(Event::Delete(policy)) => known.remove(&policy.name_any()).is_some(),
                    // A list that begins anew may lack what was deleted meanwhile.
                    Ok(Event::InitDone) => true,
                    _ => false,
                };
                std::future::ready(is_news.then_some(()))
            })
            .boxed()
    }

    fn flux(
        self: &Arc<Self>,
        client: Client,
        kind: FluxKind,
        writer: Writer<DynamicObject>,
    ) -> Objects<DynamicObject> {
        let api = Api::<Lenient<DynamicObject>>::all_with(client, &kind.api_resource());
        let watches = Arc::clone(self);
        let all = lenient::watch(api, Config::default()).modify(|object| object.managed_fields_mut().clear());
        let stream = missed::told(all, writer.as_reader())
            .reflect(writer)
            .inspect(move |event| watches.note_flux(kind, event))
            .touched_objects();
        without_errors(stream)
    }

    fn note_flux(&self, kind: FluxKind, event: &Result<Event<DynamicObject>, watcher::Error>) {
        let Some(cache) = self.cache.get() else { return };
        match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => cache.observed(kind, object, false),
            Ok(Event::Delete(object)) => cache.observed(kind, object, true),
            _ => {}
        }
        let is_news = match event {
            Err(error) if is_not_served(error) => {
                self.is_listed(kind.kind());
                cache.set_absent(kind, true)
            }
            Ok(Event::InitDone) => cache.set_absent(kind, false),
            _ => false,
        };
        if is_news {
            tracing::info!(kind = kind.kind(), "the API server's answer about this kind changed");
            // Nobody listens any more when the controller is going down.
            let _ = self.signal.send(());
        }
        self.note(kind.kind(), event);
    }

    pub(super) fn note<K>(&self, kind: &'static str, event: &Result<Event<K>, watcher::Error>) {
        match event {
            Ok(Event::InitDone) => self.is_listed(kind),
            Ok(_) => {}
            Err(error) if is_not_served(error) => tracing::debug!(kind, "not served yet"),
            Err(error) => {
                self.metrics.watch_failed(kind);
                tracing::warn!(kind, %error, "watch failed and will be started again");
            }
        }
    }

    fn is_listed(&self, kind: &'static str) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.remove(kind);
        if pending.is_empty() {
            self.filled.send_replace(true);
        }
    }
}

/// The CRD is not installed: the API server does not know the path.
fn is_not_served(error: &watcher::Error) -> bool {
    watch_error::code(error) == Some(404)
}

/// From half a second to five: a CRD that is installed later is noticed soon, an API server that is down is not flooded.
#[derive(Default)]
pub(super) struct Delays(u32);

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = Duration::from_millis(500 << self.0.min(4));
        self.0 = self.0.saturating_add(1);
        Some(delay.min(Duration::from_secs(5)))
    }
}

impl Backoff for Delays {
    fn reset(&mut self) {
        self.0 = 0;
    }
}
