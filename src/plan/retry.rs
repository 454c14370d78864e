//! Retries of a failed operation, with backoff (argo-cd `types.go`, `RetryStrategy`; `controller/appcontroller.go`,
//! `processRequestedAppOperation`). Flux's own retries go on beneath.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::argo::duration;
use crate::argo::operation::{Operation, OperationState};

/// Argo CD's defaults (`application_defaults.go`): the first delay, what it is multiplied with, the longest one.
const DEFAULTS: (Duration, i64, Duration) = (Duration::from_secs(5), 2, Duration::from_secs(180));
/// How often an automated Sync is tried again where `spec.syncPolicy.retry` says nothing (`appcontroller.go`, `autoSync`).
const AUTOMATED_LIMIT: i64 = 5;

/// `operation.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    /// How often; negative: without end.
    limit: i64,
    first: Duration,
    factor: i64,
    longest: Duration,
    /// Each retry takes the newest revision instead of the one that was asked for.
    pub(super) refresh: bool,
}

/// `operation.retry` of an automated Sync.
pub(super) fn of_automated(policy: Option<&Value>) -> Value {
    policy.cloned().unwrap_or_else(|| json!({"limit": AUTOMATED_LIMIT}))
}

impl Retry {
    /// What `operation` says of retries; an error where a duration is none.
    pub(super) fn of(operation: &Operation) -> Result<Self, String> {
        let retry = operation.rest.get("retry").unwrap_or(&Value::Null);
        let backoff = &retry["backoff"];
        Ok(Self {
            limit: retry["limit"].as_i64().unwrap_or(0),
            first: delay(&backoff["duration"])?.unwrap_or(DEFAULTS.0),
            factor: backoff["factor"].as_i64().unwrap_or(DEFAULTS.1),
            longest: delay(&backoff["maxDuration"])?.unwrap_or(DEFAULTS.2),
            refresh: retry["refresh"].as_bool().unwrap_or(false),
        })
    }

    /// Whether an operation that was tried again `count` times is tried again.
    pub(super) fn allows(self, count: i64) -> bool {
        self.limit < 0 || count < self.limit
    }

    /// How long to wait before retry number `attempt`, which counts from 1.
    fn delay(self, attempt: i64) -> Duration {
        let exponent = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0);
        let factor = u32::try_from(self.factor).unwrap_or(0).saturating_pow(exponent);
        let delay = self.first.saturating_mul(factor);
        if self.longest.is_zero() { delay } else { delay.min(self.longest) }
    }

    /// When retry number `attempt` of an operation that failed at `failed` is due, to the whole second.
    pub(super) fn due(self, failed: Timestamp, attempt: i64) -> Timestamp {
        let seconds = i64::try_from(self.delay(attempt).as_secs()).unwrap_or(i64::MAX);
        failed.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }
}

fn delay(text: &Value) -> Result<Option<Duration>, String> {
    match text.as_str().filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match duration::parse(text) {
            Some(delay) => Ok(Some(delay)),
            None => Err(format!("unable to parse {text} as a duration")),
        },
    }
}

/// The operation failed and waits for its next attempt: at work, and yet with an end.
pub fn is_waiting(state: &OperationState) -> bool {
    !state.phase.is_completed() && state.finished_at.is_some()
}

/// The announcement of a retry, as Argo CD writes it (Go's `time.Kitchen`).
pub(super) fn announced(message: &str, attempt: i64, due: Timestamp) -> String {
    let message = message.trim_end_matches('.');
    format!("{message}. Retrying attempt #{attempt} at {}.", due.strftime("%-I:%M%p"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn retry(retry: &Value) -> Result<Retry, String> {
        Retry::of(&serde_json::from_value(json!({"sync": {}, "retry": retry})).unwrap())
    }

    #[rstest]
    #[case::nothing(json!(null), &[])]
    #[case::defaults(json!({"limit": 8}), &[5, 10, 20, 40, 80, 160, 180, 180])]
    #[case::own(json!({"limit": 3, "backoff": {"duration": "2", "factor": 3, "maxDuration": "15s"}}), &[2, 6, 15])]
    #[case::even(json!({"limit": 2, "backoff": {"duration": "1m", "factor": 1}}), &[60, 60])]
    #[case::endless(json!({"limit": -1, "backoff": {"maxDuration": "0"}}), &[5, 10, 20, 40, 80, 160, 320, 640])]
    fn delays(#[case] written: Value, #[case] seconds: &[i64]) {
        let retry = retry(&written).unwrap();
        let attempts = (0..8).take_while(|count| retry.allows(*count));
        let delays = attempts.map(|count| retry.due(Timestamp::UNIX_EPOCH, count + 1).as_second());
        assert_eq!(delays.collect::<Vec<_>>(), seconds);
    }

    #[test]
    fn what_is_no_duration_is_said() {
        let wrong = retry(&json!({"limit": 1, "backoff": {"duration": "soon"}}));
        assert_eq!(wrong, Err("unable to parse soon as a duration".to_owned()));
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        let retry =
            retry(&json!({"limit": -1, "backoff": {"factor": 9_000_000, "maxDuration": "0"}})).unwrap();
        assert!(retry.due(Timestamp::UNIX_EPOCH, i64::MAX) > Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_retry_is_announced_in_argo_cds_words() {
        let due: Timestamp = "2026-01-01T15:04:05Z".parse().unwrap();
        assert_eq!(announced("timed out", 2, due), "timed out. Retrying attempt #2 at 3:04PM.");
    }
}
