//! Which rendering of the source is about to be delivered, where the project restricts what that may be.

use super::gate;
use crate::flux::FluxKind;
use crate::mirror::{Relation, View};
use crate::names;

/// The revision of the source that has to be rendered and looked at before anything else happens; `None`: nothing.
pub fn revision(view: &View<'_>) -> Option<String> {
    let app = &view.observed.app;
    let is_asked = app.operation.is_some() || !view.is_synced();
    let is_settled = view.observed.translation.is_complete()
        && !view.observed.translation.has_errors()
        && view.violations.is_empty()
        && !app.is_deleting();
    if !gate::restricts(view.observed) || !view.generates() || !is_asked || !is_settled {
        return None;
    }
    let offered = view.delivery.available.as_str();
    if view.source_resources().any(|source| source.key.kind != FluxKind::HelmRepository) {
        // Not before it is fetched: nothing is delivered before that, either.
        return (!offered.is_empty()).then(|| offered.to_owned());
    }
    // The chart that Flux has fetched is of the wish before, as long as that is what was applied.
    let is_applied = view.workload_resource().is_some_and(|resource| resource.relation == Relation::Matches);
    let wanted = app.sources().first().map(|source| source.target_revision.clone())?;
    Some(if is_applied && !offered.is_empty() { offered.to_owned() } else { wanted })
}

/// Why it cannot be known what would be delivered, whatever the source holds: an override is merged into the Flux objects,
/// and Argo CD's repo-server knows nothing of it.
pub fn blind_spot(view: &View<'_>) -> Option<String> {
    let annotations = view.observed.app.metadata.annotations.as_ref()?;
    let is_override = |key: &&String| {
        key.strip_prefix(names::OVERRIDE_PREFIX)
            .is_some_and(|rest| rest.ends_with("-override") || rest.ends_with("-replace"))
    };
    let annotation = annotations.keys().find(is_override).filter(|_| gate::restricts(view.observed))?;
    let why = if gate::project_restricts(view.observed) {
        format!("project {} restricts what may be delivered", view.observed.app.project())
    } else {
        "automated.allowEmpty: false asks for that".to_owned()
    };
    Some(format!(
        "metadata.annotations[{annotation}]: what an override delivers cannot be looked at, and {why} (write it into \
         spec.source)"
    ))
}
