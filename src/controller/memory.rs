//! What is remembered between two reconciles of an Application. Losing any of it costs a request, never an outcome.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backoff::BackoffBuilder;
use jiff::{SignedDuration, Timestamp};

use crate::mirror::{Refresh, Refusal};
use crate::plan::State;
use crate::policy::Refused;
use crate::translate::{Problem, Severity};

/// First and longest delay after failures of one Application.
const DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(120));

/// How long after two workload objects have delivered an object at once it is looked after: the one that lets go of it
/// deletes it before or after it says so.
const CONTESTED: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default)]
struct Entry {
    failures: u32,
    refusal: Option<Refusal>,
    refresh: Option<Refresh>,
    state: Option<State>,
    /// Errors and warnings of the translation.
    problems: [i64; 2],
    /// What policies refused.
    refused_by_policy: Vec<Refused>,
    /// What two workload objects delivered at once, and when that was seen last.
    contested: BTreeMap<[String; 4], Timestamp>,
}

/// By identity (`NAMESPACE/NAME`) of the Application.
#[derive(Default)]
pub(super) struct Memory {
    entries: Mutex<HashMap<String, Entry>>,
    census: Mutex<Census>,
}

/// Kept up with every change: counting anew at every look would take longer the more Applications there are.
#[derive(Clone, Default)]
struct Census {
    states: BTreeMap<State, i64>,
    problems: [i64; 2],
}

