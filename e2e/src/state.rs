//! What is known of a stack on disk: `stack.json` in its folder, written by its supervisor alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::paths;
use crate::process::Process;

/// What a stack is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Argo CD and Redis run, too.
    pub argocd: bool,
    /// Argo CD is neither built nor started before somebody asks for it; its settings, and Redis, are there from the
    /// start.
    #[serde(default)]
    pub argocd_later: bool,
    /// The CRDs of Flux are installed from the start, and its controllers run.
    pub flux_crds: bool,
    /// Flux's controllers run with `--no-cross-namespace-refs`.
    #[serde(default)]
    pub locked_down: bool,
    /// The stack ends by itself once nobody has held its in-use lock for that many seconds.
    pub idle_exit: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { argocd: false, argocd_later: false, flux_crds: true, locked_down: false, idle_exit: None }
    }
}

/// Where a stack is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Components are being started.
    Starting,
    /// Everything runs and answers.
    Ready,
    /// Something failed; the message says what. What still runs is left running for a look.
    Failed,
    /// Components are being ended.
    Stopping,
    /// Nothing runs any more.
    Down,
}

/// One program of the stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The running process; `None` when it was ended on purpose or died.
    pub process: Option<Process>,
    /// How it ended, when it died.
    pub died: Option<String>,
    /// Its log file.
    pub log: PathBuf,
}

/// The content of `stack.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The stack's name.
    pub name: String,
    /// The stack's folder.
    pub folder: PathBuf,
    /// Where it is in its life.
    pub phase: Phase,
    /// What is being done, or what went wrong.
    pub message: String,
    /// What it was asked to be.
    pub options: Options,
    /// Differs when the programs, the sources' content or the harness itself do.
    pub fingerprint: String,
    /// The process that owns all others.
    pub supervisor: Process,
    /// TCP ports on 127.0.0.1 by name.
    pub ports: BTreeMap<String, u16>,
    /// Folders of binaries, for PATH.
    pub path: Vec<PathBuf>,
    /// Folders of module files by program.
    pub files: BTreeMap<String, PathBuf>,
    /// Its programs by name.
    pub components: BTreeMap<String, Component>,
}

/// The folder of the stack called `name`.
pub fn folder(name: &str) -> Result<PathBuf> {
    Ok(paths::stacks()?.join(name))
}

impl State {
    /// What is on disk of the stack called `name`; `None` when there never was one.
    pub fn read(name: &str) -> Result<Option<Self>> {
        let path = folder(name)?.join("stack.json");
        match std::fs::read(&path) {
            Ok(bytes) => {
                let state =
                    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))?;
                Ok(Some(state))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Every stack on disk, by name.
    pub fn all() -> Result<Vec<Self>> {
        let Ok(entries) = std::fs::read_dir(paths::stacks()?) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            // A folder without a readable state is one that is just being made or taken away.
            if let Ok(Some(state)) = Self::read(&entry?.file_name().to_string_lossy()) {
                found.push(state);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Writes the state so that a reader sees the old one or the new one, never half of it.
    pub fn write(&self) -> Result<()> {
        let (path, scratch) = (self.folder.join("stack.json"), self.folder.join(".stack.json"));
        std::fs::write(&scratch, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&scratch, &path))
            .with_context(|| format!("write {}", path.display()))
    }

    /// The port called `name`; 0, where nothing listens, for an unknown name.
    pub fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    /// `127.0.0.1:PORT` of the port called `name`.
    pub fn address(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.port(name))
    }

    /// A folder under the stack's data folder.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    /// The log file of a component.
    pub fn log(&self, component: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{component}.log"))
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The binary called `name`.
    pub fn binary(&self, name: &str) -> PathBuf {
        let found = self.path.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        found.unwrap_or_else(|| PathBuf::from(name))
    }

    /// Whether the stack serves: it says so, and its supervisor lives to keep it true.
    pub fn serves(&self) -> bool {
        self.phase == Phase::Ready && self.supervisor.alive()
    }

    /// The folder where processes beside the components are recorded, so that they end with the stack.
    pub fn guests(&self) -> PathBuf {
        self.folder.join("guests")
    }
}

/// The last `lines` lines of a file; empty when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
