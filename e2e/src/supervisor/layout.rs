//! Folders, keys and settings files of a stack, written before its first program starts.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::components::PORTS;
use crate::hex::hex;
use crate::state::State;

/// The one line that every container has logged.
const LOG_LINE: &str = "a line that the container has logged";

/// The folders below `data/` that programs expect to exist.
const FOLDERS: &[&str] = &[
    "argocd/plugins",
    "argocd/printer",
    "argocd/ssh",
    "argocd/tls",
    "argocd-cli",
    "artifacts",
    "etcd",
    "git",
    "helm",
    "helm-repositories",
    "keys",
    "kwok",
    "outages",
    "passwords",
    "redis",
    "registry",
    "scratch",
    "sigstore",
    "ssh",
    "tmp",
];

/// Writes everything.
pub(super) fn write(state: &State) -> Result<()> {
    for folder in FOLDERS {
        fs::create_dir_all(state.data(folder))?;
    }
    keys(state).context("make keys")?;
    logs(state).context("write the logs of containers")?;
    registry(state)?;
    plugin(state)?;
    git_settings(state)?;
    ssh(state)
}

/// A folder for temporary files of a component.
pub(super) fn scratch(state: &State, component: &str) -> Result<()> {
    fs::create_dir_all(state.data("tmp").join(component)).context("make a folder for temporary files")
}

/// The administrator's kubeconfig; only possible once the API server has made its certificate.
pub(super) fn kubeconfig(state: &State) -> Result<()> {
    let token =
        fs::read_to_string(state.data("keys/admin-token")).context("read the administrator's token")?;
    fs::write(state.kubeconfig(), render_kubeconfig(state, "admin", token.trim())).context("write kubeconfig")
}

/// A kubeconfig with one user who has a token.
pub(crate) fn render_kubeconfig(state: &State, user: &str, token: &str) -> String {
    let (server, authority) = (state.address("apiserver"), state.data("keys/apiserver.crt"));
    format!(
        "apiVersion: v1
kind: Config
current-context: stack
clusters:
  - name: stack
    cluster:
      server: https://{server}
      certificate-authority: {authority}
contexts:
  - name: stack
    context:
      cluster: stack
      user: {user}
users:
  - name: {user}
    user:
      token: {token}
",
        authority = authority.display()
    )
}

fn keys(state: &State) -> Result<()> {
    let token = random()?;
    fs::write(state.data("keys/admin-token"), &token)?;
    fs::write(state.data("keys/argocd"), random()?)?;
    fs::write(state.data("keys/tokens.csv"), format!("{token},admin,admin,system:masters\n"))?;
    keygen(&["-t", "rsa", "-b", "2048", "-m", "PEM"], &state.data("keys/service-accounts.key"))?;
    keygen(&["-t", "ed25519"], &state.data("ssh/host_key"))?;
    keygen(&["-t", "ed25519"], &state.data("ssh/identity"))
}

/// 128 random bits in hexadecimal.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

