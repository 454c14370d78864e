//! What is kept up whether or not an operation runs: the namespace, the sources, and the suspension of manual
//! Applications between Syncs.

use serde_json::json;

use super::steps::{delete, resume, suspend};
use super::{Step, gate, guard, handover, kept, refetch, replaced, secrets};
use crate::flux::naming::source_key;
use crate::flux::{FluxKind, Live, Manifest};
use crate::mirror::{Relation, Resource, SourceState, View, compare, namespace, source};
use crate::names;
use crate::project::Rendered;

/// The steps of the upkeep; `is_operating`: an operation runs after this plan and decides about suspension itself.
pub fn steps(view: &View<'_>, is_operating: bool) -> Vec<Step> {
    if !view.generates() {
        return Vec::new();
    }
    if may_not_act(view) {
        // What was delivered keeps running; nothing new takes its place where that may not be.
        return if is_operating { Vec::new() } else { hold(view) };
    }
    let mut steps = Vec::new();
    let suspension = if is_operating { Vec::new() } else { suspension(view) };
    let is_stopping = gate::reason(view).is_some();
    let (before, after) = if is_stopping { (suspension, Vec::new()) } else { (Vec::new(), suspension) };
    // A source that goes back to what the spec says, after a rollback, must not deliver that.
    steps.extend(before);
    let sources = secrets::wanted(view).into_iter().chain(sources(view)).collect::<Vec<_>>();
    if !sources.is_empty() {
        steps.extend(missing_namespace(view).filter(|_| !is_for_a_sync(view)));
        let is_created = steps.iter().any(|step| matches!(step, Step::CreateNamespace { .. }));
        if view.observed.namespace_exists || is_created {
            steps.extend(sources);
        }
    }
    if !is_operating {
        steps.extend(kept_namespace(view).filter(|_| view.observed.app.automated().is_some()));
        steps.extend(after);
        steps.extend(end_of_one_sync(view));
        steps.extend(stale(view));
        steps.extend(secrets::stale(view));
    }
    steps.extend(guard::passed(view));
    steps.extend(refetch::steps(view));
    steps.extend(handover::steps(view));
    steps.extend(guard::leftover(view));
    steps.extend(secrets::requests(view));
    steps.extend(fingerprints(view));
    steps.extend(kept::remember(view));
    steps
}

/// Objects that are as wanted since the wish came to them (an adopted edit): the next edit has to be told from this wish. Those
/// of which only Flux's waiting is wanted otherwise are told that, too.
fn fingerprints(view: &View<'_>) -> Vec<Step> {
    let matching = view.resources.iter().filter(|resource| resource.relation == Relation::Matches);
    let found = matching.filter_map(|resource| resource.manifest.zip(resource.live));
    let stale = found.filter(|(manifest, live)| !compare::is_of_this_wish(manifest, *live));
    stale
        .map(|(manifest, live)| {
            if compare::waits_otherwise(manifest, live) {
                return Step::ApplyObject(manifest.clone());
            }
            let patch = json!({"metadata": {"annotations": {names::ANNOTATION_DIGEST: manifest.digest()}}});
            Step::PatchObject { key: live.key(), patch }
        })
        .collect()
}

/// Nothing of an Application with errors is applied; what was delivered keeps running.
pub(super) fn may_not_act(view: &View<'_>) -> bool {
    view.observed.translation.has_errors()
        || !view.violations.is_empty()
        || view.absent().next().is_some()
        || view.foreign().next().is_some()
}

/// The step that brings the destination namespace to what a Sync makes of it: there, with the metadata that is wished for.
pub(super) fn namespace(view: &View<'_>) -> Option<Step> {
    missing_namespace(view).or_else(|| kept_namespace(view))
}

/// The destination namespace comes from a source, as everything else that a Sync delivers, and none may begin by itself.
fn is_for_a_sync(view: &View<'_>) -> bool {
    let app = &view.observed.app;
    let is_wished = app.has_sync_option(names::OPTION_CREATE_NAMESPACE);
    !is_wished && (app.automated().is_none() || gate::is_closed(view))
}

/// The step that creates the destination namespace, when it is missing and wished for, or among what is delivered: Argo CD
/// applies it before what stands in it (gitops-engine `sync/sync_tasks.go`).
fn missing_namespace(view: &View<'_>) -> Option<Step> {
    let observed = view.observed;
    let app = &observed.app;
    let is_wished = app.has_sync_option(names::OPTION_CREATE_NAMESPACE) || observed.brings_namespace;
    if observed.namespace_exists || !is_wished {
        return None;
    }
    let metadata = app.managed_namespace_metadata().cloned().unwrap_or_default();
    Some(Step::CreateNamespace {
        name: view.observed.translation.namespace.clone(),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        manager: namespace::manager(app),
    })
}

/// The step that keeps up labels and annotations of the destination namespace (argo-cd `controller/sync_namespace.go`).
fn kept_namespace(view: &View<'_>) -> Option<Step> {
    let app = &view.observed.app;
    let wanted = app.managed_namespace_metadata().filter(|_| view.observed.namespace_exists)?;
    let change = view.observed.namespace.change(app, wanted)?;
    Some(Step::ApplyNamespace {
        name: view.observed.translation.namespace.clone(),
        labels: change.labels.unwrap_or_default(),
        annotations: change.annotations.unwrap_or_default(),
        manager: namespace::manager(app),
    })
}

