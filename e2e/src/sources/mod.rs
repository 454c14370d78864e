//! The repositories that Applications point at: real servers, content of our own, changed by tests while they run.
//!
//! Every test may make repositories of its own by any name (`/` allowed); the ones the stack brings along
//! (`podinfo`, `fleet`, `charts`, `manifests/argocd`) are shared and must not be changed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::environment;
use crate::state::State;

pub mod charts;
pub mod git;
pub(crate) mod http;
mod lfs;
pub mod oci;
pub(crate) mod seed;
pub mod trees;

/// A door to the test sources of one stack.
#[derive(Debug, Clone)]
pub struct Sources {
    state: State,
}

/// Files to write (`Some`) or remove (`None`), by path relative to a root.
pub type Edits<'a> = &'a [(&'a str, Option<&'a str>)];

/// Which server a repository is on, for [`Sources::take_down`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Helm repositories over HTTP.
    Helm,
    /// Git repositories, over HTTP and over SSH alike.
    Git,
}

impl Sources {
    /// The sources of the stack with this state.
    pub(crate) fn new(state: State) -> Self {
        Self { state }
    }

    /// URL of a Helm repository over HTTP.
    pub fn helm_url(&self, repository: &str) -> String {
        format!("http://{}/helm/{repository}", self.state.address("sources"))
    }

    /// URL of a git repository over HTTP.
    pub fn git_url(&self, repository: &str) -> String {
        format!("http://{}/git/{repository}.git", self.state.address("sources"))
    }

    /// URL of a git repository over SSH.
    pub fn git_ssh_url(&self, repository: &str) -> String {
        format!("ssh://{}@{}/git/{repository}.git", environment::user(), self.state.address("sshd"))
    }

    /// Address of the OCI registry, without a scheme: `127.0.0.1:PORT`.
    pub fn registry(&self) -> String {
        self.state.address("registry")
    }

    /// `oci://` URL of a repository in the registry.
    pub fn oci_url(&self, repository: &str) -> String {
        format!("oci://{}/{repository}", self.registry())
    }

    /// The private key that the SSH server accepts (OpenSSH format).
    pub fn ssh_identity(&self) -> Result<String> {
        read(&self.state.data("ssh/identity"))
    }

    /// The public half of [`Self::ssh_identity`].
    pub fn ssh_identity_public(&self) -> Result<String> {
        read(&self.state.data("ssh/identity.pub"))
    }

    /// The `known_hosts` line of the SSH server.
    pub fn ssh_known_hosts(&self) -> Result<String> {
        read(&self.state.data("ssh/known_hosts"))
    }

    /// An address on which nothing listens: connections are refused.
    pub fn refused(&self) -> String {
        self.state.address("refused")
    }

    /// Makes a repository answer 503 (over SSH: close the connection) until [`Self::bring_up`].
    pub fn take_down(&self, server: Server, repository: &str) -> Result<()> {
        let marker = outage(&self.state, server, repository);
        std::fs::write(&marker, "").with_context(|| format!("write {}", marker.display()))
    }

    /// Ends what [`Self::take_down`] began.
    pub fn bring_up(&self, server: Server, repository: &str) -> Result<()> {
        let marker = outage(&self.state, server, repository);
        std::fs::remove_file(&marker).with_context(|| format!("remove {}", marker.display()))
    }

    /// Has a repository ask for this user and password from now on (over HTTP alone; SSH has its keys).
    pub fn protect(&self, server: Server, repository: &str, user: &str, password: &str) -> Result<()> {
        self.ask_for(server, repository, &format!("Basic {}", base64(&format!("{user}:{password}"))))
    }

    /// The same for a bearer token.
    pub fn protect_with_token(&self, server: Server, repository: &str, token: &str) -> Result<()> {
        self.ask_for(server, repository, &format!("Bearer {token}"))
    }

    fn ask_for(&self, server: Server, repository: &str, authorization: &str) -> Result<()> {
        let marker = authorization_of(&self.state, server, repository);
        std::fs::write(&marker, authorization).with_context(|| format!("write {}", marker.display()))
    }

    /// The folder a Helm repository is served from.
    fn helm_folder(&self, repository: &str) -> PathBuf {
        self.state.data("helm-repositories").join(repository)
    }

    /// Runs a command in the stack's environment and returns what it printed; fails when it does.
    async fn run(&self, folder: &Path, program: &str, arguments: &[&str]) -> Result<String> {
        run(folder, &environment::variables(&self.state), &self.state.binary(program), arguments).await
    }
}

/// The marker file that says a repository is taken down.
pub(crate) fn outage(state: &State, server: Server, repository: &str) -> PathBuf {
    state.data("outages").join(word(server, repository))
}

/// The file with what a request's `Authorization` has to be, where the repository asks for it.
pub(crate) fn authorization_of(state: &State, server: Server, repository: &str) -> PathBuf {
    state.data("passwords").join(word(server, repository))
}

fn word(server: Server, repository: &str) -> String {
    let kind = match server {
        Server::Helm => "helm",
        Server::Git => "git",
    };
    format!("{kind}-{}", repository.replace('/', "_"))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Runs a program and returns its standard output; an error carries its standard error.
pub(crate) async fn run(
    folder: &Path,
    variables: &[(String, OsString)],
    program: &Path,
    arguments: &[&str],
) -> Result<String> {
    let what = format!("{} {}", program.file_name().unwrap_or_default().display(), arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("run {what}"))?;
    if !output.status.success() {
        bail!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Applies `edits` below `root`.
pub(crate) fn edit(root: &Path, edits: Edits<'_>) -> Result<()> {
    for (path, content) in edits {
        let target = root.join(path);
        match content {
            Some(text) => {
                std::fs::create_dir_all(target.parent().unwrap_or(root))
                    .and_then(|()| std::fs::write(&target, text))
                    .with_context(|| format!("write {}", target.display()))?;
            }
            None => std::fs::remove_file(&target).with_context(|| format!("remove {}", target.display()))?,
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
