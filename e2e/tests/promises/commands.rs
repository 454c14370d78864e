//! The project's own command line, run as a person runs it.

use anyhow::Result;
use flux_subsystem_e2e::{Output, TestEnv, bridge};

/// Runs `flux-subsystem` with the administrator's kubeconfig and that on standard input.
pub(crate) async fn flux_subsystem(env: &TestEnv, arguments: &[&str], input: &str) -> Result<Output> {
    let binary = tokio::task::spawn_blocking(|| bridge::built_binary("flux-subsystem")).await??;
    env.stack().run_with_input(&binary.display().to_string(), arguments, input).await
}
