//! What one Sync alone wants of the workload object: to prune, to force, to correct drift. It is set for that Sync's time,
//! marked by an annotation, and put back by the upkeep when the Sync is over.

use serde_json::{Value, json};

use super::{Outcome, Progress, Turn};
use crate::argo::operation::SyncOperation;
use crate::flux::fields::{self, Field};
use crate::flux::{FluxKind, Live};
use crate::merge::deep_merge;
use crate::mirror::guard::GuardState;
use crate::mirror::{Leg, workload};
use crate::names;
use crate::plan::Step;

/// A force that got lost is asked for once more.
const AGAIN: &str = "force-again";
/// So is a release whose chart has defined its kinds meanwhile.
const WITH_KINDS: &str = "with-kinds";

/// `syncStrategy.apply.force`, or `syncStrategy.hook.force`.
fn forces(sync: &SyncOperation) -> bool {
    let strategy = sync.rest.get("syncStrategy").unwrap_or(&Value::Null);
    ["apply", "hook"].into_iter().any(|way| strategy[way]["force"] == true)
}

impl Turn<'_> {
    /// The part of the request that holds for this Sync alone.
    pub(super) fn for_one_sync(&self, leg: &Leg<'_>, live: Live<'_>) -> Value {
        if !self.is_by_somebody || self.marks.is_new(live) {
            return json!({});
        }
        match live.kind {
            FluxKind::HelmRelease if forces(self.sync) => self.forced_release(leg, live, &self.marks.token),
            FluxKind::Kustomization if self.view.generates() => self.kustomization_for_one_sync(leg, live),
            _ => json!({}),
        }
    }

    /// `force` recreates what cannot be changed, `prune` deletes what left the source (kustomize-controller
    /// `kustomization_controller.go`, `apply` and `prune`). Without `prune`, Flux forgets what left the source: a later
    /// Sync that prunes deletes what leaves from then on.
    fn kustomization_for_one_sync(&self, leg: &Leg<'_>, live: Live<'_>) -> Value {
        let asks = [("force", fields::FORCE, forces(self.sync)), ("prune", fields::PRUNE, self.prunes())];
        let is_off = |field: Field| live.at(field).and_then(Value::as_bool) != Some(true);
        let mut fields: serde_json::Map<_, _> = asks
            .into_iter()
            .filter(|(_, field, is_asked)| *is_asked && is_off(*field))
            .map(|(name, ..)| (name.to_owned(), Value::Bool(true)))
            .collect();
        // The guard is one of automated Syncs; who asks for pruning is not held back.
        if self.sync.prune && leg.guard == Some(GuardState::Empty) {
            fields.insert("dependsOn".to_owned(), self.unguarded(live));
        }
        if fields.is_empty() {
            return json!({});
        }
        json!({"metadata": {"annotations": {names::ANNOTATION_FOR_ONE_SYNC: "true"}}, "spec": fields})
    }

    /// What the object depends on but for its guard; null when that is all.
    fn unguarded(&self, live: Live<'_>) -> Value {
        let guard = self.view.observed.translation.guard_of(&live.key()).map(|guard| guard.key.name.as_str());
        let all = live.at(fields::DEPENDS_ON).and_then(Value::as_array).into_iter().flatten();
        let others: Vec<&Value> =
            all.filter(|one| one.get("name").and_then(Value::as_str) != guard).collect();
        if others.is_empty() { Value::Null } else { json!(others) }
    }

    /// One upgrade of a release though nothing has changed. Where the release has drifted, Flux would only look at that and
    /// count the request as answered (helm-controller `internal/reconcile/atomic_release.go`), unless drift detection is
    /// off.
    fn forced_release(&self, leg: &Leg<'_>, live: Live<'_>, token: &str) -> Value {
        let mut change = json!({"metadata": {"annotations": {
            names::ANNOTATION_REQUESTED_AT: token,
            names::ANNOTATION_FORCE_AT: token,
        }}});
        let is_looking = matches!(live.text(fields::DRIFT_DETECTION_MODE), Some("warn" | "enabled"));
        if leg.has_drifted() && is_looking && self.view.generates() {
            let blind = json!({
                "metadata": {"annotations": {names::ANNOTATION_FOR_ONE_SYNC: "true"}},
                "spec": {"driftDetection": {"mode": "disabled"}},
            });
            deep_merge(&mut change, blind);
        }
        change
    }

    /// Flux forgets a force when it answers the request without having come to the release (a chart that was not ready).
    pub(super) fn enforced(&self, leg: &Leg<'_>, live: Live<'_>) -> Option<Progress> {
        let forced_at = live.annotation(names::ANNOTATION_FORCE_AT);
        let is_forced = self.is_by_somebody && forces(self.sync) && live.kind == FluxKind::HelmRelease;
        if !is_forced || self.marks.is_new(live) || !self.marks.is_asked(live) {
            return None;
        }
        let is_done = (forced_at.is_some() && live.text(fields::LAST_HANDLED_FORCE_AT) == forced_at)
            || self.marks.is_since(live.text(fields::LAST_RELEASE_DEPLOYED));
        let again = self.marks.further(AGAIN);
        if is_done {
            None
        } else if live.annotation(names::ANNOTATION_REQUESTED_AT) == Some(again.as_str()) {
            Some(Progress::ended(Outcome::failed(format!("Flux did not upgrade {} by force", live.key()))))
        } else {
            let step = Step::PatchObject { key: live.key(), patch: self.forced_release(leg, live, &again) };
            Some(Progress::doing(vec![step], format!("waiting for Flux to upgrade {} by force", live.key())))
        }
    }

    /// A release that failed for kinds that nobody serves is tried once more at once: by then the API server serves those that
    /// the chart defines. Flux alone would come back a minute later.
    pub(super) fn with_kinds(&self, live: Live<'_>) -> Option<Progress> {
        let again = self.marks.further(WITH_KINDS);
        let is_tried = live.annotation(names::ANNOTATION_REQUESTED_AT) == Some(again.as_str());
        if is_tried || !workload::lacks_kinds(live) {
            return None;
        }
        let patch = json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: again}}});
        let step = Step::PatchObject { key: live.key(), patch };
        Some(Progress::doing(vec![step], "waiting for Flux to deliver with the kinds that the chart defines"))
    }

    /// A release that has drifted is corrected where somebody asks for a Sync: with drift detection on `warn`, Flux
    /// only looks (helm-controller `internal/reconcile/atomic_release.go`), so it is on `enabled` until that is done.
    pub(super) fn correction(&self, leg: &Leg<'_>, live: Live<'_>) -> Option<Progress> {
        let mode = live.text(fields::DRIFT_DETECTION_MODE).unwrap_or("disabled");
        let is_at_it = live.annotation(names::ANNOTATION_FOR_ONE_SYNC).is_some();
        if !self.is_requested || !leg.has_drifted() || !self.view.generates() {
            return None;
        }
        let message = format!("waiting for Flux to correct what has drifted of {}", live.key());
        let again = self.marks.further("correct-drift");
        let patch = json!({
            "metadata": {"annotations": {
                names::ANNOTATION_FOR_ONE_SYNC: "true",
                names::ANNOTATION_REQUESTED_AT: again,
            }},
            "spec": {"driftDetection": {"mode": "enabled"}},
        });
        match (mode, is_at_it) {
            ("warn", false) | ("disabled", true) => {
                Some(Progress::doing(vec![Step::PatchObject { key: live.key(), patch }], message))
            }
            (_, true) => Some(Progress::waiting(message)),
            // Somebody else's choice of mode.
            _ => None,
        }
    }
}
