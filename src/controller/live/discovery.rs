//! Which API serves a kind: asked once a group, and again when a kind is missing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kube::core::ApiResource;
use kube::discovery::{ApiCapabilities, ApiGroup, Scope, verbs};
use kube::error::DiscoveryError;
use kube::{Client, discovery};
use tokio::sync::Mutex;

use super::usage::GroupKind;

/// How long an answer counts for a kind that is missing from it.
const AGE: Duration = Duration::from_secs(5);

struct Answer {
    group: Option<ApiGroup>,
    at: Instant,
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
    answers: Mutex<HashMap<String, Answer>>,
}

impl Discovery {
    pub(super) fn new(client: Client) -> Self {
        Self { client, answers: Mutex::default() }
    }

    /// How the kind is served, in the version that the API server prefers; `None` when it is not, or cannot be watched.
    pub(super) async fn find(&self, kind: &GroupKind) -> Result<Option<Served>, kube::Error> {
        let mut answers = self.answers.lock().await;
        if let Some(answer) = answers.get(&*kind.group) {
            let served = answer.group.as_ref().and_then(|group| served(group, &kind.kind));
            if served.is_some() || answer.at.elapsed() < AGE {
                return Ok(served);
            }
        }
        let group = match discovery::group(&self.client, &kind.group).await {
            Ok(group) => Some(group),
            Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(_))) => None,
            Err(error) => return Err(error),
        };
        let served = group.as_ref().and_then(|group| served(group, &kind.kind));
        answers.insert(kind.group.to_string(), Answer { group, at: Instant::now() });
        Ok(served)
    }

    /// What was answered about the group is no longer so.
    pub(super) async fn forget(&self, kind: &GroupKind) {
        self.answers.lock().await.remove(&*kind.group);
    }
}

fn served(group: &ApiGroup, kind: &str) -> Option<Served> {
    let preferred = group.recommended_kind(kind);
    let newest = || group.resources_by_stability().into_iter().find(|(resource, _)| resource.kind == kind);
    let (resource, capabilities) = preferred.or_else(newest)?;
    let is_namespaced = capabilities.scope == Scope::Namespaced;
    can_be_watched(&capabilities).then_some(Served { resource, is_namespaced })
}

fn can_be_watched(capabilities: &ApiCapabilities) -> bool {
    capabilities.supports_operation(verbs::LIST) && capabilities.supports_operation(verbs::WATCH)
}