fn keygen(kind: &[&str], path: &Path) -> Result<()> {
    let output = Command::new("ssh-keygen")
        .args(kind)
        .args(["-q", "-N", "", "-C", "stack", "-f"])
        .arg(path)
        .output()?;
    if !output.status.success() {
        bail!("ssh-keygen: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}

/// What kwok answers to whoever asks for the logs of any container.
fn logs(state: &State) -> Result<()> {
    let lines = state.data("kwok/logs.txt");
    let cluster_logs = format!(
        "apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata:
  name: logs
spec:
  logs:
    - logsFile: {lines}
",
        lines = lines.display()
    );
    fs::write(state.data("kwok/logs.yaml"), cluster_logs)?;
    fs::write(lines, format!("2026-01-01T00:00:00.000000000Z stdout F {LOG_LINE}\n"))?;
    Ok(())
}

/// A config management plugin that prints, as a `ConfigMap`, what Argo CD tells plugins and what the file `message` of its
/// folder says. Without that file it fails; beside a file `empty` it prints nothing.
fn plugin(state: &State) -> Result<()> {
    let text = r#"apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: printer
spec:
  generate:
    command: [sh, -ec]
    args:
      - |
        if [ -e empty ]; then exit 0; fi
        message=$(cat message)
        cat <<END
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: printed
        data:
          message: "$message"
          application: "$ARGOCD_APP_NAME"
          namespace: "$ARGOCD_APP_NAMESPACE"
          revision: "$ARGOCD_APP_REVISION"
          kube: "$KUBE_VERSION"
          greeting: "$ARGOCD_ENV_GREETING"
          colour: "$PARAM_COLOUR"
          parameters: |-
            $ARGOCD_APP_PARAMETERS
        END
"#;
    fs::write(state.data("argocd/printer").join("plugin.yaml"), text).context("write the plugin")
}

/// What `git lfs install --system` writes in Argo CD's image.
fn git_settings(state: &State) -> Result<()> {
    let text = "[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n\
                \tprocess = git-lfs filter-process\n\trequired = true\n";
    fs::write(state.data("argocd/gitconfig"), text).context("write the settings of git")
}

fn registry(state: &State) -> Result<()> {
    let text = format!(
        "version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
http:
  addr: {address}
",
        root = state.data("registry/content").display(),
        address = state.address("registry"),
    );
    fs::write(state.data("registry/config.yml"), text).context("write the registry's settings")
}

fn ssh(state: &State) -> Result<()> {
    let folder = state.data("ssh");
    let public = fs::read_to_string(folder.join("host_key.pub"))?;
    let key: Vec<_> = public.split_whitespace().take(2).collect();
    let known_hosts = format!("[127.0.0.1]:{} {}\n", state.port("sshd"), key.join(" "));
    fs::write(folder.join("known_hosts"), &known_hosts)?;
    // Where a Pod of Argo CD's repo-server has its ConfigMap argocd-ssh-known-hosts-cm.
    fs::write(state.data("argocd/ssh").join("ssh_known_hosts"), &known_hosts)?;
    fs::copy(folder.join("identity.pub"), folder.join("authorized_keys"))?;
    let command = folder.join("git-command");
    fs::write(&command, git_command(state))?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
    let text = format!(
        "ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
ForceCommand {command}
",
        port = state.port("sshd"),
        folder = folder.display(),
        command = command.display(),
    );
    fs::write(folder.join("sshd_config"), text)?;
    // Debian's sshd insists on this folder when it runs as root; its service would make it.
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").context("make /run/sshd")?;
    }
    Ok(())
}

/// The only thing the SSH server runs: git's own two programs, on the test repositories.
fn git_command(state: &State) -> String {
    format!(
        "#!/bin/sh
# $SSH_ORIGINAL_COMMAND is: git-upload-pack '/git/NAME.git'
set -f
command=${{SSH_ORIGINAL_COMMAND%% *}}
path=${{SSH_ORIGINAL_COMMAND#* }}
path=${{path#\\'}}
path=${{path%\\'}}
path=${{path#/}}
path=${{path#git/}}
name=${{path%.git}}
case $command in
git-upload-pack | git-receive-pack) ;;
*) echo \"not offered: $SSH_ORIGINAL_COMMAND\" >&2; exit 1 ;;
esac
if [ -e \"{outages}/git-$(printf %s \"$name\" | tr / _)\" ]; then
  echo 'taken down' >&2
  exit 1
fi
exec \"$command\" \"{root}/$name.git\"
",
        outages = state.data("outages").display(),
        root = state.data("git").display(),
    )
}

/// Gives each port name a port.
pub(crate) fn ports() -> Result<std::collections::BTreeMap<String, u16>> {
    let free = crate::ports::free(PORTS.len())?;
    Ok(PORTS.iter().map(|name| (*name).to_owned()).zip(free).collect())
}
