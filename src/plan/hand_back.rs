//! The way back: an Application that carries the bridge's stamp and no longer the option becomes stock Argo CD's again.
//!
//! The workload objects go without what they delivered: suspended, let go of by Flux, deleted. Until then each of them
//! holds everything that is still to be done for it, so that whoever is killed on the way is followed by somebody who
//! knows. The sources go next, the stamp last: two deliver at no time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::leave::{REQUEST, keeps_records, leave};
use super::state::State;
use super::steps::{self, guarded, terminated};
use super::{Plan, Step, deletion, refresh, secrets};
use crate::argo::Application;
use crate::argo::operation::{Operation, OperationState, Phase};
use crate::flux::Live;
use crate::merge::deep_merge;
use crate::mirror::{Observed, conditions};
use crate::names;
/// How long Flux may take before the Application says what it is waiting for.
const PATIENCE: Duration = Duration::from_secs(15);

/// The bridge's stamp is on an Application that no longer asks for the bridge. A stamp without the bridge's mark is
/// somebody's own wish and no business of the bridge's.
pub fn is_due(app: &Application) -> bool {
    !app.is_bridged() && app.annotation(names::ANNOTATION_STAMPED).is_some()
}

/// The steps towards a plain Application.
pub fn plan(observed: &Observed) -> Plan {
    if is_to_be_uninstalled(observed) {
        return deletion::plan(observed);
    }
    let steps = if workloads(observed).next().is_some() {
        release(observed)
    } else if observed.owned().next().is_some() {
        observed.owned().filter(|live| !live.is_deleting()).map(steps::delete).collect()
    } else if !observed.secrets.is_empty() {
        secrets::delete_all(observed)
    } else {
        finish(observed)
    };
    Plan { steps, state: State::HandingBack, status: None }
}

/// It is deleted with everything that it delivered, and Flux can still see to that; what Flux has let go of is left to
/// stock Argo CD's own finalizer.
fn is_to_be_uninstalled(observed: &Observed) -> bool {
    let is_flux_s = |live: Live<'_>| !(live.is_deleting() && live.is_suspended());
    observed.app.is_deleting() && observed.app.cascades() && workloads(observed).any(is_flux_s)
}

fn workloads(observed: &Observed) -> impl Iterator<Item = Live<'_>> {
    observed.owned().filter(|live| live.kind.is_workload())
}

/// Workload objects: each one suspended, and gone once Flux has let go of it.
fn release(observed: &Observed) -> Vec<Step> {
    let mut steps: Vec<Step> = workloads(observed)
        .filter(|live| !live.is_deleting())
        .flat_map(|live| leave(observed, live))
        .collect();
    if steps.is_empty() || observed.refusal.is_some() {
        steps.splice(0..0, report(observed));
        steps.push(Step::Requeue(PATIENCE));
    }
    steps
}

/// The stamp goes, and of the status what stock Argo CD could take for its own.
fn finish(observed: &Observed) -> Vec<Step> {
    let app = &observed.app;
    let mut annotations = json!({names::ANNOTATION_STAMPED: null});
    if app.is_skipped_by_argo() {
        deep_merge(&mut annotations, json!({names::ANNOTATION_SKIP_RECONCILE: null}));
    }
    let mut change = json!({"metadata": {"annotations": annotations}});
    if let Some(status) = &app.status {
        deep_merge(
            &mut change,
            json!({"status": {
                "conditions": conditions::merged(&status.conditions, Vec::new(), observed.now),
                // It compares anew at once what has never been compared (argo-cd `controller/appcontroller.go`,
                // `needRefreshAppStatus`), and syncs by itself what it has never tried (`alreadyAttemptedSync`).
                "sync": {"status": "Unknown", "comparedTo": null},
                "reconciledAt": null,
                "resources": null,
                "resourceHealthSource": null,
            }}),
        );
    }
    deep_merge(&mut change, operation(observed));
    let records = if keeps_records(app) { "; its Helm release record was kept" } else { "" };
    let event = Step::EmitEvent {
        is_warning: false,
        reason: "HandedBack",
        message: format!(
            "stock Argo CD delivers this Application from now on; its Flux objects are gone{records}"
        ),
    };
    vec![steps::confirm_gone(app), Step::PatchApplication(guarded(app, change)), event]
}

/// What somebody asked for is not lost: stock Argo CD finds it pending and carries it out. What the bridge asked of itself
/// goes, and so does what somebody asked to stop.
fn operation(observed: &Observed) -> Value {
    let app = &observed.app;
    let state = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    let is_terminating = |state: &&OperationState| state.phase == Phase::Terminating;
    // An ApplicationSet's rollout calls itself automated, too, and gives its name.
    let is_automated = |operation: &Operation| {
        operation.initiated_by.automated && operation.initiated_by.username.is_empty()
    };
    match (&app.operation, state) {
        (_, Some(state)) if is_terminating(&state) => terminated(observed.now),
        (Some(operation), _) if !is_automated(operation) => json!({"status": {"operationState": null}}),
        (None, None) => json!({}),
        _ => json!({"operation": null, "status": {"operationState": null}}),
    }
}

/// What the hand-back has been waiting for, or cannot do; the patch of the Application if that is news. Whoever asks for a
/// refresh meanwhile is not kept waiting: there is nothing to compare with.
fn report(observed: &Observed) -> Option<Step> {
    let app = &observed.app;
    let before = app.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    let desired = conditions::merged(&before, obstacles(observed), observed.now);
    let asked = refresh::removal(app);
    let mut change = json!({});
    if desired != before {
        deep_merge(&mut change, json!({"status": {"conditions": desired}}));
    }
    if asked != json!({}) {
        deep_merge(&mut change, json!({"metadata": {"annotations": asked}}));
    }
    (change != json!({})).then(|| Step::PatchApplication(guarded(app, change)))
}

fn obstacles(observed: &Observed) -> Vec<(&'static str, String)> {
    let waits = workloads(observed)
        .filter(|live| is_overdue(*live, observed.now))
        .map(|live| format!("waiting for Flux to let go of {} (does its controller run?)", live.key()));
    let way_out = names::ANNOTATION_KEEP_RELEASE_RECORD;
    let refused = observed
        .refusal
        .iter()
        .map(|refusal| format!("{} (grant it, or set the annotation {way_out}: \"true\")", refusal.message));
    let obstacles = refused.chain(waits);
    obstacles
        .map(|what| (conditions::HAND_BACK_WARNING, format!("not stock Argo CD's again yet: {what}")))
        .collect()
}

fn is_overdue(live: Live<'_>, now: Timestamp) -> bool {
    let asked = live.annotation(names::ANNOTATION_REQUESTED_AT).and_then(|asked| asked.strip_prefix(REQUEST));
    let since: Option<Timestamp> = asked.and_then(|time| time.parse().ok());
    since.is_some_and(|since| now.duration_since(since).unsigned_abs() >= PATIENCE)
}
