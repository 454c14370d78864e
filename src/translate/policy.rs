//! Fields of an Application beside its source: what delivery by Flux does not do is said.

use super::draft::Draft;
use crate::argo::Application;
use crate::argo::application::Automated;
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
    let guards =
        |automated: &Automated| automated.prune == Some(true) && automated.allow_empty == Some(false);
    if app.automated().is_some_and(guards) {
        draft.warn(
            "spec.syncPolicy.automated.allowEmpty",
            "false has no effect: a source that has become empty of manifests is pruned like any other",
            "annotate what must stay: kustomize.toolkit.fluxcd.io/prune: disabled",
        );
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
