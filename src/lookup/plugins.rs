//! Whether there are config management plugins: only then may one of them take a source that says nothing of itself for its own.

use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::ListParams;

use super::Lookups;
use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Found, Freshness, Known, Question};
use crate::argo::plugins::sidecars;

/// How long an answer is believed: plugins come and go with a rollout of the repo-server.
const BELIEVED: Duration = Duration::from_secs(300);

impl Lookups {
    /// Whether a Deployment of Argo CD's namespace has a plugin's sidecar. Who may not be asked has none, as far as is known.
    pub(crate) fn has_plugins(&self) -> Found<bool> {
        let question = Question { kind: Kind::Plugins, about: "".into() };
        let freshness = Freshness { max_age: Some(BELIEVED), ..Freshness::default() };
        let ask = || {
            let api = Api::<Deployment>::namespaced(self.client.clone(), &self.control_namespace);
            async move {
                let all = api.list(&ListParams::default()).await;
                let all = all.map_err(|error| Failure::of(Cause::Unanswered, &error))?;
                Ok(all.items.iter().any(|one| sidecars(one).next().is_some()))
            }
            .boxed()
        };
        let found = self.service.get(&question, &Party::default(), freshness, ask);
        match found.known {
            Known::Failure(..) => Found { known: Known::Answer(false), flight: found.flight },
            _ => found,
        }
    }
}
