//! The servers of the test sources that are programs of their own, and Redis.

use std::path::PathBuf;

use super::{Ready, Spec};
use crate::state::State;

/// The OCI registry and the SSH server.
pub(crate) fn servers(state: &State) -> Vec<Spec> {
    let registry = Spec::new(state, "registry", "registry", Ready::Healthy("registry", "/v2/"))
        .arg("serve")
        .arg(state.data("registry/config.yml").display().to_string())
        .env("OTEL_TRACES_EXPORTER", "none");
    let mut sshd = Spec::new(state, "sshd", "sshd", Ready::Listening("sshd")).args([
        "-D".to_owned(),
        "-e".to_owned(),
        "-f".to_owned(),
        state.data("ssh/sshd_config").display().to_string(),
    ]);
    // sshd starts itself anew for each connection and insists on an absolute path.
    sshd.program = PathBuf::from("/usr/sbin/sshd");
    vec![registry, sshd]
}

/// Redis as Argo CD uses it: nothing is kept on disk.
pub(crate) fn redis(state: &State) -> Spec {
    let options = [
        ("bind", "127.0.0.1".to_owned()),
        ("port", state.port("redis").to_string()),
        ("save", String::new()),
        ("appendonly", "no".to_owned()),
        ("dir", state.data("redis").display().to_string()),
    ];
    let mut spec = Spec::new(state, "redis", "redis-server", Ready::Listening("redis"));
    for (name, value) in options {
        spec = spec.arg(format!("--{name}")).arg(value);
    }
    spec
}
