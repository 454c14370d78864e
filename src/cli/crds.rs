//! `flux-subsystem crds`: the project's own custom resources.

use std::process::ExitCode;

use super::Streams;
use crate::policy;

/// Print the custom resource definitions that the bridge reads, as they stand in crds/
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints them.
pub fn run(streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
    write!(streams.output, "{}", policy::crd_yaml()?)?;
    Ok(ExitCode::SUCCESS)
}
