//! The thin shell around the pure core: watches → stores → gather → translate → plan → execute.
//!
//! Each Application is reconciled by one task at a time, several Applications at once. A reconcile waits for the API server alone:
//! what it wants to know of anybody else comes from [`crate::lookup`], which wakes the Application when it knows more.

mod cache;
mod delays;
mod dependents;
mod execute;
mod filled;
mod gather;
mod images;
mod lenient;
mod live;
mod memory;
mod missed;
mod namespaces;
mod options;
mod patching;
mod policies;
mod reconcile;
mod secret_writes;
mod secrets;
mod shared;
mod watch;
mod watches;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::controller::{Config, Controller};
use kube::{Client, Resource};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::cache::Signals;
use crate::lookup::{self, Lookups};
use crate::registry;
use crate::serve::Readiness;
use filled::filled;
use shared::Shared;

pub(crate) use secrets::{CERTIFICATES, KNOWN_HOSTS, live as live_secret};

pub use namespaces::{ApplicationNamespaces, PatternError};
pub use options::{Options, Signs};

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
    signs: Signs,
    stop: CancellationToken,
) {
    let Signs { metrics, readiness, pulse } = signs;
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
        pulse,
        memory: memory::Memory::default(),
        policy_news: Arc::new(Notify::new()),
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
    policies::start(&shared, stop.clone());
    let policy_news = Arc::clone(&shared.policy_news);
    let everything = streams.everything.inspect(move |()| policy_news.notify_one());
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
    filled(&shared).await;
    tracing::info!("caches are filled");
    shared.pulse.filled();
    readiness.set(READINESS_CACHES, true);
}
