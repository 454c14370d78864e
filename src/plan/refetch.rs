//! source-controller replaces an artifact in place where only what is left out of it changes: same address, other digest.
//! Who reads it by what was known a moment ago fails by the digest, and looks again only after its retry interval
//! (kustomize-controller `internal/controller/kustomization_controller.go`, `Reconcile`). Asked, it looks at once.

use super::{Step, refresh, request};
use crate::flux::fields;
use crate::flux::{FluxKind, Live};
use crate::mirror::{Leg, SourceState, View};

/// Beginning of what an object is asked with, once for each artifact.
const FETCH: &str = "fetch-";
/// Why it failed (fluxcd/pkg `apis/meta/conditions.go`).
const NOT_FETCHED: &str = "ArtifactFailed";

/// The requests to Kustomizations, guards among them, that failed to fetch what is there.
pub(super) fn steps(view: &View<'_>) -> Vec<Step> {
    let legs = view.legs.iter().filter(|leg| leg.source == SourceState::Ready);
    legs.flat_map(|leg| of_leg(view, leg)).collect()
}

fn of_leg(view: &View<'_>, leg: &Leg<'_>) -> Vec<Step> {
    let digest = leg.parts.source.and_then(|source| source.text(fields::ARTIFACT_DIGEST));
    let guard = leg.key().and_then(|key| view.observed.translation.guard_of(key));
    let guard = guard.and_then(|guard| view.observed.live(&guard.key));
    let readers = [guard, leg.parts.workload].into_iter().flatten().filter(|live| has_failed(*live));
    let ask = |live, digest| refresh::request(live, &request::beside(live, FETCH, digest)?);
    digest.map(|digest| readers.filter_map(|live| ask(live, digest)).collect()).unwrap_or_default()
}

fn has_failed(live: Live<'_>) -> bool {
    let is_told_of_this = live.condition("Ready").is_some_and(|ready| {
        ready.status == "False" && ready.reason == NOT_FETCHED && live.is_about_this_spec(&ready)
    });
    live.kind == FluxKind::Kustomization && is_told_of_this && !live.is_suspended() && !live.is_deleting()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::mirror::fixtures::{Object, app, condition, git_repository, kustomization};
    use crate::names;

    fn failed(reason: &str, generation: i64) -> Object {
        let mut condition = condition("Ready", "False", reason, "no");
        condition["observedGeneration"] = json!(generation);
        kustomization().with(json!({"metadata": {"generation": 1}, "status": {"conditions": [condition]}}))
    }

    #[rstest]
    #[case::by_the_digest(failed(NOT_FETCHED, 1), Some("/fetch-sha256:2"))]
    #[case::asked_before(failed(NOT_FETCHED, 1).asked("a/fetch-sha256:1"), Some("a/fetch-sha256:2"))]
    #[case::asked_already(failed(NOT_FETCHED, 1).asked("a/fetch-sha256:2"), None)]
    #[case::with_an_older_spec(failed(NOT_FETCHED, 0), None)]
    #[case::otherwise(failed("BuildFailed", 1), None)]
    #[case::not_at_all(kustomization().ready("1"), None)]
    fn what_failed_is_asked_once_for_each_artifact(#[case] workload: Object, #[case] token: Option<&str>) {
        let artifact = json!({"status": {"artifact": {"digest": "sha256:2"}}});
        let observed = app("demo").git().beside([git_repository().fetched("1").with(artifact), workload]);
        let asked = steps(&View::of(&observed)).into_iter().map(|step| match step {
            Step::PatchObject { patch, .. } => {
                patch["metadata"]["annotations"][names::ANNOTATION_REQUESTED_AT].clone()
            }
            other => panic!("{other:?}"),
        });
        let token: Vec<Value> = token.map(Value::from).into_iter().collect();
        assert_eq!(asked.collect::<Vec<_>>(), token);
    }
}
