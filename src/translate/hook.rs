//! Argo CD's hooks, as far as it matters whether a Sync brings the object at all (gitops-engine `pkg/sync/hook`).

use serde_json::Value;

/// Annotation that makes a hook of an object.
const HOOK: &str = "argocd.argoproj.io/hook";
/// Helm's, which Argo CD reads where its own says nothing.
const HELM_HOOK: &str = "helm.sh/hook";

/// The hooks that Helm runs after everything else.
const LATER: [&str; 2] = ["post-install", "post-upgrade"];

/// Whether a Sync that goes well applies the object. What runs before, during and after it is an object like others to
/// Flux; what waits for a failure or a deletion, and a test, is none at all.
pub(crate) fn is_applied(object: &Value) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    let value = |name: &str| annotations.and_then(|annotations| annotations.get(name)?.as_str());
    let own: Vec<&str> = words(value(HOOK).unwrap_or_default()).filter(|word| is_type(word)).collect();
    let helm = value(HELM_HOOK).filter(|value| *value != "crd-install");
    if own.is_empty() {
        return match (value(HOOK), helm) {
            (None, None) => true,
            _ => words(value(HELM_HOOK).unwrap_or_default()).any(is_installed),
        };
    }
    own.iter().any(|word| matches!(*word, "PreSync" | "Sync" | "PostSync"))
}

/// Whether Helm runs the object as a hook.
pub(crate) fn is_helms(object: &Value) -> bool {
    object.pointer("/metadata/annotations").is_some_and(|annotations| annotations.get(HELM_HOOK).is_some())
}

/// Whether Helm runs the object as a hook after everything else, which stock Argo CD does once that is healthy (`PostSync`).
pub(crate) fn runs_later(object: &Value) -> bool {
    let hook =
        object.pointer("/metadata/annotations").and_then(|annotations| annotations.get(HELM_HOOK)?.as_str());
    words(hook.unwrap_or_default()).any(|word| LATER.contains(&word))
}

/// Whether the template of a chart may become such an object.
pub(crate) fn may_run_later(template: &str) -> bool {
    template.contains(HELM_HOOK) && LATER.iter().any(|word| template.contains(word))
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

fn is_type(word: &str) -> bool {
    matches!(word, "PreSync" | "Sync" | "PostSync" | "SyncFail" | "Skip")
}

fn is_installed(word: &str) -> bool {
    matches!(word, "pre-install" | "pre-upgrade" | "post-install" | "post-upgrade")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("post-install", true)]
    #[case("pre-install, post-upgrade", true)]
    #[case("pre-install,pre-upgrade", false)]
    #[case("test", false)]
    fn what_runs_last(#[case] hook: &str, #[case] expected: bool) {
        assert_eq!(runs_later(&json!({"metadata": {"annotations": {"helm.sh/hook": hook}}})), expected);
        let template = format!("metadata:\n  annotations:\n    helm.sh/hook: {hook}\n");
        assert_eq!(may_run_later(&template), expected);
        assert!(!may_run_later(&format!("message: {hook}\n")));
    }

    /// What `syncPhases` of gitops-engine makes of it.
    #[rstest]
    #[case::none(json!(null), true)]
    #[case::others(json!({"a": "b"}), true)]
    #[case::before(json!({"argocd.argoproj.io/hook": "PreSync"}), true)]
    #[case::failure(json!({"argocd.argoproj.io/hook": "SyncFail"}), false)]
    #[case::both(json!({"argocd.argoproj.io/hook": "PostSync, SyncFail"}), true)]
    #[case::skipped(json!({"argocd.argoproj.io/hook": "Skip"}), false)]
    #[case::deletion(json!({"argocd.argoproj.io/hook": "PostDelete"}), false)]
    #[case::unknown(json!({"argocd.argoproj.io/hook": "Whenever"}), false)]
    #[case::of_helm(json!({"helm.sh/hook": "pre-install,test"}), true)]
    #[case::test_of_helm(json!({"helm.sh/hook": "test"}), false)]
    #[case::definition(json!({"helm.sh/hook": "crd-install"}), true)]
    #[case::own_before_helms(json!({"argocd.argoproj.io/hook": "SyncFail", "helm.sh/hook": "pre-install"}), false)]
    #[case::deletion_and_helm(json!({"argocd.argoproj.io/hook": "PostDelete", "helm.sh/hook": "post-install"}), true)]
    fn objects(#[case] annotations: Value, #[case] expected: bool) {
        assert_eq!(is_applied(&json!({"metadata": {"annotations": annotations}})), expected);
    }
}
