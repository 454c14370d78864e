//! Which rendering of the source is about to be delivered, where the project restricts what that may be.

use serde_json::Value;

use super::gate;
use crate::argo::{Application, ApplicationSource};
use crate::flux::FluxKind;
use crate::mirror::{Leg, Relation, View};
use crate::translate::{is_override, is_post_rendered, source_field};

/// The revisions of the sources that have to be rendered and looked at before anything else happens, one a source; `None`:
/// nothing.
pub fn revisions(view: &View<'_>) -> Option<Vec<String>> {
    let app = &view.observed.app;
    let is_asked = app.operation.is_some() || !view.is_synced();
    let is_settled = view.observed.translation.is_complete()
        && !view.observed.translation.has_errors()
        && view.violations.is_empty()
        && !app.is_deleting();
    if !gate::restricts(view.observed) || !view.generates() || !is_asked || !is_settled {
        return None;
    }
    let rendered = &view.observed.context.rendered;
    let ways = app.sources().iter().zip(&view.legs).enumerate();
    ways.map(|(index, (source, leg))| match rendered.get(&index) {
        Some(made) => Some(made.revision.clone()),
        None => revision(source, leg),
    })
    .collect()
}

fn revision(source: &ApplicationSource, leg: &Leg<'_>) -> Option<String> {
    let offered = leg.delivery.available.as_str();
    if leg.origin.as_ref().is_some_and(|origin| origin.key.kind != FluxKind::HelmRepository) {
        // Not before it is fetched: nothing is delivered before that, either.
        return (!offered.is_empty()).then(|| offered.to_owned());
    }
    // The chart that Flux has fetched is of the wish before, as long as that is what was applied.
    let is_applied = leg.relation() == Some(&Relation::Matches) && !offered.is_empty();
    Some(if is_applied { offered.to_owned() } else { source.target_revision.clone() })
}

/// Why it cannot be known what would be delivered, whatever the source holds: Argo CD's repo-server knows nothing of an
/// override, which is merged into the Flux objects, nor of a patch of what a chart renders, which may change names, kinds and
/// namespaces, and delete.
pub fn blind_spot(view: &View<'_>) -> Option<String> {
    if !gate::restricts(view.observed) {
        return None;
    }
    let app = &view.observed.app;
    let why = if gate::project_restricts(view.observed) {
        format!("project {} restricts what may be delivered", app.project())
    } else {
        "automated.allowEmpty: false asks for that".to_owned()
    };
    let overridden = annotation(app).map(|annotation| {
        format!(
            "metadata.annotations[{annotation}]: what an override delivers cannot be looked at, and {why} (write it into \
             spec.source)"
        )
    });
    overridden.or_else(|| {
        let field = patches(app)?;
        Some(format!(
            "{field}: what a patch makes of a chart cannot be looked at, and {why} (write it into the chart or its values)"
        ))
    })
}

/// The first annotation that is an override.
fn annotation(app: &Application) -> Option<&str> {
    app.metadata.annotations.as_ref()?.keys().map(String::as_str).find(|key| is_override(key))
}

/// Where a chart is patched after it was rendered.
fn patches(app: &Application) -> Option<String> {
    let are_there = |source: &ApplicationSource| {
        let list = source.kustomize.as_ref().and_then(|settings| settings.get("patches"));
        is_post_rendered(source) && list.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    let index = app.sources().iter().position(are_there)?;
    Some(source_field(app, index, "kustomize.patches"))
}
