//! The `flux-subsystem` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    flux_subsystem::cli::main()
}