impl Census {
    fn count(&mut self, entry: &Entry, by: i64) {
        if let Some(state) = entry.state {
            *self.states.entry(state).or_default() += by;
        }
        for (sum, number) in self.problems.iter_mut().zip(entry.problems) {
            *sum += by * number;
        }
    }
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn census(&self) -> MutexGuard<'_, Census> {
        self.census.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, identity: &str) {
        if let Some(entry) = self.lock().remove(identity) {
            self.census().count(&entry, -1);
        }
    }

    /// The refresh in flight: begins with the first look at a requested one, ends with the request.
    pub(super) fn refresh(&self, identity: &str, is_requested: bool, now: Timestamp) -> Option<Refresh> {
        let mut entries = self.lock();
        if !is_requested {
            if let Some(entry) = entries.get_mut(identity) {
                entry.refresh = None;
            }
            return None;
        }
        let entry = entries.entry(identity.to_owned()).or_default();
        Some(entry.refresh.get_or_insert_with(|| Refresh { token: now.to_string(), since: now }).clone())
    }

    /// The refresh was answered: one that is asked for from now on is another one, though nobody may have looked at
    /// the Application in between.
    pub(super) fn answered(&self, identity: &str) {
        if let Some(entry) = self.lock().get_mut(identity) {
            entry.refresh = None;
        }
    }

    pub(super) fn refusal(&self, identity: &str) -> Option<Refusal> {
        self.lock().get(identity)?.refusal.clone()
    }

    pub(super) fn refused(&self, identity: &str, refusal: Refusal) {
        self.lock().entry(identity.to_owned()).or_default().refusal = Some(refusal);
    }

    /// What two workload objects deliver at once now, or did so until a moment ago.
    pub(super) fn contested(
        &self,
        identity: &str,
        seen: BTreeSet<[String; 4]>,
        now: Timestamp,
    ) -> BTreeSet<[String; 4]> {
        let mut entries = self.lock();
        if seen.is_empty() && entries.get(identity).is_none_or(|entry| entry.contested.is_empty()) {
            return seen;
        }
        let contested = &mut entries.entry(identity.to_owned()).or_default().contested;
        contested.extend(seen.into_iter().map(|object| (object, now)));
        contested.retain(|_, last| now.duration_since(*last) <= CONTESTED);
        contested.keys().cloned().collect()
    }

    /// A plan was carried out to its end.
    pub(super) fn succeeded(&self, identity: &str, state: State, problems: &[Problem]) {
        let mut entries = self.lock();
        let entry = entries.entry(identity.to_owned()).or_default();
        let mut census = self.census();
        census.count(entry, -1);
        entry.failures = 0;
        entry.refusal = None;
        entry.state = Some(state);
        let count = |severity| {
            i64::try_from(problems.iter().filter(|problem| problem.severity == severity).count())
                .unwrap_or(i64::MAX)
        };
        entry.problems = [count(Severity::Error), count(Severity::Warning)];
        census.count(entry, 1);
    }

    /// What policies refused at the last look; `None` when there was none yet.
    pub(super) fn refused_by_policy(&self, identity: &str) -> Option<Vec<Refused>> {
        let entries = self.lock();
        let entry = entries.get(identity)?;
        (entry.state.is_some() || entry.failures > 0).then(|| entry.refused_by_policy.clone())
    }

    /// The translation's own word on it.
    pub(super) fn note_refused_by_policy(&self, identity: &str, refused: &[Refused]) {
        let mut entries = self.lock();
        let entry = entries.entry(identity.to_owned()).or_default();
        if entry.refused_by_policy != refused {
            entry.refused_by_policy = refused.to_vec();
        }
    }

    /// How many problems of which severity there are.
    pub(super) fn problems(&self) -> BTreeMap<&'static str, i64> {
        let [errors, warnings] = self.census().problems;
        BTreeMap::from([("error", errors), ("warning", warnings)])
    }

    /// How long to wait after one more failure.
    pub(super) fn failed(&self, identity: &str) -> Duration {
        let mut entries = self.lock();
        let entry = entries.entry(identity.to_owned()).or_default();
        entry.failures = entry.failures.saturating_add(1);
        let mut delays = backoff::ExponentialBuilder::default()
            .with_min_delay(DELAYS.0)
            .with_max_delay(DELAYS.1)
            .without_max_times()
            .build();
        let step = usize::try_from(entry.failures - 1).unwrap_or(usize::MAX).min(16);
        delays.nth(step).unwrap_or(DELAYS.1)
    }

    /// How many Applications are in that state.
    pub(super) fn in_state(&self, state: State) -> usize {
        self.census().states.get(&state).map_or(0, |count| usize::try_from(*count).unwrap_or(0))
    }

    /// How many Applications are in which state.
    pub(super) fn states(&self) -> BTreeMap<&'static str, i64> {
        let census = self.census();
        let bridged = State::ALL.iter().filter(|state| **state != State::Ignored);
        bridged.map(|state| (state.name(), census.states.get(state).copied().unwrap_or(0))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_limit_and_start_over_after_a_success() {
        let memory = Memory::default();
        let delays: Vec<_> = (0..30).map(|_| memory.failed("argocd/demo")).collect();
        assert_eq!(delays[0], DELAYS.0);
        assert!(delays.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(delays[29], DELAYS.1);
        memory.succeeded("argocd/demo", State::Delivered, &[]);
        assert_eq!(memory.failed("argocd/demo"), DELAYS.0);
    }

    #[test]
    fn the_census_follows_every_change() {
        let memory = Memory::default();
        let problem = Problem::error("spec", "wrong", "");
        memory.succeeded("argocd/a", State::Failing, std::slice::from_ref(&problem));
        memory.succeeded("argocd/b", State::Delivered, &[]);
        assert_eq!((memory.states()["Failing"], memory.problems()["error"]), (1, 1));
        memory.succeeded("argocd/a", State::Delivered, &[]);
        assert_eq!((memory.states()["Delivered"], memory.problems()["error"]), (2, 0));
        memory.forget("argocd/a");
        assert_eq!((memory.states()["Delivered"], memory.states()["Failing"]), (1, 0));
    }

    #[test]
    fn what_was_contested_is_looked_after_for_a_while() {
        let memory = Memory::default();
        let object = || BTreeSet::from([["", "ConfigMap", "apps", "web"].map(str::to_owned)]);
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let contested = |seen, seconds| memory.contested("argocd/demo", seen, at(seconds));
        assert_eq!(contested(BTreeSet::new(), 0), BTreeSet::new());
        assert_eq!(contested(object(), 0), object());
        assert_eq!(contested(object(), 40), object());
        assert_eq!(contested(BTreeSet::new(), 100), object());
        assert_eq!(contested(BTreeSet::new(), 101), BTreeSet::new());
    }

    #[test]
    fn a_refresh_keeps_its_token_until_the_request_is_gone() {
        let memory = Memory::default();
        let first = memory.refresh("argocd/demo", true, Timestamp::UNIX_EPOCH);
        let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1);
        assert_eq!(memory.refresh("argocd/demo", true, later), first);
        memory.answered("argocd/demo");
        let next = memory.refresh("argocd/demo", true, later);
        assert_ne!(next, first);
        assert_eq!(memory.refresh("argocd/demo", false, later), None);
        assert_ne!(memory.refresh("argocd/demo", true, later), first);
    }
}
