//! The thin shell around the pure core: watches → stores → gather → translate → plan → execute.
//!
//! Each Application is reconciled by one task at a time, several Applications at once. A reconcile waits for the API server alone:
//! what it wants to know of anybody else comes from [`crate::lookup`], which wakes the Application when it knows more.

mod cache;
mod dependents;
mod execute;
mod gather;
mod images;
mod lenient;
mod live;
mod memory;
mod missed;
mod namespaces;
mod policies;
mod reconcile;
mod secrets;
mod watch;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::controller::{Config, Controller};
use kube::{Client, Resource};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::argo::Application;
use crate::cache::settings::Overrides;
use crate::cache::{Signals, Writer};
use crate::flux::ObjectKey;
use crate::lookup::{self, Lookups};
use crate::metrics::Metrics;
use crate::panics;
use crate::registry;
use crate::repo_server::RepoServer;
use crate::serve::Readiness;

pub(crate) use secrets::{CERTIFICATES, KNOWN_HOSTS, live as live_secret};

pub use namespaces::{ApplicationNamespaces, PatternError};

/// Settings of the controller.
#[derive(Clone, Debug)]
pub struct Options {
    /// Argo CD's own namespace, whose Applications are bridged.
    pub control_namespace: String,
    /// Further namespaces whose Applications are bridged.
    pub application_namespaces: ApplicationNamespaces,
    /// How many Applications are reconciled at once.
    pub concurrency: u16,
    /// How long one reconcile may take.
    pub reconcile_timeout: Duration,
    /// What is known of Argo CD's Redis beside its own settings.
    pub redis: Overrides,
    /// Argo CD's repo-server.
    pub repo_server: RepoServer,
    /// `HOST:PORT` from which Flux fetches what the repo-server rendered.
    pub artifact_address: String,
    /// How many bytes of memory answers from outside may take together.
    pub lookup_memory: usize,
}

/// Everything that reconciles share.
pub(crate) struct Shared {
    client: Client,
    options: Options,
    cache: watch::SharedCache,
    secrets: Arc<secrets::Secrets>,
    live: Arc<live::Live>,
    primed: Once,
    redis: Writer,
    memory: memory::Memory,
    policies: policies::Policies,
    lookups: Lookups,
    metrics: Arc<Metrics>,
    places: Semaphore,
    queued: AtomicUsize,
    /// Nothing new is begun any more.
    stop: CancellationToken,
}

/// Events of one Application within this time are looked at together: an install makes some thirty of them.
const SETTLE: Duration = Duration::from_millis(100);

/// How long a step that is under way may hold up the end of the program, whose grace period has to do for the Lease, too.
const DRAIN: Duration = Duration::from_secs(10);

/// The name of the readiness part that the controller fills.
pub const READINESS_CACHES: &str = "caches";

/// `spec.interval` of generated sources, by `timeout.reconciliation` of argocd-cm.
pub fn poll_interval(setting: Option<&str>) -> String {
    gather::interval(setting)
}

