//! `cargo fuzz-translate`: whatever an Application says, its translation ends well.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Parser;
use flux_subsystem_e2e::fuzz::check::{Held, Kind, check};
use flux_subsystem_e2e::fuzz::random::Random;
use flux_subsystem_e2e::fuzz::watchdog::Watchdog;
use flux_subsystem_e2e::fuzz::{keep, mutate, seeds, shrink};

/// Translate mutated Applications, with mutated repositories behind them, for as long as you like.
///
/// Of every case has to hold: no panic; no objects where there are errors; no workload object without its source
/// object; an end of questions, and of the work, within seconds; the same output for the same input; YAML that reads back.
///
/// A case that fails is made as small as possible and written to e2e/fuzz/regressions, where a unit test replays it.
/// Cases that reach new ground are mutated further. Runs at the lowest priority.
///
/// Exit code: 0 nothing failed, 1 something did, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo fuzz-translate", bin_name = "cargo fuzz-translate", after_help = EXAMPLES, verbatim_doc_comment)]
struct Arguments {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 1)]
    minutes: u64,
    /// Repeat the choices of an earlier run; by default new ones
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  cargo fuzz-translate                   a minute
  cargo fuzz-translate --minutes 60      an hour
  cargo fuzz-translate --seed 42         the same cases again";

/// Cases that are mutated further, at most, beside the seeds.
const MOST_KEPT: usize = 4000;
/// How often figures are printed.
const PAUSE: Duration = Duration::from_secs(10);
/// A run that fails so often has said enough.
const MOST_FAILURES: usize = 20;

#[derive(Debug, Default)]
struct Figures {
    cases: u64,
    none: u64,
    refused: u64,
    translated: u64,
    failures: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Without it the run is in the way of others; that is all.
    let _ = rustix::process::nice(19);
    // As much stack as a worker of the bridge has.
    let run = std::thread::Builder::new().stack_size(2 << 20).spawn(move || run(&arguments));
    match run.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(true))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?.as_secs(),
    };
    let mut pool = seeds::all()?;
    let first = pool.len();
    say(&format!("seed {seed}, {first} Applications to begin with, {} minutes", arguments.minutes));
    // A panic is caught and counted; its usual report would only be noise.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut random, mut figures) = (Random::new(seed), Figures::default());
    let watchdog = Watchdog::start();
    let (mut ground, mut failed) = (BTreeSet::new(), BTreeSet::new());
    let (begun, mut said) = (Instant::now(), Instant::now());
    let end = Duration::from_secs(arguments.minutes * 60);
    while begun.elapsed() < end && figures.failures < MOST_FAILURES {
        let case = mutate::case(&pool, &mut random);
        figures.cases += 1;
        watchdog.begin(&case);
        let signature = match check(&case) {
            Ok(Held::NoApplication) => {
                figures.none += 1;
                BTreeSet::new()
            }
            Ok(Held::Refused(signature)) => {
                figures.refused += 1;
                signature
            }
            Ok(Held::Translated(signature)) => {
                figures.translated += 1;
                signature
            }
            Err(failure) => {
                let particulars: String = failure.message.chars().take(60).collect();
                let is_new = failure.kind != Kind::Panic || failed.insert(particulars);
                if is_new {
                    figures.failures += 1;
                    let small = shrink::shrink(&case, &failure);
                    let path = keep(&small, &failure)?;
                    let message: String = failure.message.chars().take(600).collect();
                    say(&format!("FAILED: {:?}: {message}\n  kept as {}", failure.kind, path.display()));
                }
                continue;
            }
        };
        let known = ground.len();
        ground.extend(signature);
        if ground.len() > known && pool.len() < first + MOST_KEPT {
            pool.push(case);
        }
        if said.elapsed() > PAUSE {
            said = Instant::now();
            say(&line(&figures, begun, ground.len()));
        }
    }
    say(&line(&figures, begun, ground.len()));
    Ok(figures.failures == 0)
}

fn line(figures: &Figures, begun: Instant, ground: usize) -> String {
    let Figures { cases, none, refused, translated, failures } = figures;
    let seconds = begun.elapsed().as_secs().max(1);
    format!(
        "{seconds:>5} s: {cases} cases, {} a second; {translated} translated, {refused} refused, {none} no \
         Applications; {ground} different sentences; {failures} failures",
        cases / seconds
    )
}

fn say(line: &str) {
    // Nobody is left to tell when standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}
