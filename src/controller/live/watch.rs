//! One watch: from the API server into the store, for as long as somebody uses it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, StreamExt};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Client, Resource};
use tokio_util::sync::CancellationToken;

use super::Live;
use super::discovery::Served;
use super::store::Seen;
use super::usage::{GroupKind, Scope, Watch};
use crate::controller::delays::Delays;
use crate::controller::lenient::{self, FromJson, Lenient};
use crate::mirror::live::{Node, NodeKey, reads_body};
use crate::panics;
use crate::watch_error;

/// When to ask again for what may not be read or is not served, the first time and at most.
const DELAYS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));
/// After how many failures in a row a kind that was never listed holds nobody up any more, and a refusal counts where a
/// list was allowed before.
const PATIENCE: u32 = 4;
/// Failures that lie further apart are not in a row: kube's watcher tells nobody when it goes on.
const LULL: Duration = Duration::from_secs(120);

type Events = BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>>;

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The API server refuses.
    Forbidden,
    /// The API server does not know the kind.
    Absent,
    /// The bridge itself is wrong about an object of the kind, which goes without health and children until it is asked for again.
    Broken,
}

/// Watches until `token` is cancelled.
pub(super) async fn run(live: Arc<Live>, watch: Watch, token: CancellationToken) {
    let work = async {
        let mut delay = None;
        loop {
            let looked = panics::caught(follow(&live, &watch, &token)).await;
            let (end, has_listed) = looked.unwrap_or_else(|panic| {
                live.metrics.panicked("watch");
                tracing::error!(kind = %watch.kind, place = panic.place, "a mistake of the bridge's: please report it");
                (End::Broken, false)
            });
            live.unreadable(&watch, &token, end != End::Absent);
            if end == End::Absent {
                live.discovery.forget(&watch.kind);
            }
            let pause = pause(delay, has_listed);
            tokio::time::sleep(pause).await;
            delay = Some(pause);
        }
    };
    token.run_until_cancelled(work).await;
}

/// How long to wait before the next try, after `before` the last time; what could be listed in between begins anew.
fn pause(before: Option<Duration>, has_listed: bool) -> Duration {
    before.filter(|_| !has_listed).map_or(DELAYS.0, |before| (before * 2).min(DELAYS.1))
}

/// Failures in a row.
#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
}

impl Failures {
    /// One more; how many there are.
    fn add(&mut self, now: Instant) -> u32 {
        let is_in_a_row = self.last.is_some_and(|last| now.duration_since(last) < LULL);
        self.count = if is_in_a_row { self.count.saturating_add(1) } else { 1 };
        self.last = Some(now);
        self.count
    }
}

/// Watches as long as that goes on; whether anything could be listed meanwhile.
async fn follow(live: &Arc<Live>, watch: &Watch, token: &CancellationToken) -> (End, bool) {
    match find(live, watch, token).await {
        Some(served) => {
            let mut running = Running::new(live, watch, token, &served);
            (running.follow().await, running.has_listed)
        }
        None => (End::Absent, false),
    }
}

/// How the kind is served; asks until there is an answer.
async fn find(live: &Live, watch: &Watch, token: &CancellationToken) -> Option<Served> {
    for (failures, delay) in (1..).zip(Delays::default()) {
        match live.discovery.find(&watch.kind).await {
            Ok(served) => return served.filter(|served| is_in_scope(served, &watch.scope)),
            Err(error) => live.failed(&watch.kind, &error),
        }
        if failures == PATIENCE {
            live.unanswered(watch, token);
        }
        tokio::time::sleep(delay).await;
    }
    None
}

/// An inventory may speak of an object of the cluster as if it were in a namespace, or the other way round, when its kind
/// was defined anew: such an object is not found.
fn is_in_scope(served: &Served, scope: &Scope) -> bool {
    match scope {
        Scope::Cluster => served.is_namespaced,
        Scope::Namespace(namespace) => served.is_namespaced != namespace.is_empty(),
    }
}

/// A watch whose kind is known to be served.
struct Running<'a> {
    live: &'a Arc<Live>,
    watch: &'a Watch,
    token: &'a CancellationToken,
    version: String,
    is_whole: bool,
    events: Events,
    /// What was in use when the list began, and what it has shown so far.
    covered: HashSet<Arc<str>>,
    listed: HashSet<NodeKey>,
    has_listed: bool,
    failures: Failures,
}

