//! Health in Argo CD's words (gitops-engine `health/health.go`), read off states.

use super::source::SourceState;
use super::workload::WorkloadState;
use crate::argo::status::HealthStatus;

/// Argo CD's order from best to worst.
const ORDER: [&str; 6] = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];

/// The worst of several; `Healthy` of none.
pub fn worst<'a>(all: impl IntoIterator<Item = &'a HealthStatus>) -> HealthStatus {
    let rank =
        |health: &HealthStatus| ORDER.iter().position(|word| *word == health.status).unwrap_or(ORDER.len());
    let worst = all.into_iter().fold(None, |worst: Option<&HealthStatus>, next| match worst {
        Some(worst) if rank(worst) >= rank(next) => Some(worst),
        _ => Some(next),
    });
    worst.map_or_else(|| health("Healthy", ""), |worst| health(&worst.status, &worst.message))
}

/// Health of a source object.
pub fn of_source(state: &SourceState) -> HealthStatus {
    match state {
        SourceState::Missing => health("Missing", ""),
        SourceState::Fetching(what) => health("Progressing", what),
        SourceState::Ready => health("Healthy", ""),
        SourceState::Failed(why) => health("Degraded", why),
    }
}

/// Health of a workload object.
pub fn of_workload(state: &WorkloadState) -> HealthStatus {
    match state {
        WorkloadState::Missing => health("Missing", ""),
        WorkloadState::Deleting(message) => health("Progressing", &format!("Pending deletion: {message}")),
        WorkloadState::Suspended => health("Suspended", "suspended by somebody else, such as `flux suspend`"),
        WorkloadState::Progressing(what) => health("Progressing", what),
        WorkloadState::Ready(message) => health("Healthy", message),
        WorkloadState::Failed(why) => health("Degraded", why),
    }
}

pub(super) fn health(status: &str, message: &str) -> HealthStatus {
    HealthStatus { status: status.to_owned(), message: message.to_owned(), last_transition_time: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_worse_than_those_before_it() {
        for (rank, word) in ORDER.iter().enumerate() {
            for better in &ORDER[..=rank] {
                assert_eq!(worst([&health(better, ""), &health(word, "")]).status, *word);
                assert_eq!(worst([&health(word, ""), &health(better, "")]).status, *word);
            }
        }
    }

    #[test]
    fn the_worst_counts() {
        let all = [health("Healthy", "a"), health("Degraded", "b"), health("Progressing", "c")];
        assert_eq!(worst(&all), health("Degraded", "b"));
        assert_eq!(worst([]), health("Healthy", ""));
    }
}
