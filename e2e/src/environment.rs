//! The environment in which commands meet a stack: `cargo stack exec`, and every command a test runs.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::state::State;

/// Environment variables that point the usual programs at the stack and keep their caches inside it.
pub fn variables(state: &State) -> Vec<(String, OsString)> {
    let text = |name: &str, value: String| (name.to_owned(), OsString::from(value));
    let path = |name: &str, value: PathBuf| (name.to_owned(), value.into_os_string());
    let mut all = vec![
        ("PATH".to_owned(), search_path(state)),
        path("KUBECONFIG", state.kubeconfig()),
        // Discovery is cached by host and port, and ports are used again by other stacks.
        path("KUBECACHEDIR", state.data("kube-cache")),
        path("HELM_CACHE_HOME", state.data("helm/cache")),
        path("HELM_CONFIG_HOME", state.data("helm/config")),
        path("HELM_DATA_HOME", state.data("helm/data")),
        text("STACK_NAME", state.name.clone()),
        text("STACK_HELM", format!("http://{}/helm", state.address("sources"))),
        text("STACK_GIT_HTTP", format!("http://{}/git", state.address("sources"))),
        text("STACK_GIT_SSH", format!("ssh://{}@{}/git", user(), state.address("sshd"))),
        text("STACK_OCI", format!("oci://{}", state.address("registry"))),
        text("GIT_SSH_COMMAND", ssh_command(state)),
    ];
    all.extend(git_isolation());
    if state.options.argocd {
        all.extend([
            text("ARGOCD_SERVER", state.address("argocd-server")),
            text("ARGOCD_OPTS", "--plaintext".to_owned()),
            path("ARGOCD_CONFIG_DIR", state.data("argocd-cli")),
            text("REDIS_SERVER", state.address("redis")),
        ]);
    }
    all
}

/// Variables that keep a person's own git settings away from the test repositories, and commits reproducible.
pub fn git_isolation() -> Vec<(String, OsString)> {
    let pairs = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Stack"),
        ("GIT_AUTHOR_EMAIL", "stack@localhost"),
        ("GIT_COMMITTER_NAME", "Stack"),
        ("GIT_COMMITTER_EMAIL", "stack@localhost"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.into())).to_vec()
}

/// The user whom the stack's sshd lets in: the one who runs it.
pub fn user() -> String {
    let by_id = std::process::Command::new("id").arg("-un").output().ok();
    let name = by_id.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    name.trim().to_owned()
}

fn search_path(state: &State) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = state.path.iter().cloned().chain(std::env::split_paths(&inherited));
    // Folders of the cache hold no `:` unless the person's own cache path does; then PATH could not name them.
    std::env::join_paths(folders).unwrap_or(inherited)
}

fn ssh_command(state: &State) -> String {
    format!(
        "ssh -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -F /dev/null",
        state.data("ssh/identity").display(),
        state.data("ssh/known_hosts").display()
    )
}
