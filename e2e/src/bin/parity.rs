//! `cargo parity`: does Flux deliver what Argo CD delivers?

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flux_subsystem_e2e::parity::entry::Entry;
use flux_subsystem_e2e::parity::publish::publish;
use flux_subsystem_e2e::parity::user::{self, SourceDir};
use flux_subsystem_e2e::parity::verdict::Verdict;
use flux_subsystem_e2e::parity::{report, run};
use flux_subsystem_e2e::{Options, Stack, paths, progress};

/// Deliver Applications twice, plain by stock Argo CD and bridged by Flux, and compare the live objects.
///
/// Without arguments the whole corpus is tried: the folders of e2e/parity/corpus, each an Application and what is
/// expected of it. With --app, an Application of your own: what differs there is what would change when it joins.
///
/// Real Kubernetes, Argo CD and Flux run on this machine's loopback, without containers, as a stack called `parity`,
/// which is started when it is not there and stays; `cargo stack down --name parity` ends it.
///
/// Your own Application is delivered under its own name and to its own namespace, first by Argo CD, then by Flux.
/// The stack has one cluster and the project `default`: its destination cluster and project are replaced. Charts and
/// artifacts are fetched from where it says; git repositories are replaced by the folder that --source-dir names.
/// Services of type `LoadBalancer` and Ingresses get an address, as in a cloud. What stays Progressing nevertheless is compared
/// as it is after half a minute. An Application that fails says on which side and why, and the others are tried all the same.
///
/// What does not count in a comparison: uids, versions, status, owners, what the API server assigns, and the labels and
/// annotations by which Argo CD, Flux and Helm know their objects again.
///
/// Exit code: 0 everything is as expected (your own Application: identical), 1 something is not, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo parity", bin_name = "cargo parity", after_help = EXAMPLES, verbatim_doc_comment)]
struct Arguments {
    /// Entries of the corpus, by the beginning of their names; all when left out
    names: Vec<String>,
    /// An Application of your own
    #[arg(long, value_name = "FILE", conflicts_with = "names")]
    app: Vec<PathBuf>,
    /// Contents of the git repository that --app points at; with several, say which: URL=DIR
    #[arg(long, value_name = "[URL=]DIR", requires = "app")]
    source_dir: Vec<SourceDir>,
    /// Name of the stack
    #[arg(long, value_name = "NAME", default_value = "parity")]
    stack: String,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Name the entries and what they try, and do nothing
    #[arg(long, conflicts_with_all = ["app", "json"])]
    list: bool,
    /// Write what comes of it to e2e/parity/TABLE.md, too
    #[arg(long, conflicts_with = "app")]
    table: bool,
    /// How many entries are delivered at the same time
    #[arg(long, value_name = "N", default_value_t = 8)]
    at_once: usize,
}

const EXAMPLES: &str = "\
Examples:
  cargo parity                        the whole corpus
  cargo parity helm- kustomize-       what begins so
  cargo parity --app app.yaml --source-dir ~/src/deployments
  cargo parity --app app.yaml --source-dir https://git.example.org/charts.git=../charts --json";

#[tokio::main]
async fn main() -> ExitCode {
    match act(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(arguments: &Arguments) -> Result<bool> {
    let mut unread = Vec::new();
    let mut entries = if arguments.app.is_empty() { Entry::read_all(&arguments.names)? } else { Vec::new() };
    if arguments.list {
        let lines: Vec<String> =
            entries.iter().map(|entry| format!("{:<32} {}\n", entry.name, entry.about)).collect();
        return print(&lines.concat()).map(|()| true);
    }
    let stack = Stack::up(&arguments.stack, Options { argocd: true, ..Options::default() }).await?;
    stack.shared_bridge().await?;
    let env = stack.test("parity").await?;
    let sources = env.sources();
    for (index, file) in arguments.app.iter().enumerate() {
        let unique = format!("{}-{index}", env.namespace);
        match user::entry(&sources, file, &arguments.source_dir, &unique).await {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                unread.push(Verdict::failed(&file.display().to_string(), "cannot be tried", &error));
            }
        }
    }
    let places = publish(&env).await?;
    progress::say(&format!("{} Applications, {} at a time", entries.len(), arguments.at_once));
    // A user's own share names and namespaces, perhaps among each other.
    let at_once = if arguments.app.is_empty() { arguments.at_once.max(1) } else { 1 };
    let mut verdicts = run::run(&env, &entries, &places, at_once).await?;
    verdicts.extend(unread);
    if arguments.table {
        let path = paths::harness().join("parity/TABLE.md");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let table = report::markdown(&Entry::read_all(&[])?, &verdicts, &before);
        std::fs::write(&path, table).with_context(|| format!("write {}", path.display()))?;
    }
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&verdicts)?))?;
    } else {
        print(&report::text(&verdicts))?;
    }
    Ok(run::is_good(&verdicts))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("write to standard output")
}
