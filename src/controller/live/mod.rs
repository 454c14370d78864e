//! Live objects from shared watches, trimmed at the door.
//!
//! Only kinds and namespaces in use are watched, each once for all Applications. An event wakes exactly the Applications in
//! whose tree the object is, and none when there is nothing new to see. What may not be read is said to be so
//! and holds nobody up.

mod discovery;
mod report;
mod store;
mod usage;
mod watch;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::Stream;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::discovery::Discovery;
use self::store::Store;
use self::usage::{GroupKind, Identity, Listing, Order, Usage, Use, Watch};
use super::cache::reference;
use crate::argo::Application;
use crate::metrics::Metrics;
use crate::mirror::live::{ChildKind, LiveObjects, NodeKey, descendants_of};
use crate::project::Permissions;

/// How often to look for watches that nobody uses any more.
const REAP_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Default)]
struct State {
    usage: Usage,
    store: Store,
    running: HashMap<Watch, CancellationToken>,
    /// Kinds whose failure is in the log already.
    told: HashSet<GroupKind>,
}

/// See the module.
pub(super) struct Live {
    client: Client,
    discovery: Discovery,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    wake: mpsc::UnboundedSender<ObjectRef<Application>>,
    stop: CancellationToken,
}

/// What an Application has delivered, and what must be watched for its tree.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    roots: BTreeSet<NodeKey>,
    uses: BTreeSet<Use>,
}

impl Wanted {
    /// What the project permits of `roots`, and of what is below them: nothing else is watched for anybody.
    pub(super) fn of(roots: impl IntoIterator<Item = NodeKey>, permissions: &Permissions<'_>) -> Self {
        let roots = roots.into_iter().filter(|root| root.is_permitted(permissions)).collect();
        Self { uses: uses(&roots, permissions), roots }
    }
}

fn uses(roots: &BTreeSet<NodeKey>, permissions: &Permissions<'_>) -> BTreeSet<Use> {
    let mut uses = BTreeSet::new();
    let places: BTreeSet<_> =
        roots.iter().map(|root| (&*root.group, &*root.kind, &*root.namespace)).collect();
    for (group, kind, namespace) in places {
        let namespace: Arc<str> = namespace.into();
        uses.insert((GroupKind::new(group, kind), Arc::clone(&namespace)));
        // What an object of the cluster makes may be in any namespace: that is not followed.
        if !namespace.is_empty() {
            let is_wanted = |child: &ChildKind| permissions.object(child.group, child.kind, &namespace, "");
            let below = descendants_of(group, kind, is_wanted).into_iter();
            uses.extend(below.map(|child| (GroupKind::new(child.group, child.kind), Arc::clone(&namespace))));
        }
    }
    uses
}

