//! Health of the Flux objects of an Application.

use super::leg::Leg;
use super::view::View;
use super::workload::{self, WorkloadState};
use super::{health, source};
use crate::argo::status::HealthStatus;
use crate::flux::Live;

/// Health of one live object. While an operation runs (`is_operating`) that is about to apply another wish than the one
/// that failed, or to try once more with the kinds that the chart has defined meanwhile, what is said of that one is over,
/// and must not be told of the revision that the operation is about.
pub(super) fn told_health(view: &View<'_>, live: Live<'_>, is_operating: bool) -> HealthStatus {
    let is_failed = |leg: &Leg<'_>| matches!(leg.workload, WorkloadState::Failed(_));
    let is_renewing = |leg: &Leg<'_>| is_failed(leg) && (leg.is_outdated() || workload::lacks_kinds(live));
    if is_operating && view.leg_of(&live.key()).is_some_and(is_renewing) {
        health::of_workload(&WorkloadState::Progressing("about to be applied".to_owned()))
    } else {
        live_health(view, live)
    }
}

/// Health of one live object, in the light of what it is built from.
pub(super) fn live_health(view: &View<'_>, live: Live<'_>) -> HealthStatus {
    let is = |part: Option<Live<'_>>| part.is_some_and(|part| part.key() == live.key());
    let found = view.fetched().into_iter().find(|(source, _)| is(*source));
    if let Some(leg) = view.legs.iter().find(|leg| is(leg.parts.workload)) {
        health::of_workload(&leg.workload)
    } else if let Some((_, state)) = found {
        health::of_source(state)
    } else if live.kind.is_workload() {
        health::of_workload(&workload::state(Some(live), &source::SourceState::Ready))
    } else {
        health::of_source(&source::state(Some(live), None))
    }
}
