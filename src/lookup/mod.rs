//! Answers from outside: what artifacts hold, which refs a repository has, what Argo CD's repo-server renders, what the API
//! server serves.
//!
//! No reconcile waits for any of it. It gets what is known ([`Known`]), goes on with that, and is woken when more is: see
//! [`service`] for what an answer costs, how long it counts, and who is asked how often.

mod answers;
mod artifacts;
mod chart;
mod failure;
mod git_names;
mod kind;
mod places;
mod plugins;
mod refs;
mod rendered;
mod served;
mod service;
mod target;

use std::sync::Arc;

use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::registry::{Access, Store};
use crate::repo_server::RepoServer;

pub(crate) use artifacts::ArtifactAt;
pub(crate) use failure::{Cause, Failure, chain};
pub(crate) use places::Party;
pub(crate) use rendered::Rendering;
pub(crate) use service::{Flight, Found, Freshness, Known};
pub(crate) use target::{Settings, TargetQuestion};

/// Whom the questions go to, and how much is kept of the answers.
pub(crate) struct Sources {
    /// The API server.
    pub(crate) client: Client,
    /// Whatever is served over HTTP.
    pub(crate) http: reqwest::Client,
    /// Argo CD's repo-server.
    pub(crate) repo_server: RepoServer,
    /// Argo CD's own namespace.
    pub(crate) control_namespace: String,
    /// `HOST:PORT` from which Flux fetches what was rendered.
    pub(crate) artifact_address: String,
    /// How many bytes answers may take together.
    pub(crate) budget: usize,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lookups {
    service: Arc<service::Service>,
    client: Client,
    http: reqwest::Client,
    repo_server: RepoServer,
    control_namespace: Arc<str>,
    /// What was rendered, as Flux fetches it.
    store: Arc<Store>,
    access: Arc<Access>,
}

impl Lookups {
    /// Asks nothing yet; and the identities (`NAMESPACE/NAME`) of the Applications that are to look again.
    pub(crate) fn new(
        sources: Sources,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<String>) {
        let Sources { client, http, repo_server, control_namespace, artifact_address, budget } = sources;
        let (service, woken) = service::Service::new(budget, metrics, stop);
        let access = Arc::new(Access::new(client.clone(), &control_namespace, &artifact_address));
        let control_namespace = control_namespace.into();
        let store = Arc::default();
        (Self { service, client, http, repo_server, control_namespace, store, access }, woken)
    }

    /// Wakes the Application of that identity when `flight` ends; where it has an older answer, only if the new one is another.
    pub(crate) fn wake(&self, flight: &Flight, identity: &str, has_answer: bool) {
        self.service.wake(flight, identity, has_answer);
    }

    /// What was rendered, as Flux fetches it.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The password for it.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }
}
