//! Whether there are config management plugins: only then may one of them take a source that says nothing of itself for its own.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::{Api, Client};

use super::cache::lock;
use crate::argo::plugins::sidecars;

/// How long an answer is believed: plugins come and go with a rollout of the repo-server.
const BELIEVED: Duration = Duration::from_secs(300);
/// How long it is done without one.
const UNKNOWN: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Default)]
pub(super) struct Plugins {
    /// Whether there are any, and until when that is believed.
    known: Mutex<Option<(bool, Instant)>>,
}

impl Plugins {
    /// Whether a Deployment of `namespace` has a plugin's sidecar. Who may not be asked has none, as far as is known.
    pub(super) async fn exist(&self, client: &Client, namespace: &str) -> bool {
        let known = *lock(&self.known);
        let now = Instant::now();
        if let Some((exist, until)) = known
            && now < until
        {
            return exist;
        }
        let all = Api::<Deployment>::namespaced(client.clone(), namespace).list(&ListParams::default()).await;
        let (exist, believed) = match all {
            Ok(all) => (all.items.iter().any(|one| sidecars(one).next().is_some()), BELIEVED),
            Err(error) => {
                tracing::debug!(%error, "it is not known whether there are plugins");
                (known.is_some_and(|(exist, _)| exist), UNKNOWN)
            }
        };
        *lock(&self.known) = Some((exist, now + believed));
        exist
    }
}