impl<'a> Running<'a> {
    fn new(live: &'a Arc<Live>, watch: &'a Watch, token: &'a CancellationToken, served: &Served) -> Self {
        let is_whole = is_read_whole(&watch.kind);
        let client = live.client.clone();
        let events = if is_whole {
            events(api::<Lenient<DynamicObject>>(client, served, &watch.scope), |object| object)
        } else {
            events(api::<Lenient<PartialObjectMeta<DynamicObject>>>(client, served, &watch.scope), |object| {
                DynamicObject { types: None, metadata: object.metadata, data: serde_json::Value::Null }
            })
        };
        Self {
            live,
            watch,
            token,
            version: served.resource.version.clone(),
            is_whole,
            events,
            covered: HashSet::new(),
            listed: HashSet::new(),
            has_listed: false,
            failures: Failures::default(),
        }
    }

    /// Takes what comes until it can go on no longer.
    async fn follow(&mut self) -> End {
        while let Some(event) = self.events.next().await {
            match event {
                Ok(event) => self.take(event),
                Err(error) => {
                    let failures = self.failures.add(Instant::now());
                    if let Some(end) = end(&error, self.has_listed && failures < PATIENCE) {
                        return end;
                    }
                    self.live.failed(&self.watch.kind, &error);
                    if failures == PATIENCE {
                        self.live.unanswered(self.watch, self.token);
                    }
                }
            }
        }
        // A watcher goes on for ever; should it end nevertheless, it is started again as after an absence.
        End::Absent
    }

    fn take(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Init => {
                self.listed.clear();
                self.covered = self.live.namespaces(&self.watch.kind);
            }
            Event::InitApply(object) => {
                if let Some(key) = self.live.saw(self.watch, self.token, || self.trim(&object), &object) {
                    self.listed.insert(key);
                }
            }
            Event::Apply(object) => {
                self.failures = Failures::default();
                self.live.saw(self.watch, self.token, || self.trim(&object), &object);
            }
            Event::Delete(object) => self.live.gone(self.watch, self.token, &self.trim(&object).node),
            Event::InitDone => {
                self.failures = Failures::default();
                self.has_listed = true;
                let listed = std::mem::take(&mut self.listed);
                self.live.listed(self.watch, self.token, &listed, &std::mem::take(&mut self.covered));
            }
        }
    }

    fn trim(&self, object: &DynamicObject) -> Seen {
        let GroupKind { group, kind } = &self.watch.kind;
        let node = Node::of(group, &self.version, kind, object);
        // Each write of an Application's status counts as a new generation.
        let is_application = (&**group, &**kind) == ("argoproj.io", "Application");
        let generation = object.metadata.generation.filter(|_| !is_application);
        let is_all_content = !self.is_whole && !is_application && generation.is_none();
        Seen { node: Arc::new(node), generation, is_all_content }
    }
}

/// More than metadata is asked for. Never of Secrets: their values are not to enter the process.
fn is_read_whole(kind: &GroupKind) -> bool {
    reads_body(&kind.group, &kind.kind) && (&*kind.group, &*kind.kind) != ("", "Secret")
}

fn api<K>(client: Client, served: &Served, scope: &Scope) -> Api<K>
where
    K: Resource<DynamicType = kube::core::ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    match scope {
        Scope::Namespace(namespace) if !namespace.is_empty() => {
            Api::namespaced_with(client, namespace, &served.resource)
        }
        _ => Api::all_with(client, &served.resource),
    }
}

fn events<K>(api: Api<Lenient<K>>, plain: fn(K) -> DynamicObject) -> Events
where
    K: FromJson + Resource + Clone + std::fmt::Debug + Send + 'static,
    Lenient<K>: serde::de::DeserializeOwned,
{
    lenient::watch_as(api, Config::default(), plain).boxed()
}

