//! A Sync: sources fetched, workload object applied and requested, its outcome awaited. Each turn does what can be done
//! now and says what Flux is doing; nothing is remembered but what stands in the API server.

use jiff::Timestamp;
use serde_json::json;

use super::Step;
use super::gate;
use super::refresh;
use super::upkeep;
use crate::argo::operation::{OperationState, Phase, SyncOperation};
use crate::argo::status::seconds;
use crate::flux::{FluxKind, Live};
use crate::merge::deep_merge;
use crate::mirror::{Relation, Resource, SourceState, View, WorkloadState, conditions, patch};
use crate::names;
use crate::project;

/// How far a Sync is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What can be done now.
    pub steps: Vec<Step>,
    /// What it waits for.
    pub message: String,
    /// Its end.
    pub outcome: Option<Outcome>,
}

/// The end of a Sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `Succeeded`, `Failed` or `Error`.
    pub phase: Phase,
    /// A sentence.
    pub message: String,
}

impl Outcome {
    /// It could not be delivered.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { phase: Phase::Failed, message: message.into() }
    }

    /// It could not begin.
    fn error(message: impl Into<String>) -> Self {
        Self { phase: Phase::Error, message: message.into() }
    }

    /// Argo CD's own words (gitops-engine `sync/sync_context.go`), which people and scripts know.
    fn succeeded() -> Self {
        Self { phase: Phase::Succeeded, message: "successfully synced (all tasks run)".to_owned() }
    }
}

impl Progress {
    fn waiting(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    fn ended(outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..Self::default() }
    }

    fn doing(steps: Vec<Step>, message: impl Into<String>) -> Self {
        Self { steps, message: message.into(), outcome: None }
    }
}

/// What can be done now for `operation`.
pub fn advance(view: &View<'_>, operation: &OperationState) -> Progress {
    let Some(sync) = &operation.operation.sync else {
        return Progress::ended(Outcome::error("Invalid operation request: no operation specified"));
    };
    if let Some(message) = gate::blocks(view, operation) {
        return Progress::doing(upkeep::hold(view).into_iter().collect(), message);
    }
    let obstacle = refusal(view, sync).or_else(|| obstacle(view)).or_else(|| refused(view, operation));
    if let Some(outcome) = obstacle {
        return Progress::ended(outcome);
    }
    let mut steps: Vec<Step> = upkeep::namespace(view).into_iter().collect();
    let turn = Turn::new(view, operation, sync);
    let sources = turn.sources();
    if sources.outcome.is_some() {
        return sources;
    }
    let is_waiting = !sources.steps.is_empty() || !sources.message.is_empty();
    if is_waiting && !turn.may_run_ahead() {
        steps.extend(sources.steps);
        return Progress { steps, ..sources };
    }
    let mut progress = forbidden(view).unwrap_or_else(|| turn.workload());
    steps.extend(sources.steps);
    steps.append(&mut progress.steps);
    Progress { steps, ..progress }
}

/// What an operation asks for and the bridge does not do.
fn refusal(view: &View<'_>, sync: &SyncOperation) -> Option<Outcome> {
    let spec = &view.observed.app.spec;
    let is_own = |source| spec.source.as_ref().is_some_and(|own| patch::same(own, source));
    let is_other_source = sync.source.as_ref().is_some_and(|source| !is_own(source))
        || (!sync.sources.is_empty() && !patch::same(&sync.sources, &spec.sources));
    let sentence = if sync.dry_run {
        "Flux has no dry run: nothing was changed"
    } else if !sync.resources.is_empty() {
        "Flux delivers an Application as a whole: sync it without selecting resources"
    } else if !sync.manifests.is_empty() {
        "Flux delivers from the source only: local manifests cannot be synced"
    } else if is_other_source {
        "delivering another source than the Application's own (rollback) is not supported: edit the Application"
    } else {
        return None;
    };
    Some(Outcome::failed(sentence))
}

/// The beginning of the message of a Sync that was refused because of its objects (gitops-engine `sync/sync_context.go`).
const NOT_VALID: &str = "one or more synchronization tasks are not valid";

