//! What the API server serves: what Argo CD tells charts of it, and which kinds are in namespaces.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::Client;
use kube::discovery::{Discovery, Scope};

use super::Lookups;
use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Answer, Found, Freshness, Known, Question};
use crate::project::RenderedObject;

/// How long what the API server serves is believed; a kind that is not among it is looked for sooner.
const BELIEVED: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(5));

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(super) kube_version: String,
    pub(super) api_versions: Vec<String>,
    /// By group and kind: whether its objects are in namespaces.
    kinds: HashMap<(String, String), bool>,
}

impl Answer for Arc<Served> {
    fn bytes(&self) -> usize {
        let text = size_of::<String>() + 32;
        self.api_versions.len() * text + self.kinds.len() * 3 * text
    }
}

impl Served {
    /// The objects with what is known of their kinds, and whether that is known of all of them.
    fn scoped(&self, objects: &[RenderedObject]) -> (Vec<RenderedObject>, bool) {
        let scoped = objects.iter().map(|object| {
            let kind = (object.group.clone(), object.kind.clone());
            let is_namespaced = self.kinds.get(&kind).copied().or(object.is_namespaced);
            RenderedObject { is_namespaced, ..object.clone() }
        });
        let scoped: Vec<_> = scoped.collect();
        let is_complete = scoped.iter().all(|object| object.is_namespaced.is_some());
        (scoped, is_complete)
    }

    /// In the form that Argo CD hands to charts (argo-cd `util/argo/argo.go`, `APIResourcesToStrings`).
    fn of(kube_version: String, discovery: &Discovery) -> Self {
        let mut api_versions = Vec::new();
        let mut kinds = HashMap::new();
        for group in discovery.groups() {
            for (resource, capabilities) in group
                .versions()
                .flat_map(|version| group.versioned_resources(version))
                .filter(|(r, _)| !r.plural.contains('/'))
            {
                api_versions.push(resource.api_version.clone());
                api_versions.push(format!("{}/{}", resource.api_version, resource.kind));
                kinds.insert((resource.group, resource.kind), capabilities.scope == Scope::Namespaced);
            }
        }
        api_versions.sort();
        api_versions.dedup();
        Self { kube_version, api_versions, kinds }
    }
}

impl Lookups {
    /// The objects with what the API server knows of their kinds.
    pub(crate) fn scoped(&self, objects: &[RenderedObject]) -> Found<Vec<RenderedObject>> {
        let Found { known, flight } = self.served(BELIEVED.0, false);
        let (objects, is_complete) = match known {
            Known::Answer(served) => served.scoped(objects),
            Known::Failure(failure, since, left) => {
                return Found { known: Known::Failure(failure, since, left), flight };
            }
            Known::Nothing(since) => return Found { known: Known::Nothing(since), flight },
        };
        if is_complete {
            return Found { known: Known::Answer(objects), flight };
        }
        let Found { known, flight } = self.served(BELIEVED.1, true);
        let known = match known {
            Known::Answer(served) => Known::Answer(served.scoped(&objects).0),
            // Nobody knows better: a kind that is not served may come with the delivery.
            Known::Failure(..) => Known::Answer(objects),
            Known::Nothing(since) => Known::Nothing(since),
        };
        Found { known, flight }
    }

    /// The same, waited for.
    ///
    /// # Errors
    /// The API server does not say what it serves.
    pub(super) async fn with_scopes(
        &self,
        objects: &[RenderedObject],
    ) -> Result<Vec<RenderedObject>, Failure> {
        let (objects, is_complete) = self.wait_for_served(BELIEVED.0).await?.scoped(objects);
        if is_complete {
            return Ok(objects);
        }
        let Ok(served) = self.wait_for_served(BELIEVED.1).await else { return Ok(objects) };
        Ok(served.scoped(&objects).0)
    }

    /// What the API server serves, waited for.
    ///
    /// # Errors
    /// It does not say so.
    pub(super) async fn served_by_now(&self) -> Result<Arc<Served>, Failure> {
        self.wait_for_served(BELIEVED.0).await
    }

    fn served(&self, max_age: Duration, is_strict: bool) -> Found<Arc<Served>> {
        let freshness = Freshness { max_age: Some(max_age), is_strict, ..Freshness::default() };
        self.service.get(&question(), &Party::default(), freshness, || self.discover())
    }

    async fn wait_for_served(&self, max_age: Duration) -> Result<Arc<Served>, Failure> {
        let freshness = Freshness { max_age: Some(max_age), is_strict: true, ..Freshness::default() };
        self.service.wait(&question(), &Party::default(), freshness, || self.discover()).await
    }

    fn discover(&self) -> BoxFuture<'static, Result<Arc<Served>, Failure>> {
        discover(self.client.clone())
            .map(|served| {
                served.map(Arc::new).map_err(|error| {
                    let why = format!("Failed to load target state: failed to get cluster version: {error}");
                    Failure::new(Cause::Unanswered, &why)
                })
            })
            .boxed()
    }
}

fn question() -> Question {
    Question { kind: Kind::Discovery, about: "".into() }
}

async fn discover(client: Client) -> Result<Served, kube::Error> {
    let version = client.apiserver_version().await?;
    let discovery = Discovery::new(client).run_aggregated().await?;
    Ok(Served::of(version.git_version, &discovery))
}
