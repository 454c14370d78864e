//! What is remembered between two reconciles of an Application. Losing any of it costs a request, never an outcome.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backoff::BackoffBuilder;
use jiff::{SignedDuration, Timestamp};

use crate::flux::ObjectKey;
use crate::mirror::{Refresh, Refusal};
use crate::plan::State;
use crate::policy::Refused;
use crate::translate::{Delivered, Problem, Severity};

/// First and longest delay after failures of one Application.
const DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(120));

/// How long an object that changes hands is looked after: the workload object that lets go of it deletes it before or after it says
/// so.
const CONTESTED: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default)]
struct Entry {
    failures: u32,
    refusal: Option<Refusal>,
    refresh: Option<Refresh>,
    /// The operation that is under way, by its token, and when it was seen first.
    operation: Option<(String, Timestamp)>,
    state: Option<State>,
    /// Errors and warnings of the translation.
    problems: [i64; 2],
    /// What policies refused.
    refused_by_policy: Vec<Refused>,
    /// What each workload object of several has delivered at the last look, by its fingerprint: the names would take twenty
    /// times as much.
    inventories: BTreeMap<ObjectKey, BTreeSet<u64>>,
    /// What two of them delivered at once, or one ceased to build, by the same fingerprint; and when that was seen last.
    contested: BTreeMap<u64, Timestamp>,
}

fn fingerprint(object: &[String; 4]) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
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

    /// When the operation with that token was seen first: its own time is a whole second, within which much may have happened.
    pub(super) fn first_seen(&self, identity: &str, token: &str) -> Timestamp {
        let mut entries = self.lock();
        let entry = entries.entry(identity.to_owned()).or_default();
        match &entry.operation {
            Some((known, since)) if known == token => *since,
            _ => {
                let now = Timestamp::now();
                entry.operation = Some((token.to_owned(), now));
                now
            }
        }
    }

    pub(super) fn refusal(&self, identity: &str) -> Option<Refusal> {
        self.lock().get(identity)?.refusal.clone()
    }

    pub(super) fn refused(&self, identity: &str, refusal: Refusal) {
        self.lock().entry(identity.to_owned()).or_default().refusal = Some(refusal);
    }

    /// What two workload objects deliver at once, or one no longer builds, now or until a moment ago.
    pub(super) fn contested(
        &self,
        identity: &str,
        delivered: &BTreeMap<ObjectKey, Delivered>,
        now: Timestamp,
    ) -> BTreeSet<[String; 4]> {
        let mut entries = self.lock();
        if delivered.len() < 2 && entries.get(identity).is_none_or(|entry| entry.inventories.is_empty()) {
            return BTreeSet::new();
        }
        let entry = entries.entry(identity.to_owned()).or_default();
        let inventories: BTreeMap<ObjectKey, BTreeSet<u64>> = delivered
            .iter()
            .map(|(key, standing)| (key.clone(), standing.inventory.iter().map(fingerprint).collect()))
            .collect();
        let mut seen = BTreeSet::new();
        let twice = inventories.values().flatten().filter(|object| !seen.insert(**object));
        let nothing = BTreeSet::new();
        let left = entry
            .inventories
            .iter()
            .flat_map(|(key, before)| before.difference(inventories.get(key).unwrap_or(&nothing)));
        let contested: Vec<u64> = twice.chain(left).copied().collect();
        entry.contested.extend(contested.into_iter().map(|object| (object, now)));
        entry.contested.retain(|_, last| now.duration_since(*last) <= CONTESTED);
        entry.inventories = inventories;
        let all = delivered.values().flat_map(|standing| &standing.inventory);
        all.filter(|object| entry.contested.contains_key(&fingerprint(object))).cloned().collect()
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
    use crate::flux::FluxKind;

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

    /// The first workload object and the second, each with what it has delivered.
    fn delivered(inventories: [&[&str]; 2]) -> BTreeMap<ObjectKey, Delivered> {
        let standing = |names: &[&str]| Delivered {
            object: std::sync::Arc::new(kube::core::DynamicObject {
                types: None,
                metadata: kube::core::ObjectMeta::default(),
                data: serde_json::Value::Null,
            }),
            inventory: names.iter().map(|name| ["", "ConfigMap", "apps", name].map(str::to_owned)).collect(),
            taken_over: BTreeSet::new(),
        };
        let key = |index| ObjectKey::new(FluxKind::Kustomization, "apps", &format!("demo-{index}"));
        inventories.into_iter().enumerate().map(|(index, names)| (key(index), standing(names))).collect()
    }

    #[test]
    fn what_changes_hands_is_looked_after_for_a_while() {
        let memory = Memory::default();
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let contested = |inventories, seconds| {
            let found = memory.contested("argocd/demo", &delivered(inventories), at(seconds));
            found.into_iter().map(|[.., name]| name).collect::<Vec<_>>()
        };
        assert_eq!(contested([&["own", "moves"], &[]], 0), [""; 0]);
        // Let go of first, and had afterwards.
        assert_eq!(contested([&["own"], &[]], 10), [""; 0]);
        assert_eq!(contested([&["own"], &["moves"]], 20), ["moves"]);
        assert_eq!(contested([&["own"], &["moves"]], 71), [""; 0]);
        // Had by both.
        assert_eq!(contested([&["own"], &["own", "moves"]], 80), ["own"]);
        assert_eq!(contested([&[], &["own", "moves"]], 140), ["own"]);
        assert_eq!(contested([&[], &["own", "moves"]], 201), [""; 0]);
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
