//! Workload objects that are no longer wanted. Flux takes what one has delivered away with it, which must not happen to what
//! another one delivers by now: a path that became a chart, a chart that got a release of its own.
//!
//! Such an object goes alone, suspended (helm-controller `reconcileDelete`, kustomize-controller `finalize`), and the rest of
//! what it has delivered stays with it: neither controller takes away a part. An event names that rest.

use serde_json::Value;

use super::steps::{delete, resume, suspend};
use super::{Step, kept, leave};
use crate::flux::{FluxKind, Live};
use crate::mirror::View;
use crate::mirror::inventory::{Entry, entries};
use crate::names;

/// How many objects an event names.
const MAX_NAMES: usize = 20;

/// The steps that remove a workload object, and what it has delivered as far as nobody else delivers that.
pub(super) fn remove(view: &View<'_>, live: Live<'_>) -> Vec<Step> {
    let alone = || Step::PatchObject { key: live.key(), patch: suspend(names::SUSPENDED_UNTIL_SYNC) };
    if has_another_owner(view, live) {
        return vec![alone(), delete(live)];
    }
    if !is_replaced(view, live) {
        let resume = Step::PatchObject { key: live.key(), patch: resume() };
        let left = kept::outliving(view.observed, live);
        return live.is_suspended().then_some(resume).into_iter().chain([delete(live)]).chain(left).collect();
    }
    let mut steps = vec![alone()];
    steps.extend(leave::remove(view.observed, live));
    steps.extend(left(view, live));
    steps
}

/// A release that lives on under another `HelmRelease`.
fn has_another_owner(view: &View<'_>, live: Live<'_>) -> bool {
    let release = |spec: &Value| {
        ["releaseName", "storageNamespace"]
            .map(|field| spec.get(field).and_then(Value::as_str).map(str::to_owned))
    };
    let mut wanted = view.workload_resources().filter_map(|resource| resource.manifest);
    live.kind == FluxKind::HelmRelease
        && wanted.any(|wanted| wanted.key.kind == live.kind && release(&wanted.spec) == release(live.spec()))
}

/// Others deliver some of what it has delivered. Definitions (CRDs) of charts are in no inventory, and everything of their
/// kinds would go with them: wherever a chart is delivered, they are taken for its own.
fn is_replaced(view: &View<'_>, live: Live<'_>) -> bool {
    let has_chart = others(view).any(|other| other.kind == FluxKind::HelmRelease);
    let is_definition = |entry: &Entry| entry.kind == "CustomResourceDefinition";
    entries(live).any(|entry| has_chart && is_definition(&entry) || is_delivered(view, &entry))
}

/// What nobody delivers any more, and nothing takes away.
fn left(view: &View<'_>, live: Live<'_>) -> Option<Step> {
    let left = entries(live).filter(|entry| !is_delivered(view, entry));
    let left: Vec<String> =
        left.map(|entry| format!("{} {}/{}", entry.kind, entry.namespace, entry.name)).collect();
    let more = left.len().saturating_sub(MAX_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = left.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} is gone and its objects stay, since others deliver some of them; nobody delivers these any more: {names}{more} \
         (delete them where they are not needed)",
        live.key()
    );
    (!left.is_empty()).then_some(Step::EmitEvent { is_warning: true, reason: "ObjectsLeft", message })
}

fn is_delivered(view: &View<'_>, entry: &Entry) -> bool {
    others(view).flat_map(entries).any(|other| other.node_key() == entry.node_key())
}

/// The workload objects that are wanted, as they are.
fn others<'a>(view: &'a View<'_>) -> impl Iterator<Item = Live<'a>> {
    view.workload_resources().filter_map(|resource| resource.live)
}
