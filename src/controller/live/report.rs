//! What the watches tell. One that was ended in the meantime is not heard.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use kube::core::DynamicObject;
use tokio_util::sync::CancellationToken;

use super::store::Seen;
use super::usage::{GroupKind, Listing, Scope, Watch};
use super::{Live, State};
use crate::mirror::live::{Node, NodeKey};

impl Live {
    pub(super) fn namespaces(&self, kind: &GroupKind) -> HashSet<Arc<str>> {
        self.lock().usage.namespaces(kind)
    }

    /// The object is there, now or again; its key, if it is of interest.
    pub(super) fn saw(
        &self,
        watch: &Watch,
        token: &CancellationToken,
        trim: impl FnOnce() -> Seen,
        object: &DynamicObject,
    ) -> Option<NodeKey> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        if !self.lock().usage.contains(&watch.kind, namespace) {
            return None;
        }
        let seen = trim();
        let node = Arc::clone(&seen.node);
        let mut state = self.lock();
        if token.is_cancelled() {
            return None;
        }
        let is_news = state.store.insert(&watch.kind, seen);
        if is_news && state.usage.listing(&watch.kind, namespace) == Some(Listing::Listed) {
            self.wake(state.store.concerned(&node));
        }
        Some(node.key.clone())
    }

    pub(super) fn gone(&self, watch: &Watch, token: &CancellationToken, node: &Node) {
        let mut state = self.lock();
        if token.is_cancelled() {
            return;
        }
        self.lose(&mut state, watch, &node.key, &node.uid);
        self.count(&state);
    }

    fn lose(&self, state: &mut State, watch: &Watch, key: &NodeKey, uid: &str) {
        if let Some(node) = state.store.remove(&watch.kind, key, uid) {
            self.wake(state.store.concerned(&node));
        }
    }

    /// Everything that is there was shown: `listed`; what is not among it is gone.
    pub(super) fn listed(
        self: &Arc<Self>,
        watch: &Watch,
        token: &CancellationToken,
        listed: &HashSet<NodeKey>,
        covered: &HashSet<Arc<str>>,
    ) {
        let mut state = self.lock();
        if token.is_cancelled() {
            return;
        }
        let namespace = match &watch.scope {
            Scope::Cluster => None,
            Scope::Namespace(namespace) => Some(&**namespace),
        };
        for (key, uid) in state.store.keys(&watch.kind, namespace) {
            let is_shown = listed.contains(&key) || !is_covered(&key, &watch.scope, covered);
            if !is_shown {
                self.lose(&mut state, watch, &key, &uid);
            }
        }
        state.told.remove(&watch.kind);
        let knowing = state.usage.listed(watch, covered, Instant::now());
        self.wake(knowing);
        self.follow_orders(&mut state);
    }

    /// The API server refuses to show this, or does not know it.
    pub(super) fn unreadable(&self, watch: &Watch, token: &CancellationToken, is_forbidden: bool) {
        let mut state = self.lock();
        if token.is_cancelled() {
            return;
        }
        let is_news = state.told.insert(watch.kind.clone());
        if is_news && is_forbidden {
            tracing::info!(kind = %watch.kind, "may not be read: shown as far as the inventories name it");
        } else if is_news {
            tracing::debug!(kind = %watch.kind, "is not served");
        }
        for namespace in state.usage.dependents(watch) {
            state.store.drop_all(&watch.kind, &namespace);
        }
        let concerned = state.usage.unreadable(watch);
        self.wake(concerned);
        self.count(&state);
    }

    /// There has been no answer for a while. What was shown before still counts.
    pub(super) fn unanswered(&self, watch: &Watch, token: &CancellationToken) {
        let mut state = self.lock();
        if !token.is_cancelled() {
            let concerned = state.usage.unanswered(watch);
            self.wake(concerned);
        }
    }

    pub(super) fn failed(&self, kind: &GroupKind, error: &dyn Display) {
        self.metrics.watch_failed(&kind.kind);
        if self.lock().told.insert(kind.clone()) {
            tracing::warn!(%kind, %error, "watch failed and will be started again");
        } else {
            tracing::debug!(%kind, %error, "watch failed again");
        }
    }
}

/// Whether a list that began with `covered` in use would have shown the object.
fn is_covered(key: &NodeKey, scope: &Scope, covered: &HashSet<Arc<str>>) -> bool {
    *scope != Scope::Cluster || covered.contains(key.namespace.as_str())
}
