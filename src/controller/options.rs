//! What the controller is told when it begins.

use std::sync::Arc;
use std::time::Duration;

use super::namespaces::ApplicationNamespaces;
use crate::cache::settings::Overrides;
use crate::metrics::Metrics;
use crate::pulse::Pulse;
use crate::repo_server::RepoServer;
use crate::serve::Readiness;

/// Settings of the controller.
#[derive(Clone, Debug)]
pub struct Options {
    /// Argo CD's own namespace, whose Applications are bridged.
    pub control_namespace: String,
    /// Further namespaces whose Applications are bridged.
    pub application_namespaces: ApplicationNamespaces,
    /// How many Applications are reconciled at once.
    pub concurrency: u16,
    /// How long one reconcile may take.
    pub reconcile_timeout: Duration,
    /// What is known of Argo CD's Redis beside its own settings.
    pub redis: Overrides,
    /// Argo CD's repo-server.
    pub repo_server: RepoServer,
    /// `HOST:PORT` from which Flux fetches what the repo-server rendered.
    pub artifact_address: String,
    /// How many bytes of memory answers from outside may take together.
    pub lookup_memory: usize,
}

/// What the outside sees of the controller.
#[derive(Clone, Debug)]
pub struct Signs {
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Whether it is ready.
    pub readiness: Readiness,
    /// Whether it works.
    pub pulse: Pulse,
}
