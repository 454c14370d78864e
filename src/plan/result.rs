//! `syncResult`: what an operation did, object by object.

use super::selection::Selection;
use super::sync::Outcome;
use super::{dry_run, gate};
use crate::argo::operation::{OperationState, Phase, ResourceResult, SyncResult};
use crate::flux::Live;
use crate::mirror::leftover::Leftover;
use crate::mirror::{NodeKey, Resource, SourceState, View, WorkloadState, status};

/// `syncResult` of an operation that is at `outcome`, or still at work.
pub fn of(view: &View<'_>, operation: &OperationState, outcome: Option<&Outcome>) -> SyncResult {
    let app = &view.observed.app;
    let sync = operation.operation.sync.clone().unwrap_or_default();
    let selection = Selection::of(view, &sync).ok();
    let multiple = sync.has_multiple_sources(app.has_multiple_sources());
    let revisions = view.revisions().into_iter().enumerate().map(|(index, offered)| {
        let asked = if offered.is_empty() { sync.revision_of(index).to_owned() } else { offered };
        if asked.is_empty() { refused(view, index).unwrap_or_default() } else { asked }
    });
    let (revision, revisions) = status::one_or_several(multiple, revisions.collect());
    let sources = if sync.sources.is_empty() { app.multiple_sources() } else { &sync.sources };
    SyncResult {
        resources: lines(view, outcome, selection.as_ref(), sync.dry_run, sync.prune),
        revisions,
        revision,
        source: sync.only_source().or(app.single_source()).cloned().filter(|_| !multiple),
        sources: if multiple { sources.to_vec() } else { Vec::new() },
    }
}

/// The version of a chart whose objects the project refused, so that Flux has not fetched it.
fn refused(view: &View<'_>, index: usize) -> Option<String> {
    let source = view.observed.app.sources().get(index).filter(|_| !view.refusals.is_empty())?;
    gate::is_one_version(&source.target_revision).then(|| source.target_revision.clone())
}

/// A line for each Flux object, one for each object that stays where a Sync would prune it, and one for each that the project
/// refuses.
fn lines(
    view: &View<'_>,
    outcome: Option<&Outcome>,
    selection: Option<&Selection>,
    is_dry: bool,
    prunes: bool,
) -> Vec<ResourceResult> {
    let refused = view.refusals.iter().filter(|_| outcome.is_some()).map(|refused| {
        let object = refused.object.clone();
        ResourceResult {
            group: object.group,
            version: object.version,
            kind: object.kind,
            namespace: object.namespace,
            name: object.name,
            status: "SyncFailed".to_owned(),
            message: refused.message.clone(),
            hook_phase: String::new(),
            sync_phase: "Sync".to_owned(),
        }
    });
    let is_selected =
        |resource: &&Resource<'_>| selection.is_some_and(|selection| selection.has(&resource.key));
    let own = view.resources.iter().filter(is_selected);
    let is_all = outcome.is_some() && !is_dry && selection.is_some_and(Selection::is_all);
    let left = view.leftovers.iter().filter(|_| is_all).map(|left| unpruned(left, prunes));
    own.map(|resource| line(view, resource, outcome, is_dry)).chain(left).chain(refused).collect()
}

/// The result line of what left the source and stays (gitops-engine `pkg/sync/sync_context.go`, `pruneObject`). By the words of
/// the message the CLI tells what a Sync was to prune and did not (argo-cd `cmd/argocd/commands/app.go`).
fn unpruned(left: &Leftover, prunes: bool) -> ResourceResult {
    let message = if prunes { "ignored (no prune)" } else { "ignored (requires pruning)" };
    let NodeKey { group, kind, namespace, name } = left.node.key.clone();
    ResourceResult {
        group,
        version: left.node.version.clone(),
        kind,
        namespace,
        name,
        status: "PruneSkipped".to_owned(),
        message: message.to_owned(),
        hook_phase: "Succeeded".to_owned(),
        sync_phase: "Sync".to_owned(),
    }
}

/// The result line of one Flux object, with Flux's own message.
fn line(view: &View<'_>, resource: &Resource<'_>, outcome: Option<&Outcome>, is_dry: bool) -> ResourceResult {
    let ready = resource.live.and_then(|live| live.condition("Ready"));
    let fetched = view.fetched();
    let is_this = |live: &Option<Live<'_>>| live.is_some_and(|live| live.key() == resource.key);
    let is_failed = match view.leg_of(&resource.key) {
        Some(leg) => matches!(leg.workload, WorkloadState::Failed(_)),
        None => fetched.iter().any(|(live, state)| is_this(live) && matches!(state, SourceState::Failed(_))),
    };
    // What the API server refused: `OBJECT: its words`.
    let refusal =
        view.observed.refusal.as_ref().filter(|_| outcome.is_some()).and_then(|refusal| {
            refusal.message.strip_prefix(&format!("{}: ", resource.key)).map(str::to_owned)
        });
    let is_failed = if is_dry { refusal.is_some() } else { is_failed || refusal.is_some() };
    let (status, phase) = match (outcome, is_failed) {
        (None, _) => ("", "Running"),
        (Some(outcome), false)
            if is_dry || outcome.phase == Phase::Succeeded || resource.key.kind.is_source() =>
        {
            ("Synced", "Succeeded")
        }
        (Some(_), _) => ("SyncFailed", "Failed"),
    };
    ResourceResult {
        group: resource.key.kind.group().to_owned(),
        version: resource.key.kind.version().to_owned(),
        kind: resource.key.kind.kind().to_owned(),
        namespace: resource.key.namespace.clone(),
        name: resource.key.name.clone(),
        status: status.to_owned(),
        // While it runs, the operation's own message tells what Flux is doing: one text that changes is enough.
        message: match refusal {
            Some(refusal) => refusal,
            None if is_dry => dry_run::line(view, resource),
            None => outcome.and(ready).map(|ready| ready.message.to_owned()).unwrap_or_default(),
        },
        hook_phase: phase.to_owned(),
        sync_phase: "Sync".to_owned(),
    }
}
