//! The watches of everything but Secrets: each notes what it hears, and begins again by itself where it fails.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::stream::{BoxStream, Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{mpsc, watch};

use super::cache::Cache;
use super::delays::Delays;
use super::lenient::{self, Lenient};
use super::missed;
use super::namespaces::{self, ApplicationEvent};
use super::options::Options;
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
pub(super) const POLICY: &str = "FluxDeliveryPolicy";

pub(super) type Objects<K> = BoxStream<'static, Result<K, watcher::Error>>;

/// Errors are noted and answered with a new try inside each watch. kube's controller would hold up all of its streams
/// for each of them (kube-runtime `controller/mod.rs`, `trigger_backoff`): one missing CRD would stop everything.
pub(super) fn without_errors<K: Send + 'static>(
    stream: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
) -> Objects<K> {
    stream.filter(|item| std::future::ready(item.is_ok())).boxed()
}

/// What all watches share.
pub(super) struct Watches {
    cache: OnceLock<Arc<Cache>>,
    /// Kinds that have not been listed yet and are not known to be absent.
    pending: Mutex<BTreeSet<&'static str>>,
    filled: watch::Sender<bool>,
    signal: mpsc::UnboundedSender<()>,
    metrics: Arc<Metrics>,
}

impl Watches {
    /// Of kinds that are waited for until they have been listed once: `pending`. `signal`: something changed that concerns every
    /// Application.
    pub(super) fn new(
        pending: BTreeSet<&'static str>,
        signal: mpsc::UnboundedSender<()>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let (cache, filled) = (OnceLock::new(), watch::channel(false).0);
        Arc::new(Self { cache, pending: Mutex::new(pending), filled, signal, metrics })
    }

    /// Whether everything has been listed once.
    pub(super) fn filled(&self) -> watch::Receiver<bool> {
        self.filled.subscribe()
    }

    /// What is told from now on goes there. Set once, before the streams are polled.
    pub(super) fn fill(&self, cache: Arc<Cache>) {
        let _ = self.cache.set(cache);
    }

    pub(super) fn applications(
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

    pub(super) fn namespaces(
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

    pub(super) fn projects(
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

    pub(super) fn settings(
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
    pub(super) fn policies(
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

    pub(super) fn flux(
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