/// Whether it is of no use to go on at once. A refusal may pass where a list was allowed before: an API server that has just
/// started does not know all rights yet.
fn end(error: &watcher::Error, may_pass: bool) -> Option<End> {
    match watch_error::code(error)? {
        403 if may_pass => None,
        403 => Some(End::Forbidden),
        404 | 405 => Some(End::Absent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use rstest::rstest;
    use serde_json::json;

    use super::super::Wanted;
    use super::*;
    use crate::metrics::Metrics;
    use crate::mirror::fixtures;
    use crate::project::Permissions;
    use crate::testing;

    fn refused(code: u16) -> watcher::Error {
        let status = kube::core::Status { code, ..kube::core::Status::default() };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[rstest]
    #[case::forbidden(403, false, Some(End::Forbidden))]
    #[case::forbidden_for_now(403, true, None)]
    #[case::not_served(404, true, Some(End::Absent))]
    #[case::cannot_be_listed(405, true, Some(End::Absent))]
    #[case::gone(410, false, None)]
    #[case::overloaded(500, false, None)]
    fn only_final_answers_end_a_watch(
        #[case] code: u16,
        #[case] may_pass: bool,
        #[case] expected: Option<End>,
    ) {
        assert_eq!(end(&refused(code), may_pass), expected);
    }

    #[test]
    fn pauses_grow_until_something_could_be_listed() {
        let seconds =
            |before: u64, has_listed| pause(Some(Duration::from_secs(before)), has_listed).as_secs();
        assert_eq!(pause(None, false), DELAYS.0);
        assert_eq!((seconds(15, false), seconds(30, false), seconds(240, false)), (30, 60, 300));
        assert_eq!((seconds(15, true), seconds(300, true)), (15, 15));
    }

    #[test]
    fn failures_that_lie_far_apart_are_not_in_a_row() {
        let now = Instant::now();
        let mut failures = Failures::default();
        assert_eq!((failures.add(now), failures.add(now + LULL / 2), failures.add(now + LULL)), (1, 2, 3));
        assert_eq!(failures.add(now + LULL * 2), 1);
    }

    /// An API server with one Deployment in the namespace `a`, and how often that was watched.
    async fn refusing_once() -> (Client, Arc<AtomicUsize>) {
        let meta = json!({"name": "web", "namespace": "a", "uid": "1", "resourceVersion": "1"});
        let list = json!({"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"resourceVersion": "1"},
                          "items": [{"metadata": meta}]});
        let version = json!({"groupVersion": "apps/v1", "version": "v1"});
        let groups =
            json!({"groups": [{"name": "apps", "versions": [version], "preferredVersion": version}]});
        let deployments = json!({"name": "deployments", "singularName": "", "kind": "Deployment",
                                 "namespaced": true, "verbs": ["list", "watch"]});
        let resources = json!({"groupVersion": "apps/v1", "resources": [deployments]});
        let (objects, watches) = testing::refusing_once(list.to_string());
        let routes = Router::new()
            .route("/apis", get(async move || groups.to_string()))
            .route("/apis/apps/v1", get(async move || resources.to_string()))
            .route("/apis/apps/v1/namespaces/a/deployments", objects);
        (testing::api_server(routes).await, watches)
    }

    #[tokio::test]
    async fn a_refusal_that_passes_takes_nothing_away() {
        let (client, watches) = refusing_once().await;
        let (live, _woken) = Live::new(client, Arc::new(Metrics::new()), CancellationToken::new());
        let root = NodeKey {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: "a".into(),
            name: "web".into(),
        };
        let (app, project) = (fixtures::app("demo").build(), fixtures::open_project());
        let permissions = Permissions::of(&app, Some(&project), "argocd");
        live.want([("argocd/app".to_owned(), Wanted::of([root.clone()], &permissions))]);
        // Of what a Deployment makes nothing is served here.
        let deployments = ("apps".to_owned(), "Deployment".to_owned());
        let third = async {
            while watches.load(Ordering::Relaxed) < 3 {
                assert!(!live.objects("argocd/app").unreadable.contains(&deployments), "it is still watched");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), third).await.expect("it is tried again soon");
        assert!(live.objects("argocd/app").nodes.contains_key(&root));
        live.stop.cancel();
    }

    #[test]
    fn contents_of_secrets_are_never_asked_for() {
        assert!(!is_read_whole(&GroupKind::new("", "Secret")));
        assert!(!is_read_whole(&GroupKind::new("", "ConfigMap")));
        assert!(is_read_whole(&GroupKind::new("apps", "Deployment")));
    }
}
