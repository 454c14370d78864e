//! Fields of an Application beside its source: what delivery by Flux does not do is said.

use super::draft::Draft;
use crate::argo::Application;

/// Sync options that Flux has no counterpart for, and what is lost.
const WITHOUT_EFFECT: [(&str, &str); 4] = [
    ("PruneLast=true", "Flux deletes what left the source right after it applied the rest"),
    ("RespectIgnoreDifferences=true", "ignoreDifferences are not translated yet"),
    ("FailOnSharedResource=true", "an object that two Applications deliver goes to the last one"),
    ("PrunePropagationPolicy=orphan", "Flux deletes dependent objects in the background"),
];
/// Sync options that keep Argo CD from deleting; delivery that ignored them would delete.
const PROTECTING: [&str; 4] = ["Prune=false", "Prune=confirm", "Delete=false", "Delete=confirm"];

/// Notes every field beside the source that has no effect, or cannot be kept.
pub(super) fn check(draft: &mut Draft<'_>) {
    let app: &Application = draft.app;
    if !app.spec.ignore_differences.is_empty() {
        draft.warn("spec.ignoreDifferences", "not mapped yet: every difference counts", "");
    }
    let Some(policy) = &app.spec.sync_policy else { return };
    if policy.managed_namespace_metadata.is_some() {
        let field = "spec.syncPolicy.managedNamespaceMetadata";
        draft.warn(field, "is written when the namespace is created, and not kept up afterwards", "");
    }
    for (index, option) in policy.sync_options.iter().enumerate() {
        let field = format!("spec.syncPolicy.syncOptions[{index}]");
        if let Some((_, lost)) = WITHOUT_EFFECT.iter().find(|(known, _)| known == option) {
            draft.warn(field, format!("{option} has no effect: {lost}"), "");
        } else if PROTECTING.contains(&option.as_str()) {
            draft.unsupported(
                field,
                &format!("{option} is"),
                "annotate the objects: kustomize.toolkit.fluxcd.io/prune: disabled, or helm.sh/resource-policy: keep",
            );
        }
    }
}
