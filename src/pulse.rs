//! Whether a leader still works. One that renews its Lease and does nothing else would keep everybody from being served: it gives up,
//! and another replica leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the caches may take to be filled: ten thousand Applications take seconds.
const FILLED_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How long one piece of work may take. A reconcile ends by itself long before.
const DONE_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why a leader is taken for dead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stalled {
    /// It has not come as far as deciding anything.
    #[error(
        "the caches are not filled after {0:?}: the API server does not list what the bridge reads (see the errors before)"
    )]
    NotFilled(Duration),
    /// What it began does not end.
    #[error("{what} has been under way for {took:?}")]
    NotDone {
        /// What does not end.
        what: String,
        /// How long already.
        took: Duration,
    },
}

#[derive(Debug)]
struct Work {
    since: Instant,
    is_filled: bool,
    /// What is under way, by a number of its own, and since when.
    under_way: BTreeMap<u64, (String, Instant)>,
    next: u64,
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<Work>>);

/// Something under way; it ends when this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    pulse: Pulse,
    number: u64,
}

impl Default for Pulse {
    /// Of a leader that begins now.
    fn default() -> Self {
        let work = Work { since: Instant::now(), is_filled: false, under_way: BTreeMap::new(), next: 0 };
        Self(Arc::new(Mutex::new(work)))
    }
}

impl Pulse {
    /// The caches are filled.
    pub fn filled(&self) {
        self.lock().is_filled = true;
    }

    /// `what` begins.
    #[must_use]
    pub fn begin(&self, what: String) -> UnderWay {
        let mut work = self.lock();
        let number = work.next;
        work.next = number.wrapping_add(1);
        work.under_way.insert(number, (what, Instant::now()));
        UnderWay { pulse: self.clone(), number }
    }

    /// Ends when there is no pulse any more, with the reason.
    pub async fn stalled(&self) -> Stalled {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(why) = self.look(Instant::now()) {
                return why;
            }
        }
    }

    fn look(&self, now: Instant) -> Option<Stalled> {
        let work = self.lock();
        let waited = now.saturating_duration_since(work.since);
        if !work.is_filled && waited > FILLED_WITHIN {
            return Some(Stalled::NotFilled(waited));
        }
        work.under_way.values().find_map(|(what, since)| {
            let took = now.saturating_duration_since(*since);
            (took > DONE_WITHIN).then(|| Stalled::NotDone { what: what.clone(), took })
        })
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.pulse.lock().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_alive_for(pulse: &Pulse, time: Duration) -> bool {
        tokio::time::timeout(time, pulse.stalled()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_begins_is_given_up() {
        let pulse = Pulse::default();
        assert!(is_alive_for(&pulse, FILLED_WITHIN).await);
        assert!(matches!(pulse.stalled().await, Stalled::NotFilled(_)));
        let filled = Pulse::default();
        filled.filled();
        assert!(is_alive_for(&filled, FILLED_WITHIN * 3).await);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_told_by_its_name() {
        let pulse = Pulse::default();
        pulse.filled();
        let ends = pulse.begin("Application argocd/a".to_owned());
        assert!(is_alive_for(&pulse, DONE_WITHIN / 2).await);
        let hangs = pulse.begin("Application argocd/b".to_owned());
        drop(ends);
        assert!(is_alive_for(&pulse, DONE_WITHIN.saturating_sub(LOOK)).await);
        let why = pulse.stalled().await;
        assert!(why.to_string().starts_with("Application argocd/b has been under way for"), "{why}");
        drop(hangs);
        assert!(is_alive_for(&pulse, DONE_WITHIN * 3).await);
    }
}
