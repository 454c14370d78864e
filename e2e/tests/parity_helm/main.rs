//! Values as a chart sees them: the bridge's translation beside Argo CD's command line, both through the real Helm.
//!
//! Each case is an Application with a chart in git and random parameters, file parameters, value files and values. One side
//! runs `helm template` as Argo CD does (argo-cd `util/helm/cmd.go`, `template`), written here anew; the other side runs it
//! with what the bridge generated, as Flux would: `valuesFiles` laid over the chart's defaults, `spec.values` as values.
//! The chart prints its own values and those of its subchart as JSON.
//!
//! `PARITY_HELM_CASES` is the number of cases; `cargo parity-helm` runs ten thousand.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of it is a test")]

mod argo_cd;
mod bench;
mod bridge;
mod case;
mod random;

use std::sync::atomic::Ordering;

use bench::{Bench, Tally};
use flux_subsystem_e2e::{build, programs};
use proptest::test_runner::{Config, TestError, TestRunner};

/// How many run in an ordinary test.
const CASES: u32 = 200;
/// How many Helms run at once.
const WORKERS: u32 = 4;

#[test]
fn values_are_what_argo_cd_would_give_to_helm() {
    let cases = std::env::var("PARITY_HELM_CASES").ok().map_or(CASES, |cases| cases.parse().unwrap());
    let built = build::ensure(&[programs::named("helm").unwrap()]).unwrap();
    let helm = built[0].bin().join("helm");
    let tally = Tally::default();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                scope.spawn(|| {
                    let bench = Bench::new(&helm);
                    let config = Config {
                        cases: cases.div_ceil(WORKERS),
                        failure_persistence: None,
                        max_shrink_iters: 400,
                        ..Config::default()
                    };
                    match TestRunner::new(config).run(&case::case(), |case| bench.check(&case, &tally)) {
                        Ok(()) => None,
                        Err(TestError::Fail(reason, case)) => Some(format!("{reason}\n{case:#?}")),
                        Err(aborted) => Some(aborted.to_string()),
                    }
                })
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
    });
    let [native, merged, rendered, refused] = [&tally.native, &tally.merged, &tally.rendered, &tally.refused]
        .map(|counter| counter.load(Ordering::Relaxed));
    println!(
        "{native} with Flux's own valuesFiles, {merged} with merged values, {rendered} left to Argo CD for large numbers, \
         {refused} refused by both"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(native > 0 && merged > 0 && refused > 0, "one side of it was never tried");
}
