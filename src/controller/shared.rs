//! Everything that reconciles share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use kube::Client;
use kube::runtime::watcher::Event;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::live::Live;
use super::memory::Memory;
use super::namespaces::ApplicationEvent;
use super::options::Options;
use super::secrets::Secrets;
use crate::argo::Application;
use crate::cache::Writer;
use crate::flux::ObjectKey;
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::pulse::Pulse;

/// See the module.
pub(crate) struct Shared {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) cache: Arc<Cache>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) live: Arc<Live>,
    pub(super) primed: Once,
    pub(super) redis: Writer,
    pub(super) memory: Memory,
    /// A policy, an Application or what is refused of one may have changed.
    pub(super) policy_news: Arc<Notify>,
    pub(super) lookups: Lookups,
    pub(super) pulse: Pulse,
    pub(super) metrics: Arc<Metrics>,
    pub(super) places: Semaphore,
    pub(super) queued: AtomicUsize,
    /// Nothing new is begun any more.
    pub(super) stop: CancellationToken,
}

impl Shared {
    pub(super) fn forget_if_gone(&self, event: &ApplicationEvent) {
        if let Ok(Event::Delete(app)) = event {
            self.forget(app);
        }
    }

    /// Nothing is remembered of an Application that is gone or no longer bridged.
    pub(super) fn forget(&self, app: &Application) {
        let identity = app.identity();
        self.memory.forget(&identity);
        self.cache.forget(&identity);
        self.live.forget(&identity);
        self.redis.forget(&identity);
        self.tell_census();
        self.policy_news.notify_one();
    }

    /// The Flux objects that the bridge made for the Application.
    pub(super) fn owned(&self, app: &Application) -> BTreeSet<ObjectKey> {
        self.cache.owned(app, &self.options.control_namespace)
    }

    pub(super) fn tell_census(&self) {
        self.metrics.set_states(self.memory.states());
        self.metrics.set_problems(self.memory.problems());
    }

    /// Waits for one of the places in which Applications are reconciled; those that wait are the queue.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let queued = |change: usize| self.queued.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.metrics.set_queue_depth(queued(1));
        // The semaphore is never closed.
        let permit = self.places.acquire().await.ok();
        self.metrics.set_queue_depth(queued(usize::MAX));
        permit
    }
}