impl Live {
    /// Nothing is watched yet. The stream names Applications that are to be looked at.
    pub(super) fn new(
        client: Client,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Arc<Self>, impl Stream<Item = ObjectRef<Application>> + Send + 'static) {
        let (wake, mut woken) = mpsc::unbounded_channel();
        let discovery = Discovery::new(client.clone());
        let live = Arc::new(Self { client, discovery, metrics, state: Mutex::default(), wake, stop });
        tokio::spawn(Arc::clone(&live).reap());
        (live, futures::stream::poll_fn(move |context| woken.poll_recv(context)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each of these Applications has delivered, from now on; watches what that takes. Many at once take fewer
    /// lists than one after the other.
    pub(super) fn want(self: &Arc<Self>, all: impl IntoIterator<Item = (String, Wanted)>) {
        let mut state = self.lock();
        let now = Instant::now();
        for (identity, Wanted { roots, uses }) in all {
            let known = state.store.roots(&identity);
            let is_known = known.map_or(roots.is_empty(), |known| **known == roots);
            // The project may come to permit other kinds below the same roots.
            if is_known && state.usage.is_set(&identity, &uses) {
                continue;
            }
            let identity: Identity = identity.into();
            state.usage.set(&identity, uses, now);
            state.store.want(&identity, Arc::new(roots));
        }
        self.follow_orders(&mut state);
    }

    /// The Application has delivered nothing any more, or nobody asks.
    pub(super) fn forget(self: &Arc<Self>, identity: &str) {
        self.want([(identity.to_owned(), Wanted::default())]);
    }

    /// What is known of everything that the Application has delivered.
    pub(super) fn objects(&self, identity: &str) -> LiveObjects {
        let state = self.lock();
        let unreadable = state.usage.uses(identity).filter(|(_, listing)| *listing == Listing::Unreadable);
        LiveObjects {
            nodes: state.store.tree(identity),
            unreadable: unreadable.map(|(kind, _)| (kind.group.to_string(), kind.kind.to_string())).collect(),
            is_complete: state.usage.is_complete(identity),
        }
    }

    fn follow_orders(self: &Arc<Self>, state: &mut State) {
        for order in state.usage.orders() {
            self.follow(state, order);
        }
        self.count(state);
    }

    fn follow(self: &Arc<Self>, state: &mut State, order: Order) {
        match order {
            Order::Start(watch) => {
                let token = self.stop.child_token();
                tracing::debug!(kind = %watch.kind, scope = %watch.scope, "watching");
                tokio::spawn(watch::run(Arc::clone(self), watch.clone(), token.clone()));
                if let Some(before) = state.running.insert(watch, token) {
                    before.cancel();
                }
            }
            Order::Stop(watch) => {
                tracing::debug!(kind = %watch.kind, scope = %watch.scope, "no longer watching");
                if let Some(token) = state.running.remove(&watch) {
                    token.cancel();
                }
            }
            Order::Drop((kind, namespace)) => state.store.drop_all(&kind, &namespace),
        }
    }

    fn count(&self, state: &State) {
        self.metrics.set_live(state.running.len(), state.store.len());
    }

    async fn reap(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(REAP_INTERVAL);
        while self.stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let mut state = self.lock();
            for order in state.usage.reap(Instant::now()) {
                self.follow(&mut state, order);
            }
            self.count(&state);
        }
    }

    fn wake(&self, identities: impl IntoIterator<Item = Identity>) {
        for identity in identities {
            // Nobody listens any more when the controller is going down.
            let _ = reference(&identity).map(|application| self.wake.send(application));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::fixtures;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn wanted(roots: impl IntoIterator<Item = NodeKey>, project: &Value) -> Wanted {
        let project = fixtures::project("team", project);
        let app = fixtures::app("demo").build();
        Wanted::of(roots, &Permissions::of(&app, Some(&project), "argocd"))
    }

    /// `NAMESPACE/KIND` each.
    fn watched(roots: impl IntoIterator<Item = NodeKey>, project: &Value) -> Vec<String> {
        let uses = wanted(roots, project).uses;
        let named: BTreeSet<_> =
            uses.iter().map(|(kind, namespace)| format!("{namespace}/{}", kind.kind)).collect();
        named.into_iter().collect()
    }

    fn key(group: &str, kind: &str, namespace: &str) -> NodeKey {
        NodeKey { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: "web".into() }
    }

    #[test]
    fn what_is_delivered_is_watched_down_to_pods_where_it_is() {
        let roots = [key("apps", "Deployment", "a"), key("", "Service", "b"), key("", "Namespace", "")];
        let expected =
            ["/Namespace", "a/Deployment", "a/Pod", "a/ReplicaSet", "b/EndpointSlice", "b/Service"];
        assert_eq!(watched(roots, &json!({})), expected);
    }

    #[rstest]
    #[case::elsewhere(
        json!({"destinations": [{"server": "*", "namespace": "b"}]}), &["/Namespace", "b/EndpointSlice", "b/Service"]
    )]
    #[case::of_a_denied_kind(
        json!({"namespaceResourceBlacklist": [{"group": "apps", "kind": "ReplicaSet"}]}),
        &["/Namespace", "a/Deployment", "b/EndpointSlice", "b/Service"]
    )]
    #[case::of_the_cluster(
        json!({"clusterResourceWhitelist": [], "namespaceResourceWhitelist": [{"group": "", "kind": "*"}]}),
        &["b/Service"]
    )]
    fn what_is_not_permitted_is_not_watched(#[case] project: Value, #[case] expected: &[&str]) {
        let roots = [key("apps", "Deployment", "a"), key("", "Service", "b"), key("", "Namespace", "")];
        assert_eq!(watched(roots, &project), expected);
    }

    /// The project denies, or permits, what is below the same roots.
    #[test]
    fn other_kinds_below_are_told_apart() {
        let denied = json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Pod"}]});
        let [open, closed] = [json!({}), denied].map(|spec| wanted([key("apps", "Deployment", "a")], &spec));
        assert_eq!(open.roots, closed.roots);
        let mut usage = Usage::default();
        usage.set(&"a/web".into(), open.uses.clone(), Instant::now());
        assert!(usage.is_set("a/web", &open.uses) && !usage.is_set("a/web", &closed.uses));
        assert!(usage.is_set("a/none", &BTreeSet::new()));
    }
}