/// Sources run at all times, so that a newer revision is seen; a hand-made edit stays unless the policy heals.
fn sources(view: &View<'_>) -> Vec<Step> {
    let heals = view.observed.app.self_heals();
    let is_due = |source: &&Resource<'_>| match source.relation {
        Relation::Missing => true,
        Relation::Outdated => !is_provisional(view, source),
        Relation::Edited => heals && !is_provisional(view, source),
        _ => false,
    };
    let due = view.source_resources().filter(is_due).filter(|_| may_move(view));
    let due = due.filter_map(|source| source.manifest.cloned()).map(Step::ApplyObject);
    due.chain(guard::applied(view)).collect()
}

/// Where only what was checked may be delivered, a source does not move on to anything else beneath a workload object that
/// runs: Flux would deliver that at once.
fn may_move(view: &View<'_>) -> bool {
    let observed = view.observed;
    let is_checked = observed.rendered != Rendered::Unneeded && view.refusals.is_empty();
    !observed.context.checked_only || is_checked || workloads(view).all(|(_, live)| live.is_suspended())
}

/// While it is unknown what the path holds, the wanted source is one to find out with: it lacks what depends on the
/// answer, such as the rules by which a directory leaves its subfolders out. It must not take the place of one that
/// delivers, nor of one that has lost its artifact and fetches it again.
fn is_provisional(view: &View<'_>, source: &Resource<'_>) -> bool {
    let delivers = source.live.is_some_and(|live| live.artifact_revision().is_some());
    !view.observed.translation.wants.is_empty() && (delivers || is_fetched_again(source))
}

/// It is on its way, from where it is wanted from.
fn is_fetched_again(source: &Resource<'_>) -> bool {
    let Some((live, manifest)) = source.live.zip(source.manifest) else { return false };
    let is_on_its_way = matches!(source::state(Some(live), None), SourceState::Fetching(_));
    let mut wanted = manifest.spec.as_object().into_iter().flatten().filter(|(field, _)| *field != "ignore");
    is_on_its_way && wanted.all(|(field, value)| live.spec().get(field) == Some(value))
}

/// Workload objects wait suspended between operations where the gate says so.
fn suspension(view: &View<'_>) -> Vec<Step> {
    if gate::reason(view).is_some() {
        return hold(view);
    }
    let held = workloads(view).filter(|(_, live)| live.is_suspended_by_bridge());
    held.map(|(_, live)| Step::PatchObject { key: live.key(), patch: resume() }).collect()
}

/// The steps that suspend the workload objects where the gate says so, unless they are suspended.
pub(super) fn hold(view: &View<'_>) -> Vec<Step> {
    let Some(reason) = gate::reason(view) else { return Vec::new() };
    let is_held = |live: &Live<'_>| {
        live.is_suspended()
            && (!live.is_suspended_by_bridge()
                || live.annotation(names::ANNOTATION_SUSPENDED) == Some(reason))
    };
    let free = workloads(view).filter(|(_, live)| !is_held(live));
    free.map(|(_, live)| Step::PatchObject { key: live.key(), patch: suspend(reason) }).collect()
}

/// The live workload objects that are the Application's own, with what is wanted of them.
fn workloads<'a>(view: &View<'a>) -> impl Iterator<Item = (Option<&'a Manifest>, Live<'a>)> {
    let found = view.workload_resources().filter_map(|resource| Some((resource.manifest, resource.live?)));
    found.filter(|(_, live)| view.observed.owns(*live) && !live.is_deleting())
}

/// The Sync is over that had set fields for its time: they go back to what is wanted, or to the default.
fn end_of_one_sync(view: &View<'_>) -> Vec<Step> {
    let marked = workloads(view)
        .filter(|(_, live)| live.annotation(names::ANNOTATION_FOR_ONE_SYNC).is_some())
        .filter(|(_, live)| !handover::is_waiting(*live));
    marked.filter_map(|(manifest, live)| Some(put_back(manifest?, live))).collect()
}

fn put_back(manifest: &Manifest, live: Live<'_>) -> Step {
    let spec = match live.kind {
        FluxKind::HelmRelease => {
            json!({"driftDetection": {"mode": manifest.spec.pointer("/driftDetection/mode")}})
        }
        _ => json!({
            "prune": manifest.spec.get("prune"),
            "force": manifest.spec.get("force"),
            "dependsOn": manifest.spec.get("dependsOn"),
        }),
    };
    let annotations = json!({names::ANNOTATION_FOR_ONE_SYNC: null});
    Step::PatchObject {
        key: live.key(),
        patch: json!({"metadata": {"annotations": annotations}, "spec": spec}),
    }
}

/// Sources that nothing reads any more go once their successor delivers; workload objects only where pruning is on.
fn stale(view: &View<'_>) -> Vec<Step> {
    let prunes = view.observed.app.prunes();
    if view.is_complete() && view.objects_match() && view.is_current() {
        prune(view, prunes)
    } else {
        Vec::new()
    }
}

/// The steps that remove generated objects that are no longer wanted.
pub(super) fn prune(view: &View<'_>, workloads_too: bool) -> Vec<Step> {
    let stale = view.stale.iter().filter(|live| !live.is_deleting());
    let (workloads, sources): (Vec<_>, Vec<_>) = stale.copied().partition(|live| live.kind.is_workload());
    let mut steps = Vec::new();
    if workloads_too {
        steps.extend(workloads.iter().flat_map(|live| replaced::remove(view, *live)));
    }
    // What stays goes on reading its source, and that its Secret.
    let is_read = |source: &Live<'_>| {
        workloads.iter().any(|workload| source_key(*workload).as_ref() == Some(&source.key()))
    };
    steps.extend(sources.iter().filter(|source| !is_read(source)).map(|live| delete(*live)));
    steps
}
