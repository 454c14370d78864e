//! The cluster: etcd, the API server, the controllers around it, and kwok in place of kubelets.

use std::path::Path;

use anyhow::Result;

use super::{Ready, Spec, flag};
use crate::build::yaml_files;
use crate::state::State;

/// etcd, without syncing to disk: the data never outlives the stack.
pub(crate) fn etcd(state: &State) -> Spec {
    let (client, peer) =
        (format!("http://{}", state.address("etcd")), format!("http://{}", state.address("etcd-peer")));
    Spec::new(state, "etcd", "etcd", Ready::Healthy("etcd", "/health")).args([
        flag("name", "default"),
        flag("data-dir", state.data("etcd").display()),
        flag("listen-client-urls", &client),
        flag("advertise-client-urls", &client),
        flag("listen-peer-urls", &peer),
        flag("initial-advertise-peer-urls", &peer),
        flag("initial-cluster", format!("default={peer}")),
        "--unsafe-no-fsync".to_owned(),
        flag("log-level", "warn"),
    ])
}

/// The API server with RBAC, a token file for the administrator, and service-account tokens.
pub(crate) fn api_server(state: &State) -> Spec {
    let key = state.data("keys/service-accounts.key");
    Spec::new(state, "kube-apiserver", "kube-apiserver", Ready::Listening("apiserver")).args([
        flag("etcd-servers", format!("http://{}", state.address("etcd"))),
        flag("bind-address", "127.0.0.1"),
        flag("secure-port", state.port("apiserver")),
        // It refuses to advertise a loopback address. This one is reserved for documentation (RFC 5737), and
        // without a reconciler of endpoints nobody is ever sent there.
        flag("advertise-address", "192.0.2.1"),
        flag("endpoint-reconciler-type", "none"),
        flag("cert-dir", state.data("keys").display()),
        flag("authorization-mode", "RBAC"),
        flag("token-auth-file", state.data("keys/tokens.csv").display()),
        flag("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
        flag("service-account-key-file", key.display()),
        flag("service-account-signing-key-file", key.display()),
        flag("service-cluster-ip-range", "10.96.0.0/12"),
        flag("allow-privileged", "true"),
        // Pods would have to wait for the token of a service account that nobody reads here.
        flag("disable-admission-plugins", "ServiceAccount"),
        flag("profiling", "false"),
    ])
}

/// Controller manager, scheduler and kwok.
pub(crate) fn around_the_api_server(state: &State) -> Result<Vec<Spec>> {
    let kubeconfig = flag("kubeconfig", state.kubeconfig().display());
    let quiet = [kubeconfig.clone(), flag("leader-elect", "false"), flag("secure-port", "0")];
    let manager = Spec::new(state, "kube-controller-manager", "kube-controller-manager", Ready::Running)
        .args(quiet.clone())
        // Ending a namespace takes a request for each kind; the default of 20 a second would have hundreds of them wait.
        .args([flag("kube-api-qps", "200"), flag("kube-api-burst", "400")])
        .arg(flag("service-account-private-key-file", state.data("keys/service-accounts.key").display()));
    let scheduler = Spec::new(state, "kube-scheduler", "kube-scheduler", Ready::Running).args(quiet);
    Ok(vec![manager, scheduler, kwok(state, &kubeconfig)?])
}

fn kwok(state: &State, kubeconfig: &str) -> Result<Spec> {
    let mut spec = Spec::new(state, "kwok", "kwok", Ready::Running).args([
        kubeconfig.to_owned(),
        flag("manage-all-nodes", "true"),
        flag("node-lease-duration-seconds", "40"),
        // The default leaves room for 254 pods.
        flag("cidr", "10.64.0.0/10"),
        // The API server asks a Pod's Node for logs.
        flag("server-address", state.address("kwok")),
        flag("node-ip", "127.0.0.1"),
        flag("node-port", state.port("kwok")),
        flag("config", state.data("kwok/logs.yaml").display()),
    ]);
    for stage in yaml_files(state.files.get("kwok").map_or(Path::new("."), |folder| folder))? {
        spec = spec.arg(flag("config", stage.display()));
    }
    Ok(spec)
}
