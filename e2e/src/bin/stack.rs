//! `cargo stack`: the real programs around the bridge, up and down by one command.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use flux_subsystem_e2e::state::{Options, Phase, State};
use flux_subsystem_e2e::{environment, launch, supervisor};

/// A Kubernetes control plane, Flux, test repositories and, on request, Argo CD: the real programs, on this
/// machine's loopback, without containers.
///
/// The first `up` builds the programs from Go modules, which takes about twelve minutes on two cores with
/// nothing cached; later ones take seconds. Several stacks run side by side under different names.
///
///   cargo stack up --with argocd
///   cargo stack exec -- flux get all --all-namespaces
///   cargo stack exec -- argocd app list
///   cargo stack down
#[derive(Debug, Parser)]
#[command(name = "cargo stack", bin_name = "cargo stack", verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build what is missing, start everything, wait until it is ready, say where things are.
    Up {
        #[command(flatten)]
        which: Which,
        /// What to run besides the cluster, Flux and the test repositories.
        #[arg(long, value_delimiter = ',', value_enum)]
        with: Vec<Extra>,
        /// Leave the CRDs and controllers of Flux out.
        #[arg(long)]
        without_flux_crds: bool,
        /// End the stack once no test has used it for that many seconds.
        #[arg(long, value_name = "SECONDS")]
        idle_exit: Option<u64>,
        /// Print the state as JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show what runs and where, for one stack or all of them.
    Status {
        /// Only the stack of that name.
        #[arg(long)]
        name: Option<String>,
        /// Print the states as a JSON array instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// End exactly what `up` started and remove its data.
    Down {
        #[command(flatten)]
        which: Which,
        /// Every stack there is.
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Run a command that meets the stack: `KUBECONFIG`, `PATH` (kubectl, helm, flux, argocd), `ARGOCD_SERVER`,
    /// and `STACK_HELM`, `STACK_OCI`, `STACK_GIT_HTTP`, `STACK_GIT_SSH` for the test repositories.
    Exec {
        #[command(flatten)]
        which: Which,
        /// The command and its arguments.
        #[arg(required = true, last = true)]
        command: Vec<String>,
    },
    /// Print the log of a component.
    Logs {
        #[command(flatten)]
        which: Which,
        /// A component as `status` names it, or `supervisor`.
        component: String,
    },
    /// Own a stack: started by `up`, not by hand.
    #[command(hide = true)]
    Supervise {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The stack's name.
    #[arg(long, default_value = "default")]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Extra {
    /// Argo CD (server, repo-server, application- and applicationset-controller, CLI) and Redis.
    Argocd,
}

fn main() -> ExitCode {
    match act(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Up { which, with, without_flux_crds, idle_exit, json } => {
            let options = Options {
                argocd: with.contains(&Extra::Argocd),
                flux_crds: !without_flux_crds,
                idle_exit,
                ..Options::default()
            };
            let state = launch::up(&which.name, &options, &std::env::current_exe()?)?;
            print(&if json { serde_json::to_string_pretty(&state)? } else { table(&state) })?;
        }
        Verb::Status { name, json } => return status(name.as_deref(), json),
        Verb::Down { which, all } => {
            let names = if all {
                State::all()?.into_iter().map(|state| state.name).collect()
            } else {
                vec![which.name]
            };
            for name in names {
                let ended = launch::down(&name)?;
                print(&if ended {
                    format!("stack {name} is down")
                } else {
                    format!("stack {name} did not run")
                })?;
            }
        }
        Verb::Exec { which, command } => {
            let state = existing(&which.name)?;
            if !state.supervisor.alive() {
                bail!("stack {} does not run: `cargo stack up --name {0}` starts it", state.name);
            }
            let (program, arguments) = command.split_first().context("no command")?;
            let error = std::process::Command::new(state.binary(program))
                .args(arguments)
                .envs(environment::variables(&state))
                .exec();
            return Err(error).with_context(|| format!("run {program}"));
        }
        Verb::Logs { which, component } => {
            let state = existing(&which.name)?;
            let path = state.log(&component);
            let log =
                std::fs::read(&path).with_context(|| format!("no log of {component}: {}", path.display()))?;
            std::io::stdout().write_all(&log)?;
        }
        Verb::Supervise { which } => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(supervisor::supervise(&which.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn status(name: Option<&str>, json: bool) -> Result<ExitCode> {
    let mut states = State::all()?;
    states.retain(|state| name.is_none_or(|name| state.name == name));
    if let (Some(name), true) = (name, states.is_empty()) {
        bail!("no stack {name}");
    }
    for state in &mut states {
        if matches!(state.phase, Phase::Ready | Phase::Starting) && !state.supervisor.alive() {
            state.phase = Phase::Failed;
            "the supervisor died: `cargo stack down` ends what it left running"
                .clone_into(&mut state.message);
        }
    }
    let text = if json {
        serde_json::to_string_pretty(&states)?
    } else if states.is_empty() {
        "no stacks".to_owned()
    } else {
        states.iter().map(table).collect::<Vec<_>>().join("\n\n")
    };
    print(&text)?;
    let well = states.iter().all(|state| state.phase != Phase::Failed);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn existing(name: &str) -> Result<State> {
    State::read(name)?.with_context(|| format!("no stack {name}: `cargo stack up --name {name}` makes one"))
}

/// Where things are, for people.
fn table(state: &State) -> String {
    let mut lines = vec![format!("stack {}: {:?}, {}", state.name, state.phase, state.message)];
    let mut row = |name: &str, value: String| lines.push(format!("  {name:<34}{value}"));
    row("kubeconfig", state.kubeconfig().display().to_string());
    row("API server", format!("https://{}", state.address("apiserver")));
    row("Helm repository", format!("http://{}/helm/podinfo", state.address("sources")));
    row("OCI registry", format!("oci://{}", state.address("registry")));
    row("git over HTTP", format!("http://{}/git/fleet.git", state.address("sources")));
    row("git over SSH", format!("ssh://{}@{}/git/fleet.git", environment::user(), state.address("sshd")));
    if state.options.argocd {
        row("Argo CD", format!("http://{} (no login)", state.address("argocd-server")));
        row("Redis", state.address("redis"));
    }
    row("logs", state.folder.join("logs").display().to_string());
    for (name, component) in &state.components {
        let what = match (component.process, &component.died) {
            (Some(process), _) if process.alive() => format!("pid {}", process.pid),
            (_, Some(how)) => format!("died: {how}"),
            _ => "not running".to_owned(),
        };
        row(name, what);
    }
    lines.join("\n")
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to standard output")
}
