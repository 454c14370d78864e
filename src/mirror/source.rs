//! The state of one source object, read off its conditions.

use crate::flux::{Condition, FluxKind, Live};

/// What a source object is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It is not there.
    Missing,
    /// Flux has not looked at it yet, or is at it.
    Fetching(String),
    /// Its artifact is that of its spec.
    Ready,
    /// It could not be fetched; an older artifact may still be served.
    Failed(String),
}

/// Reasons of a `HelmChart` that only say that its repository has nothing yet (source-controller `helmchart_controller.go`).
const WAITS_FOR_REPOSITORY: [&str; 2] = ["NoSourceArtifact", "SourceUnavailable"];

/// Conditions that are `True` when something went wrong (source-controller `internal/controller`, the same for all kinds).
const FAILURES: [&str; 5] =
    ["FetchFailed", "BuildFailed", "StorageOperationFailed", "IncludeUnavailable", "Stalled"];

/// The state of `live`; `upstream` is the state of what it is built from (a `HelmChart`'s repository).
pub fn state(live: Option<Live<'_>>, upstream: Option<&SourceState>) -> SourceState {
    let Some(live) = live else { return SourceState::Missing };
    if live.is_static() {
        return SourceState::Ready;
    }
    let name = format!("{} {}", live.kind.kind(), live.name());
    if let Some(failure) = failure(live) {
        return failed(live, &name, failure, upstream);
    }
    match live.condition("Ready") {
        None => SourceState::Fetching(format!("{name} is waiting to be reconciled")),
        Some(ready) if ready.status == "True" && live.is_observed() => SourceState::Ready,
        Some(ready) => SourceState::Fetching(format!("{name}: {}", ready.message)),
    }
}

/// The failure of the present spec. It stays while Flux retries (`Ready` turns `Unknown` then), until a fetch succeeds.
fn failure(live: Live<'_>) -> Option<Condition<'_>> {
    let failed = FAILURES.into_iter().filter_map(|kind| live.condition(kind)).find(|c| c.status == "True");
    let unverified = || live.condition("SourceVerified").filter(|verified| verified.status == "False");
    failed.or_else(unverified).filter(|condition| live.is_about_this_spec(condition))
}

fn failed(live: Live<'_>, name: &str, failure: Condition<'_>, upstream: Option<&SourceState>) -> SourceState {
    let waits = live.kind == FluxKind::HelmChart && WAITS_FOR_REPOSITORY.contains(&failure.reason);
    match upstream {
        Some(SourceState::Failed(why)) if waits => SourceState::Failed(why.clone()),
        Some(SourceState::Fetching(_) | SourceState::Ready) if waits => {
            SourceState::Fetching(format!("{name}: {}", failure.message))
        }
        _ => SourceState::Failed(format!("{name}: {}", failure.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::live::tests::object;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn source(kind: FluxKind, conditions: &Value, observed: i64) -> SourceState {
        let object = object(
            kind,
            &json!({"spec": {}, "status": {"observedGeneration": observed, "conditions": conditions}}),
        );
        state(Some(Live { kind, object: &object }), Some(&SourceState::Ready))
    }

    #[rstest]
    #[case::new(json!([]), 1, "fetching")]
    #[case::ready(json!([{"type": "Ready", "status": "True"}]), 1, "ready")]
    #[case::old_spec(json!([{"type": "Ready", "status": "True"}]), 0, "fetching")]
    #[case::new_revision(json!([{"type": "Ready", "status": "Unknown", "message": "building"}]), 1, "fetching")]
    #[case::failing(json!([{"type": "Ready", "status": "False", "message": "no"}, {"type": "FetchFailed", "status": "True"}]), 0, "failed")]
    #[case::retrying(json!([{"type": "Ready", "status": "Unknown"}, {"type": "FetchFailed", "status": "True", "observedGeneration": 1}]), 0, "failed")]
    #[case::repaired(json!([{"type": "Ready", "status": "False"}, {"type": "FetchFailed", "status": "True", "observedGeneration": 0}]), 0, "fetching")]
    #[case::outdated(json!([{"type": "Ready", "status": "False"}, {"type": "ArtifactOutdated", "status": "True"}]), 1, "fetching")]
    fn conditions_become_a_state(#[case] conditions: Value, #[case] observed: i64, #[case] expected: &str) {
        let state = source(FluxKind::GitRepository, &conditions, observed);
        let word = match state {
            SourceState::Missing => "missing",
            SourceState::Fetching(_) => "fetching",
            SourceState::Ready => "ready",
            SourceState::Failed(_) => "failed",
        };
        assert_eq!(word, expected);
    }

    #[test]
    fn a_chart_without_an_index_yet_is_not_a_failure() {
        let conditions = json!([
            {"type": "Ready", "status": "False", "reason": "NoSourceArtifact", "message": "no artifact"},
            {"type": "FetchFailed", "status": "True", "reason": "NoSourceArtifact", "message": "no artifact"},
        ]);
        assert!(matches!(source(FluxKind::HelmChart, &conditions, 1), SourceState::Fetching(_)));
    }
}
