//! What is to be done for one Application, as data. Pure: no `async`, client, clock, environment or file access.
//!
//! [`plan`] turns everything that was observed into [`Step`]s. They can be performed in order, stopped after any of
//! them and planned anew: the end is the same.

mod adoption;
pub mod auto_sync;
mod chatter;
pub mod check;
mod decision;
pub mod deletion;
mod dry_run;
pub mod gate;
mod guard;
pub mod hand_back;
mod handover;
mod kept;
mod leave;
pub mod marks;
pub mod operation;
pub mod panicked;
mod records;
mod refetch;
pub mod refresh;
mod replaced;
mod request;
pub mod result;
pub mod retry;
mod secrets;
mod selection;
pub mod state;
pub mod step;
mod steps;
pub mod sync;
mod take_over;
pub mod upkeep;
pub mod wish;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use decision::Plan;
pub use state::State;
pub use step::Step;

use crate::adopt;
use crate::argo::operation::Phase;
use crate::argo::status::ApplicationStatus;
use crate::argo::{Application, seconds};
use crate::flux::ObjectKey;
use crate::mirror::{Observed, Tree, View, ownership, patch, status};
use operation::{OperationField, Turn};
use steps::guarded;

/// Decides what is to be done.
pub fn plan(observed: &Observed) -> Plan {
    let app = &observed.app;
    if hand_back::is_due(app) {
        return hand_back::plan(observed);
    }
    if !app.is_bridged() {
        return Plan::nothing(State::Ignored);
    }
    if app.is_deleting() {
        return deletion::plan(observed);
    }
    if !app.is_skipped_by_argo() {
        return take_over::stamp(observed);
    }
    let view = View::of(observed);
    if let Some(plan) = take_over::plan(&view) {
        return plan;
    }
    let adoption = adopt::wished(&view);
    if let Some(steps) = adoption::steps(&view, adoption.as_ref()) {
        return Plan { steps, state: State::OutOfSync, status: None };
    }
    // While an operation runs, what it wants is what counts for it; the status goes on to compare with the spec.
    let wished = observed.as_wished();
    let other = wished.as_ref().map(View::of);
    let wished = other.as_ref().unwrap_or(&view);
    let mut turn = operation::turn(wished);
    turn.record.unkept_edits = adoption.and_then(Result::err).map(|refusal| refusal.to_string());
    let answer = refresh::answer(&view, turn.is_fetching());
    let is_dry =
        turn.record.operation_state.as_ref().is_some_and(|state| operation::is_dry_run(&state.operation));
    let upkeep = upkeep::steps(if is_dry { &view } else { wished }, turn.is_delivering());
    assemble(&view, turn, answer, upkeep)
}

/// Whether the decision about `app` may wait a moment for answers that are on their way: not where something ends. That never
/// needs to know what would be delivered.
pub fn may_wait(app: &Application) -> bool {
    let phase =
        app.status.as_ref().and_then(|status| status.operation_state.as_ref()).map(|state| &state.phase);
    let is_ending = app.is_deleting() || hand_back::is_due(app) || phase == Some(&Phase::Terminating);
    app.is_bridged() && app.is_skipped_by_argo() && !is_ending
}

