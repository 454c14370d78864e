//! Questions to the world: asked once however many want to know, with a limit of time and of places, and kept within a budget of
//! bytes.
//!
//! Whoever asks gets what is known and goes on. Who goes on without an answer is woken when it comes.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::{Party, Places};
use crate::metrics::{Metrics, Outcome};
use crate::panics;

/// What a question is known by. Two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// What is asked; it decides the type of the answer.
    pub(crate) kind: Kind,
    /// Everything that the answer depends on: a digest, or the parts themselves.
    pub(crate) about: Arc<str>,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freshness {
    /// It was asked for at that time or later.
    pub(crate) since: Option<Timestamp>,
    /// It is asked for again when it is older than that. Until the newer one comes, the older one counts unless
    /// [`is_strict`](Self::is_strict).
    pub(crate) max_age: Option<Duration>,
    /// One that is older than `max_age` does not count.
    pub(crate) is_strict: bool,
    /// It was asked for past all caches.
    pub(crate) is_hard: bool,
}

/// What can be an answer.
pub(crate) trait Answer: Clone + PartialEq + Send + Sync + 'static {
    /// About how many bytes of memory it takes.
    fn bytes(&self) -> usize;
}

/// What is known of a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known<T> {
    /// The answer.
    Answer(T),
    /// That there is none, since when, and how long that counts.
    Failure(Failure, Timestamp, Duration),
    /// Nothing yet: it was asked for at that time.
    Nothing(Timestamp),
}

impl<T> Known<T> {
    /// The same of another answer, of which nothing is known either.
    pub(crate) fn without_answer<U>(self) -> Known<U> {
        match self {
            Self::Answer(_) => Known::Nothing(Timestamp::now()),
            Self::Failure(failure, since, left) => Known::Failure(failure, since, left),
            Self::Nothing(since) => Known::Nothing(since),
        }
    }
}

/// What is known of a question, and what is under way about it.
pub(crate) struct Found<T> {
    /// What is known.
    pub(crate) known: Known<T>,
    /// The asking, where it is under way.
    pub(crate) flight: Option<Flight>,
}

/// A question under way.
#[derive(Clone)]
pub(crate) struct Flight {
    question: Question,
    asked: Timestamp,
    is_hard: bool,
    done: CancellationToken,
    outcome: Arc<OnceLock<Result<Arc<dyn Any + Send + Sync>, Failure>>>,
}

impl Flight {
    /// Ends when the question is answered or has failed.
    pub(crate) async fn done(&self) {
        self.done.cancelled().await;
    }

    /// What is asked.
    pub(crate) const fn kind(&self) -> Kind {
        self.question.kind
    }

    /// When that began.
    pub(crate) const fn asked(&self) -> Timestamp {
        self.asked
    }
}

/// Who is to be woken by a question under way.
struct Waiting {
    flight: Flight,
    /// By identity (`NAMESPACE/NAME`) of the Application: whether it goes on with an older answer, so that only another one is news.
    woken: BTreeMap<String, bool>,
}

/// The last answer, and what came of asking again.
#[derive(Clone, Default)]
struct Entry {
    last: Option<Last>,
    failed: Option<Failed>,
}

#[derive(Clone)]
struct Last {
    answer: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    asked: Timestamp,
    is_hard: bool,
}

#[derive(Clone)]
struct Failed {
    failure: Failure,
    asked: Timestamp,
    ended: Timestamp,
}

/// About what an entry takes beside its answer.
const OVERHEAD: usize = 512;

