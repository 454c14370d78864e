//! What a guard says: the Kustomization that applies nothing and counts what there is to apply (`translate/guard.rs`).

use serde_json::Value;

use super::observed::Observed;
use super::source::SourceState;
use super::workload::{self, WorkloadState};
use crate::argo::application::Automated;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};

/// Argo CD's words (argo-cd `controller/appcontroller.go`, `autoSync`).
pub const WIPES_OUT: &str = "auto-sync will wipe out all resources";
/// What to do where that is meant.
pub const WAY_OUT: &str = "sync with pruning, or set automated.allowEmpty: true, where that is meant";
/// Why Flux holds an object back whose dependency is not ready (fluxcd/pkg `apis/meta/conditions.go`).
const NOT_READY: &str = "DependencyNotReady";

/// Helm removes what a chart no longer renders, down to nothing, and Flux has no dependency that would keep it from that.
/// So where the Application itself says `allowEmpty: false`, what its chart renders to is looked at before it is delivered.
pub fn is_looked_at(observed: &Observed) -> bool {
    let guards =
        |automated: &Automated| automated.prune == Some(true) && automated.allow_empty == Some(false);
    let is_release = |manifest: &Manifest| manifest.key.kind == FluxKind::HelmRelease;
    observed.app.automated().is_some_and(guards) && observed.translation.objects.iter().any(is_release)
}

/// What a guard says of what its source offers now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardState {
    /// Nothing yet.
    Working(String),
    /// It does not build.
    Failed(String),
    /// Nothing is left of it: pruning would delete everything.
    Empty,
    /// There is something.
    Passed,
}

/// What the guard of that key says; `source` is what it reads, in state `source_state`.
pub fn state(
    key: &ObjectKey,
    guard: Option<Live<'_>>,
    source: Option<Live<'_>>,
    source_state: &SourceState,
) -> GuardState {
    let offered = source.and_then(|source| source.artifact_revision());
    match (guard, workload::state(guard, source_state)) {
        (Some(_), WorkloadState::Failed(why)) => GuardState::Failed(why),
        (Some(guard), WorkloadState::Ready(_)) if is_about(guard, offered) => {
            if counts(guard) {
                GuardState::Passed
            } else {
                GuardState::Empty
            }
        }
        (_, WorkloadState::Progressing(what)) if !what.is_empty() => GuardState::Working(what),
        _ => GuardState::Working(format!("{key} is about to count what there is")),
    }
}

/// What `held` delivered is what it is to deliver: a new spec is another matter, though it be of the same revision.
fn stands(held: Live<'_>, guard: &GuardState) -> bool {
    held.is_observed() || (*guard == GuardState::Empty && !counts(held))
}

fn is_about(guard: Live<'_>, offered: Option<&str>) -> bool {
    offered.is_some() && guard.text(fields::LAST_APPLIED_REVISION) == offered
}

fn counts(guard: Live<'_>) -> bool {
    let entries = guard.at(fields::INVENTORY_ENTRIES).and_then(Value::as_array);
    entries.is_some_and(|entries| !entries.is_empty())
}

/// Flux holds the workload object back until its guard is ready.
pub fn is_held(workload: Live<'_>) -> bool {
    let ready = workload.condition("Ready");
    ready.is_some_and(|ready| ready.status == "False" && ready.reason == NOT_READY)
}

/// Whether `workload` names that object among what it depends on.
pub fn depends(workload: Live<'_>, guard: &str) -> bool {
    let all = workload.at(fields::DEPENDS_ON).and_then(Value::as_array);
    all.is_some_and(|all| all.iter().any(|one| one.get("name").and_then(Value::as_str) == Some(guard)))
}

