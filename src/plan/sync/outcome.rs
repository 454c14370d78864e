//! How far a Sync is, and how it ends.

use crate::argo::operation::Phase;
use crate::plan::Step;

/// How far a Sync is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What can be done now.
    pub steps: Vec<Step>,
    /// What it waits for.
    pub message: String,
    /// Its end.
    pub outcome: Option<Outcome>,
}

/// The end of a Sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `Succeeded`, `Failed` or `Error`.
    pub phase: Phase,
    /// A sentence.
    pub message: String,
    /// Trying again would not change it.
    pub is_final: bool,
}

impl Outcome {
    /// It could not be delivered.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { phase: Phase::Failed, message: message.into(), is_final: false }
    }

    /// It is nothing that Flux, or the bridge, could do.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { is_final: true, ..Self::failed(message) }
    }

    /// It could not begin.
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { phase: Phase::Error, ..Self::failed(message) }
    }

    /// Argo CD's own words (gitops-engine `sync/sync_context.go`), which people and scripts know.
    pub(in crate::plan) fn succeeded() -> Self {
        Self { phase: Phase::Succeeded, ..Self::failed("successfully synced (all tasks run)") }
    }
}

impl Progress {
    /// What several do at once: it is over when all are done, or as soon as one has failed.
    pub(super) fn of_all(all: Vec<Self>) -> Option<Self> {
        let mut steps = Vec::new();
        let (mut messages, mut failures) = (Vec::new(), Vec::new());
        for progress in all {
            steps.extend(progress.steps);
            match progress.outcome {
                Some(outcome) if outcome.phase == Phase::Succeeded => {}
                Some(outcome) => failures.push(outcome),
                None => messages.push(progress.message),
            }
        }
        let joined = |mut texts: Vec<String>| {
            texts.dedup();
            texts.join("; ")
        };
        if let Some(first) = failures.first() {
            let (phase, is_final) = (first.phase.clone(), failures.iter().any(|failure| failure.is_final));
            let message = joined(failures.into_iter().map(|failure| failure.message).collect());
            return Some(Self {
                steps,
                message: String::new(),
                outcome: Some(Outcome { phase, message, is_final }),
            });
        }
        (!messages.is_empty()).then(|| Self::doing(steps, joined(messages)))
    }

    pub(super) fn waiting(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub(super) fn ended(outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..Self::default() }
    }

    pub(super) fn doing(steps: Vec<Step>, message: impl Into<String>) -> Self {
        Self { steps, message: message.into(), outcome: None }
    }
}
