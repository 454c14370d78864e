//! Workload objects go, and what they delivered stays.

use jiff::Timestamp;
use serde_json::json;

use super::steps::delete;
use super::{Step, records};
use crate::argo::Application;
use crate::argo::seconds;
use crate::flux::fields;
use crate::flux::{Live, naming};
use crate::mirror::Observed;
use crate::names;

/// Beginning of the request by which Flux says that it has seen the suspension; its time follows.
pub(super) const REQUEST: &str = "hand-back/";

/// The next step by which a workload object goes and leaves what it delivered: suspended first, deleted once Flux has let go
/// of it.
pub(super) fn leave(observed: &Observed, live: Live<'_>) -> Vec<Step> {
    if is_let_go(live) { remove(observed, live) } else { suspend(live, observed.now).into_iter().collect() }
}

/// Flux has looked at the suspended object, so nothing that it began before goes on: one object is reconciled by one
/// worker, and the answer to a request is written when that worker is done (helm-controller
/// `helmrelease_controller.go`, kustomize-controller `kustomization_controller.go`, both `Reconcile`).
pub(super) fn is_let_go(live: Live<'_>) -> bool {
    let asked = live.annotation(names::ANNOTATION_REQUESTED_AT);
    is_asked(live) && asked.is_some() && live.text(fields::LAST_HANDLED_RECONCILE_AT) == asked
}

pub(super) fn is_asked(live: Live<'_>) -> bool {
    live.is_suspended() && live.annotation(names::ANNOTATION_SUSPENDED) == Some(names::SUSPENDED_TO_HAND_BACK)
}

pub(super) fn suspend(live: Live<'_>, now: Timestamp) -> Option<Step> {
    let request = format!("{REQUEST}{}", seconds::text(now));
    let annotations = json!({
        names::ANNOTATION_SUSPENDED: names::SUSPENDED_TO_HAND_BACK,
        names::ANNOTATION_REQUESTED_AT: request,
    });
    let patch = json!({"metadata": {"annotations": annotations}, "spec": {"suspend": true}});
    (!is_asked(live)).then(|| Step::PatchObject { key: live.key(), patch })
}

/// A suspended object goes alone (helm-controller `reconcileDelete`, kustomize-controller `finalize`). What a
/// `HelmRelease` leaves behind goes before it: afterwards nobody would know of it.
pub(super) fn remove(observed: &Observed, live: Live<'_>) -> Vec<Step> {
    let chart = naming::chart_key(live).and_then(|key| observed.live(&key));
    let chart = chart.filter(|chart| !chart.is_deleting() && naming::is_made_for(live, *chart));
    let records = (!keeps_records(&observed.app)).then(|| records::delete(live)).flatten();
    records.into_iter().chain(chart.map(delete)).chain([delete(live)]).collect()
}

pub(super) fn keeps_records(app: &Application) -> bool {
    let outlives = app.is_bridged() && app.has_sync_option(names::OPTION_NO_DELETE);
    outlives || app.annotation(names::ANNOTATION_KEEP_RELEASE_RECORD) == Some("true")
}
