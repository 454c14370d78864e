use rstest::rstest;
use serde_json::json;

use super::*;
use crate::argo::Application;
use crate::translate::Context;
use crate::translate::patches::DELETES;

fn app(sources: &Value) -> Application {
    serde_json::from_value(json!({
        "metadata": {"name": "demo", "namespace": "argocd"},
        "spec": {"sources": sources, "destination": {"namespace": "apps"}},
    }))
    .unwrap()
}

fn object(text: &str) -> RenderedObject {
    let words: Vec<&str> = text.split('|').collect();
    let [group, kind, namespace, name] = words[..] else { panic!("{text}") };
    RenderedObject {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        is_namespaced: match kind {
            "Namespace" | "ClusterRole" => Some(false),
            "Unknown" => None,
            _ => Some(true),
        },
    }
}

pub(in crate::translate) fn context(sources: &[&[&str]]) -> Context {
    let held = sources.iter().map(|texts| Ok(texts.iter().map(|text| object(text)).collect()));
    Context { objects: held.enumerate().collect(), ..Context::default() }
}

/// How many objects that source has to leave out.
fn left_out(app: &Application, context: &Context, source: usize) -> usize {
    let places = places(app, context).unwrap();
    Handover::new(context, &[], &places, "apps").left_out(source).len()
}

pub(in crate::translate) fn two() -> Application {
    app(&json!([{"path": "a"}, {"path": "b"}]))
}

#[rstest]
#[case::nothing(&["|ConfigMap||a"], &["|ConfigMap||b"], &[])]
#[case::the_same(&["|ConfigMap||a"], &["|ConfigMap||a"], &["/ConfigMap/apps/a"])]
#[case::one_says_the_namespace(&["|ConfigMap|apps|a"], &["|ConfigMap||a"], &["/ConfigMap/apps/a"])]
#[case::another_namespace(&["|ConfigMap|other|a"], &["|ConfigMap||a"], &[])]
#[case::another_group(&["|Service||a"], &["serving.knative.dev|Service||a"], &[])]
#[case::of_the_cluster(&["|Namespace|apps|a"], &["|Namespace||a"], &["/Namespace//a"])]
#[case::of_no_known_kind(&["x.org|Unknown||a"], &["x.org|Unknown|apps|a"], &["x.org/Unknown/apps/a"])]
#[case::named_later(&["batch|Job||"], &["batch|Job||"], &[])]
#[case::an_empty_document(&["|||"], &["|||"], &[])]
fn what_is_one_object(#[case] first: &[&str], #[case] second: &[&str], #[case] expected: &[&str]) {
    let context = context(&[first, second]);
    let found = repeated(&two(), &context).unwrap();
    assert_eq!(found.keys().map(|identity| identity.join("/")).collect::<Vec<_>>(), expected);
    assert_eq!(left_out(&two(), &context, 0), expected.len());
    assert_eq!(left_out(&two(), &context, 1), 0);
}

#[test]
fn the_last_of_three_delivers_and_one_source_alone_overrides_nothing() {
    let three = app(&json!([{"path": "a"}, {"repoURL": "x", "ref": "values"}, {"path": "b"}, {"path": "c"}]));
    let config_map: &[&str] = &["|ConfigMap||a"];
    let known = context(&[config_map, &[], &[], config_map]);
    assert_eq!(repeated(&three, &known).unwrap().values().next().unwrap().last(), Some(3));
    assert_eq!(left_out(&three, &known, 0), 1);

    let twice = context(&[&["|ConfigMap||a", "|ConfigMap||a"], &[], &[], &[]]);
    let found = repeated(&three, &twice).unwrap();
    let only = found.values().next().unwrap();
    assert_eq!((only.times(), only.is_shared()), (2, false));
    assert_eq!(left_out(&three, &twice, 0), 0);

    let mut unknown = known;
    unknown.objects.remove(&2);
    assert!(repeated(&three, &unknown).is_none());
    let alone = app(&json!([{"path": "a"}, {"repoURL": "x", "ref": "values"}]));
    assert!(repeated(&alone, &Context::default()).unwrap().is_empty());
}

#[test]
fn a_patch_reaches_exactly_the_object() {
    let objects = ["|Service||a.b", "serving.knative.dev|Service|other|a.b", "|ClusterRole|x|system:a"];
    let objects = objects.map(object);
    let objects: Vec<&RenderedObject> = objects.iter().chain(&objects[..1]).collect();
    let patches = patches(&objects, FluxKind::HelmRelease, "apps", deletion);
    let targets: Vec<&Value> = patches.iter().map(|patch| &patch["target"]).collect();
    assert_eq!(
        targets,
        [
            &json!({"group": "^$", "kind": "Service", "name": "a\\.b", "namespace": "default"}),
            &json!({"group": "serving\\.knative\\.dev", "kind": "Service", "name": "a\\.b", "namespace": "other"}),
            &json!({"group": "^$", "kind": "ClusterRole", "name": "system:a"}),
        ]
    );
    let text = patches[1]["patch"].as_str().unwrap();
    assert!(text.contains("apiVersion: serving.knative.dev/v1") && text.contains(DELETES), "{text}");
}
