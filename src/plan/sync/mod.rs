//! A Sync: sources fetched, workload objects applied and requested, their outcome awaited. Each turn does what can be done
//! now and says what Flux is doing; nothing is remembered but what stands in the API server.

mod once;
pub mod outcome;
mod sources;
mod workload;

pub use outcome::{Outcome, Progress};

use super::marks::Marks;
use super::selection::Selection;
use super::{Step, dry_run, gate, upkeep, wish};
use crate::argo::operation::{OperationState, Phase, SyncOperation};
use crate::flux::FluxKind;
use crate::mirror::guard::WIPES_OUT;
use crate::mirror::{Leg, Relation, Resource, SourceState, View, conditions};
use crate::project;

/// What can be done now for `operation`.
pub fn advance(view: &View<'_>, operation: &OperationState) -> Progress {
    let Some(sync) = &operation.operation.sync else {
        let nothing = Outcome::error("Invalid operation request: no operation specified");
        return Progress::ended(Outcome { is_final: true, ..nothing });
    };
    if let Some(message) = gate::blocks(view, operation) {
        return Progress::doing(upkeep::hold(view), message);
    }
    let selection = match refusal(sync).map_or_else(|| Selection::of(view, sync), Err) {
        Ok(selection) => selection,
        Err(sentence) => return Progress::ended(Outcome::refused(sentence)),
    };
    if let Some(outcome) = obstacle(view) {
        // Stock Argo CD begins nothing by itself while it cannot compare: what began before comes to its end, and the next
        // one begins once the Application is corrected.
        let is_hopeless =
            operation.operation.initiated_by.automated && view.observed.translation.has_errors();
        return Progress::ended(Outcome { is_final: outcome.is_final || is_hopeless, ..outcome });
    }
    if let Some(outcome) = refused(view, operation) {
        return Progress::ended(outcome);
    }
    if sync.dry_run {
        return dry_run::advance(view, &selection);
    }
    let mut steps: Vec<Step> = upkeep::namespace(view).into_iter().collect();
    let turn = Turn::new(view, operation, sync, &selection);
    let may_delete = turn.is_by_somebody && sync.prune;
    let verdict = forbidden(view, may_delete);
    // The source would not move on to what is refused, and this would wait for it.
    if let Some(progress) = &verdict
        && view.observed.context.checked_only
        && progress.outcome.is_some()
    {
        return progress.clone();
    }
    let sources = turn.sources();
    if sources.outcome.is_some() {
        return sources;
    }
    let is_waiting = !sources.steps.is_empty() || !sources.message.is_empty();
    if is_waiting && !turn.may_run_ahead() {
        steps.extend(sources.steps);
        return Progress { steps, ..sources };
    }
    let mut progress = match verdict {
        _ if turn.selected().next().is_none() => turn.delivered(),
        Some(progress) => progress,
        None => turn.workloads(),
    };
    steps.extend(sources.steps);
    steps.append(&mut progress.steps);
    Progress { steps, ..progress }
}

/// What an operation asks for and cannot be had from Flux.
fn refusal(sync: &SyncOperation) -> Option<String> {
    let is_local = !sync.manifests.is_empty();
    is_local.then(|| {
        "Flux delivers from the source alone, so that manifests from somebody's disk cannot be synced (commit them, or \
         switch the Application to Argo CD: take the sync option FluxSubsystem=true away)"
            .to_owned()
    })
}

/// The beginning of the message of a Sync that was refused because of its objects (gitops-engine `sync/sync_context.go`).
const NOT_VALID: &str = "one or more synchronization tasks are not valid";

/// The end of a Sync whose objects the project refuses, or that would delete everything unless `may_delete`.
fn forbidden(view: &View<'_>, may_delete: bool) -> Option<Progress> {
    if gate::is_unchecked(view) {
        return Some(Progress::waiting("waiting for what the source would deliver"));
    }
    let sentences = view.refusals.iter().map(|refused| refused.message.as_str());
    let mut sentences: Vec<&str> =
        sentences.filter(|sentence| !(may_delete && sentence.starts_with(WIPES_OUT))).collect();
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
        let states = view.legs.iter().flat_map(|leg| [&leg.source, &leg.chart]);
        states.into_iter().any(|state| *state == SourceState::Failed(message.clone()))
    };
    let other = conditions::comparison_errors(view).into_iter().find(|message| !is_source_failure(message));
    if let Some(message) = other {
        return Some(Outcome::error(format!("{}: {message}", conditions::COMPARISON_ERROR)));
    }
    conditions::homeless(view).map(Outcome::failed)
}

