//! `.operation` and `status.operationState`: begin, progress, end (argo-cd `controller/appcontroller.go`,
//! `processRequestedAppOperation`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Step;
use super::auto_sync::{self, Decision};
use super::result;
use super::sync::{self, Outcome};
use crate::argo::Application;
use crate::argo::operation::{InitiatedBy, Operation, OperationState, Phase};
use crate::argo::status::ApplicationStatus;
use crate::mirror::View;
use crate::mirror::status::{self, Record};
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
        let record = Record { operation_state: last, delivered: None };
        Self { begins: false, steps: Vec::new(), operation: OperationField::Keep, record, requeue }
    }

    /// An operation that somebody asked for runs on after this turn; it fetches the sources, an automated one does not.
    pub fn is_fetching(&self) -> bool {
        let state = self.record.operation_state.as_ref();
        self.is_running() && state.is_some_and(|state| !state.operation.initiated_by.automated)
    }

    /// An operation runs on after this turn.
    pub fn is_running(&self) -> bool {
        self.record.operation_state.as_ref().is_some_and(|state| !state.phase.is_completed())
    }
}

/// Decides about the current operation, the requested one, or none.
pub fn turn(view: &View<'_>) -> Turn {
    let app = &view.observed.app;
    let last = app.status.as_ref().and_then(|status| status.operation_state.clone());
    let running = last.clone().filter(|state| !state.phase.is_completed());
    match (&app.operation, running) {
        (Some(_), Some(state)) if state.phase == Phase::Terminating => {
            end(view, state, &Outcome::failed("Operation terminated"), OperationField::Clear)
        }
        (Some(_), Some(state)) => proceed(view, state, false, OperationField::Keep),
        (None, Some(state)) => end(
            view,
            state,
            &Outcome::failed("Operation terminated: somebody removed it"),
            OperationField::Keep,
        ),
        (Some(operation), None) => proceed(view, begin(view, operation.clone()), true, OperationField::Keep),
        (None, None) => by_itself(view, last),
    }
}

fn by_itself(view: &View<'_>, last: Option<OperationState>) -> Turn {
    match auto_sync::decide(view) {
        Decision::Wait => Turn::idle(last, None),
        Decision::Later(delay) => Turn::idle(last, Some(delay)),
        Decision::Sync(operation) => {
            let state = begin(view, (*operation).clone());
            proceed(view, state, true, OperationField::Set(operation))
        }
    }
}

fn begin(view: &View<'_>, operation: Operation) -> OperationState {
    let started_at = beginning(view, &operation.initiated_by);
    OperationState {
        operation,
        phase: Phase::Running,
        message: String::new(),
        sync_result: None,
        started_at,
        finished_at: None,
        retry_count: 0,
    }
}

/// A `RollingSync` goes on once its operation is seen to have begun after the whole second in which it was asked for
/// (argo-cd `applicationset/progressivesync/progressive_sync.go`, `UpdateApplicationSetApplicationStatus`): one that
/// begins in that very second would leave its step Pending, and be asked for a second time.
fn beginning(view: &View<'_>, by: &InitiatedBy) -> Timestamp {
    let now = view.observed.now;
    if by.username == names::APPLICATION_SET_CONTROLLER { now + SignedDuration::from_secs(1) } else { now }
}

fn proceed(view: &View<'_>, mut state: OperationState, begins: bool, field: OperationField) -> Turn {
    let progress = sync::advance(view, &state);
    if let Some(outcome) = progress.outcome {
        let field =
            if view.observed.app.operation.is_some() { OperationField::Clear } else { OperationField::Keep };
        let mut turn = end(view, state, &outcome, field);
        turn.steps = progress.steps;
        return turn;
    }
    state.message = progress.message;
    state.sync_result = Some(result::of(view, &state, None));
    let record = Record { operation_state: Some(state), delivered: None };
    Turn { begins, steps: progress.steps, operation: field, record, requeue: None }
}

fn end(view: &View<'_>, mut state: OperationState, outcome: &Outcome, operation: OperationField) -> Turn {
    let now = view.observed.now.max(state.started_at);
    state.phase = outcome.phase.clone();
    state.message.clone_from(&outcome.message);
    state.finished_at = Some(now);
    state.sync_result = Some(result::of(view, &state, Some(outcome)));
    let is_delivery = outcome.phase == Phase::Succeeded && !auto_sync::is_heal(&state.operation);
    let delivered =
        is_delivery.then(|| status::entry(&view.observed.app, &state, &view.delivery.available, now));
    let record = Record { operation_state: Some(state), delivered };
    Turn { begins: false, steps: Vec::new(), operation, record, requeue: None }
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
