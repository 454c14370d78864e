//! Steps and patches that several plans are made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Step;
use crate::argo::Application;
use crate::argo::status::seconds;
use crate::flux::Live;
use crate::mirror::patch;
use crate::names;

/// `change` with the resourceVersion it was decided on: a decision on a stale Application is refused by the API server.
pub(crate) fn guarded(app: &Application, mut change: Value) -> Value {
    patch::merge(&mut change, &json!({"metadata": {"resourceVersion": app.metadata.resource_version}}));
    change
}

/// The end of an operation that somebody asked to stop.
pub(super) fn terminated(now: Timestamp) -> Value {
    json!({"operation": null, "status": {"operationState": {
        "phase": "Failed",
        "message": "Operation terminated",
        "finishedAt": seconds::text(now),
    }}})
}

/// The patch that suspends a workload object for that reason.
pub(super) fn suspend(reason: &str) -> Value {
    json!({
        "metadata": {"annotations": {names::ANNOTATION_SUSPENDED: reason}},
        "spec": {"suspend": true},
    })
}

/// The patch that ends the bridge's own suspension.
pub(super) fn resume() -> Value {
    json!({"metadata": {"annotations": {names::ANNOTATION_SUSPENDED: null}}, "spec": {"suspend": null}})
}

/// The step that deletes exactly this object.
pub(super) fn delete(live: Live<'_>) -> Step {
    Step::DeleteObject { key: live.key(), uid: live.object.metadata.uid.clone().unwrap_or_default() }
}

/// The caches may not have heard yet of an object that was applied a moment ago.
pub(super) fn confirm_gone(app: &Application) -> Step {
    let labels = BTreeMap::from([
        (names::LABEL_GENERATED.to_owned(), "true".to_owned()),
        (names::LABEL_APPLICATION_NAME.to_owned(), names::shorten(app.name(), names::MAX_LABEL_VALUE)),
        (names::LABEL_APPLICATION_NAMESPACE.to_owned(), app.namespace().to_owned()),
    ]);
    Step::ConfirmGone { labels }
}
