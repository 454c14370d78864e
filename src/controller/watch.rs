//! The watches: one a kind, for all Applications together. Kinds that are not served (yet) are asked for again.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{BoxStream, Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::cache::{Cache, Stores};
use super::namespaces::ApplicationEvent;
use super::options::Options;
use super::secrets::{self, Secrets};
use super::watches::{Objects, POLICY, Watches, without_errors};
use crate::argo::Application;
use crate::flux::FluxKind;
use crate::metrics::Metrics;
use crate::project::AppProject;

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
) -> (Arc<Cache>, Arc<Secrets>, Streams) {
    let (signal, everything) = mpsc::unbounded_channel();
    let kinds = FluxKind::ALL.iter().map(|kind| kind.kind());
    let listed = kinds.chain(["Application", "AppProject", "Namespace", "ConfigMap", POLICY]);
    let watches = Watches::new(listed.chain(secrets::WATCHED).collect(), signal, Arc::clone(metrics));
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
        watches.filled(),
    ));
    watches.fill(Arc::clone(&cache));
    let settings = watches.settings(client.clone(), options, settings_writer);
    let policies = watches.policies(client.clone(), options, policies_writer);
    let signals = futures::stream::select(UnboundedReceiverStream::new(everything), policies);
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

/// Every Application that was added or changed; the end of one needs no reconcile.
pub(super) fn applied(
    events: impl Stream<Item = ApplicationEvent> + Send + 'static,
) -> impl Stream<Item = Result<Application, watcher::Error>> + Send + 'static {
    without_errors(events.boxed().applied_objects())
}
