//! When an automated Application syncs by itself (argo-cd `controller/appcontroller.go`, `autoSync`).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{gate, marks, retry, sync};
use crate::argo::operation::{InitiatedBy, Operation, OperationState, Phase, SyncOperation};
use crate::flux::Manifest;
use crate::flux::fields;
use crate::mirror::guard::GuardState;
use crate::mirror::{Leg, Relation, SourceState, View, WorkloadState, patch, source, status, sync_word};
use crate::names;

/// How long a healing sync waits after the last operation: three times longer after each that healed, up to the second
/// (argo-cd `--self-heal-backoff-timeout-seconds`, `-factor`, `-cap-seconds`).
const HEAL_DELAYS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// After so long without a healing sync the delays start over (argo-cd `--self-heal-backoff-cooldown-seconds`).
const HEAL_COOLDOWN: Duration = Duration::from_secs(330);
/// Argo CD's mark of a sync that only heals, with their number in a row; such a one leaves no history entry.
const HEAL_MARK: &str = "autoHealAttemptsCount";

/// How long an automated sync waits after one whose objects the API server refused.
const RETRY_DELAY: Duration = Duration::from_secs(60);
/// How long an automated sync waits after a failed one whose workload object is held between operations.
const HELD_RETRY_DELAY: Duration = Duration::from_secs(30);
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
    let is_suspended = view.legs.iter().any(|leg| leg.workload == WorkloadState::Suspended);
    if app.automated().is_none()
        || is_suspended
        || !view.is_complete()
        || sync::obstacle(view).is_some()
        || gate::is_closed(view)
    {
        return Decision::Wait;
    }
    let last = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    match sync_word::sync_word(view) {
        "Unknown" => Decision::Wait,
        // What left the source and stays is out of sync, and no Sync changes that.
        _ if view.is_synced() && is_unrecorded(view, last) => Decision::Sync(Box::new(operation(view, None))),
        _ if view.is_synced() => Decision::Wait,
        "OutOfSync" if is_guarded(view) || is_on_its_way(view) => Decision::Wait,
        "OutOfSync" => out_of_sync(view, last),
        _ => Decision::Wait,
    }
}

/// What is offered must not take the place of what is delivered, or it is not known yet whether it may.
fn is_guarded(view: &View<'_>) -> bool {
    let may_delete = |leg: &&Leg<'_>| {
        !leg.delivery.delivered.is_empty()
            && matches!(leg.guard, Some(GuardState::Empty | GuardState::Working(_)))
    };
    let is_behind = |leg: &&Leg<'_>| !leg.is_delivered() || leg.relation() != Some(&Relation::Matches);
    let behind: Vec<&Leg<'_>> = view.deliveries().filter(is_behind).collect();
    // What one source waits for does not keep the others from what they lack.
    if behind.is_empty() {
        view.deliveries().any(|leg| may_delete(&leg))
    } else {
        behind.iter().all(may_delete)
    }
}

/// The repo-server rendered something new, and Flux is about to fetch it. That changes the source object, and still is a new
/// revision rather than a new wish: what is to be done about it is decided once Flux has it.
fn is_on_its_way(view: &View<'_>) -> bool {
    let rendered = view.source_resources().filter(|resource| {
        resource
            .manifest
            .is_some_and(|manifest| manifest.annotations.contains_key(names::ANNOTATION_RENDERED))
    });
    let mut served =
        rendered.filter(|resource| resource.live.is_some_and(|live| live.artifact_revision().is_some()));
    served.any(|resource| {
        resource.relation == Relation::Outdated
            || matches!(source::state(resource.live, None), SourceState::Fetching(_))
    })
}

/// Flux delivered what no operation tells of: a retry that went well at last, or a take-over.
fn is_unrecorded(view: &View<'_>, last: Option<&OperationState>) -> bool {
    let recorded = last.is_some_and(|last| last.phase == Phase::Succeeded && is_same(view, last));
    view.deliveries().all(|leg| matches!(leg.workload, WorkloadState::Ready(_))) && !recorded
}

fn out_of_sync(view: &View<'_>, last: Option<&OperationState>) -> Decision {
    let attempted = last.filter(|last| is_same(view, last) && !is_new_wish(view, last));
    let Some(last) = attempted.filter(|last| !is_rebuilt_since(view, last)) else {
        return Decision::Sync(Box::new(operation(view, None)));
    };
    if last.phase == Phase::Succeeded {
        // Drift of what was delivered is Flux's to correct.
        let heals = view.observed.app.self_heals() && !view.objects_match();
        return if heals { heal(view, last) } else { Decision::Wait };
    }
    if sync::was_forbidden(last) {
        let is_lifted = view.refusals.is_empty();
        return if is_lifted { Decision::Sync(Box::new(operation(view, None))) } else { Decision::Wait };
    }
    // What was applied and failed is Flux's to retry; what could not even be applied is tried again, and so is what Flux
    // may not retry.
    match (view.is_outdated(), gate::reason(view)) {
        (true, _) => after(view, last, RETRY_DELAY, None),
        (false, Some(_)) => after(view, last, HELD_RETRY_DELAY, None),
        (false, None) => Decision::Wait,
    }
}

/// The artifact was rebuilt, and `last` was not about that: it ended well, or began before.
fn is_rebuilt_since(view: &View<'_>, last: &OperationState) -> bool {
    view.legs.iter().filter(|leg| leg.delivery.is_rebuilt).any(|leg| {
        let stored = leg.parts.source.and_then(|source| source.text(fields::ARTIFACT_LAST_UPDATE_TIME));
        let stored: Option<Timestamp> = stored.and_then(|time| time.parse().ok());
        last.phase == Phase::Succeeded || stored.is_none_or(|stored| stored >= last.started_at)
    })
}