/// The state of a workload object, with its guard's word where Flux holds it back for that. What is delivered already (by
/// hand) needs no guard any more.
pub fn speaking(
    state: WorkloadState,
    workload: Option<Live<'_>>,
    guard: Option<&GuardState>,
    is_delivered: bool,
) -> WorkloadState {
    let held = workload.filter(|workload| is_held(*workload));
    match (guard, held) {
        // Held back at one more look, or once everything was pruned as somebody meant it.
        (Some(guard), Some(held)) if is_delivered && stands(held, guard) => {
            let applied = held.text(fields::LAST_APPLIED_REVISION).unwrap_or_default();
            WorkloadState::Ready(format!("Applied revision: {applied}"))
        }
        (Some(guard), Some(_)) => match guard {
            GuardState::Failed(why) => WorkloadState::Failed(why.clone()),
            GuardState::Empty => WorkloadState::Failed(format!("{WIPES_OUT} ({WAY_OUT})")),
            GuardState::Working(what) => WorkloadState::Progressing(what.clone()),
            GuardState::Passed => state,
        },
        _ => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::live::tests::object;
    use rstest::rstest;
    use serde_json::json;

    const READY: &str = "True";

    #[rstest]
    #[case::something(READY, "main@sha1:2", json!([{"id": "a"}]), GuardState::Passed)]
    #[case::nothing(READY, "main@sha1:2", json!([]), GuardState::Empty)]
    #[case::no_inventory(READY, "main@sha1:2", Value::Null, GuardState::Empty)]
    #[case::broken("False", "main@sha1:1", json!([{"id": "a"}]), GuardState::Failed("no".into()))]
    #[case::late(READY, "main@sha1:1", json!([]),
        GuardState::Working("Kustomization apps/demo is about to count what there is".into()))]
    #[case::at_it("Unknown", "main@sha1:1", json!([]), GuardState::Working("no".into()))]
    fn a_guard_speaks_of_what_is_offered(
        #[case] ready: &str,
        #[case] applied: &str,
        #[case] entries: Value,
        #[case] expected: GuardState,
    ) {
        let source =
            object(FluxKind::GitRepository, &json!({"status": {"artifact": {"revision": "main@sha1:2"}}}));
        let status = json!({
            "observedGeneration": 1,
            "lastAppliedRevision": applied,
            "inventory": {"entries": entries},
            "conditions": [{"type": "Ready", "status": ready, "message": "no", "reason": "BuildFailed"}],
        });
        let guard = object(FluxKind::Kustomization, &json!({"status": status}));
        let guard = Live { kind: FluxKind::Kustomization, object: &guard };
        let source = Live { kind: FluxKind::GitRepository, object: &source };
        assert_eq!(state(&guard.key(), Some(guard), Some(source), &SourceState::Ready), expected);
    }

    #[test]
    fn only_what_is_held_back_speaks_with_its_guards_words() {
        let held = |reason: &str| {
            object(
                FluxKind::Kustomization,
                &json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": reason}]}}),
            )
        };
        let of = |reason: &str| {
            let object = held(reason);
            let live = Live { kind: FluxKind::Kustomization, object: &object };
            speaking(WorkloadState::Failed("mine".into()), Some(live), Some(&GuardState::Empty), false)
        };
        assert!(matches!(of(NOT_READY), WorkloadState::Failed(why) if why.starts_with(WIPES_OUT)));
        assert_eq!(of("HealthCheckFailed"), WorkloadState::Failed("mine".into()));
    }

    #[rstest]
    #[case::one_more_look(1, "counting", &["a"], true)]
    #[case::another_spec_at_the_same_revision(2, "counting", &["a"], false)]
    #[case::another_spec_that_would_prune_it(2, "", &["a"], false)]
    #[case::pruned(2, "", &[], true)]
    fn what_is_delivered_stays_ready_while_it_is_held_back(
        #[case] generation: i64,
        #[case] working: &str,
        #[case] inventory: &[&str],
        #[case] is_ready: bool,
    ) {
        let held = json!({
            "metadata": {"generation": generation},
            "status": {
                "observedGeneration": 1,
                "inventory": {"entries": inventory},
                "conditions": [{"type": "Ready", "status": "False", "reason": NOT_READY}],
            },
        });
        let held = object(FluxKind::Kustomization, &held);
        let live = Live { kind: FluxKind::Kustomization, object: &held };
        let guard = match working {
            "" => GuardState::Empty,
            what => GuardState::Working(what.into()),
        };
        let said = speaking(WorkloadState::Failed("mine".into()), Some(live), Some(&guard), true);
        assert_eq!(matches!(said, WorkloadState::Ready(_)), is_ready, "{said:?}");
    }
}
