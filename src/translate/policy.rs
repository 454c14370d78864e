//! Fields of an Application beside its source: what delivery by Flux does not do is said.

use super::draft::Draft;
use crate::argo::Application;
use crate::names;

/// Notes every field beside the source that has no effect, or cannot be kept.
pub(super) fn check(draft: &mut Draft<'_>) {
    let app: &Application = draft.app;
    super::sync_options::check(draft);
    let Some(policy) = &app.spec.sync_policy else { return };
    let creates = app.has_sync_option(names::OPTION_CREATE_NAMESPACE);
    if policy.managed_namespace_metadata.is_some() && !creates {
        let field = "spec.syncPolicy.managedNamespaceMetadata";
        let hint = "Argo CD keeps up the namespaces that it creates: add CreateNamespace=true";
        draft.warn(field, "has no effect without the sync option CreateNamespace=true", hint);
    }
}
