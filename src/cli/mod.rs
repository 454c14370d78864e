//! The command line: one file per verb. Verbs read and print through [`Streams`], so that tests see the whole of it.

pub mod adopt;
mod applications;
mod argo_cd;
mod checkout;
mod checkouts;
pub mod cluster;
pub mod crds;
pub mod doctor;
mod flux_objects;
pub mod generate_app;
pub mod get;
mod git_names;
pub mod list_candidates;
pub mod redis;
mod rendered;
mod repositories;
mod resource_file;
pub mod run;
pub mod streams;
mod table;
pub mod translate;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Argo CD Applications, delivered by Flux.
#[derive(Debug, Parser)]
#[command(name = "flux-subsystem", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Adopt(adopt::Args),
    Crds(crds::Args),
    Doctor(doctor::Args),
    GenerateApp(generate_app::Args),
    Get(get::Args),
    ListCandidates(list_candidates::Args),
    Run(run::Args),
    Translate(translate::Args),
}

impl Command {
    fn run(&self, streams: &mut Streams<'_>) -> anyhow::Result<ExitCode> {
        match self {
            Self::Adopt(args) => adopt::run(args, streams),
            Self::Crds(crds::Args {}) => crds::run(streams),
            Self::Doctor(args) => doctor::run(args, streams),
            Self::GenerateApp(args) => generate_app::run(args, streams),
            Self::Get(args) => get::run(args, streams),
            Self::ListCandidates(args) => list_candidates::run(args, streams),
            Self::Run(args) => run::run(args.clone()),
            Self::Translate(args) => translate::run(args, streams),
        }
    }
}

/// Runs the program with the arguments of the process; the exit code is 0, 1 for a failure, 2 for wrong usage.
pub fn main() -> ExitCode {
    let (mut input, mut output, mut errors) = (io::stdin(), io::stdout().lock(), io::stderr());
    let mut streams = Streams { input: &mut input, output: &mut output, errors: &mut errors };
    run(std::env::args_os(), &mut streams)
}

fn run(arguments: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, streams),
    };
    match cli.command.run(streams) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told when standard error is gone too.
            let _ = writeln!(streams.errors, "flux-subsystem: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage(error: &clap::Error, streams: &mut Streams<'_>) -> ExitCode {
    let text = error.render();
    let target: &mut dyn Write = if error.use_stderr() { streams.errors } else { streams.output };
    let _ = write!(target, "{text}");
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Whoever reads the output has seen enough (`| head`): no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests;

pub use streams::Streams;