/// See the module.
pub(crate) struct Service {
    cache: Cache<Question, Entry>,
    budget: usize,
    waiting: Mutex<HashMap<Question, Waiting>>,
    places: BTreeMap<Kind, Places>,
    wake: mpsc::UnboundedSender<String>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Service {
    /// One that knows nothing, keeps at most `budget` bytes, and asks no more after `stop`; and whom it wakes: identities
    /// (`NAMESPACE/NAME`) of Applications.
    pub(crate) fn new(
        budget: usize,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<String>) {
        let (wake, woken) = mpsc::unbounded_channel();
        let weigh = |question: &Question, entry: &Entry| {
            let answer = entry.last.as_ref().map_or(0, |last| last.bytes);
            u32::try_from(answer + question.about.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(u64::try_from(budget).unwrap_or(u64::MAX))
            .weigher(weigh)
            // The one that came last is always kept: whoever is woken for it finds it.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        let places = Kind::ALL.into_iter().map(|kind| (kind, Places::new(kind.limits()))).collect();
        let waiting = Mutex::default();
        (Arc::new(Self { cache, budget, waiting, places, wake, metrics, stop }), woken)
    }

    /// What is known of `question`; where that is not fresh, `ask` begins to find out, unless somebody has already.
    pub(crate) fn get<T: Answer>(
        self: &Arc<Self>,
        question: &Question,
        party: &Party,
        freshness: Freshness,
        ask: impl FnOnce() -> BoxFuture<'static, Result<T, Failure>>,
    ) -> Found<T> {
        let now = Timestamp::now();
        let entry = self.cache.get(question).unwrap_or_default();
        let (known, is_due) = look(&entry, question.kind, freshness, now);
        let mut flight = self.waiting().get(question).map(|waiting| waiting.flight.clone());
        if flight.is_none() && is_due {
            flight = Some(self.start(question, party, freshness, now, ask()));
        }
        let known = match known {
            Some(known) => known,
            None => Known::Nothing(flight.as_ref().map_or(now, |flight| flight.asked)),
        };
        Found { known, flight }
    }

    /// The answer to `question`, waited for.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn wait<T: Answer>(
        self: &Arc<Self>,
        question: &Question,
        party: &Party,
        freshness: Freshness,
        ask: impl Fn() -> BoxFuture<'static, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        loop {
            let found = self.get(question, party, freshness, &ask);
            let flight = match (found.known, found.flight) {
                (Known::Answer(answer), _) => return Ok(answer),
                (_, Some(flight)) => flight,
                (Known::Failure(failure, ..), None) => return Err(failure),
                (Known::Nothing(_), None) => return Err(gone(question.kind)),
            };
            flight.done().await;
            // One that was asked for too early counts no more than an answer that is too old.
            if freshness.since.is_none_or(|since| flight.asked >= since)
                && (flight.is_hard || !freshness.is_hard)
            {
                let outcome = flight.outcome.get().cloned();
                let answer = outcome.unwrap_or_else(|| Err(gone(question.kind)))?;
                return answer.downcast_ref::<T>().cloned().ok_or_else(|| gone(question.kind));
            }
        }
    }

    /// Wakes the Application of that identity when `flight` ends; where `has_answer`, only if the answer is another one.
    pub(crate) fn wake(&self, flight: &Flight, identity: &str, has_answer: bool) {
        if let Some(waiting) = self.waiting().get_mut(&flight.question)
            && waiting.flight.asked == flight.asked
        {
            let only_news = waiting.woken.entry(identity.to_owned()).or_insert(has_answer);
            *only_news &= has_answer;
            return;
        }
        self.notify(identity);
    }

    fn notify(&self, identity: &str) {
        // Nobody listens any more: the program ends.
        let _ = self.wake.send(identity.to_owned());
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Question, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start<T: Answer>(
        self: &Arc<Self>,
        question: &Question,
        party: &Party,
        freshness: Freshness,
        asked: Timestamp,
        ask: BoxFuture<'static, Result<T, Failure>>,
    ) -> Flight {
        let flight = Flight {
            question: question.clone(),
            asked,
            is_hard: freshness.is_hard,
            done: CancellationToken::new(),
            outcome: Arc::default(),
        };
        let mut waiting = self.waiting();
        // Somebody was faster.
        if let Some(there) = waiting.get(question) {
            return there.flight.clone();
        }
        waiting.insert(question.clone(), Waiting { flight: flight.clone(), woken: BTreeMap::new() });
        self.metrics.set_lookups(waiting.len());
        drop(waiting);
        let (service, party, begun) = (Arc::clone(self), party.clone(), flight.clone());
        tokio::spawn(async move {
            let stop = service.stop.clone();
            let outcome = stop.run_until_cancelled(service.ask(begun.kind(), &party, ask)).await;
            service.end(&begun, outcome);
        });
        flight
    }

    /// Asks, when there is a place for it, for as long as the kind of question may take.
    async fn ask<T>(
        &self,
        kind: Kind,
        party: &Party,
        ask: BoxFuture<'static, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let _place = match self.places.get(&kind) {
            Some(places) => Some(places.take(party).await),
            None => None,
        };
        let begin = std::time::Instant::now();
        let late = || {
            Failure::new(
                Cause::Unanswered,
                &format!("{} did not answer within {:?}", kind.asked(), kind.deadline()),
            )
        };
        let asked = panics::caught(tokio::time::timeout(kind.deadline(), ask));
        let (result, outcome) = match asked.await {
            Ok(Ok(Ok(answer))) => (Ok(answer), Outcome::Ok),
            Ok(Ok(Err(failure))) => (Err(failure), Outcome::Error),
            Ok(Err(_)) => (Err(late()), Outcome::Timeout),
            Err(panic) => {
                self.metrics.panicked("lookup");
                tracing::error!(
                    kind = kind.name(),
                    place = panic.place,
                    "a mistake of the bridge's: please report it"
                );
                (Err(Failure::new(Cause::Refused, &panic.to_string())), Outcome::Error)
            }
        };
        self.metrics.looked_up(kind.name(), outcome, begin.elapsed());
        result
    }

    /// Keeps what came of it, and wakes who waits. `None`: the program ends.
    fn end<T: Answer>(&self, flight: &Flight, outcome: Option<Result<T, Failure>>) {
        let question = &flight.question;
        let mut is_news = true;
        if let Some(outcome) = outcome {
            let before = self.cache.get(question).unwrap_or_default();
            let outcome = self.within_budget(question.kind, outcome);
            let (entry, outcome) = entry(before, flight, outcome, &mut is_news);
            self.cache.insert(question.clone(), entry);
            let _ = flight.outcome.set(outcome);
        }
        let ended = {
            let mut waiting = self.waiting();
            let ended = waiting.remove(question);
            self.metrics.set_lookups(waiting.len());
            ended
        };
        self.metrics.set_lookup_bytes(self.cache.weighted_size());
        flight.done.cancel();
        let woken = ended.map(|waiting| waiting.woken).unwrap_or_default();
        woken
            .iter()
            .filter(|(_, only_news)| is_news || !**only_news)
            .for_each(|(identity, _)| self.notify(identity));
    }

    /// An answer that cannot be kept would be asked for again and again.
    fn within_budget<T: Answer>(&self, kind: Kind, outcome: Result<T, Failure>) -> Result<T, Failure> {
        let answer = outcome?;
        if answer.bytes() + OVERHEAD <= self.budget {
            return Ok(answer);
        }
        let (bytes, budget) = (answer.bytes(), self.budget);
        let why = format!(
            "the answer of {} takes {bytes} bytes of memory, more than the {budget} that --lookup-memory allows for all of them",
            kind.asked()
        );
        Err(Failure::new(Cause::Refused, &why))
    }
}

fn gone(kind: Kind) -> Failure {
    Failure::new(Cause::Unanswered, &format!("{} was not asked to the end", kind.asked()))
}

/// What counts of an entry, and whether it is time to ask.
fn look<T: Answer>(
    entry: &Entry,
    kind: Kind,
    freshness: Freshness,
    now: Timestamp,
) -> (Option<Known<T>>, bool) {
    let counts = |asked: Timestamp| freshness.since.is_none_or(|since| asked >= since);
    let last = entry.last.as_ref().filter(|last| counts(last.asked) && (last.is_hard || !freshness.is_hard));
    let answer = last.and_then(|last| Some((last, last.answer.downcast_ref::<T>()?)));
    let is_stale = |last: &Last| {
        freshness.max_age.is_some_and(|max_age| now.duration_since(last.asked).unsigned_abs() >= max_age)
    };
    let failed = entry.failed.as_ref().filter(|failed| counts(failed.asked));
    if let Some(failed) = failed {
        let left = failed.failure.pause().saturating_sub(now.duration_since(failed.ended).unsigned_abs());
        return match answer.filter(|_| kind.keeps_last()) {
            Some((_, answer)) => (Some(Known::Answer(answer.clone())), left.is_zero()),
            None => (Some(Known::Failure(failed.failure.clone(), failed.asked, left)), left.is_zero()),
        };
    }
    match answer {
        Some((last, _)) if is_stale(last) && freshness.is_strict => (None, true),
        Some((last, answer)) => (Some(Known::Answer(answer.clone())), is_stale(last)),
        None => (None, true),
    }
}

/// What is kept of an outcome; the older answer stays beside a failure.
fn entry<T: Answer>(
    before: Entry,
    flight: &Flight,
    outcome: Result<T, Failure>,
    is_news: &mut bool,
) -> (Entry, Result<Arc<dyn Any + Send + Sync>, Failure>) {
    match outcome {
        Ok(answer) => {
            let last = before.last.as_ref().and_then(|last| last.answer.downcast_ref::<T>());
            *is_news = before.failed.is_some() || last != Some(&answer);
            let bytes = answer.bytes();
            let answer: Arc<dyn Any + Send + Sync> = Arc::new(answer);
            let last =
                Last { answer: Arc::clone(&answer), bytes, asked: flight.asked, is_hard: flight.is_hard };
            (Entry { last: Some(last), failed: None }, Ok(answer))
        }
        Err(failure) => {
            let failed = Failed { failure: failure.clone(), asked: flight.asked, ended: Timestamp::now() };
            (Entry { last: before.last, failed: Some(failed) }, Err(failure))
        }
    }
}

#[cfg(test)]
mod tests;
