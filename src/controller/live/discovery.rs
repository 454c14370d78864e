//! Which API serves a kind: asked once a group, and again when a kind is missing. One group that does not answer, such as that
//! of an aggregated API, holds up no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use kube::core::ApiResource;
use kube::discovery::{ApiCapabilities, ApiGroup, Scope, verbs};
use kube::error::DiscoveryError;
use kube::{Client, discovery};

use super::usage::GroupKind;
use crate::controller::cache::lock;

/// How long an answer counts for a kind that is missing from it.
const AGE: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why it is not known how a group is served.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The API server's answer, or that there is none.
    #[error("discovery: {0}")]
    Api(Arc<kube::Error>),
    /// It takes too long.
    #[error("discovery: no answer about the API group {group:?} within {limit:?}")]
    Timeout {
        /// Which group.
        group: Arc<str>,
        /// How long it was waited for.
        limit: Duration,
    },
}

/// What the API server says of a group; nothing if there is none.
type Group = Option<Arc<ApiGroup>>;
/// A question that is under way, for everybody who asks it.
type Asked = Shared<BoxFuture<'static, Result<Group, Unanswered>>>;

#[derive(Default)]
struct Known {
    answer: Option<(Group, Instant)>,
    asked: Option<Asked>,
}

/// How objects of a kind are asked for.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) resource: ApiResource,
    pub(super) is_namespaced: bool,
}

/// See the module.
pub(super) struct Discovery {
    client: Client,
    patience: Duration,
    groups: Mutex<HashMap<Arc<str>, Known>>,
}

impl Discovery {
    pub(super) fn new(client: Client) -> Self {
        Self { client, patience: PATIENCE, groups: Mutex::default() }
    }

    /// How the kind is served, in the version that the API server prefers; `None` when it is not, or cannot be watched.
    pub(super) async fn find(&self, kind: &GroupKind) -> Result<Option<Served>, Unanswered> {
        let asked = {
            let mut groups = lock(&self.groups);
            let known = groups.entry(Arc::clone(&kind.group)).or_default();
            if let Some((group, at)) = &known.answer {
                let served = served(group, kind);
                if served.is_some() || at.elapsed() < AGE {
                    return Ok(served);
                }
            }
            known.asked.get_or_insert_with(|| self.ask(&kind.group)).clone()
        };
        let answer = asked.clone().await;
        self.note(&kind.group, &asked, &answer);
        Ok(served(&answer?, kind))
    }

    fn ask(&self, group: &Arc<str>) -> Asked {
        let (client, group, limit) = (self.client.clone(), Arc::clone(group), self.patience);
        let question = async move {
            match tokio::time::timeout(limit, discovery::group(&client, &group)).await {
                Ok(Ok(found)) => Ok(Some(Arc::new(found))),
                Ok(Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(_)))) => Ok(None),
                Ok(Err(error)) => Err(Unanswered::Api(Arc::new(error))),
                Err(_) => Err(Unanswered::Timeout { group, limit }),
            }
        };
        question.boxed().shared()
    }

    /// Whoever hears the answer first keeps it; one that was forgotten while it was under way counts no more.
    fn note(&self, group: &Arc<str>, asked: &Asked, answer: &Result<Group, Unanswered>) {
        let mut groups = lock(&self.groups);
        let Some(known) = groups.get_mut(group) else { return };
        if known.asked.take_if(|current| current.ptr_eq(asked)).is_some()
            && let Ok(group) = answer
        {
            known.answer = Some((group.clone(), Instant::now()));
        }
    }

    /// What was answered about the group is no longer so.
    pub(super) fn forget(&self, kind: &GroupKind) {
        lock(&self.groups).remove(&kind.group);
    }
}

fn served(group: &Group, kind: &GroupKind) -> Option<Served> {
    let (group, kind) = (group.as_ref()?, &*kind.kind);
    let preferred = group.recommended_kind(kind);
    let newest = || group.resources_by_stability().into_iter().find(|(resource, _)| resource.kind == kind);
    let (resource, capabilities) = preferred.or_else(newest)?;
    let is_namespaced = capabilities.scope == Scope::Namespaced;
    can_be_watched(&capabilities).then_some(Served { resource, is_namespaced })
}

fn can_be_watched(capabilities: &ApiCapabilities) -> bool {
    capabilities.supports_operation(verbs::LIST) && capabilities.supports_operation(verbs::WATCH)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    fn group(name: &str) -> Value {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    }

    fn resources(group: &str) -> Value {
        let widgets = json!({"name": "widgets", "singularName": "widget", "kind": "Widget", "namespaced": true,
                             "verbs": ["list", "watch"]});
        json!({"kind": "APIResourceList", "groupVersion": format!("{group}/v1"), "resources": [widgets]})
    }

    /// An API server with an aggregated API that does not answer, and how often that was asked.
    async fn with_a_hanging_group() -> (Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let hang = move || {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<String>()
        };
        let groups =
            json!({"kind": "APIGroupList", "groups": [group("stuck.example.org"), group("example.org")]});
        let routes = Router::new()
            .route("/apis", get(async move || groups.to_string()))
            .route("/apis/stuck.example.org/v1", get(hang))
            .route("/apis/example.org/v1", get(async || resources("example.org").to_string()));
        (testing::api_server(routes).await, asked)
    }

    #[tokio::test]
    async fn a_group_that_hangs_holds_up_no_other_and_is_asked_once() {
        let (client, asked) = with_a_hanging_group().await;
        let discovery = Discovery { patience: Duration::from_millis(500), ..Discovery::new(client) };
        let stuck = GroupKind::new("stuck.example.org", "Widget");
        let all = futures::future::join_all((0..5).map(|_| discovery.find(&stuck)));
        let other = async {
            let found = discovery.find(&GroupKind::new("example.org", "Widget")).await.unwrap().unwrap();
            assert_eq!((found.resource.plural.as_str(), found.is_namespaced), ("widgets", true));
            Instant::now()
        };
        let stuck_until = async { (all.await, Instant::now()) };
        let ((answers, failed), found) = tokio::join!(stuck_until, other);
        assert!(found < failed, "the other group was answered first");
        for answer in answers {
            let error = answer.unwrap_err().to_string();
            assert!(error.contains("no answer about the API group \"stuck.example.org\""), "{error}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1, "five wait for one answer");
    }

    #[tokio::test]
    async fn what_failed_is_asked_again_and_what_was_answered_is_not() {
        let (client, asked) = with_a_hanging_group().await;
        let discovery = Discovery { patience: Duration::from_millis(50), ..Discovery::new(client) };
        let stuck = GroupKind::new("stuck.example.org", "Widget");
        for _ in 0..2 {
            assert!(discovery.find(&stuck).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let missing = GroupKind::new("none.example.org", "Widget");
        assert!(discovery.find(&missing).await.unwrap().is_none());
        assert!(lock(&discovery.groups).get("none.example.org").unwrap().answer.is_some());
        discovery.forget(&missing);
        assert!(lock(&discovery.groups).get("none.example.org").is_none());
    }
}
