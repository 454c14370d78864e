//! When an automated Application syncs by itself (argo-cd `controller/appcontroller.go`, `autoSync`).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::argo::operation::{InitiatedBy, Operation, OperationState, Phase, SyncOperation};
use crate::flux::Manifest;
use crate::mirror::{Relation, View, WorkloadState, status};

/// How long a healing sync waits after the last operation (argo-cd `--self-heal-backoff-timeout-seconds`, first step).
const HEAL_DELAY: Duration = Duration::from_secs(2);
/// Argo CD's mark of a sync that only heals; such a one leaves no history entry.
const HEAL_MARK: &str = "autoHealAttemptsCount";

/// How long an automated sync waits after one whose objects the API server refused.
const RETRY_DELAY: Duration = Duration::from_secs(60);
/// Name of the `operation.info` entry that holds the fingerprint of what was wanted.
const INFO_WISH: &str = "flux-subsystem.dev/wanted";

/// What is to be done by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing.
    Wait,
    /// Nothing yet.
    Later(Duration),
    /// This.
    Sync(Box<Operation>),
}

/// Whether to sync now.
pub fn decide(view: &View<'_>) -> Decision {
    let app = &view.observed.app;
    let is_suspended = view.workload == WorkloadState::Suspended;
    if app.automated().is_none() || is_suspended || !view.is_complete() || super::sync::obstacle(view).is_some() {
        return Decision::Wait;
    }
    let last = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    match status::sync_word(view) {
        "Synced" if is_unrecorded(view, last) => Decision::Sync(Box::new(operation(view, false))),
        "OutOfSync" => out_of_sync(view, last),
        _ => Decision::Wait,
    }
}

/// Flux delivered what no operation tells of: a retry that went well at last, or a take-over.
fn is_unrecorded(view: &View<'_>, last: Option<&OperationState>) -> bool {
    let recorded = last.is_some_and(|last| last.phase == Phase::Succeeded && is_same(view, last));
    matches!(view.workload, WorkloadState::Ready(_)) && !recorded
}

fn out_of_sync(view: &View<'_>, last: Option<&OperationState>) -> Decision {
    let attempted = last.filter(|last| is_same(view, last) && !is_new_wish(view, last));
    let Some(last) = attempted.filter(|_| !view.delivery.is_rebuilt) else {
        return Decision::Sync(Box::new(operation(view, false)));
    };
    let is_edited = !view.objects_match() || view.has_drifted();
    if last.phase == Phase::Succeeded {
        let heals = view.observed.app.self_heals() && is_edited;
        return if heals { after(view, last, HEAL_DELAY, true) } else { Decision::Wait };
    }
    // What was applied and failed is Flux's to retry; what could not even be applied is tried again.
    if view.is_outdated() { after(view, last, RETRY_DELAY, false) } else { Decision::Wait }
}

fn after(view: &View<'_>, last: &OperationState, delay: Duration, heals: bool) -> Decision {
    let since = last.finished_at.unwrap_or(last.started_at);
    let waited = view.observed.now.duration_since(since).unsigned_abs();
    match delay.checked_sub(waited) {
        Some(rest) if !rest.is_zero() => Decision::Later(rest),
        _ => Decision::Sync(Box::new(operation(view, heals))),
    }
}

/// The Application asks for other Flux objects than when `last` began, though its source is the same (an override, a
/// policy).
fn is_new_wish(view: &View<'_>, last: &OperationState) -> bool {
    let infos = last.operation.rest.get("info").and_then(Value::as_array).into_iter().flatten();
    let recorded = infos.filter(|info| info.get("name").and_then(Value::as_str) == Some(INFO_WISH)).next_back();
    match recorded.and_then(|info| info.get("value")).and_then(Value::as_str) {
        Some(recorded) => recorded != wish(view),
        None => view.resources.iter().any(|resource| resource.relation == Relation::Outdated),
    }
}

/// Fingerprint of everything that is wanted.
fn wish(view: &View<'_>) -> String {
    let digests: Vec<String> = view.observed.translation.objects.iter().map(Manifest::digest).collect();
    let mut wish = crate::digest::sha256_hex(digests.join(",").as_bytes());
    wish.truncate(16);
    wish
}

/// The operation was about the same source and the same revision as the Application is now.
fn is_same(view: &View<'_>, operation: &OperationState) -> bool {
    let spec = &view.observed.app.spec;
    let Some(result) = &operation.sync_result else { return false };
    let same_source = if view.observed.app.has_multiple_sources() {
        result.sources == spec.sources
    } else {
        result.source == spec.source
    };
    let revision = result.revisions.first().unwrap_or(&result.revision);
    same_source && (*revision == view.delivery.available || view.delivery.available.is_empty())
}

fn operation(view: &View<'_>, heals: bool) -> Operation {
    let app = &view.observed.app;
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    let mut rest = Map::new();
    if !policy.sync_options.is_empty() {
        rest.insert("syncOptions".into(), json!(policy.sync_options));
    }
    if heals {
        rest.insert(HEAL_MARK.into(), json!(1));
    }
    let multiple = app.has_multiple_sources();
    let revision = view.delivery.available.clone();
    Operation {
        sync: Some(SyncOperation {
            source: app.spec.source.clone().filter(|_| !multiple),
            sources: app.spec.sources.clone(),
            revisions: if multiple { vec![revision.clone()] } else { Vec::new() },
            revision: if multiple { String::new() } else { revision },
            prune: app.prunes(),
            rest,
            ..SyncOperation::default()
        }),
        initiated_by: InitiatedBy { username: String::new(), automated: true },
        rest: policy
            .retry
            .into_iter()
            .map(|retry| ("retry".to_owned(), retry))
            .chain([("info".to_owned(), json!([{"name": INFO_WISH, "value": wish(view)}]))])
            .collect(),
    }
}

/// Whether the operation only healed.
pub fn is_heal(operation: &Operation) -> bool {
    operation.sync.as_ref().and_then(|sync| sync.rest.get(HEAL_MARK)).and_then(Value::as_i64).is_some_and(|n| n > 0)
}
