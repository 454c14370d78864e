//! One object in several sources: stock Argo CD takes it from the last one (argo-cd `controller/state.go`,
//! `NormalizeTargetObjects`), so that a source overrides what those before it hold.
//!
//! Each source has a workload object of its own here, and two of them with one object would take it from each other for
//! ever. So the workload object of an earlier source leaves out what a later one holds: by patches that delete, after
//! whatever else changes what it builds. What the sources hold Argo CD's repo-server says.
//!
//! In a kustomization the patches run before what renames and moves its objects (kustomize `kusttarget_configplugin.go`,
//! `configureBuiltinTransformers`), so that one with something to be left out is rendered first.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draft::{Draft, Source};
use super::handover::{self, Handover};
use super::leg::Leg;
use super::patches::{add, deletion, patches};
use super::places::{delivering, held, places, repeated};
use super::{Route, Severity, Want};
use crate::flux::{FluxKind, Manifest};
use crate::project::RenderedObject;

/// What is said of a kustomization that is rendered because of it.
pub(super) const REASON: &str = "an object that a later source holds as well";
/// What Helm installs without rendering it, where it lies in `crds/`.
const DEFINITION: &str = "CustomResourceDefinition";

/// Whether source number `source` holds something that a later one holds as well, as far as that is known.
pub(super) fn is_overridden(draft: &Draft<'_>, source: usize) -> bool {
    let repeated = repeated(draft.app, draft.context).unwrap_or_default();
    repeated.values().any(|places| places.is_in(source) && places.last() != Some(source))
}

/// Asks what the sources hold, where several deliver and everything else is known.
pub(super) fn look_up(draft: &mut Draft<'_>, sources: &[Source<'_>], legs: &[Leg]) {
    let delivering = delivering(draft.app);
    let is_known = |index: &usize| legs.get(*index).is_some_and(|leg| leg.workload.is_some());
    let has_errors = draft.problems.iter().any(|problem| problem.severity == Severity::Error);
    if delivering.len() < 2 || has_errors || !draft.wants.is_empty() || !delivering.iter().all(is_known) {
        return;
    }
    for index in delivering {
        if held(draft.context, index).is_none() {
            draft.want::<()>(Want::Objects { source: index });
        }
        if let (Some(Err(why)), Some(source)) = (draft.context.objects.get(&index), sources.get(index)) {
            draft.warn(
                source.at("").trim_end_matches('.'),
                format!("what it holds is not known, nor whether other sources hold the same: {why}"),
                "",
            );
        }
    }
}

/// Takes out of each workload object what a later source delivers; whether that is still to be taken over. Called after
/// everybody else had a say in what it is.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest], routes: &[Route]) -> bool {
    let mut is_handing_over = false;
    let places = places(draft.app, draft.context).unwrap_or_default();
    let namespace = &draft.app.spec.destination.namespace;
    let handover = Handover::new(draft.context, routes, &places, namespace);
    for (index, route) in routes.iter().enumerate() {
        let workload = objects.iter_mut().find(|object| Some(&object.key) == route.workload.as_ref());
        let Some(workload) = workload else { continue };
        let kept = handover.taken(index);
        if !kept.is_empty() {
            handover::mark(workload, &kept, namespace);
            is_handing_over = true;
        }
        let taken = handover.left_out(index);
        if !taken.is_empty() {
            take_out(draft, workload, index, &taken);
        }
    }
    is_handing_over
}

fn take_out(draft: &mut Draft<'_>, workload: &mut Manifest, source: usize, taken: &[&RenderedObject]) {
    let patches = patches(taken, workload.key.kind, &draft.app.spec.destination.namespace, deletion);
    add(workload, patches);
    let crds = ["/install/crds", "/upgrade/crds"].map(|field| workload.spec.pointer(field));
    let installs = crds.iter().any(|policy| policy.and_then(Value::as_str) != Some("Skip"));
    let is_chart =
        workload.key.kind == FluxKind::HelmRelease && !draft.context.rendered.contains_key(&source);
    if is_chart && installs {
        warn_of_definitions(draft, source, taken);
    }
}

/// Helm installs what a chart holds in `crds/` before it renders anything.
fn warn_of_definitions(draft: &mut Draft<'_>, index: usize, taken: &[&RenderedObject]) {
    let names = taken.iter().filter(|object| object.kind == DEFINITION).map(|object| object.name.as_str());
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() {
        return;
    }
    let list = names.into_iter().collect::<Vec<_>>().join(", ");
    draft.warn(
        super::source_field(draft.app, index, "helm.skipCrds"),
        format!("a later source holds {list} as well, and what lies in the chart's crds/ Helm installs all the same"),
        "set skipCrds: true, and deliver its other definitions from the later source",
    );
}

#[cfg(test)]
pub(super) mod tests;
