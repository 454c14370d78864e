//! What came of the questions of one look: failures, what is still under way, and when to look again.

use std::time::Duration;

use jiff::Timestamp;

use super::again::Again;
use crate::argo::seconds;
use crate::lookup::{Cause, Failure, Flight, Found, Known};

/// How long an answer is waited for before that is told: until then nothing is decided that it may change.
const LATE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Heard {
    /// How long an answer is waited for.
    patience: Duration,
    /// Why there is no answer, a sentence each.
    pub(super) failures: Vec<String>,
    pub(super) again: Again,
    /// The questions that nothing is decided without.
    pub(super) open: Vec<Flight>,
    /// Questions under way, and whether an older answer does until then.
    pub(super) flights: Vec<(Flight, bool)>,
}

impl Heard {
    /// Nothing yet. `may_wait`: the decision may wait a moment for answers.
    pub(super) fn new(may_wait: bool) -> Self {
        Self {
            patience: if may_wait { LATE } else { Duration::ZERO },
            failures: Vec::new(),
            again: Again::default(),
            open: Vec::new(),
            flights: Vec::new(),
        }
    }

    /// The answer; notes why there is none, and what is under way.
    pub(super) fn answer<T>(&mut self, found: Found<T>, now: Timestamp) -> Option<T> {
        let Found { known, flight } = found;
        let has_answer = matches!(known, Known::Answer(_));
        self.flights.extend(flight.clone().map(|flight| (flight, has_answer)));
        match known {
            Known::Answer(answer) => {
                // It counts, and somebody has to hear that nobody knows whether it still does.
                if let Some(flight) = flight.filter(|flight| !flight.kind().keeps_last()) {
                    self.wait(&flight, now);
                }
                Some(answer)
            }
            Known::Failure(failure, _, left) => {
                self.note(&failure, left);
                None
            }
            Known::Nothing(since) => {
                let waited = now.duration_since(since).unsigned_abs();
                match flight {
                    Some(flight) if waited < self.patience => {
                        self.again.within(self.patience.saturating_sub(waited));
                        self.open.push(flight);
                    }
                    Some(flight) => self.failures.push(late(&flight, since)),
                    None => self.again.within(Duration::from_secs(1)),
                }
                None
            }
        }
    }

    /// Tells of an answer that is late, now or when it will be.
    fn wait(&mut self, flight: &Flight, now: Timestamp) {
        let waited = now.duration_since(flight.asked()).unsigned_abs();
        if waited < LATE {
            self.again.within(LATE.saturating_sub(waited));
        } else {
            self.failures.push(late(flight, flight.asked()));
        }
    }

    /// Notes why there is no answer. `left`: until when nobody is asked again; whoever is asked already wakes the Application.
    pub(super) fn note(&mut self, failure: &Failure, left: Duration) {
        if !left.is_zero() {
            self.again.within(left);
        }
        if failure.cause == Cause::Passing {
            tracing::debug!(error = %failure, "there is no answer at the moment");
        } else {
            self.failures.push(failure.to_string());
        }
    }
}

/// What is said while an answer is late. The time stays the same, however often it is told.
fn late(flight: &Flight, since: Timestamp) -> String {
    let (asked, since) = (flight.kind().asked(), seconds::text(since));
    format!("Failed to load target state: {asked} has not answered since {since}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lookup::Kind;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn before(seconds: i64) -> Timestamp {
        NOW - jiff::SignedDuration::from_secs(seconds)
    }

    #[expect(clippy::unnecessary_wraps, reason = "a case has one or none")]
    fn flight(kind: Kind, seconds: i64) -> Option<Flight> {
        Some(Flight::of(kind, before(seconds)))
    }

    fn failure(cause: Cause) -> Known<()> {
        Known::Failure(Failure::new(cause, "no"), before(3), Duration::from_secs(7))
    }

    const REPO_SERVER: &str =
        "Failed to load target state: Argo CD's repo-server has not answered since 2023-11-14T22:13:08Z";

    /// What is known, what is under way, whether the decision may wait; the failure, seconds to the next look, and whether it is waited.
    #[rstest]
    #[case::known(Known::Answer(()), None, true, None, None, false)]
    #[case::known_and_asked_anew(Known::Answer(()), flight(Kind::Rendered, 4), true, None, Some(6), false)]
    #[case::the_new_one_is_late(Known::Answer(()), flight(Kind::Rendered, 12), true, Some(REPO_SERVER), None, false)]
    #[case::the_last_one_does(Known::Answer(()), flight(Kind::Refs, 12), true, None, None, false)]
    #[case::on_its_way(Known::Nothing(before(4)), flight(Kind::Rendered, 4), true, None, Some(6), true)]
    #[case::late(
        Known::Nothing(before(12)),
        flight(Kind::Rendered, 12),
        true,
        Some(REPO_SERVER),
        None,
        false
    )]
    #[case::what_ends_does_not_wait(
        Known::Nothing(before(12)),
        flight(Kind::Rendered, 12),
        false,
        Some(REPO_SERVER),
        None,
        false
    )]
    #[case::failed(failure(Cause::Refused), None, true, Some("no"), Some(7), false)]
    #[case::passing(failure(Cause::Passing), None, true, None, Some(7), false)]
    fn what_is_noted(
        #[case] known: Known<()>,
        #[case] flight: Option<Flight>,
        #[case] may_wait: bool,
        #[case] told: Option<&str>,
        #[case] again: Option<u64>,
        #[case] is_open: bool,
    ) {
        let mut heard = Heard::new(may_wait);
        let (is_known, is_asked) = (matches!(known, Known::Answer(())), flight.is_some());
        assert_eq!(heard.answer(Found { known, flight }, NOW).is_some(), is_known);
        assert_eq!(heard.failures, told.into_iter().collect::<Vec<_>>());
        assert_eq!(heard.again.delay(), again.map(Duration::from_secs));
        assert_eq!(heard.open.len(), usize::from(is_open));
        assert_eq!(
            heard.flights.iter().map(|(_, has)| *has).collect::<Vec<_>>(),
            vec![is_known; usize::from(is_asked)]
        );
    }
}
