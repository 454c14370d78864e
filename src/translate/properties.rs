//! Whatever an Application says, translation ends with objects, wants or problems; it never panics, and it is stable.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Contents, Context, RemoteRefs, translate};
use crate::argo::Application;

fn context(files: &[String], url: &str) -> Context {
    let contents = Contents::of(files.iter().map(String::as_str), "deploy", url.starts_with("oci://"));
    let head = Some("refs/heads/main".to_owned());
    let refs = RemoteRefs { head, refs: [("refs/heads/main".to_owned(), "a".repeat(40))].into() };
    Context {
        control_namespace: "argocd".to_owned(),
        poll_interval: "2m".to_owned(),
        contents: [(0, contents)].into(),
        refs: [(url.to_owned(), refs)].into(),
        ..Context::default()
    }
}

/// Ordinary words beside anything at all.
fn word(ordinary: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![4 => proptest::sample::select(ordinary).prop_map(str::to_owned), 1 => any::<String>()]
}

fn url() -> impl Strategy<Value = String> {
    word(&["https://example.org/a", "oci://example.org/a", "example.org/a", "git@example.org:a", ""])
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-zA-Z.]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

prop_compose! {
    fn source()(
        url in url(),
        path in word(&["deploy", ".", "../x", "/x", ""]),
        revision in word(&["main", "", "HEAD", "1.x", "v1.0.0", "abcdef0"]),
        chart in word(&["", "", "podinfo"]),
        parameters in proptest::collection::vec((any::<String>(), any::<String>(), any::<bool>()), 0..3),
        files in proptest::collection::vec(word(&["values.yaml", "../../x", "$values/a"]), 0..3),
        values in word(&["", "a: 1", "a: [1"]),
        object in proptest::option::of(json_value()),
        kustomize in proptest::option::of(json_value().prop_filter("a map", Value::is_object)),
        directory in proptest::option::of(json_value().prop_filter("a map", Value::is_object)),
    ) -> Value {
        let parameters: Vec<Value> = parameters
            .into_iter()
            .map(|(name, value, force)| json!({"name": name, "value": value, "forceString": force}))
            .collect();
        json!({
            "repoURL": url, "path": path, "targetRevision": revision, "chart": chart,
            "helm": {"parameters": parameters, "valueFiles": files, "values": values, "valuesObject": object},
            "kustomize": kustomize, "directory": directory,
        })
    }
}

proptest! {
    #[test]
    fn odd_applications_are_translated_or_refused(
        source in source(),
        name in word(&["podinfo"]),
        namespace in word(&["prod"]),
        annotation in word(&["spec: {a: null}", "metadata: {labels: {a: b}}"]),
        files in proptest::collection::vec("(deploy/)?(Chart|kustomization|a)[.](yaml|json)", 0..3),
        keep in proptest::sample::select(&["helm", "kustomize", "directory", "none", "all"][..]),
    ) {
        let mut source = source;
        for other in ["helm", "kustomize", "directory"] {
            if keep != "all" && keep != other {
                source.as_object_mut().unwrap().remove(other);
            }
        }
        let url = source["repoURL"].as_str().unwrap_or_default().to_owned();
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": name, "annotations": {
                "flamingo/helmrelease-override": annotation, "flamingo/kustomize-replace": annotation,
            }},
            "spec": {
                "source": source,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        })).unwrap();
        let context = context(&files, &url);
        let translation = translate(&app, &context);
        prop_assert_eq!(translation.has_errors() && !translation.objects.is_empty(), false);
        if translation.is_complete() {
            prop_assert_eq!(translation.objects.len(), 2);
        }
        let again = translate(&app, &context);
        prop_assert_eq!((translation.objects, translation.problems), (again.objects, again.problems));
    }
}
