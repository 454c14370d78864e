//! The way in: stock Argo CD lets go of an Application, then the bridge takes it up.
//!
//! The stamp keeps stock Argo CD from beginning anything; what it has begun, or has in its queues, runs once more without
//! a look at the stamp (argo-cd `controller/appcontroller.go`, `processAppRefreshQueueItem` and
//! `processAppOperationQueueItem`). So the bridge waits until the last trace of its work is some seconds old, and then
//! clears away what the status says of that work. An operation that it left behind is begun anew, by the bridge.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::State;
use super::steps::{guarded, terminated};
use super::{Plan, Step};
use crate::argo::Application;
use crate::argo::operation::Phase;
use crate::argo::status::{ApplicationStatus, ResourceStatus, seconds};
use crate::merge::deep_merge;
use crate::mirror::{Observed, Resource, View};
use crate::names;

/// How long stock Argo CD is waited for after its last trace.
const GRACE: Duration = Duration::from_secs(10);
/// The end of the names of Flux's API groups.
const FLUX_GROUPS: &str = ".toolkit.fluxcd.io";

/// Older clusters, or a missing admission policy: the stamp comes late, and the event says so. Its mark is the time, which
/// the delivery waits from.
pub(super) fn stamp(observed: &Observed) -> Plan {
    let annotations = json!({
        names::ANNOTATION_SKIP_RECONCILE: "true",
        names::ANNOTATION_STAMPED: seconds::text(observed.now),
    });
    let stamp =
        Step::PatchApplication(guarded(&observed.app, json!({"metadata": {"annotations": annotations}})));
    let event = Step::EmitEvent {
        is_warning: true,
        reason: "TakenOverLate",
        message: "stock Argo CD saw this Application before it was stamped (install the MutatingAdmissionPolicy of \
                  manifests/, which stamps at admission)"
            .to_owned(),
    };
    Plan { steps: vec![stamp, event], state: State::Adopting, status: None }
}

/// What comes before anything else is done about an Application that stock Argo CD has worked on; `None`: nothing.
pub(super) fn plan(view: &View<'_>) -> Option<Plan> {
    let app = &view.observed.app;
    let left = app.status.as_ref().filter(|status| is_stocks(view, status));
    let traces = left.into_iter().flat_map(traces).chain(stamped_late(app));
    let wait = traces.filter_map(|trace| remaining(trace, view.observed.now)).max();
    let steps = match (wait, left) {
        (Some(wait), _) => vec![Step::Requeue(wait)],
        (None, Some(status)) => take_over(view.observed, status),
        (None, None) => return None,
    };
    Some(Plan { steps, state: State::Adopting, status: None })
}

/// The status lists what stock Argo CD delivered, nothing of what the bridge would, and there is nothing of the bridge's.
fn is_stocks(view: &View<'_>, status: &ApplicationStatus) -> bool {
    let is_flux_s = |found: &ResourceStatus| found.group.ends_with(FLUX_GROUPS);
    let is_ours = |found: &ResourceStatus| match view.resources.as_slice() {
        // Nothing is known of what is wanted: something stands in the way.
        [] => is_flux_s(found),
        wanted => wanted.iter().any(|wanted| is_same(found, wanted)),
    };
    !status.resources.is_empty()
        && view.observed.owned().next().is_none()
        && !status.resources.iter().any(is_ours)
}

fn is_same(found: &ResourceStatus, wanted: &Resource<'_>) -> bool {
    let key = &wanted.key;
    (found.group.as_str(), found.kind.as_str(), found.namespace.as_str(), found.name.as_str())
        == (key.kind.group(), key.kind.kind(), key.namespace.as_str(), key.name.as_str())
}

/// When stock Argo CD is known to have been at work.
fn traces(status: &ApplicationStatus) -> impl Iterator<Item = Timestamp> {
    let operation = status.operation_state.as_ref();
    let operation = operation.map(|operation| operation.finished_at.unwrap_or(operation.started_at));
    status.reconciled_at.into_iter().chain(operation)
}

fn stamped_late(app: &Application) -> Option<Timestamp> {
    app.annotation(names::ANNOTATION_STAMPED)?.parse().ok()
}

/// How much of the grace is left after `trace`; a time far ahead is a clock that is wrong.
fn remaining(trace: Timestamp, now: Timestamp) -> Option<Duration> {
    let age = now.duration_since(trace);
    let rest = jiff::SignedDuration::try_from(GRACE).ok()? - age;
    let rest = rest.unsigned_abs();
    (age.unsigned_abs() < GRACE && !rest.is_zero()).then_some(rest)
}

/// What the status says of stock Argo CD's work would be taken for the bridge's: that the revision is delivered, that an
/// operation is under way. Its history stays, and so does a request that waits.
fn take_over(observed: &Observed, status: &ApplicationStatus) -> Vec<Step> {
    let app = &observed.app;
    let mut change = json!({"status": {"resources": null, "conditions": null, "reconciledAt": null}});
    deep_merge(&mut change, operation(observed, status));
    let then = match app.automated() {
        Some(_) => "Flux takes over what it delivered",
        None => "what it delivered goes on running, and Flux takes it over with the next Sync",
    };
    let event = Step::EmitEvent {
        is_warning: false,
        reason: "TakenOver",
        message: format!("stock Argo CD has let go of this Application: {then}"),
    };
    vec![Step::PatchApplication(guarded(app, change)), event]
}

/// An operation that was to end ends here; one that was running is still asked for, and begins anew.
fn operation(observed: &Observed, status: &ApplicationStatus) -> Value {
    let is_terminating =
        status.operation_state.as_ref().is_some_and(|operation| operation.phase == Phase::Terminating);
    if is_terminating { terminated(observed.now) } else { json!({"status": {"operationState": null}}) }
}
