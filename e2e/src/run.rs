//! Commands as tests run them: what they printed and how they ended, all three looked at.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::environment;
use crate::state::State;

/// No command of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line.
    pub command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
}

impl Output {
    /// Whether it ended with 0.
    pub fn ok(&self) -> bool {
        self.code == 0
    }

    /// Standard output; an error with standard error unless it ended with 0.
    pub fn text(self) -> Result<String> {
        if !self.ok() {
            bail!("{}: exit code {}\n{}", self.command, self.code, self.stderr.trim_end());
        }
        Ok(self.stdout)
    }

    /// Standard output read as JSON.
    pub fn json(self) -> Result<serde_json::Value> {
        let command = self.command.clone();
        serde_json::from_str(&self.text()?).with_context(|| format!("{command} did not print JSON"))
    }
}

/// Runs `program` in the stack's environment, with `input` on its standard input.
pub async fn run<S: AsRef<OsStr>>(
    state: &State,
    program: &str,
    arguments: &[S],
    input: &str,
) -> Result<Output> {
    let shown: Vec<_> =
        arguments.iter().map(|argument| argument.as_ref().to_string_lossy().into_owned()).collect();
    let command = format!("{program} {}", shown.join(" "));
    let mut child = Command::new(state.binary(program))
        .args(arguments)
        .envs(environment::variables(state))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("run {command}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let work = async {
        let write = async {
            // A command that does not read its input has closed it.
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
        };
        futures::join!(write, child.wait_with_output()).1
    };
    let output = tokio::time::timeout(PATIENCE, work)
        .await
        .with_context(|| format!("{command}: still runs after {PATIENCE:?}"))?
        .with_context(|| format!("run {command}"))?;
    Ok(Output {
        command,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    })
}