/// The API server refused a step of this very operation.
fn refused(view: &View<'_>, operation: &OperationState) -> Option<Outcome> {
    let refusal = view.observed.refusal.as_ref().filter(|refusal| refusal.at >= operation.started_at)?;
    let is_dry = operation.operation.sync.as_ref().is_some_and(|sync| sync.dry_run);
    Some(if is_dry { dry_run::refused() } else { Outcome::failed(refusal.message.clone()) })
}

/// One turn of a Sync.
struct Turn<'a> {
    view: &'a View<'a>,
    sync: &'a SyncOperation,
    selection: &'a Selection,
    /// The same in every turn of an attempt.
    marks: Marks,
    /// Everything is fetched anew: somebody asked, or it failed before. An automated Sync follows what Flux has fetched.
    is_requested: bool,
    /// Not the policy's own.
    is_by_somebody: bool,
}

impl<'a> Turn<'a> {
    fn new(
        view: &'a View<'a>,
        operation: &OperationState,
        sync: &'a SyncOperation,
        selection: &'a Selection,
    ) -> Self {
        let is_by_somebody = !operation.operation.initiated_by.automated;
        let is_requested = is_by_somebody || operation.retry_count > 0;
        Self { view, sync, selection, marks: Marks::of(operation), is_requested, is_by_somebody }
    }

    /// A first install need not wait for a repository's index: Flux waits by itself.
    fn may_run_ahead(&self) -> bool {
        let is_new = |resource: &Resource<'_>| {
            resource.relation == Relation::Missing
                || resource.live.is_some_and(|live| self.marks.is_new(live))
        };
        let is_first = self.view.deliveries().all(|leg| leg.resource.as_ref().is_some_and(is_new));
        let is_repository =
            self.view.source_resources().all(|source| source.key.kind == FluxKind::HelmRepository);
        is_first && is_repository && self.view.generates() && self.selected().next().is_some()
    }

    /// The legs that the Sync is about; of one whose workload object is not known yet nothing can be said.
    fn selected(&self) -> impl Iterator<Item = &'a Leg<'a>> {
        let selection = self.selection;
        self.view.deliveries().filter(|leg| leg.key().is_none_or(|key| selection.has(key)))
    }

    /// It deletes what left the source.
    fn prunes(&self) -> bool {
        self.sync.prune && self.view.observed.app.may_prune()
    }

    /// Edited by hand, and that is to be undone. Once is enough: an edit that cannot be undone is not applied over and
    /// over.
    fn is_edited(&self, resource: &Resource<'_>) -> bool {
        resource.relation == Relation::Edited && !resource.live.is_some_and(|live| self.marks.is_asked(live))
    }

    fn delivered(&self) -> Progress {
        let is_whole = self.selection.is_all();
        if let Some(outcome) = self.another_revision().filter(|_| self.is_by_somebody && is_whole) {
            return Progress::ended(outcome);
        }
        if is_whole && self.view.observed.translation.is_handing_over {
            return Progress::waiting("waiting for objects to change hands between sources");
        }
        let steps = if is_whole { upkeep::prune(self.view, self.prunes()) } else { Vec::new() };
        Progress { steps, message: String::new(), outcome: Some(Outcome::succeeded()) }
    }

    /// A source offers another revision than was asked for.
    fn another_revision(&self) -> Option<Outcome> {
        let sources = self.view.observed.app.sources();
        let offered = self.view.revisions();
        let mut pairs = sources.iter().zip(&offered).enumerate();
        pairs.find_map(|(index, (source, offered))| {
            let wanted = self.sync.revision_of(index);
            let is_known = !wanted.is_empty() && !offered.is_empty() && wish::is_resolved(source, wanted);
            let which =
                if sources.len() > 1 { format!("source {}", index + 1) } else { "the source".to_owned() };
            (is_known && !wish::is_same(wanted, offered)).then(|| {
                Outcome::failed(format!(
                    "revision {wanted} was asked for and {which} offers {offered} (Flux found no way to it)"
                ))
            })
        })
    }
}
