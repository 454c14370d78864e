//! A case that does not end takes the run with it, and first all memory: it is kept before that happens.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::case::Case;
use super::check::{Failure, Kind};
use super::keep;

/// What a case may take of the processor. The slowest that end take a hundredth of it.
const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// The case that is being tried, and when it was begun.
#[derive(Clone, Default)]
pub struct Watchdog {
    current: Arc<Mutex<Option<(Duration, Case)>>>,
}

impl Watchdog {
    /// Begins to watch. When a case goes on for too long, it is kept and the process ends.
    pub fn start() -> Self {
        let watchdog = Self::default();
        let watched = watchdog.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(PAUSE);
                if let Some(case) = watched.overdue() {
                    report(&case);
                    std::process::exit(1);
                }
            }
        });
        watchdog
    }

    /// From now on this case is tried.
    pub fn begin(&self, case: &Case) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((used(), case.clone()));
    }

    fn overdue(&self) -> Option<Case> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current
            .as_ref()
            .filter(|(begun, _)| used().saturating_sub(*begun) > LIMIT)
            .map(|(_, case)| case.clone())
    }
}

fn report(case: &Case) {
    let failure = Failure { kind: Kind::Endless, message: format!("no end after {LIMIT:?}") };
    let Failure { kind, message } = &failure;
    let said = match keep(case, &failure) {
        Ok(path) => format!("FAILED: {kind:?}: {message}\n  kept as {}", path.display()),
        Err(error) => format!("FAILED: {kind:?}: {message}, and cannot be kept: {error:#}"),
    };
    // Nobody is left to tell when standard output is closed.
    let _ = writeln!(std::io::stdout(), "{said}");
}

/// What the process has had of the processor: the run gives way to everything else.
fn used() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0))
}