/// An edit that comes back each time is reverted less and less often.
fn heal(view: &View<'_>, last: &OperationState) -> Decision {
    let healed = if waited(view, last) > HEAL_COOLDOWN { 0 } else { heal_count(&last.operation) };
    let factor = 3_u32.saturating_pow(u32::try_from(healed).unwrap_or(u32::MAX));
    after(view, last, HEAL_DELAYS.0.saturating_mul(factor).min(HEAL_DELAYS.1), Some(healed.saturating_add(1)))
}

fn waited(view: &View<'_>, last: &OperationState) -> Duration {
    let since = last.finished_at.unwrap_or(last.started_at);
    view.observed.now.duration_since(since).unsigned_abs()
}

fn after(view: &View<'_>, last: &OperationState, delay: Duration, heals: Option<i64>) -> Decision {
    match delay.checked_sub(waited(view, last)) {
        Some(rest) if !rest.is_zero() => Decision::Later(rest),
        _ => Decision::Sync(Box::new(operation(view, heals))),
    }
}

/// The Application asks for other Flux objects than when `last` began, though its source is the same (an override, a
/// policy).
fn is_new_wish(view: &View<'_>, last: &OperationState) -> bool {
    match marks::info(&last.operation, INFO_WISH) {
        Some(recorded) => recorded != wish(view),
        None => view.resources.iter().any(|resource| resource.relation == Relation::Outdated),
    }
}

/// What takes the place of a running operation that the policy began for another wish than the Application has now: what
/// it would record is not what is delivered.
pub(super) fn successor(view: &View<'_>, running: &Operation) -> Option<Operation> {
    let is_other = marks::info(running, INFO_WISH).is_some_and(|recorded| recorded != wish(view));
    let is_automated = running.initiated_by.automated && view.observed.app.automated().is_some();
    let is_possible = view.is_complete() && sync::obstacle(view).is_none();
    (is_other && is_automated && is_possible).then(|| operation(view, None))
}

/// Fingerprint of everything that is wanted.
fn wish(view: &View<'_>) -> String {
    let digests: Vec<String> = view.observed.translation.objects.iter().map(Manifest::digest).collect();
    let mut wish = crate::digest::sha256_hex(digests.join(",").as_bytes());
    wish.truncate(16);
    wish
}

/// The operation was about the same sources and the same revisions as the Application is now.
fn is_same(view: &View<'_>, operation: &OperationState) -> bool {
    let app = &view.observed.app;
    let Some(result) = &operation.sync_result else { return false };
    let same_source = if app.has_multiple_sources() {
        patch::same(&result.sources.as_slice(), &app.multiple_sources())
    } else {
        patch::same(&result.source.as_ref(), &app.single_source())
    };
    let offered = view.revisions();
    let mut pairs = result.revisions().iter().zip(&offered);
    let is_same = pairs.all(|(revision, offered)| revision == offered || offered.is_empty());
    same_source && (is_same || is_offered_by_hand(view))
}

/// What is offered is what somebody asked for by hand, in a source or in the chart of a release: no new revision of what
/// the Application asks for, and no reason to take the edit back.
fn is_offered_by_hand(view: &View<'_>) -> bool {
    let edited = view.resources.iter().filter(|resource| resource.relation == Relation::Edited);
    let mut pairs = edited.filter_map(|resource| resource.manifest.zip(resource.live));
    pairs.any(|(wanted, live)| {
        let chart = |spec: &Value| {
            ["/chart/spec/chart", "/chart/spec/version", "/chart/spec/sourceRef", "/chartRef", "/sourceRef"]
                .map(|pointer| spec.pointer(pointer).cloned())
        };
        wanted.key.kind.is_source() || chart(&wanted.spec) != chart(live.spec())
    })
}

/// `heals`: it only heals, for the how manieth time in a row.
fn operation(view: &View<'_>, heals: Option<i64>) -> Operation {
    let app = &view.observed.app;
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    let mut rest = Map::new();
    if !policy.sync_options.is_empty() {
        rest.insert("syncOptions".into(), json!(policy.sync_options));
    }
    if let Some(count) = heals {
        rest.insert(HEAL_MARK.into(), json!(count));
    }
    let multiple = app.has_multiple_sources();
    let (revision, revisions) = status::one_or_several(multiple, view.revisions());
    Operation {
        sync: Some(SyncOperation {
            source: app.single_source().cloned(),
            sources: app.multiple_sources().to_vec(),
            revision,
            revisions,
            prune: app.prunes(),
            rest,
            ..SyncOperation::default()
        }),
        initiated_by: InitiatedBy { username: String::new(), automated: true },
        rest: [
            ("retry".to_owned(), retry::of_automated(policy.retry.as_ref())),
            ("info".to_owned(), json!([{"name": INFO_WISH, "value": wish(view)}])),
        ]
        .into_iter()
        .collect(),
    }
}

/// Whether the operation only healed.
pub fn is_heal(operation: &Operation) -> bool {
    heal_count(operation) > 0
}

fn heal_count(operation: &Operation) -> i64 {
    let mark = operation.sync.as_ref().and_then(|sync| sync.rest.get(HEAL_MARK));
    mark.and_then(Value::as_i64).unwrap_or(0).max(0)
}