/// Puts the steps in order: a beginning operation is recorded before anything is done about it, and so is an object before it is
/// applied for the first time; everything else after.
///
/// What the API server refused is told first, too: a plan ends where a step is refused again.
fn assemble(view: &View<'_>, turn: Turn, answer: refresh::Answer, upkeep: Vec<Step>) -> Plan {
    let Turn { begins, mut steps, operation, record, requeue } = turn;
    let tree = Tree::of(view);
    let mut desired = status::desired(view, &tree, record);
    let state = State::of(view, &desired);
    let unlisted = unlisted(view, upkeep.iter().chain(&steps));
    desired.resources = status::with_keys(desired.resources, &unlisted);
    let write = application_patch(view, &mut desired, operation, answer.is_done, !unlisted.is_empty());
    let later = write.is_none().then(|| chatter::delay(view.observed, &desired)).flatten();
    let mut events = operation::events(&view.observed.app, &desired);

    let mut all = vec![Step::write_cache(view, &tree, answer.is_done)];
    let mut write = write.map(Step::PatchApplication);
    if begins || !unlisted.is_empty() || view.observed.refusal.is_some() {
        all.extend(write.take());
        all.extend(events.take());
    }
    // The operation may want what is kept up anyway: the namespace, the end of stale objects.
    steps.retain(|step| !upkeep.contains(step));
    all.extend(upkeep);
    all.append(&mut steps);
    all.extend(answer.steps);
    all.extend(write);
    all.extend(events);
    let looks = requeue.into_iter().chain(answer.requeue).chain(later).chain(gate::next_look(view));
    all.extend(looks.map(Step::Requeue));
    Plan { steps: all, state, status: Some(desired) }
}

/// What is about to be applied and is not listed in the status yet. It is listed first: an object counts as the Application's
/// in its present namespace and wherever the status lists it, and the next look may find another destination
/// (`mirror/ownership.rs`). In Argo CD's own namespace everything counts.
fn unlisted<'a>(view: &View<'_>, steps: impl Iterator<Item = &'a Step>) -> Vec<ObjectKey> {
    let Observed { app, control_namespace, .. } = view.observed;
    let applied = steps.filter_map(|step| match step {
        Step::ApplyObject(manifest) => Some(&manifest.key),
        _ => None,
    });
    let is_unlisted =
        |key: &&ObjectKey| key.namespace != *control_namespace && !ownership::is_listed(app, key);
    applied.filter(is_unlisted).cloned().collect()
}

/// The merge patch of the Application; `None` when nothing changes, or nothing but words that can wait, unless `is_due`.
fn application_patch(
    view: &View<'_>,
    desired: &mut ApplicationStatus,
    operation: OperationField,
    is_refreshed: bool,
    is_due: bool,
) -> Option<Value> {
    let app = &view.observed.app;
    let mut fields = Map::new();
    if is_refreshed {
        fields.insert("metadata".into(), json!({"annotations": refresh::removal(app)}));
    }
    match operation {
        OperationField::Keep => {}
        OperationField::Set(operation) => {
            // It may take the place of another one, of which nothing must be left.
            let change = patch::between(&json!(app.operation), &patch::without_nulls(json!(operation)));
            fields.extend(change.map(|change| ("operation".to_owned(), change)));
        }
        OperationField::Clear => {
            fields.insert("operation".into(), Value::Null);
        }
    }
    let status = app.status.as_ref().map_or(Value::Null, |status| patch::without_nulls(json!(status)));
    let change = patch::between(&status, &patch::without_nulls(json!(desired)));
    let is_waiting = !is_due && chatter::delay(view.observed, desired).is_some();
    if fields.is_empty() && (change.is_none() || is_waiting) {
        return None;
    }
    // Later than or equal to `finishedAt`, or notifications and `argocd app wait` never see the end of an operation
    // (argo-cd notification_controller/controller/controller.go, cmd/argocd/commands/app.go).
    let reconciled_at = reconciled_at(view, desired);
    desired.reconciled_at = Some(reconciled_at);
    let mut change = change.unwrap_or_else(|| json!({}));
    patch::merge(&mut change, &json!({"reconciledAt": seconds::text(reconciled_at)}));
    fields.insert("status".into(), change);
    Some(guarded(app, Value::Object(fields)))
}

/// Now, but never before what the status tells of: an operation may be dated to the next second.
fn reconciled_at(view: &View<'_>, desired: &ApplicationStatus) -> Timestamp {
    let operation = desired.operation_state.as_ref();
    let told = operation.map(|operation| operation.finished_at.unwrap_or(operation.started_at));
    told.unwrap_or(view.observed.now).max(view.observed.now)
}
