//! `cargo demo`: see the bridge at work, from a fresh clone, by one command.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// Three Applications on real Kubernetes, Flux and Argo CD, on this machine, without containers: one plain, left to
/// Argo CD; one chart and one OCI artifact, delivered by Flux.
///
/// Builds what is missing, which takes about ten minutes on two cores the first time, starts a stack called `demo` and the
/// bridge, applies the Applications, shows what Flux is doing, then `helm list`, `flux get all` and the Applications;
/// deletes them, prints how long everything took, and ends what it started. The first time, the plain one comes last,
/// since Argo CD is built while the others run already.
///
/// Exit code: 0 everything was delivered and removed, 1 something was not.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", after_help = EXAMPLES, verbatim_doc_comment)]
struct Arguments {
    /// Leave everything running, Applications too, and say how to go on.
    #[arg(long)]
    keep: bool,
    /// Name of the stack
    #[arg(long, value_name = "NAME", default_value = "demo")]
    stack: String,
}

const EXAMPLES: &str = "\
Examples:
  cargo demo                            watch, then nothing is left
  cargo demo --keep                     watch, then play:
  cargo stack exec --name demo -- argocd app set bb-podinfo-helm-with-fsa -p replicaCount=4
  cargo stack exec --name demo -- helm list -A
  cargo stack down --name demo          ends all of it, the bridge too";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match flux_subsystem_e2e::demo::run(arguments.keep, &arguments.stack).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
