//! Stock Argo CD: one binary, whose role is named by its environment.

use super::{Ready, Spec, flag};
use crate::bootstrap::APPLICATION_NAMESPACES;
use crate::state::State;

/// A config management plugin, repo-server, application-controller, applicationset-controller, notifications-controller
/// and server, in the namespace `argocd`.
pub(crate) fn argocd(state: &State) -> Vec<Spec> {
    vec![
        plugin_server(state),
        repo_server(state),
        application_controller(state),
        applicationset_controller(state),
        notifications_controller(state),
        server(state),
    ]
}

/// The plugin `printer`, which the repo-server finds by its socket.
fn plugin_server(state: &State) -> Spec {
    role(state, "argocd-cmp-server", Ready::Running)
        .arg(flag("config-dir-path", state.data("argocd/printer").display()))
        .env("ARGOCD_CMP_WORKDIR", state.data("tmp/argocd-cmp-server"))
}

fn repo_server(state: &State) -> Spec {
    role(state, "argocd-repo-server", Ready::Healthy("argocd-repo-server-metrics", "/healthz")).args([
        flag("address", "127.0.0.1"),
        flag("port", state.port("argocd-repo-server")),
        flag("metrics-address", "127.0.0.1"),
        flag("metrics-port", state.port("argocd-repo-server-metrics")),
        flag("redis", state.address("redis")),
        flag("client-ca-path", ""),
        // Argo CD's own list of layers, and Flux's: what `flux push artifact` makes.
        flag(
            "oci-layer-media-types",
            "application/vnd.oci.image.layer.v1.tar,application/vnd.oci.image.layer.v1.tar+gzip,\
             application/vnd.cncf.helm.chart.content.v1.tar+gzip,application/vnd.cncf.flux.content.v1.tar+gzip",
        ),
        // Branches that move must be seen within a test's patience.
        flag("revision-cache-expiration", "2s"),
    ])
    .env("GIT_CONFIG_GLOBAL", state.data("argocd/gitconfig"))
}

fn application_controller(state: &State) -> Spec {
    let metrics = "argocd-application-controller-metrics";
    role(state, "argocd-application-controller", Ready::Healthy(metrics, "/healthz")).args([
        flag("namespace", "argocd"),
        flag("application-namespaces", APPLICATION_NAMESPACES),
        // It has no flag for the address of its metrics, which are not on loopback therefore.
        flag("metrics-port", state.port(metrics)),
        flag("redis", state.address("redis")),
        flag("repo-server", state.address("argocd-repo-server")),
        flag("app-resync", "10"),
        flag("app-resync-jitter", "1"),
        flag("self-heal-timeout-seconds", "1"),
    ])
}

fn applicationset_controller(state: &State) -> Spec {
    let (metrics, health) =
        ("argocd-applicationset-controller-metrics", "argocd-applicationset-controller-health");
    // Nothing is registered behind its health address.
    role(state, "argocd-applicationset-controller", Ready::Healthy(metrics, "/metrics")).args([
        flag("namespace", "argocd"),
        flag("metrics-addr", state.address(metrics)),
        flag("probe-addr", state.address(health)),
        flag("webhook-addr", state.address("argocd-applicationset-controller-webhook")),
        flag("argocd-repo-server", state.address("argocd-repo-server")),
        // RollingSync is an experiment that has to be switched on.
        "--enable-progressive-syncs".to_owned(),
    ])
}

fn notifications_controller(state: &State) -> Spec {
    let metrics = "argocd-notifications-metrics";
    role(state, "argocd-notifications", Ready::Healthy(metrics, "/metrics")).args([
        flag("namespace", "argocd"),
        // No flag for the address here, either.
        flag("metrics-port", state.port(metrics)),
        flag("argocd-repo-server", state.address("argocd-repo-server")),
    ])
}

fn server(state: &State) -> Spec {
    role(state, "argocd-server", Ready::Healthy("argocd-server", "/healthz")).args([
        flag("namespace", "argocd"),
        flag("application-namespaces", APPLICATION_NAMESPACES),
        flag("address", "127.0.0.1"),
        flag("port", state.port("argocd-server")),
        flag("metrics-address", "127.0.0.1"),
        flag("metrics-port", state.port("argocd-server-metrics")),
        flag("redis", state.address("redis")),
        flag("repo-server", state.address("argocd-repo-server")),
        "--insecure".to_owned(),
        "--disable-auth".to_owned(),
        flag("revision-cache-expiration", "2s"),
    ])
}

/// Variables as in Argo CD's own `Procfile`, which runs it outside of a cluster.
fn role(state: &State, name: &'static str, ready: Ready) -> Spec {
    let data = state.data("argocd");
    Spec::new(state, name, "argocd", ready)
        .arg(flag("loglevel", "info"))
        .arg(flag("logformat", "text"))
        .env("ARGOCD_BINARY_NAME", name)
        .env("ARGOCD_FAKE_IN_CLUSTER", "true")
        .env("ARGOCD_TLS_DATA_PATH", data.join("tls"))
        .env("ARGOCD_SSH_DATA_PATH", data.join("ssh"))
        .env("ARGOCD_GPG_ENABLED", "false")
        .env("ARGOCD_PLUGINSOCKFILEPATH", data.join("plugins"))
        .env("ARGOCD_ASK_PASS_SOCK", data.join("askpass.sock"))
        // Meant for the CLI alone; the roles would read flags out of it.
        .env("ARGOCD_OPTS", "")
}