/// Reconciles until `stop` is cancelled, then lets the steps end that are under way; questions are given up, since nothing came
/// of them yet. What the repo-server rendered is served to Flux on `listener`.
pub async fn run(
    client: Client,
    http: reqwest::Client,
    options: Options,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let (cache, secrets, streams) = watch::start(&client, &options, &metrics);
    let (live, woken) = live::Live::new(client.clone(), Arc::clone(&metrics), stop.clone());
    let (redis, Signals { everything: redis_is_empty, lost }) = crate::cache::start(
        &client,
        &options.control_namespace,
        options.redis.clone(),
        Arc::clone(&metrics),
        stop.clone(),
    );
    let sources = lookup::Sources {
        client: client.clone(),
        http,
        repo_server: options.repo_server.clone(),
        control_namespace: options.control_namespace.clone(),
        artifact_address: options.artifact_address.clone(),
        budget: options.lookup_memory,
    };
    let (lookups, answered) = Lookups::new(sources, Arc::clone(&metrics), stop.clone());
    let answered = UnboundedReceiverStream::new(answered)
        .filter_map(|identity| std::future::ready(cache::reference(&identity)));
    let shared = Arc::new(Shared {
        places: Semaphore::new(usize::from(options.concurrency)),
        queued: AtomicUsize::new(0),
        stop: stop.clone(),
        lookups,
        memory: memory::Memory::default(),
        policies: policies::Policies::default(),
        client,
        options,
        cache,
        secrets,
        live,
        primed: Once::new(),
        redis,
        metrics,
    });
    tokio::spawn(serve_artifacts(listener, Arc::clone(&shared), stop.clone()));
    shared.policies.start(&shared, stop.clone());
    let policies = shared.policies.clone();
    let everything = streams.everything.inspect(move |()| policies.wake());
    tokio::spawn(announce(Arc::clone(&shared), readiness));
    // Unbounded here (0), bounded by `Shared::turn`, which can count who waits.
    let config = Config::default().concurrency(0).debounce(SETTLE);
    let deleted = Arc::clone(&shared);
    let applications = streams.applications.inspect(move |event| deleted.forget_if_gone(event));
    let mut controller =
        Controller::for_stream(watch::applied(applications), shared.cache.applications().clone())
            .with_config(config)
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .reconcile_all_on(futures::stream::select(everything, redis_is_empty))
            .reconcile_on(lost)
            .reconcile_on(woken)
            .reconcile_on(answered)
            .reconcile_on(streams.woken);
    for (kind, stream) in streams.flux {
        let shared = Arc::clone(&shared);
        controller = controller.watches_stream_with(
            stream,
            move |object| shared.cache.interested(kind, &object),
            kind.api_resource(),
        );
    }
    let namespaces = Arc::clone(&shared);
    let projects = Arc::clone(&shared);
    let reconciles = controller
        .watches_stream(streams.projects, move |project| projects.cache.interested_in_project(&project))
        .watches_stream(streams.namespaces, move |namespace| {
            namespaces.cache.interested_in_namespace(namespace.meta().name.as_deref().unwrap_or_default())
        })
        .run(reconcile::reconcile, reconcile::on_error, shared)
        .for_each(|outcome| async move {
            if let Err(error) = outcome {
                tracing::debug!(%error, "reconcile ended");
            }
        });
    tokio::select! {
        () = reconciles => {}
        () = drained(&stop) => tracing::warn!("steps under way are given up: {DRAIN:?} were not enough for them"),
    }
}

/// Ends when nobody waits any longer for what was under way at the end.
async fn drained(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

/// Serves to Flux what the repo-server rendered. Without it nothing new of that kind is delivered: the program ends.
async fn serve_artifacts(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    if let Err(error) = registry::serve(listener, shared, stop.clone().cancelled_owned()).await {
        tracing::error!(%error, "the artifact server broke down");
        stop.cancel();
    }
}

/// Says when the caches are filled.
async fn announce(shared: Arc<Shared>, readiness: Readiness) {
    shared.filled().await;
    tracing::info!("caches are filled");
    readiness.set(READINESS_CACHES, true);
}

impl Shared {
    fn forget_if_gone(&self, event: &watch::ApplicationEvent) {
        if let Ok(kube::runtime::watcher::Event::Delete(app)) = event {
            self.forget(app);
        }
    }

    /// Nothing is remembered of an Application that is gone or no longer bridged.
    fn forget(&self, app: &Application) {
        let identity = app.identity();
        self.memory.forget(&identity);
        self.cache.forget(&identity);
        self.live.forget(&identity);
        self.redis.forget(&identity);
        self.tell_census();
        self.policies.wake();
    }

    /// The Flux objects that the bridge made for the Application.
    fn owned(&self, app: &Application) -> BTreeSet<ObjectKey> {
        self.cache.owned(app, &self.options.control_namespace)
    }

    fn tell_census(&self) {
        self.metrics.set_states(self.memory.states());
        self.metrics.set_problems(self.memory.problems());
    }

    /// Waits until everything is known from which Applications are decided upon.
    async fn filled(&self) {
        self.cache.filled().await;
        self.primed.call_once(|| {
            // It only spares lists, and each look asks for its own again.
            if let Err(panic) = panics::caught_now(|| gather::prime(self)) {
                self.metrics.panicked("start");
                tracing::error!(place = panic.place, "a mistake of the bridge's: please report it");
            }
        });
    }

    /// Waits for one of the places in which Applications are reconciled; those that wait are the queue.
    async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let queued = |change: usize| self.queued.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.metrics.set_queue_depth(queued(1));
        // The semaphore is never closed.
        let permit = self.places.acquire().await.ok();
        self.metrics.set_queue_depth(queued(usize::MAX));
        permit
    }
}
