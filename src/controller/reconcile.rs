//! One Application: gather, plan, execute.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::runtime::controller::Action;
use tokio::sync::SemaphorePermit;

use super::Shared;
use super::execute::{ExecuteError, execute};
use super::gather::{Again, Gathered, gather};
use crate::argo::Application;
use crate::argo::seconds;
use crate::lookup::chain;
use crate::metrics::Outcome;
use crate::mirror::{Observed, Refusal};
use crate::panics::{self, Panic};
use crate::plan::{Step, hand_back, operation, panicked, plan, refresh};

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

/// How often each Application is looked at though nothing happens.
const RESYNC: Duration = Duration::from_secs(20 * 60);

/// How long a reconcile lingers for answers that are on their way, so that most questions take it no second turn. It holds no place
/// for that long.
const LINGER: Duration = Duration::from_millis(250);

/// Brings one Application one step closer to what it says.
pub(super) async fn reconcile(app: Arc<Application>, shared: Arc<Shared>) -> Result<Action, ReconcileError> {
    if !app.is_bridged() && !hand_back::is_due(&app) {
        shared.forget(&app);
        return Ok(Action::await_change());
    }
    if shared.stop.run_until_cancelled(shared.filled()).await.is_none() {
        return Ok(Action::await_change());
    }
    let _active = shared.metrics.reconciling();
    let begin = Instant::now();
    let result = match Box::pin(panics::caught(look(&shared, &app))).await {
        Ok(result) => result,
        Err(panic) => {
            shared.tell_of_panic(Arc::clone(&app), &panic).await;
            Err(ReconcileError::Panic(panic))
        }
    };
    // It may have gone while it was looked at: nothing is remembered of it then, whatever this look has left behind.
    if shared.cache.is_gone(&app) {
        shared.forget(&app);
    }
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

/// Reads what is known, decides, and writes.
async fn look(shared: &Shared, watched: &Arc<Application>) -> Result<Action, ReconcileError> {
    let Some((gathered, now, _turn)) = gathered(shared, watched).await else {
        return Ok(Action::await_change());
    };
    let Gathered { observed, again, open, flights } = gathered;
    let identity = observed.app.identity();
    for (flight, has_answer) in &flights {
        shared.lookups.wake(flight, &identity, *has_answer);
    }
    if !open.is_empty() {
        if let Some(step) = operation::beginning_alone(&observed) {
            execute(shared, &observed.app, &step).await?;
        }
        // Whoever answers wakes it.
        return Ok(again.delay().map_or_else(Action::await_change, Action::requeue));
    }
    let limit = shared.options.reconcile_timeout;
    let done = tokio::time::timeout(limit, carry_out(shared, &observed, again, now)).await;
    done.map_err(|_| ReconcileError::Timeout(limit))?.map_err(ReconcileError::from)
}

/// What is known of the Application, with the answers that come within a moment, when it was read, and the place to go on in. `None`:
/// the program ends, and whoever comes after it reads everything anew.
async fn gathered<'a>(
    shared: &'a Shared,
    watched: &Arc<Application>,
) -> Option<(Gathered, Timestamp, Option<SemaphorePermit<'a>>)> {
    let begin = Instant::now();
    loop {
        let turn = shared.stop.run_until_cancelled(shared.turn()).await?;
        // Argo CD's times are whole seconds: what is compared with them is too.
        let now = seconds::floor(Timestamp::now());
        let gathered = gather(shared, shared.cache.newest(watched), now);
        let left = LINGER.saturating_sub(begin.elapsed());
        if gathered.open.is_empty() || left.is_zero() {
            return Some((gathered, now, turn));
        }
        drop(turn);
        let any = futures::future::select_all(gathered.open.iter().map(|flight| Box::pin(flight.done())));
        // Answered or not, what is known is read again.
        let _ = tokio::time::timeout(left, any).await;
    }
}

async fn carry_out(
    shared: &Shared,
    observed: &Observed,
    mut again: Again,
    now: Timestamp,
) -> Result<Action, ExecuteError> {
    let identity = observed.app.identity();
    shared.memory.note_refused_by_policy(&identity, &observed.translation.refused);
    let plan = plan(observed);
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
    again.within(resync(&identity));
    Ok(again.delay().map_or_else(Action::await_change, Action::requeue))
}

/// When to look though nothing happened: a wake that got lost is made up for. Each Application at a time of its own, so that all of
/// them together are no burst.
fn resync(identity: &str) -> Duration {
    let spread = RESYNC.as_secs() / 4;
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    RESYNC + Duration::from_secs(hasher.finish() % spread)
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
