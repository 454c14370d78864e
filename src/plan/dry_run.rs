//! A dry run: the API server checks each Flux object as if it were applied. What the objects would deliver is rendered by
//! Flux when it comes to them, and is not part of it.

use super::Step;
use super::selection::Selection;
use super::sync::{Outcome, Progress};
use crate::mirror::{Relation, Resource, View};

/// Everything at once: a refused step ends the plan, and the next turn tells of it.
pub(super) fn advance(view: &View<'_>, selection: &Selection) -> Progress {
    let manifests = view.resources.iter().filter(|resource| selection.has(&resource.key));
    let manifests = manifests.filter_map(|resource| resource.manifest);
    // Nothing can be tried in a namespace that the Sync itself would create first.
    let is_to_be_created = !view.observed.namespace_exists;
    let steps = manifests.filter(|_| !is_to_be_created).cloned().map(Step::TryObject).collect();
    Progress { steps, message: String::new(), outcome: Some(Outcome::succeeded()) }
}

/// Argo CD's words for the whole (gitops-engine `sync/sync_context.go`); the object's line has the API server's.
pub(super) fn refused() -> Outcome {
    Outcome { is_final: true, ..Outcome::failed("one or more objects failed to apply (dry run)") }
}

/// What the dry run says of one object, as kubectl would.
pub(super) fn line(view: &View<'_>, resource: &Resource<'_>) -> String {
    let what = match resource.relation {
        _ if !view.observed.namespace_exists => "created, after its namespace",
        Relation::Missing => "created",
        Relation::Matches | Relation::Referenced => "unchanged",
        _ => "configured",
    };
    let kind = resource.key.kind;
    format!("{}.{}/{} {what} (dry run)", kind.kind().to_lowercase(), kind.group(), resource.key.name)
}
