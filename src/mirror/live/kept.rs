//! Whether Flux leaves an object in the cluster, told from the object: both controllers spare what says so of itself.

use super::Kept;
use super::object::Object;
use crate::argo::Protection;
use crate::argo::protection::ANNOTATION_SYNC_OPTIONS;
use crate::flux::{FluxKind, ObjectKey};
use crate::names;

/// An object in the cluster and in no source is no difference (argo-cd `controller/state.go`, `CompareAppState`).
const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";
const IGNORE_EXTRANEOUS: &str = "IgnoreExtraneous";

/// `None` for what goes with the source, or with its workload object.
pub(super) fn of(object: Object<'_>) -> Option<Kept> {
    let by: Vec<ObjectKey> = by_release(object).into_iter().chain(by_kustomization(object)).collect();
    let options = object.annotation(COMPARE_OPTIONS).unwrap_or_default();
    (!by.is_empty()).then(|| Kept {
        by,
        protection: object.annotation(ANNOTATION_SYNC_OPTIONS).map(Protection::read),
        is_no_difference: options.split(',').any(|option| option.trim() == IGNORE_EXTRANEOUS),
    })
}

fn by_release(object: Object<'_>) -> Option<ObjectKey> {
    let (name, value) = names::KEPT_BY_HELM;
    object.annotation(name).filter(|found| *found == value)?;
    applied_by(
        object,
        FluxKind::HelmRelease,
        names::LABEL_HELM_RELEASE_NAME,
        names::LABEL_HELM_RELEASE_NAMESPACE,
    )
}

fn by_kustomization(object: Object<'_>) -> Option<ObjectKey> {
    let (name, value) = names::KEPT_BY_KUSTOMIZATIONS;
    let words = [object.annotation(name), object.label(name)];
    words.into_iter().flatten().find(|found| found.eq_ignore_ascii_case(value))?;
    applied_by(
        object,
        FluxKind::Kustomization,
        names::LABEL_KUSTOMIZATION_NAME,
        names::LABEL_KUSTOMIZATION_NAMESPACE,
    )
}

fn applied_by(object: Object<'_>, kind: FluxKind, name: &str, namespace: &str) -> Option<ObjectKey> {
    Some(ObjectKey::new(kind, object.label(namespace)?, object.label(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Stays;
    use crate::mirror::live::Node;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn kept(labels: &Value, annotations: &Value) -> Option<Kept> {
        let metadata =
            json!({"name": "a", "namespace": "apps", "labels": labels, "annotations": annotations});
        let object = serde_json::from_value(json!({"metadata": metadata})).unwrap();
        Node::of("", "v1", "ConfigMap", &object).kept.map(|kept| *kept)
    }

    fn of_kustomization() -> Value {
        json!({"kustomize.toolkit.fluxcd.io/name": "demo", "kustomize.toolkit.fluxcd.io/namespace": "apps"})
    }

    fn of_release() -> Value {
        json!({"helm.toolkit.fluxcd.io/name": "demo", "helm.toolkit.fluxcd.io/namespace": "apps"})
    }

    #[rstest]
    #[case::kustomization(of_kustomization(), json!({"kustomize.toolkit.fluxcd.io/prune": "Disabled"}), Some(FluxKind::Kustomization))]
    #[case::release(of_release(), json!({"helm.sh/resource-policy": "keep"}), Some(FluxKind::HelmRelease))]
    #[case::word_of_the_other(of_release(), json!({"kustomize.toolkit.fluxcd.io/prune": "disabled"}), None)]
    #[case::without_a_word(of_kustomization(), json!({ANNOTATION_SYNC_OPTIONS: "Prune=false"}), None)]
    #[case::of_nobody(json!({}), json!({"helm.sh/resource-policy": "keep"}), None)]
    fn whoever_applied_it_keeps_it(
        #[case] labels: Value,
        #[case] annotations: Value,
        #[case] expected: Option<FluxKind>,
    ) {
        let by = kept(&labels, &annotations).map(|kept| kept.by).unwrap_or_default();
        let expected: Vec<_> =
            expected.map(|kind| ObjectKey::new(kind, "apps", "demo")).into_iter().collect();
        assert_eq!(by, expected);
    }

    #[test]
    fn sync_options_and_compare_options_are_read() {
        let annotations = json!({
            "helm.sh/resource-policy": "keep",
            ANNOTATION_SYNC_OPTIONS: "Prune=false",
            "argocd.argoproj.io/compare-options": "ServerSideDiff=true, IgnoreExtraneous",
        });
        let found = kept(&of_release(), &annotations).unwrap();
        assert_eq!(found.protection.map(|protection| protection.prune), Some(Stays::Yes));
        assert!(found.is_no_difference);
        let plain = kept(&of_release(), &json!({"helm.sh/resource-policy": "keep"})).unwrap();
        assert_eq!((plain.protection, plain.is_no_difference), (None, false));
    }
}