/// The end of a Sync whose objects the project refuses.
fn forbidden(view: &View<'_>) -> Option<Progress> {
    if gate::is_unchecked(view) {
        return Some(Progress::waiting("waiting for what the source would deliver"));
    }
    let mut sentences: Vec<&str> = view.refusals.iter().map(|refused| refused.message.as_str()).collect();
    sentences.sort_unstable();
    sentences.dedup();
    let message = format!("{NOT_VALID}: {}", sentences.join("; "));
    (!sentences.is_empty()).then(|| Progress::ended(Outcome::failed(message)))
}

/// The operation ended because of the project.
pub(super) fn was_forbidden(operation: &OperationState) -> bool {
    let verdicts = [project::INVALID_SPEC_ERROR, project::UNKNOWN_ERROR];
    match operation.phase {
        Phase::Failed => operation.message.starts_with(NOT_VALID),
        Phase::Error => verdicts.iter().any(|kind| operation.message.starts_with(kind)),
        _ => false,
    }
}

/// What stands in the way of any Sync, whatever the sources say.
pub(super) fn obstacle(view: &View<'_>) -> Option<Outcome> {
    let violations =
        view.violations.iter().map(|violation| format!("{}: {}", violation.kind, violation.message));
    let violations: Vec<String> = violations.collect();
    if !violations.is_empty() {
        return Some(Outcome::error(violations.join(";")));
    }
    let problems = view.observed.translation.problems.iter();
    let errors: Vec<String> = problems
        .filter(|problem| problem.severity == crate::translate::Severity::Error)
        .map(|problem| format!("{}: {problem}", conditions::COMPARISON_ERROR))
        .collect();
    if !errors.is_empty() {
        return Some(Outcome::error(errors.join("; ")));
    }
    let is_source_failure = |message: &String| {
        [&view.source, &view.chart].into_iter().any(|state| *state == SourceState::Failed(message.clone()))
    };
    let other = conditions::comparison_errors(view).into_iter().find(|message| !is_source_failure(message));
    if let Some(message) = other {
        return Some(Outcome::error(format!("{}: {message}", conditions::COMPARISON_ERROR)));
    }
    conditions::homeless(view).map(Outcome::failed)
}

/// The API server refused a step of this very operation.
fn refused(view: &View<'_>, operation: &OperationState) -> Option<Outcome> {
    let refusal = view.observed.refusal.as_ref()?;
    (refusal.at >= operation.started_at).then(|| Outcome::failed(refusal.message.clone()))
}

/// One turn of a Sync.
struct Turn<'a> {
    view: &'a View<'a>,
    sync: &'a SyncOperation,
    /// Marks the requests of this operation; the same in every turn.
    token: String,
    /// Whole second of the beginning, as creation times are.
    started: Timestamp,
    /// Somebody asked: everything is fetched anew. An automated Sync follows what Flux has fetched.
    is_requested: bool,
}

impl<'a> Turn<'a> {
    fn new(view: &'a View<'a>, operation: &OperationState, sync: &'a SyncOperation) -> Self {
        let started = operation.started_at;
        Self {
            view,
            sync,
            token: seconds::text(started),
            started: seconds::floor(started),
            is_requested: !operation.operation.initiated_by.automated,
        }
    }

    /// A first install need not wait for a repository's index: Flux waits by itself.
    fn may_run_ahead(&self) -> bool {
        let is_first = self.view.workload_resource().is_some_and(|resource| {
            resource.relation == Relation::Missing || resource.live.is_some_and(|live| self.is_new(live))
        });
        let is_repository =
            self.view.source_resources().all(|source| source.key.kind == FluxKind::HelmRepository);
        is_first && is_repository && self.view.generates()
    }

    /// Created by this operation, so that its first reconciliation answers it.
    fn is_new(&self, live: Live<'_>) -> bool {
        let created = live.object.metadata.creation_timestamp.as_ref();
        created.is_some_and(|created| created.0 >= self.started)
    }

    /// Something was asked of the object in this operation; a correction of drift asks a second time.
    fn is_asked(&self, live: Live<'_>) -> bool {
        live.annotation(names::ANNOTATION_REQUESTED_AT).is_some_and(|asked| asked.starts_with(&self.token))
    }

    fn is_handled(&self, live: Live<'_>) -> bool {
        self.is_asked(live)
            && live.text("/status/lastHandledReconcileAt") == live.annotation(names::ANNOTATION_REQUESTED_AT)
    }

    /// Nothing was asked of the object in this operation, or it is answered.
    fn is_answered(&self, live: Live<'_>) -> bool {
        !self.is_asked(live) || self.is_handled(live)
    }

