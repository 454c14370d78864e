//! Guards against pruning everything (`translate/guard.rs`): kept up like sources, and out of nobody's sight.

use super::steps;
use super::{Step, refresh, request};
use crate::flux::{Live, Manifest};
use crate::mirror::guard::{self, GuardState};
use crate::mirror::{Leg, Relation, SourceState, View, compare};

/// Beginning of what a workload object is asked with once its guard has passed: Flux itself looks again only after a
/// while (kustomize-controller `--requeue-dependency`).
const PASSED: &str = "guard-passed-";

/// Guards that differ from what is wanted, once their sources are as they are wanted: one that builds while its source's artifact
/// is replaced fails by a digest, and looks again only after a while.
pub(super) fn applied(view: &View<'_>) -> Vec<Step> {
    let identity = view.observed.app.identity();
    let is_due = |manifest: &&Manifest| {
        let relation = compare::relation(&identity, manifest, view.observed.live(&manifest.key));
        matches!(relation, Relation::Missing | Relation::Outdated | Relation::Edited)
    };
    let guard_of = |leg: &Leg<'_>| view.observed.translation.guard_of(&leg.resource.as_ref()?.key);
    let guards = view.legs.iter().filter(|leg| has_source(leg)).filter_map(guard_of);
    guards.filter(is_due).cloned().map(Step::ApplyObject).collect()
}

/// Whether the artifact that is wanted is there.
fn has_source(leg: &Leg<'_>) -> bool {
    let relation = leg.origin.as_ref().map(|origin| &origin.relation);
    leg.source == SourceState::Ready && matches!(relation, Some(Relation::Matches | Relation::Edited))
}

/// What was held back for its guard goes on as soon as that one has passed.
pub(super) fn passed(view: &View<'_>) -> Vec<Step> {
    view.legs.iter().filter(|leg| leg.guard == Some(GuardState::Passed)).filter_map(go_on).collect()
}

fn go_on(leg: &Leg<'_>) -> Option<Step> {
    let live = leg.parts.workload.filter(|live| guard::is_held(*live) && !live.is_suspended())?;
    let revision = leg.parts.source?.artifact_revision()?;
    refresh::request(live, &request::beside(live, PASSED, revision)?)
}

/// Guards that are no longer wanted go once nothing depends on them.
pub(super) fn leftover(view: &View<'_>) -> Vec<Step> {
    if !view.is_complete() {
        return Vec::new();
    }
    let wanted = |live: &Live<'_>| {
        let key = live.key();
        view.observed.translation.guards.iter().any(|guard| guard.key == key)
    };
    let is_needed = |live: &Live<'_>| {
        let mut beside = view.workloads().filter(|workload| workload.namespace() == live.namespace());
        beside.any(|workload| guard::depends(workload, live.name()))
    };
    let guards = view.observed.owned().filter(Live::is_guard);
    guards
        .filter(|live| !live.is_deleting() && !wanted(live) && !is_needed(live))
        .map(steps::delete)
        .collect()
}
