//! `.operation` and `status.operationState`: begin, progress, end (argo-cd `controller/appcontroller.go`,
//! `processRequestedAppOperation`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Step;
use super::auto_sync::{self, Decision};
use super::retry::{self, Retry};
use super::sync::{self, Outcome};
use super::{guarded, marks, result};
use crate::argo::Application;
use crate::argo::operation::{InitiatedBy, Operation, OperationState, Phase};
use crate::argo::status::ApplicationStatus;
use crate::mirror::status::{self, Record};
use crate::mirror::{Observed, View, patch};
use crate::names;

/// What becomes of `.operation`.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationField {
    /// It stays as it is.
    Keep,
    /// The automated sync policy asks for this one.
    Set(Box<Operation>),
    /// It is done.
    Clear,
}

/// What there is to do about the current operation.
#[derive(Clone, Debug)]
pub struct Turn {
    /// An operation begins: that is recorded before anything is done.
    pub begins: bool,
    /// What is to be done for it.
    pub steps: Vec<Step>,
    /// What becomes of `.operation`.
    pub operation: OperationField,
    /// What the status says of it.
    pub record: Record,
    /// When to look again at the latest.
    pub requeue: Option<Duration>,
}

impl Turn {
    fn idle(last: Option<OperationState>, requeue: Option<Duration>) -> Self {
        let record = Record { operation_state: last, ..Record::default() };
        Self { begins: false, steps: Vec::new(), operation: OperationField::Keep, record, requeue }
    }

    /// An operation that somebody asked for runs on after this turn; it fetches the sources. An automated one does not,
    /// nor does one that waits for its next attempt, nor a dry run.
    pub fn is_fetching(&self) -> bool {
        let state = self.record.operation_state.as_ref();
        self.is_delivering()
            && state.is_some_and(|state| !state.operation.initiated_by.automated && !retry::is_waiting(state))
    }

    /// An operation that delivers runs on after this turn.
    pub fn is_delivering(&self) -> bool {
        let state = self.record.operation_state.as_ref();
        state.is_some_and(|state| !state.phase.is_completed() && !is_dry_run(&state.operation))
    }
}

/// The operation changes nothing.
pub(super) fn is_dry_run(operation: &Operation) -> bool {
    operation.sync.as_ref().is_some_and(|sync| sync.dry_run)
}

/// Decides about the current operation, the requested one, or none.
pub fn turn(view: &View<'_>) -> Turn {
    let app = &view.observed.app;
    let last = app.status.as_ref().and_then(|status| status.operation_state.clone());
    let running = last.clone().filter(|state| !state.phase.is_completed());
    match (&app.operation, running) {
        (Some(_), Some(state)) if state.phase == Phase::Terminating => {
            end(view, state, &Outcome::refused("Operation terminated"), OperationField::Clear)
        }
        (Some(_), Some(state)) => resume(view, state),
        (None, Some(state)) => end(
            view,
            state,
            &Outcome::refused("Operation terminated: somebody removed it"),
            OperationField::Keep,
        ),
        (Some(operation), None) => {
            proceed(view, begin(view.observed, operation.clone()), true, OperationField::Keep)
        }
        (None, None) => by_itself(view, last),
    }
}

/// What is recorded of an operation that somebody asked for while it is not known yet what it would deliver: that it runs, so that
/// it is seen and can be ended. What it does is decided when that is known.
pub fn beginning_alone(observed: &Observed) -> Option<Step> {
    let app = &observed.app;
    let operation = app.operation.clone()?;
    let last = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    if last.is_some_and(|last| !last.phase.is_completed()) {
        return None;
    }
    let mut state = begin(observed, operation);
    "waiting for what the sources render to".clone_into(&mut state.message);
    let change = patch::between(&json!(last), &patch::without_nulls(json!(state)))?;
    Some(Step::PatchApplication(guarded(app, json!({"status": {"operationState": change}}))))
}

fn by_itself(view: &View<'_>, last: Option<OperationState>) -> Turn {
    match auto_sync::decide(view) {
        Decision::Wait => Turn::idle(last, None),
        Decision::Later(delay) => Turn::idle(last, Some(delay)),
        Decision::Sync(operation) => begin_by_itself(view, operation),
    }
}

fn begin_by_itself(view: &View<'_>, operation: Box<Operation>) -> Turn {
    let state = begin(view.observed, (*operation).clone());
    proceed(view, state, true, OperationField::Set(operation))
}

fn begin(observed: &Observed, operation: Operation) -> OperationState {
    let started_at = beginning(observed.now, &operation.initiated_by);
    OperationState {
        operation: marks::marked(&observed.app, operation, started_at),
        phase: Phase::Running,
        message: String::new(),
        sync_result: None,
        started_at,
        finished_at: None,
        retry_count: 0,
    }
}

fn resume(view: &View<'_>, state: OperationState) -> Turn {
    match auto_sync::successor(view, &state.operation) {
        Some(operation) => begin_by_itself(view, Box::new(operation)),
        None if retry::is_waiting(&state) => wait(view, state),
        None => proceed(view, state, false, OperationField::Keep),
    }
}

