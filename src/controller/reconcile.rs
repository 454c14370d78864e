//! One Application: gather, plan, execute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::Shared;
use super::execute::{ExecuteError, execute};
use super::gather::{Gathered, chain, gather};
use crate::argo::Application;
use crate::argo::seconds;
use crate::metrics::Outcome;
use crate::mirror::Refusal;
use crate::panics::{self, Panic};
use crate::plan::{Step, hand_back, panicked, plan, refresh};

/// Why a reconcile is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// A step was not carried out.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The bridge itself is wrong.
    #[error(transparent)]
    Panic(#[from] Panic),
    /// It took too long.
    #[error("no end after {0:?}")]
    Timeout(Duration),
}

/// Brings one Application one step closer to what it says.
pub(super) async fn reconcile(app: Arc<Application>, shared: Arc<Shared>) -> Result<Action, ReconcileError> {
    if !app.is_bridged() && !hand_back::is_due(&app) {
        shared.forget(&app);
        return Ok(Action::await_change());
    }
    let begin = async {
        shared.filled().await;
        shared.turn().await
    };
    let Some(_turn) = shared.stop.run_until_cancelled(begin).await else { return Ok(Action::await_change()) };
    let _active = shared.metrics.reconciling();
    let begin = Instant::now();
    let limit = shared.options.reconcile_timeout;
    let looked = panics::caught(look(&shared, Arc::clone(&app)));
    let result = match Box::pin(tokio::time::timeout(limit, looked)).await {
        Ok(Ok(result)) => result.map_err(ReconcileError::from),
        Ok(Err(panic)) => {
            shared.tell_of_panic(app, &panic).await;
            Err(ReconcileError::Panic(panic))
        }
        Err(_) => Err(ReconcileError::Timeout(limit)),
    };
    let outcome = match &result {
        Ok(_) => Outcome::Ok,
        Err(ReconcileError::Execute(ExecuteError::Stale)) => Outcome::Conflict,
        Err(ReconcileError::Timeout(_)) => Outcome::Timeout,
        Err(ReconcileError::Execute(_) | ReconcileError::Panic(_)) => Outcome::Error,
    };
    shared.metrics.reconciled(outcome, begin.elapsed());
    result
}

impl Shared {
    /// One Application fails on a mistake of the bridge's: it says so, and nobody else notices.
    async fn tell_of_panic(&self, app: Arc<Application>, panic: &Panic) {
        let app = self.cache.application(app);
        let identity = app.identity();
        self.metrics.panicked("reconcile");
        tracing::error!(
            application = identity,
            place = panic.place,
            "a mistake of the bridge's: please report it"
        );
        let Some(step) = panicked::step(&app, &panic.to_string(), seconds::floor(Timestamp::now())) else {
            return;
        };
        if let Err(error) = execute(self, &app, &step).await {
            tracing::debug!(application = identity, error = chain(&error), "cannot be told of a panic");
        }
    }
}

async fn look(shared: &Shared, watched: Arc<Application>) -> Result<Action, ExecuteError> {
    let app = shared.cache.application(watched);
    let identity = app.identity();
    // Argo CD's times are whole seconds: what is compared with them is too.
    let now = seconds::floor(Timestamp::now());
    // Whoever comes after this process reads everything anew.
    let gathered = shared.stop.run_until_cancelled(Box::pin(gather(shared, app, now))).await;
    let Some(Gathered { observed, mut again }) = gathered else { return Ok(Action::await_change()) };
    shared.memory.note_refused_by_policy(&identity, &observed.translation.refused);
    let plan = plan(&observed);
    for step in &plan.steps {
        if shared.stop.is_cancelled() {
            return Ok(Action::await_change());
        }
        tracing::debug!(application = identity, step = step.name(), "step");
        if let Step::Requeue(delay) = step {
            again.within(*delay);
        }
        execute(shared, &observed.app, step).await.inspect_err(|error| {
            if let Some(message) = error.refusal() {
                shared.memory.refused(&identity, Refusal { message, at: now });
            }
        })?;
        if refresh::is_answer(step) {
            shared.memory.answered(&identity);
        }
    }
    shared.memory.succeeded(&identity, plan.state, &observed.translation.problems);
    shared.tell_census();
    shared.policies.wake();
    Ok(again.delay().map_or_else(Action::await_change, Action::requeue))
}

/// Each Application waits for itself: longer with every failure, from a fifth of a second to two minutes.
#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
pub(super) fn on_error(app: Arc<Application>, error: &ReconcileError, shared: Arc<Shared>) -> Action {
    let identity = app.identity();
    if matches!(error, ReconcileError::Execute(ExecuteError::Stale | ExecuteError::NotGone)) {
        // The event that made it stale may have been handled already.
        return Action::requeue(Duration::from_millis(500));
    }
    let delay = shared.memory.failed(&identity);
    tracing::warn!(application = identity, error = chain(error), ?delay, "will be tried again");
    Action::requeue(delay)
}
