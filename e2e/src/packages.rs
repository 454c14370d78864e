//! The few programs that come from the operating system (Debian or Ubuntu) instead of from Go modules.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::progress::Progress;
use crate::state::Options;

/// Where system programs are, beside whatever PATH says: sshd is often not on a user's PATH.
const SYSTEM: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Program and the package that has it.
const NEEDED: &[(&str, &str)] =
    &[("git", "git"), ("ssh-keygen", "openssh-client"), ("sshd", "openssh-server")];

/// The last one is in Argo CD's image as well: its repo-server reaches SSH through a proxy by it.
const NEEDED_BY_ARGOCD: &[(&str, &str)] =
    &[("redis-server", "redis-server"), ("git-lfs", "git-lfs"), ("connect-proxy", "connect-proxy")];

/// Installs what is missing when this is root; else fails with the command to type.
pub(crate) fn ensure(options: &Options) -> Result<()> {
    let argocd = if options.argocd { NEEDED_BY_ARGOCD } else { &[] };
    let missing: Vec<_> = NEEDED
        .iter()
        .chain(argocd)
        .filter(|(program, _)| !exists(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !rustix::process::geteuid().is_root() {
        bail!("missing packages: sudo apt-get install -y --no-install-recommends {names}");
    }
    let progress = Progress::start(format!("install {names}"));
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], missing.as_slice()].concat())?;
    progress.done();
    Ok(())
}

fn exists(program: &str) -> bool {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&inherited).any(|folder| folder.join(program).is_file())
        || SYSTEM.iter().any(|folder| Path::new(folder).join(program).is_file())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("run apt-get")?;
    if !output.status.success() {
        bail!("apt-get {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}
