//! Why a question has no answer.

use std::sync::Arc;
use std::time::Duration;

/// What stands between a question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Whoever was asked said that there is none: asked again, it says the same until something changes.
    Refused,
    /// Whoever was asked did not answer, or not to the end.
    Unanswered,
    /// What was asked for is being replaced at this moment.
    Passing,
}

/// Why a question has no answer, in the user's words. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// What stands between.
    pub(crate) cause: Cause,
    /// The whole of it, with everything that led to it.
    pub(crate) message: Arc<str>,
}

impl Failure {
    /// One with that message.
    pub(crate) fn new(cause: Cause, message: &str) -> Self {
        Self { cause, message: message.into() }
    }

    /// The error with everything that led to it.
    pub(crate) fn of(cause: Cause, error: &dyn std::error::Error) -> Self {
        Self::new(cause, &chain(error))
    }

    /// How long it counts: until then nobody is asked again, but for somebody who asks for a newer answer.
    pub(super) const fn pause(&self) -> Duration {
        match self.cause {
            Cause::Refused | Cause::Unanswered => Duration::from_secs(10),
            Cause::Passing => Duration::from_secs(1),
        }
    }
}

/// An error with everything that led to it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}
