//! One script of `argocd` commands, run against a plain and against a bridged Application, prints the same and ends with
//! the same exit codes, but for names, times and the tables of resources: those of the bridged one list Flux objects.

use anyhow::Result;
use flux_subsystem_e2e::{Output, Stack, TestEnv};

use crate::applications::PATIENCE;

/// One command, `argocd app VERB NAME ARGUMENTS`, and the lines of its output that may differ.
struct Line {
    verb: &'static str,
    arguments: &'static [&'static str],
    /// Keys of lines that say something else for a reason.
    except: &'static [&'static str],
}

const fn line(verb: &'static str, arguments: &'static [&'static str]) -> Line {
    Line { verb, arguments, except: &[] }
}

/// What is printed before everything is at rest.
const fn early(verb: &'static str, arguments: &'static [&'static str]) -> Line {
    Line { verb, arguments, except: &["Health Status"] }
}

/// What follows a sync that was terminated: Argo CD has applied everything by then and calls that Synced, Flux has not
/// delivered it yet.
const fn cut_short(verb: &'static str, arguments: &'static [&'static str]) -> Line {
    Line { verb, arguments, except: &["Health Status", "Sync Status"] }
}

const REST: &[&str] = &["--sync", "--health", "--operation", "--timeout", "90"];

/// From the first delivery to the last but one.
const SCRIPT: &[Line] = &[
    early("sync", &[]),
    line("wait", REST),
    line("set", &["--parameter", "ui.message=Hi"]),
    early("sync", &["--async"]),
    line("wait", REST),
    line("history", &[]),
    early("rollback", &["0"]),
    line("wait", &["--health", "--operation", "--timeout", "90"]),
    line("history", &[]),
    line("get", &["--refresh"]),
    line("get", &["--hard-refresh"]),
    line("unset", &["--parameter", "ui.message"]),
    early("sync", &[]),
    line("wait", REST),
    line("terminate-op", &[]),
];

/// A rollout that cannot end, and fails by itself a moment after somebody has terminated it.
const STUCK: &[&str] = &[
    "--parameter",
    "hook=Job",
    "--parameter",
    "progressDeadlineSeconds=10",
    "--parameter",
    "nodeSelector.disk=none",
];

/// The end of an operation, and of the Application.
const END: &[Line] = &[
    line("terminate-op", &[]),
    cut_short("wait", &["--operation", "--timeout", "90"]),
    cut_short("wait", &["--degraded", "--timeout", "90"]),
    cut_short("get", &[]),
    line("delete", &["--yes", "--wait"]),
    line("get", &[]),
    line("terminate-op", &[]),
];

#[tokio::test]
async fn a_script_prints_the_same() -> Result<()> {
    let env = Stack::shared().await?.test("same").await?;
    let (plain, bridged) = futures::try_join!(
        script(&env, "plain", &[]),
        script(&env, "bridged", &["FluxSubsystem=true", "AutoCreateFluxResources=true"])
    )?;
    assert!(plain.iter().any(|text| text.contains("Sync Status: Synced to 6.3.5")), "{plain:?}");
    for (plain, bridged) in plain.iter().zip(&bridged) {
        assert_eq!(bridged, plain, "left: bridged, right: plain");
    }
    assert_eq!(bridged.len(), plain.len());
    Ok(())
}

/// What the commands print, one text each.
async fn script(env: &TestEnv, suffix: &str, options: &[&str]) -> Result<Vec<String>> {
    let name = env.name(suffix);
    let mut printed = vec![create(env, &name, options).await?];
    for line in SCRIPT {
        printed.push(run(env, &name, line).await?);
    }
    for line in [line("set", STUCK), early("sync", &["--async"])] {
        printed.push(run(env, &name, &line).await?);
    }
    // Terminated any sooner, nothing of it would be there to fail.
    env.wait_until("the rollout has begun", PATIENCE, async || {
        let deployment = env.get("Deployment", &name, &format!("{name}-podinfo")).await?.unwrap_or_default();
        let phase = &env.application(&name).await?["status"]["operationState"]["phase"];
        Ok((phase == "Running" && deployment["spec"]["progressDeadlineSeconds"] == 10).then_some(()))
    })
    .await?;
    for line in END {
        printed.push(run(env, &name, line).await?);
    }
    Ok(printed)
}

async fn create(env: &TestEnv, name: &str, options: &[&str]) -> Result<String> {
    let url = env.sources().helm_url("podinfo");
    let mut arguments = vec!["app", "create", name, "--repo", &url, "--helm-chart", "podinfo"];
    arguments.extend(["--revision", "6.3.5", "--dest-server", "https://kubernetes.default.svc"]);
    arguments.extend(["--dest-namespace", name, "--sync-option", "CreateNamespace=true"]);
    arguments.extend(options.iter().flat_map(|option| ["--sync-option", *option]));
    let output = env.argocd(&arguments).await?;
    Ok(format!("create\n{}", plain_words(name, &output, &[])))
}

async fn run(env: &TestEnv, name: &str, line: &Line) -> Result<String> {
    let mut arguments = vec!["app", line.verb, name];
    arguments.extend(line.arguments);
    let output = env.argocd(&arguments).await?;
    let asked = format!("{} {}", line.verb, line.arguments.join(" "));
    Ok(format!("{asked}\n{}", plain_words(name, &output, line.except)))
}

/// Exit code and output without names, times and tables of resources.
fn plain_words(name: &str, output: &Output, except: &[&str]) -> String {
    let mut lines = vec![format!("exit code {}", output.code)];
    let mut is_table = false;
    for line in output.stdout.lines().chain(output.stderr.lines()) {
        is_table =
            line.starts_with("GROUP ") || line.starts_with("TIMESTAMP ") || (is_table && !line.is_empty());
        let key = line.split(':').next().unwrap_or_default();
        let is_excepted = except.contains(&key) || ["Start", "Finished", "Duration"].contains(&key);
        // An empty line more or less is where a table was.
        if !is_table && !is_excepted && !line.is_empty() {
            let words: Vec<_> = line.replace(name, "NAME").split_whitespace().map(without_time).collect();
            lines.push(words.join(" "));
        }
    }
    lines.join("\n")
}

/// A word that is, or ends in, a date or a time becomes a word for it.
fn without_time(word: &str) -> String {
    let is_date = |text: &str| text.get(..10).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok());
    let is_time = |text: &str| text.parse::<jiff::civil::Time>().is_ok();
    if is_date(word) || (word.contains(':') && is_time(word)) {
        return "TIME".to_owned();
    }
    // The end of what the CLI logs as JSON.
    match word.split_once("\"time\":") {
        Some((before, _)) => format!("{before}TIME"),
        None => word.to_owned(),
    }
}
