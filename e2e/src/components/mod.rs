//! How each program of the stack is started, and how one knows that it is ready.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::environment;
use crate::state::State;

mod argocd;
mod flux;
mod kubernetes;
mod servers;

pub(crate) use argocd::argocd;
pub(crate) use flux::flux;
pub(crate) use kubernetes::{api_server, around_the_api_server, etcd};
pub(crate) use servers::{redis, servers};

/// The ports a stack is given, by name.
pub(crate) const PORTS: &[&str] = &[
    "etcd",
    "etcd-peer",
    "apiserver",
    "kwok",
    "sources",
    "registry",
    "sshd",
    "redis",
    "refused",
    "source-controller",
    "source-controller-health",
    "source-controller-metrics",
    "kustomize-controller-health",
    "kustomize-controller-metrics",
    "helm-controller-health",
    "helm-controller-metrics",
    "argocd-server",
    "argocd-server-metrics",
    "argocd-repo-server",
    "argocd-repo-server-metrics",
    "argocd-application-controller-metrics",
    "argocd-applicationset-controller-metrics",
    "argocd-applicationset-controller-health",
    "argocd-applicationset-controller-webhook",
    "argocd-notifications-metrics",
];

/// A program to start.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Component name: of its log, and in `cargo stack status`.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(String, OsString)>,
    pub(crate) ready: Ready,
}

/// When a program is ready.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// As soon as it runs: it offers nothing to ask.
    Running,
    /// Once something listens on that port name.
    Listening(&'static str),
    /// Once `GET path` on that port name answers 200.
    Healthy(&'static str, &'static str),
}

impl Spec {
    /// A program of the stack's own binaries, in the stack's environment, with a TMPDIR of its own.
    fn new(state: &State, name: &'static str, binary: &str, ready: Ready) -> Self {
        let mut variables = environment::variables(state);
        // kustomize-controller clears leftovers of its own kind from TMPDIR when it starts.
        variables.push(("TMPDIR".to_owned(), state.data("tmp").join(name).into_os_string()));
        Self { name, program: state.binary(binary), arguments: Vec::new(), variables, ready }
    }

    fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    fn args<const N: usize>(mut self, arguments: [String; N]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }
}

/// `--name=value`.
fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
