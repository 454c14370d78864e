//! The answer to a refresh: the sources are fetched anew, then the annotations that asked for it go.
//!
//! argo-cd's server blocks until they are gone (`server/application/application.go`, `Get`), so the answer is never
//! held back for long by a repository that does not answer.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Step;
use crate::argo::Application;
use crate::flux::fields;
use crate::flux::{FluxKind, Live};
use crate::mirror::{SourceState, View, source};
use crate::names;

/// How long an answer may wait for the sources.
const PATIENCE: Duration = Duration::from_secs(15);

/// What there is to do about a refresh.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Requests to the sources.
    pub steps: Vec<Step>,
    /// The refresh is answered: its annotations go.
    pub is_done: bool,
    /// When to look again at the latest.
    pub requeue: Option<Duration>,
}

/// The annotations that asked, each with `null`.
pub fn removal(app: &Application) -> Value {
    let asked = [names::ANNOTATION_REFRESH, names::ANNOTATION_HYDRATE];
    let present = asked.into_iter().filter(|key| app.annotation(key).is_some());
    Value::Object(present.map(|key| (key.to_owned(), Value::Null)).collect::<Map<_, _>>())
}

/// Whether the step answers a refresh: it takes away the annotation that asked.
pub fn is_answer(step: &Step) -> bool {
    let Step::PatchApplication(patch) = step else { return false };
    let annotation =
        patch.pointer("/metadata/annotations").and_then(|all| all.get(names::ANNOTATION_REFRESH));
    annotation.is_some_and(Value::is_null)
}

/// What there is to do; `is_fetching`: an operation runs that has the sources fetched anew by itself.
pub fn answer(view: &View<'_>, is_fetching: bool) -> Answer {
    let Some(refresh) = &view.observed.refresh else { return Answer::default() };
    let done = Answer { is_done: true, ..Answer::default() };
    let waited = view.observed.now.duration_since(refresh.since).unsigned_abs();
    let is_foreign = view.foreign().next().is_some();
    // What the project refuses it has no say in either: the objects may be those of another team.
    let is_refused = !view.violations.is_empty();
    if is_fetching || is_foreign || is_refused || waited >= PATIENCE {
        return done;
    }
    let fetched = view.fetched().into_iter().filter_map(|(live, state)| Some((live?, state)));
    let pending = fetched
        .filter(|(live, _)| !live.is_static() && !live.is_suspended())
        .filter(|(live, state)| !is_answered(*live, state, &refresh.token));
    let (charts, sources): (Vec<_>, Vec<_>) =
        pending.map(|(live, _)| live).partition(|live| live.kind == FluxKind::HelmChart);
    // Charts after their repositories: they are built from the index that was fetched last.
    let pending = if sources.is_empty() { charts } else { sources };
    if pending.is_empty() {
        return done;
    }
    Answer {
        steps: pending
            .into_iter()
            .filter(|live| may_be_asked(*live))
            .filter_map(|live| request(live, &refresh.token))
            .collect(),
        is_done: false,
        requeue: Some(PATIENCE.saturating_sub(waited)),
    }
}

fn is_answered(live: Live<'_>, state: &SourceState, token: &str) -> bool {
    live.text(fields::LAST_HANDLED_RECONCILE_AT) == Some(token) && !matches!(state, SourceState::Fetching(_))
}

/// Whether a request may be made of a source now.
///
/// source-controller that is asked while it replaces an artifact in place begins anew at once, perhaps with the status of
/// before in its cache: it takes the new artifact for a damaged one and drops it (its
/// `internal/controller/gitrepository_controller.go`, `reconcileStorage`).
pub(super) fn may_be_asked(live: Live<'_>) -> bool {
    !live.is_static() && !matches!(source::state(Some(live), None), SourceState::Fetching(_))
}

/// The request to reconcile, unless it stands already.
pub(super) fn request(live: Live<'_>, token: &str) -> Option<Step> {
    (live.annotation(names::ANNOTATION_REQUESTED_AT) != Some(token)).then(|| Step::PatchObject {
        key: live.key(),
        patch: json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: token}}}),
    })
}
