//! One watch: from the API server into the store, for as long as somebody uses it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, Resource};
use tokio_util::sync::CancellationToken;

use super::Live;
use super::discovery::Served;
use super::store::Seen;
use super::usage::{GroupKind, Scope, Watch};
use crate::controller::watch::Delays;
use crate::mirror::live::{Node, NodeKey, reads_body};
use crate::panics;
use crate::watch_error;

/// When to ask again for what may not be read or is not served, the first time and at most.
const DELAYS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));
/// After how many failures in a row a kind that was never listed holds nobody up any more.
const PATIENCE: u32 = 4;

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
        let mut delay = DELAYS.0;
        loop {
            let end = panics::caught(follow(&live, &watch, &token)).await.unwrap_or_else(|panic| {
                live.metrics.panicked("watch");
                tracing::error!(kind = %watch.kind, place = panic.place, "a mistake of the bridge's: please report it");
                End::Broken
            });
            live.unreadable(&watch, &token, end != End::Absent);
            if end == End::Absent {
                live.discovery.forget(&watch.kind).await;
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(DELAYS.1);
        }
    };
    token.run_until_cancelled(work).await;
}

async fn follow(live: &Arc<Live>, watch: &Watch, token: &CancellationToken) -> End {
    match find(live, watch, token).await {
        Some(served) => Running::new(live, watch, token, &served).follow().await,
        None => End::Absent,
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
    failures: u32,
}

impl<'a> Running<'a> {
    fn new(live: &'a Arc<Live>, watch: &'a Watch, token: &'a CancellationToken, served: &Served) -> Self {
        let is_whole = is_read_whole(&watch.kind);
        let client = live.client.clone();
        let events = if is_whole {
            events(api::<DynamicObject>(client, served, &watch.scope), |object| object)
        } else {
            events(api::<PartialObjectMeta<DynamicObject>>(client, served, &watch.scope), |object| {
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
            failures: 0,
        }
    }

    /// Takes what comes until it can go on no longer.
    async fn follow(mut self) -> End {
        while let Some(event) = self.events.next().await {
            match event {
                Ok(event) => self.take(event),
                Err(error) => {
                    if let Some(end) = end(&error) {
                        return end;
                    }
                    self.live.failed(&self.watch.kind, &error);
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == PATIENCE {
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
                self.failures = 0;
                self.live.saw(self.watch, self.token, || self.trim(&object), &object);
            }
            Event::Delete(object) => self.live.gone(self.watch, self.token, &self.trim(&object).node),
            Event::InitDone => {
                self.failures = 0;
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

fn events<K>(api: Api<K>, plain: fn(K) -> DynamicObject) -> Events
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let events = watcher(api, Config::default()).backoff(Delays::default());
    events
        .map(move |event| {
            event.map(|event| match event {
                Event::Init => Event::Init,
                Event::InitDone => Event::InitDone,
                Event::InitApply(object) => Event::InitApply(plain(object)),
                Event::Apply(object) => Event::Apply(plain(object)),
                Event::Delete(object) => Event::Delete(plain(object)),
            })
        })
        .boxed()
}

/// Whether it is of no use to go on at once.
fn end(error: &watcher::Error) -> Option<End> {
    match watch_error::code(error)? {
        403 => Some(End::Forbidden),
        404 | 405 => Some(End::Absent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn refused(code: u16) -> watcher::Error {
        let status = kube::core::Status { code, ..kube::core::Status::default() };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[rstest]
    #[case::forbidden(403, Some(End::Forbidden))]
    #[case::not_served(404, Some(End::Absent))]
    #[case::cannot_be_listed(405, Some(End::Absent))]
    #[case::gone(410, None)]
    #[case::overloaded(500, None)]
    fn only_final_answers_end_a_watch(#[case] code: u16, #[case] expected: Option<End>) {
        assert_eq!(end(&refused(code)), expected);
    }

    #[test]
    fn contents_of_secrets_are_never_asked_for() {
        assert!(!is_read_whole(&GroupKind::new("", "Secret")));
        assert!(!is_read_whole(&GroupKind::new("", "ConfigMap")));
        assert!(is_read_whole(&GroupKind::new("apps", "Deployment")));
    }
}
