//! The types of those fields of Flux objects that others than their author go on to read and write: what an override sets there
//! is refused where it is of another type, instead of being lost. Everything else the API server refuses.

use serde_json::Value;

use crate::flux::{FluxKind, Manifest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Map,
    Maps,
    List,
    Text,
    Truth,
}

impl Type {
    /// As a person says it.
    const fn word(self) -> &'static str {
        match self {
            Self::Map => "a map",
            Self::Maps => "a list of maps",
            Self::List => "a list",
            Self::Text => "a text",
            Self::Truth => "true or false",
        }
    }

    fn has(self, value: &Value) -> bool {
        match self {
            Self::Map => value.is_object(),
            Self::Maps => value.as_array().is_some_and(|items| items.iter().all(Value::is_object)),
            Self::List => value.is_array(),
            Self::Text => value.is_string(),
            Self::Truth => value.is_boolean(),
        }
    }
}

/// Pointers below `spec`; a field comes after the map that it is in.
const WORKLOAD: &[(&str, Type)] = &[
    ("/commonMetadata", Type::Map),
    ("/commonMetadata/annotations", Type::Map),
    ("/commonMetadata/labels", Type::Map),
    ("/dependsOn", Type::Maps),
    ("/kubeConfig", Type::Map),
    ("/serviceAccountName", Type::Text),
    ("/suspend", Type::Truth),
    ("/targetNamespace", Type::Text),
];
const RELEASE: &[(&str, Type)] = &[
    ("/chart", Type::Map),
    ("/chart/metadata", Type::Map),
    ("/chart/spec", Type::Map),
    ("/chart/spec/sourceRef", Type::Map),
    ("/chart/spec/valuesFiles", Type::List),
    ("/chartRef", Type::Map),
    ("/driftDetection", Type::Map),
    ("/driftDetection/ignore", Type::Maps),
    ("/driftDetection/mode", Type::Text),
    ("/install", Type::Map),
    ("/postRenderers", Type::Maps),
    ("/releaseName", Type::Text),
    ("/storageNamespace", Type::Text),
    ("/uninstall", Type::Map),
    ("/upgrade", Type::Map),
    ("/values", Type::Map),
    ("/valuesFrom", Type::Maps),
];
const KUSTOMIZATION: &[(&str, Type)] = &[
    ("/components", Type::List),
    ("/deletionPolicy", Type::Text),
    ("/force", Type::Truth),
    ("/ignore", Type::Maps),
    ("/images", Type::Maps),
    ("/patches", Type::Maps),
    ("/path", Type::Text),
    ("/postBuild", Type::Map),
    ("/prune", Type::Truth),
    ("/sourceRef", Type::Map),
    ("/wait", Type::Truth),
];
const SOURCE: &[(&str, Type)] = &[
    ("/certSecretRef", Type::Map),
    ("/ignore", Type::Text),
    ("/layerSelector", Type::Map),
    ("/proxySecretRef", Type::Map),
    ("/ref", Type::Map),
    ("/secretRef", Type::Map),
    ("/suspend", Type::Truth),
    ("/type", Type::Text),
    ("/url", Type::Text),
];

/// What is wrong with the first field of `object` that is of another type than Flux's; `None`: nothing.
pub(super) fn mistake(object: &Manifest) -> Option<String> {
    let kind = object.key.kind;
    let of_kind: [&[(&str, Type)]; 2] = match kind {
        FluxKind::HelmRelease => [WORKLOAD, RELEASE],
        FluxKind::Kustomization => [WORKLOAD, KUSTOMIZATION],
        _ => [SOURCE, &[]],
    };
    let (pointer, wanted, found) = of_kind.concat().into_iter().find_map(|(pointer, wanted)| {
        let found = object.spec.pointer(pointer).filter(|found| !found.is_null() && !wanted.has(found))?;
        Some((pointer, wanted, found))
    })?;
    let field = pointer.replace('/', ".");
    Some(format!("spec{field} is {}, in a {} it is {}", name(found), kind.kind(), wanted.word()))
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::argo::Application;
    use crate::flux::ObjectKey;

    fn found(kind: FluxKind, spec: Value) -> Option<String> {
        let app = Application::default();
        mistake(&Manifest::owned_by(&app, ObjectKey::new(kind, "apps", "demo"), spec))
    }

    #[rstest]
    #[case(FluxKind::Kustomization, json!({"commonMetadata": "x"}), "spec.commonMetadata is a text, in a Kustomization it is a map")]
    #[case(
        FluxKind::HelmRelease, json!({"commonMetadata": {"annotations": []}}),
        "spec.commonMetadata.annotations is a list, in a HelmRelease it is a map"
    )]
    #[case(
        FluxKind::HelmRelease, json!({"postRenderers": ["x"]}),
        "spec.postRenderers is a list, in a HelmRelease it is a list of maps"
    )]
    #[case(FluxKind::GitRepository, json!({"ref": 1}), "spec.ref is a number, in a GitRepository it is a map")]
    fn a_field_of_another_type_is_named(#[case] kind: FluxKind, #[case] spec: Value, #[case] message: &str) {
        assert_eq!(found(kind, spec).as_deref(), Some(message));
    }

    #[rstest]
    #[case(FluxKind::Kustomization, json!({"commonMetadata": {"annotations": {"a": "b"}}, "patches": [{}], "prune": true}))]
    #[case(FluxKind::HelmRelease, json!({"values": {"a": null}, "postRenderers": [], "suspend": null}))]
    #[case(FluxKind::OciRepository, json!({"secretRef": {"name": "a"}, "url": "oci://example.org/a"}))]
    fn what_is_right_or_not_known_passes(#[case] kind: FluxKind, #[case] spec: Value) {
        assert_eq!(found(kind, spec), None);
    }

    #[test]
    fn a_field_comes_after_the_map_that_it_is_in() {
        for list in [WORKLOAD, RELEASE, KUSTOMIZATION, SOURCE] {
            assert!(list.is_sorted_by_key(|(pointer, _)| *pointer), "{list:?}");
        }
    }
}