    /// The sources: applied where they differ, fetched anew where somebody asked.
    fn sources(&self) -> Progress {
        let mut steps = Vec::new();
        for source in self.view.source_resources() {
            steps.extend(self.source_steps(source));
        }
        let waits = match &self.view.source {
            SourceState::Missing => Some("waiting for the source object".to_owned()),
            SourceState::Fetching(what) => Some(format!("waiting for Flux: {what}")),
            _ => self
                .view
                .parts
                .source
                .filter(|live| !live.is_static() && !self.is_answered(*live))
                .map(|live| format!("waiting for Flux to fetch {}", live.key())),
        };
        if steps.is_empty() && waits.is_none() {
            match &self.view.source {
                SourceState::Failed(why) if self.needs_source() => {
                    return Progress::ended(Outcome::failed(why.clone()));
                }
                _ if self.lacks_contents() => {
                    return Progress::waiting("waiting for the contents of the source");
                }
                _ => {}
            }
        }
        Progress::doing(steps, waits.unwrap_or_default())
    }

    /// What a path holds has to be found out first.
    fn lacks_contents(&self) -> bool {
        !self.view.observed.translation.wants.is_empty()
    }

    /// Nothing can be delivered unless the source is fetched. An automated Sync that is under way goes on with what was
    /// fetched before a poll failed.
    fn needs_source(&self) -> bool {
        let is_about_this = |live: Live<'_>| self.is_asked(live) || !live.is_observed();
        self.is_requested || self.lacks_contents() || self.view.parts.source.is_some_and(is_about_this)
    }

    /// Edited, and not by something that undoes what this operation has applied already: that would never end.
    fn is_edited(&self, resource: &Resource<'_>) -> bool {
        resource.relation == Relation::Edited && !resource.live.is_some_and(|live| self.is_asked(live))
    }

    fn source_steps(&self, source: &Resource<'_>) -> Vec<Step> {
        // Missing and outdated ones are the upkeep's.
        let is_edited = self.is_edited(source);
        let apply = is_edited.then(|| source.manifest.cloned().map(Step::ApplyObject));
        let changed = is_edited || source.relation == Relation::Outdated;
        let request = source
            .live
            .filter(|live| !live.is_static() && (changed || (self.is_requested && !self.is_new(*live))))
            .and_then(|live| refresh::request(live, &self.token));
        apply.flatten().into_iter().chain(request).collect()
    }