/// An attempt has failed: the next one begins when it is due, unless Flux got there by itself.
fn wait(view: &View<'_>, mut state: OperationState) -> Turn {
    let mut tried = state.clone();
    tried.retry_count = tried.retry_count.saturating_sub(1);
    let progress = sync::advance(view, &tried);
    if let Some(outcome) = progress.outcome.filter(|outcome| outcome.phase == Phase::Succeeded) {
        let mut turn = end(view, state, &outcome, OperationField::Clear);
        turn.steps = progress.steps;
        return turn;
    }
    let retry = match Retry::of(&state.operation) {
        Ok(retry) => retry,
        Err(why) => return end(view, state, &Outcome::refused(why), OperationField::Clear),
    };
    let due = retry.due(state.finished_at.unwrap_or(state.started_at), state.retry_count);
    if let Ok(rest) = Duration::try_from(due.duration_since(view.observed.now))
        && !rest.is_zero()
    {
        return Turn::idle(Some(state), Some(rest));
    }
    let mut latest = "";
    if retry.refresh
        && let Some(sync) = &mut state.operation.sync
    {
        sync.revision.clear();
        sync.revisions.clear();
        latest = " with latest revisions";
    }
    state.message = format!("Retrying operation{latest}. Attempt #{}", state.retry_count);
    state.finished_at = None;
    // Argo CD has no result at all here, and tells of bad health once more, that of no revision (`on-health-degraded`).
    state.sync_result = Some(result::of(view, &state, None));
    // Recorded first: the requests of this attempt are marked by its number.
    Turn { begins: true, ..Turn::idle(Some(state), None) }
}

/// A `RollingSync` goes on once its operation is seen to have begun after the whole second in which it was asked for
/// (argo-cd `applicationset/progressivesync/progressive_sync.go`, `UpdateApplicationSetApplicationStatus`): one that
/// begins in that very second would leave its step Pending, and be asked for a second time.
fn beginning(now: Timestamp, by: &InitiatedBy) -> Timestamp {
    if by.username == names::APPLICATION_SET_CONTROLLER { now + SignedDuration::from_secs(1) } else { now }
}

fn proceed(view: &View<'_>, mut state: OperationState, begins: bool, field: OperationField) -> Turn {
    let mut progress = sync::advance(view, &state);
    if begins && is_dry_run(&state.operation) && !progress.steps.is_empty() {
        // What the API server says counts from the beginning on, which has to be known first.
        progress = sync::Progress { message: "trying each object".to_owned(), ..sync::Progress::default() };
    }
    if let Some(outcome) = progress.outcome {
        let mut turn = try_again_or_end(view, state, &outcome, field);
        turn.steps = progress.steps;
        return turn;
    }
    state.message = progress.message;
    state.sync_result = Some(result::of(view, &state, None));
    let record = Record { operation_state: Some(state), ..Record::default() };
    Turn { begins, steps: progress.steps, operation: field, record, requeue: None }
}

/// The end, unless the operation is to be tried again; `field` is what keeps the request there until then.
fn try_again_or_end(
    view: &View<'_>,
    mut state: OperationState,
    outcome: &Outcome,
    field: OperationField,
) -> Turn {
    let is_requested = view.observed.app.operation.is_some();
    let clear = if is_requested { OperationField::Clear } else { OperationField::Keep };
    if outcome.phase == Phase::Succeeded || outcome.is_final {
        return end(view, state, outcome, clear);
    }
    let retry = match Retry::of(&state.operation) {
        Ok(retry) if retry.allows(state.retry_count) => retry,
        Ok(_) => return end(view, state, outcome, clear),
        Err(why) => {
            let message = format!("{} (failed to retry: {why})", outcome.message);
            let outcome = Outcome { phase: Phase::Error, ..Outcome::refused(message) };
            return end(view, state, &outcome, clear);
        }
    };
    let now = view.observed.now;
    state.retry_count = state.retry_count.saturating_add(1);
    let due = retry.due(now, state.retry_count);
    state.message = retry::announced(&outcome.message, state.retry_count, due);
    // An end on an operation that runs: it waits for its next attempt.
    state.finished_at = Some(now);
    state.sync_result = Some(result::of(view, &state, Some(outcome)));
    let rest = Duration::try_from(due.duration_since(now)).ok();
    Turn { operation: field, ..Turn::idle(Some(state), rest) }
}

fn end(view: &View<'_>, mut state: OperationState, outcome: &Outcome, operation: OperationField) -> Turn {
    let now = view.observed.now.max(state.started_at);
    state.phase = outcome.phase.clone();
    state.message.clone_from(&outcome.message);
    if state.retry_count > 0 && outcome.phase != Phase::Succeeded {
        state.message = format!("{} (retried {} times).", state.message, state.retry_count);
    }
    state.finished_at = Some(now);
    state.sync_result = Some(result::of(view, &state, Some(outcome)));
    let is_delivery = outcome.phase == Phase::Succeeded && is_delivery(&state.operation);
    let delivered = is_delivery.then(|| status::entry(&view.observed.app, &state, view.revisions(), now));
    let record = Record { operation_state: Some(state), delivered, ..Record::default() };
    Turn { begins: false, steps: Vec::new(), operation, record, requeue: None }
}

/// It leaves an entry in the history (argo-cd `controller/state.go`, `persistRevisionHistory`).
fn is_delivery(operation: &Operation) -> bool {
    let is_partial = operation.sync.as_ref().is_some_and(|sync| !sync.resources.is_empty());
    !is_partial && !is_dry_run(operation) && !auto_sync::is_heal(operation)
}

/// The event of an operation that just ended, as Argo CD emits it (`util/argo/audit_logger.go`).
pub fn events(app: &Application, desired: &ApplicationStatus) -> Option<Step> {
    let ended = desired.operation_state.as_ref().filter(|state| state.phase.is_completed())?;
    let before = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    if before.is_some_and(|before| before.phase.is_completed() && before.finished_at == ended.finished_at) {
        return None;
    }
    Some(Step::EmitEvent {
        is_warning: ended.phase != Phase::Succeeded,
        reason: "OperationCompleted",
        message: match ended.phase {
            Phase::Succeeded => format!("Sync operation succeeded: {}", ended.message),
            _ => format!("Sync operation failed: {}", ended.message),
        },
    })
}
