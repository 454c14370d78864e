//! Whether Flux may deliver by itself. An automated Application's workload object normally runs on its own; where the
//! project has a say in each delivery, it waits suspended in between, and an operation resumes it.

use std::time::Duration;

use serde_json::Value;

use crate::argo::operation::OperationState;
use crate::flux::{FluxKind, Manifest};
use crate::mirror::{Observed, View, guard};
use crate::names;
use crate::project::{self, Rendered, Windows, this_cluster};
use crate::translate::is_version;

/// Why the workload object waits suspended between operations, as the value of [`names::ANNOTATION_SUSPENDED`].
pub(super) fn reason(view: &View<'_>) -> Option<&'static str> {
    if view.observed.app.automated().is_none() {
        Some(names::SUSPENDED_UNTIL_SYNC)
    } else if !view.violations.is_empty() || (project_restricts(view.observed) && moves(view)) {
        Some(names::SUSPENDED_BY_PROJECT)
    } else if guard::is_looked_at(view.observed) && moves(view) {
        Some(names::SUSPENDED_BY_GUARD)
    } else if is_closed(view) {
        Some(names::SUSPENDED_BY_WINDOW)
    } else {
        None
    }
}

/// No automated Sync may begin now.
pub(super) fn is_closed(view: &View<'_>) -> bool {
    windows(view).is_some_and(|windows| windows.can_sync(false, None) != Ok(true))
}

/// Why the operation has to wait, in stock Argo CD's words (argo-cd `controller/sync.go`, `SyncAppState`).
pub(super) fn blocks(view: &View<'_>, operation: &OperationState) -> Option<String> {
    const BLOCKED: &str = "Sync operation blocked by sync window";
    let is_manual = !operation.operation.initiated_by.automated;
    match windows(view)?.can_sync(is_manual, Some(operation.started_at)) {
        Ok(true) => None,
        Ok(false) => Some(BLOCKED.to_owned()),
        Err(error) => Some(format!("{BLOCKED}: {error}")),
    }
}

/// When to look again, though nothing happens: at the next edge of a window.
pub(super) fn next_look(view: &View<'_>) -> Option<Duration> {
    windows(view)?.next_change()
}

fn windows<'a>(view: &View<'a>) -> Option<Windows<'a>> {
    let project = view.observed.project.as_deref()?;
    Some(project::matching(project, &view.observed.app, view.observed.now))
}

/// What would be delivered has to be looked at before it is.
pub fn restricts(observed: &Observed) -> bool {
    project_restricts(observed) || guard::is_looked_at(observed)
}

/// The project says what may be delivered.
pub(super) fn project_restricts(observed: &Observed) -> bool {
    observed.project.as_deref().is_some_and(|project| project.restricts_objects(&this_cluster()))
}

/// What would be delivered has to be looked at first, and that has not been done.
pub(super) fn is_unchecked(view: &View<'_>) -> bool {
    restricts(view.observed) && view.observed.rendered == Rendered::Unneeded && !view.is_synced()
}

/// The source may offer something new without a change of the Application: a branch, a tag, a range of versions.
fn moves(view: &View<'_>) -> bool {
    let manifests: Vec<&Manifest> = view.resources.iter().filter_map(|resource| resource.manifest).collect();
    let moving = |manifest: &&Manifest| {
        let text = |pointer: &str| manifest.spec.pointer(pointer).and_then(Value::as_str);
        match manifest.key.kind {
            FluxKind::GitRepository => text("/ref/commit").is_none(),
            // The digest of what the repo-server rendered follows the source.
            FluxKind::OciRepository => {
                text("/ref/digest").is_none() || manifest.annotations.contains_key(names::ANNOTATION_RENDERED)
            }
            FluxKind::HelmRelease if text("/chart/spec/sourceRef/kind") == Some("HelmRepository") => {
                !text("/chart/spec/version").is_some_and(is_one_version)
            }
            _ => false,
        }
    };
    manifests.is_empty() || manifests.iter().any(moving)
}

/// `1.2` is a version to Argo CD, and a range to Helm.
pub(super) fn is_one_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    is_version(text) && core.split('.').count() == 3
}