    /// The workload object: applied where it differs, resumed, requested, awaited.
    fn workload(&self) -> Progress {
        let Some(resource) = self.view.workload_resource() else {
            return Progress::waiting("waiting for the contents of the source");
        };
        if let Some(progress) = self.chart(resource) {
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
                let steps = [Some(Step::ApplyObject((*manifest).clone())), self.request(live)];
                Progress::doing(steps.into_iter().flatten().collect(), format!("applying {}", resource.key))
            }
            (Some(live), _, _) => self.requested_workload(live),
            (None, None, _) => Progress::waiting(format!("waiting for {}", resource.key)),
        }
    }

    /// A chart is fetched anew before the release that is to run it; one that the release is about to change is not.
    fn chart(&self, workload: &Resource<'_>) -> Option<Progress> {
        let chart = self.view.parts.chart?;
        if !self.is_requested || workload.relation != Relation::Matches || self.is_new(chart) {
            return None;
        }
        if let Some(step) = refresh::request(chart, &self.token) {
            return Some(Progress::doing(vec![step], format!("waiting for Flux to fetch {}", chart.key())));
        }
        match &self.view.chart {
            _ if !self.is_answered(chart) => {
                Some(Progress::waiting(format!("waiting for Flux to fetch {}", chart.key())))
            }
            // An older version that runs on is not what was asked for.
            SourceState::Failed(why) => Some(Progress::ended(Outcome::failed(why.clone()))),
            _ => None,
        }
    }

    fn requested_workload(&self, live: Live<'_>) -> Progress {
        if live.is_suspended() && !live.is_suspended_by_bridge() {
            let word = live.kind.kind().to_lowercase();
            return Progress::ended(Outcome::failed(format!(
                "{} is suspended by somebody else (flux resume {word} {} -n {})",
                live.key(),
                live.name(),
                live.namespace()
            )));
        }
        let must_ask = live.is_suspended_by_bridge()
            || self.view.delivery.is_rebuilt
            || (self.is_requested && !self.is_new(live));
        if must_ask && let Some(step) = self.request(live) {
            return Progress::doing(vec![step], format!("waiting for Flux to reconcile {}", live.key()));
        }
        self.outcome(live)
    }

    /// One patch that ends the bridge's suspension and asks; `None` when both are done.
    fn request(&self, live: Live<'_>) -> Option<Step> {
        let is_suspended = live.is_suspended_by_bridge();
        if self.is_asked(live) && !is_suspended {
            return None;
        }
        let mut change = json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: self.token}}});
        if is_suspended {
            deep_merge(&mut change, upkeep::resume());
        }
        Some(Step::PatchObject { key: live.key(), patch: change })
    }

    fn outcome(&self, live: Live<'_>) -> Progress {
        let view = self.view;
        if !self.is_answered(live) {
            let what = match &view.workload {
                WorkloadState::Progressing(what) if !what.is_empty() => what.clone(),
                _ => format!("reconciling {}", live.key()),
            };
            return Progress::waiting(format!("waiting for Flux: {what}"));
        }
        match &view.workload {
            WorkloadState::Ready(_) if view.delivery.is_current => {
                self.correction(live).unwrap_or_else(|| self.delivered())
            }
            WorkloadState::Failed(why) if self.is_about_this(live) => {
                Progress::ended(Outcome::failed(why.clone()))
            }
            WorkloadState::Progressing(what) | WorkloadState::Failed(what) => {
                Progress::waiting(format!("waiting for Flux: {what}"))
            }
            _ => Progress::waiting(format!(
                "waiting for {} to deliver {}",
                live.key(),
                view.delivery.available
            )),
        }
    }

    /// A release that has drifted is corrected where somebody asks for a Sync: with drift detection on `warn`, Flux
    /// only looks (helm-controller `internal/reconcile/atomic_release.go`), so it is on `enabled` until that is done.
    fn correction(&self, live: Live<'_>) -> Option<Progress> {
        let is_warning = live.text("/spec/driftDetection/mode") == Some("warn");
        let is_at_it = live.annotation(names::ANNOTATION_CORRECTING).is_some();
        if !self.is_requested || !self.view.has_drifted() || !self.view.generates() {
            return None;
        }
        let message = format!("waiting for Flux to correct what has drifted of {}", live.key());
        let again = format!("{}/correct-drift", self.token);
        let patch = json!({
            "metadata": {"annotations": {
                names::ANNOTATION_CORRECTING: "true",
                names::ANNOTATION_REQUESTED_AT: again,
            }},
            "spec": {"driftDetection": {"mode": "enabled"}},
        });
        match (is_warning, is_at_it) {
            (true, false) => {
                Some(Progress::doing(vec![Step::PatchObject { key: live.key(), patch }], message))
            }
            (_, true) => Some(Progress::waiting(message)),
            // Somebody else's choice of mode.
            (false, false) => None,
        }
    }

    /// The failure is that of this operation's delivery, not of one before it.
    fn is_about_this(&self, live: Live<'_>) -> bool {
        self.is_handled(live)
            || self.is_new(live)
            || self.view.delivery.is_attempted
            || matches!(self.view.chart, SourceState::Failed(_))
    }

    fn delivered(&self) -> Progress {
        let wanted = self.sync.revisions.first().unwrap_or(&self.sync.revision);
        let offered = &self.view.delivery.available;
        if self.is_requested && !wanted.is_empty() && !offered.is_empty() && !is_revision(wanted, offered) {
            return Progress::ended(Outcome::failed(format!(
                "revision {wanted} was asked for and the source offers {offered} (set targetRevision instead)"
            )));
        }
        let steps = upkeep::prune(self.view, self.sync.prune);
        Progress { steps, message: String::new(), outcome: Some(Outcome::succeeded()) }
    }
}

/// Argo CD resolves a chart's version or an artifact's tag before it asks; Flux knows the artifact by its digest.
fn is_revision(wanted: &str, offered: &str) -> bool {
    let version = |text: &str| text.trim_start_matches('v').split('+').next().unwrap_or_default().to_owned();
    wanted == offered || version(wanted) == version(offered) || offered.starts_with("sha256:")
}
