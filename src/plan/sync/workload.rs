//! The workload objects of a Sync: applied where they differ, resumed, requested, awaited.

use serde_json::json;

use super::super::refresh;
use super::{Outcome, Progress, Turn};
use crate::flux::Live;
use crate::merge::deep_merge;
use crate::mirror::guard::GuardState;
use crate::mirror::{Leg, Relation, SourceState, WorkloadState};
use crate::names;
use crate::plan::{Step, steps};

impl Turn<'_> {
    /// What there is to do about the workload objects.
    pub(super) fn workloads(&self) -> Progress {
        Progress::of_all(self.selected().map(|leg| self.workload(leg)).collect())
            .unwrap_or_else(|| self.delivered())
    }

    fn workload(&self, leg: &Leg<'_>) -> Progress {
        let Some(resource) = &leg.resource else {
            return Progress::waiting("waiting for the contents of the source");
        };
        if let Some(progress) = self.chart(leg) {
            return progress;
        }
        match (resource.live, &resource.manifest, &resource.relation) {
            (None, Some(manifest), _) => Progress::doing(
                vec![Step::ApplyObject((*manifest).clone())],
                format!("applying {}", resource.key),
            ),
            (Some(_), _, Relation::Deleting) => {
                Progress::waiting(format!("waiting for {} to go", resource.key))
            }
            (Some(live), Some(manifest), relation)
                if *relation == Relation::Outdated || self.is_edited(resource) =>
            {
                let steps = [Some(Step::ApplyObject((*manifest).clone())), self.request(leg, live)];
                Progress::doing(steps.into_iter().flatten().collect(), format!("applying {}", resource.key))
            }
            (Some(live), _, _) => self.requested_workload(leg, live),
            (None, None, _) => Progress::waiting(format!("waiting for {}", resource.key)),
        }
    }

    /// A chart is fetched anew before the release that is to run it; one that the release is about to change is not.
    fn chart(&self, leg: &Leg<'_>) -> Option<Progress> {
        let chart = leg.parts.chart?;
        if !self.is_requested || leg.relation() != Some(&Relation::Matches) || self.marks.is_new(chart) {
            return None;
        }
        if let Some(step) = refresh::request(chart, &self.marks.token) {
            return Some(Progress::doing(vec![step], format!("waiting for Flux to fetch {}", chart.key())));
        }
        match &leg.chart {
            _ if !self.marks.is_answered(chart) => {
                Some(Progress::waiting(format!("waiting for Flux to fetch {}", chart.key())))
            }
            // An older version that runs on is not what was asked for.
            SourceState::Failed(why) => Some(Progress::ended(Outcome::failed(why.clone()))),
            _ => None,
        }
    }

    fn requested_workload(&self, leg: &Leg<'_>, live: Live<'_>) -> Progress {
        if live.is_suspended() && !live.is_suspended_by_bridge() {
            let word = live.kind.kind().to_lowercase();
            return Progress::ended(Outcome::failed(format!(
                "{} is suspended by somebody else (flux resume {word} {} -n {})",
                live.key(),
                live.name(),
                live.namespace()
            )));
        }
        if let (true, Some(GuardState::Working(what))) = (self.is_requested, &leg.guard) {
            return Progress::waiting(format!("waiting for Flux: {what}"));
        }
        let must_ask = live.is_suspended_by_bridge()
            || leg.delivery.is_rebuilt
            || (self.is_requested && !self.marks.is_new(live));
        if must_ask && let Some(step) = self.request(leg, live) {
            return Progress::doing(vec![step], format!("waiting for Flux to reconcile {}", live.key()));
        }
        self.outcome(leg, live)
    }

    /// One patch that ends the bridge's suspension and asks, with what this Sync alone wants; `None` when all is done.
    fn request(&self, leg: &Leg<'_>, live: Live<'_>) -> Option<Step> {
        let is_suspended = live.is_suspended_by_bridge();
        let is_asked = self.marks.is_asked(live);
        if is_asked && !is_suspended {
            return None;
        }
        let mut change = json!({});
        if !is_asked {
            let token = &self.marks.token;
            change = json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: token}}});
            deep_merge(&mut change, self.for_one_sync(leg, live));
        }
        if is_suspended {
            deep_merge(&mut change, steps::resume());
        }
        Some(Step::PatchObject { key: live.key(), patch: change })
    }

    fn outcome(&self, leg: &Leg<'_>, live: Live<'_>) -> Progress {
        if !self.marks.is_answered(live) {
            let what = match &leg.workload {
                WorkloadState::Progressing(what) if !what.is_empty() => what.clone(),
                _ => format!("reconciling {}", live.key()),
            };
            return Progress::waiting(format!("waiting for Flux: {what}"));
        }
        match &leg.workload {
            WorkloadState::Ready(_) if leg.delivery.is_current => self
                .enforced(leg, live)
                .or_else(|| self.correction(leg, live))
                .unwrap_or_else(|| Progress::ended(Outcome::succeeded())),
            WorkloadState::Failed(why) if self.is_about_this(leg, live) => {
                self.with_kinds(live).unwrap_or_else(|| Progress::ended(Outcome::failed(why.clone())))
            }
            WorkloadState::Progressing(what) | WorkloadState::Failed(what) => {
                Progress::waiting(format!("waiting for Flux: {what}"))
            }
            _ => {
                Progress::waiting(format!("waiting for {} to deliver {}", live.key(), leg.delivery.available))
            }
        }
    }

    /// The failure is that of this operation's delivery, not of one before it.
    fn is_about_this(&self, leg: &Leg<'_>, live: Live<'_>) -> bool {
        self.marks.is_handled(live)
            || self.marks.is_new(live)
            || leg.delivery.is_attempted
            || matches!(leg.chart, SourceState::Failed(_))
    }
}
