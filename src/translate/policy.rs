//! Fields of an Application beside its source: what delivery by Flux does not do is said.

use super::draft::Draft;
use crate::argo::Application;
use crate::argo::application::Automated;

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
    let guards =
        |automated: &Automated| automated.prune == Some(true) && automated.allow_empty == Some(false);
    if app.automated().is_some_and(guards) {
        draft.warn(
            "spec.syncPolicy.automated.allowEmpty",
            "false has no effect: a source that has become empty of manifests is pruned like any other",
            "annotate what must stay: kustomize.toolkit.fluxcd.io/prune: disabled",
        );
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

#[cfg(test)]
mod tests {
    use crate::argo::Application;
    use crate::translate::{Context, translate};
    use rstest::rstest;
    use serde_json::{Value, json};

    /// Written out, the guard is expected to hold; left out, nobody has thought of it.
    #[rstest]
    #[case::written(json!({"prune": true, "allowEmpty": false}), true)]
    #[case::left_out(json!({"prune": true}), false)]
    #[case::allowed(json!({"prune": true, "allowEmpty": true}), false)]
    #[case::nothing_pruned(json!({"allowEmpty": false}), false)]
    #[case::switched_off(json!({"prune": true, "allowEmpty": false, "enabled": false}), false)]
    fn a_guard_that_flux_does_not_have_is_named(#[case] automated: Value, #[case] is_named: bool) {
        let options = ["FluxSubsystem=true", "AutoCreateFluxResources=true"];
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"syncPolicy": {"automated": automated, "syncOptions": options}},
        }))
        .unwrap();
        let problems = translate(&app, &Context::default()).problems;
        let field = "spec.syncPolicy.automated.allowEmpty";
        assert_eq!(problems.iter().any(|problem| problem.to_string().starts_with(field)), is_named);
    }
}
