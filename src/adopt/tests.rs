//! Whatever somebody changes by hand: what the Application becomes afterwards is what stands in the cluster.

use kube::core::DynamicObject;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::{Adoption, Refusal, adopt};
use crate::argo::Application;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::mirror::fixtures::{App, app};
use crate::mirror::{Relation, compare, patch};
use crate::names;
use crate::translate::{Contents, Context, PathKind, RemoteRefs, translate};

fn context(kind: PathKind) -> Context {
    let refs = ["main", "next", "v1.0.0"].map(|name| (format!("refs/heads/{name}"), "a".repeat(40)));
    let refs = RemoteRefs { head: Some("refs/heads/main".into()), refs: refs.into() };
    Context {
        control_namespace: "argocd".into(),
        poll_interval: "2m".into(),
        contents: [(0, Contents { kind, ..Contents::default() })].into(),
        refs: [("https://git.example.org/demo.git".to_owned(), refs)].into(),
        ..Context::default()
    }
}

/// The generated object of that kind, with the merge patch `edit` by hand.
fn live(app: &Application, context: &Context, kind: FluxKind, edit: &Value) -> DynamicObject {
    let objects = translate(app, context).objects;
    let mut object = objects.iter().find(|object| object.key.kind == kind).unwrap().to_value();
    patch::merge(&mut object, edit);
    serde_json::from_value(object).unwrap()
}

fn adopted(app: &App, context: &Context, kind: FluxKind, edit: &Value) -> Result<Option<Adoption>, Refusal> {
    let app = app.build();
    let object = live(&app, context, kind, edit);
    let key = Live { kind, object: &object }.key();
    let adoption = adopt(&app, context, |wanted: &ObjectKey| {
        (*wanted == key).then_some(Live { kind, object: &object })
    })?;
    if let Some(adoption) = &adoption {
        lands(&app, context, adoption, Live { kind, object: &object });
    }
    Ok(adoption)
}

/// The patch leads to the Application, and that one wants what is live.
fn lands(app: &Application, context: &Context, adoption: &Adoption, live: Live<'_>) {
    let mut patched = serde_json::to_value(app).unwrap();
    patch::merge(&mut patched, &adoption.patch);
    let patched: Application = serde_json::from_value(patched).unwrap();
    let after = translate(&patched, context);
    assert!(after.is_complete(), "{:?}", after.problems);
    let wanted = after.objects.iter().find(|object| object.key == live.key()).unwrap();
    assert_eq!(compare::surplus(wanted, live.spec()), None, "{}", adoption.patch);
    let relation = compare::relation(&app.identity(), wanted, Some(live));
    assert!(matches!(relation, Relation::Matches | Relation::Outdated), "{relation:?}");
    let twice = adopt(&patched, context, |key| (*key == live.key()).then_some(live)).unwrap();
    assert!(twice.is_none());
}

fn patch_of(app: &App, kind: FluxKind, spec: &Value) -> Value {
    let context = context(PathKind::Kustomization);
    adopted(app, &context, kind, &json!({"spec": spec})).unwrap().expect("an edit").patch
}

fn chart(helm: &Value) -> App {
    app("demo").chart("6.3.5").with(&json!({"spec": {"source": {"helm": helm}}}))
}

fn helm(patch: &Value) -> Value {
    json!({"spec": {"source": {"helm": patch}}})
}

#[rstest]
#[case::parameter(
    json!({"parameters": [{"name": "a.b", "value": "1"}, {"name": "c", "value": "x"}]}),
    json!({"a": {"b": 2}}),
    json!({"parameters": [{"name": "a.b", "value": "2"}, {"name": "c", "value": "x"}]})
)]
#[case::text_that_looks_like_a_number(
    json!({"parameters": [{"name": "a", "value": "x"}]}),
    json!({"a": "1"}),
    json!({"parameters": [{"name": "a", "value": "1", "forceString": true}]})
)]
#[case::number_of_a_forced_parameter(
    json!({"parameters": [{"name": "a", "value": "1", "forceString": true}]}),
    json!({"a": 2}),
    json!({"parameters": [{"name": "a", "value": "2"}]})
)]
#[case::escaped_path(
    json!({"parameters": [{"name": "a.b\\.c", "value": "1"}]}),
    json!({"a": {"b.c": 2}}),
    json!({"parameters": [{"name": "a.b\\.c", "value": "2"}]})
)]
#[case::item(
    json!({"parameters": [{"name": "a[0].b", "value": "1"}]}),
    json!({"a": [{"b": 2}]}),
    json!({"parameters": [{"name": "a[0].b", "value": "2"}]})
)]
#[case::list_parameter(
    json!({"parameters": [{"name": "a", "value": "{1,2}"}]}),
    json!({"a": [1, 3, 4]}),
    json!({"parameters": [{"name": "a", "value": "{1,3,4}"}]})
)]
#[case::comma_and_dollar(
    json!({"parameters": [{"name": "a", "value": "x"}]}),
    json!({"a": "1,2 $HOME"}),
    json!({"parameters": [{"name": "a", "value": "1,2 $$HOME"}]})
)]
#[case::no_text_for_a_fraction(
    json!({"parameters": [{"name": "a", "value": "1"}]}),
    json!({"a": 1.5}),
    json!({"parameters": null, "valuesObject": {"a": 1.5}})
)]
#[case::no_text_for_a_map(
    json!({"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]}),
    json!({"a": {"c": 1}}),
    json!({"parameters": [{"name": "b", "value": "1"}], "valuesObject": {"a": {"c": 1}}})
)]
#[case::removed_parameter(
    json!({"valuesObject": {"a": 1}, "parameters": [{"name": "a", "value": "2"}, {"name": "b", "value": "1"}]}),
    json!({"a": null}),
    json!({"parameters": [{"name": "b", "value": "1"}], "valuesObject": {"a": null}})
)]
#[case::values_object(
    json!({"valuesObject": {"a": {"b": 1, "c": 2}}}),
    json!({"a": {"b": 3}, "d": "new"}),
    json!({"valuesObject": {"a": {"b": 3}, "d": "new"}})
)]
#[case::removed_value(
    json!({"valuesObject": {"a": {"b": 1, "c": 2}}}),
    json!({"a": {"b": null}}),
    json!({"valuesObject": {"a": {"b": null}}})
)]
#[case::text_of_values(
    json!({"values": "a: 1 # why\nb: 2\n"}),
    json!({"a": 3}),
    json!({"values": null, "valuesObject": {"a": 3, "b": 2}})
)]
#[case::text_with_a_null(
    json!({"values": "a: 1\nb: null\n"}),
    json!({"a": 3}),
    json!({"values": "a: 3\nb: null\n"})
)]
#[case::list_of_another_length(
    json!({"valuesObject": {"a": [1, 2]}}),
    json!({"a": [1]}),
    json!({"valuesObject": {"a": [1]}})
)]
#[case::list_with_a_parameter_in_it(
    json!({"valuesObject": {"a": [{"b": 1}, {"b": 2}]}, "parameters": [{"name": "a[1].b", "value": "7"}]}),
    json!({"a": [{"b": 5}, {"b": 6}]}),
    json!({"valuesObject": {"a": [{"b": 5}, {"b": 2}]}, "parameters": [{"name": "a[1].b", "value": "6"}]})
)]
#[case::two_of_one_name(
    json!({"parameters": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
    json!({"a": 3}),
    json!({"parameters": [{"name": "a", "value": "3"}]})
)]
fn values_go_where_they_come_from(#[case] before: Value, #[case] edit: Value, #[case] expected: Value) {
    assert_eq!(patch_of(&chart(&before), FluxKind::HelmRelease, &json!({"values": edit})), helm(&expected));
}

#[rstest]
#[case::first_value(json!({"values": {"a": 1}}), json!({"helm": {"valuesObject": {"a": 1}}}))]
#[case::version(json!({"chart": {"spec": {"version": "6.4.0"}}}), json!({"targetRevision": "6.4.0"}))]
#[case::chart_name(json!({"chart": {"spec": {"chart": "other"}}}), json!({"chart": "other"}))]
#[case::release_name(json!({"releaseName": "web"}), json!({"helm": {"releaseName": "web"}}))]
fn a_release_goes_into_the_source(#[case] spec: Value, #[case] expected: Value) {
    let app = app("demo").chart("6.3.5");
    assert_eq!(patch_of(&app, FluxKind::HelmRelease, &spec), json!({"spec": {"source": expected}}));
}

#[rstest]
#[case::branch(FluxKind::GitRepository, json!({"ref": {"branch": "next"}}), json!({"targetRevision": "next"}))]
#[case::commit(
    FluxKind::GitRepository,
    json!({"ref": {"branch": null, "commit": "2f5c000000000000000000000000000000000001"}}),
    json!({"targetRevision": "2f5c000000000000000000000000000000000001"})
)]
#[case::image(
    FluxKind::Kustomization,
    json!({"images": [{"name": "nginx", "newName": "other", "newTag": "1.2"}]}),
    json!({"kustomize": {"images": ["nginx=other:1.2"]}})
)]
#[case::prefix(FluxKind::Kustomization, json!({"namePrefix": "x-"}), json!({"kustomize": {"namePrefix": "x-"}}))]
fn a_path_in_git_goes_into_the_source(#[case] kind: FluxKind, #[case] spec: Value, #[case] expected: Value) {
    assert_eq!(patch_of(&app("demo").git(), kind, &spec), json!({"spec": {"source": expected}}));
}

#[rstest]
#[case::interval(FluxKind::HelmRelease, json!({"interval": "3m"}), "helmrelease", "spec:\n  interval: 3m\n")]
#[case::taken_away(
    FluxKind::HelmRelease,
    json!({"driftDetection": null, "timeout": "9m"}),
    "helmrelease",
    "spec:\n  driftDetection: null\n  timeout: 9m\n"
)]
#[case::source(FluxKind::HelmRepository, json!({"timeout": "2m"}), "helmrepository", "spec:\n  timeout: 2m\n")]
fn the_rest_goes_into_the_annotation(
    #[case] kind: FluxKind,
    #[case] spec: Value,
    #[case] word: &str,
    #[case] text: &str,
) {
    let patch = patch_of(&app("demo").chart("6.3.5"), kind, &spec);
    assert_eq!(patch, json!({"metadata": {"annotations": {format!("flamingo/{word}-override"): text}}}));
}

/// Beside the patch that keeps objects, which is written into the Application only where another one comes after it.
#[rstest]
#[case::before_it(0)]
#[case::after_it(usize::MAX)]
fn a_patch_by_hand_goes_into_the_annotation(#[case] place: usize) {
    let (app, context) = (app("demo").git(), context(PathKind::Kustomization));
    let mut patches = patches(&app, &context);
    let (number, place) = (patches.len(), place.min(patches.len()));
    patches
        .insert(place, json!({"patch": "- op: remove\n  path: /spec/a\n", "target": {"kind": "Deployment"}}));
    let edit = json!({"spec": {"patches": patches}});
    let adoption = adopted(&app, &context, FluxKind::Kustomization, &edit).unwrap().unwrap();
    let text = adoption.patch["metadata"]["annotations"]["flamingo/kustomize-override"].as_str().unwrap();
    assert_eq!(text.contains("sync-options"), place == number, "{text}");
    assert!(text.contains("/spec/a"), "{text}");
}

#[test]
fn the_patch_that_keeps_objects_is_not_taken_away() {
    let (app, context) = (app("demo").git(), context(PathKind::Kustomization));
    let mut patches = patches(&app, &context);
    patches.pop();
    let edit = json!({"spec": {"patches": patches}});
    assert!(adopted(&app, &context, FluxKind::Kustomization, &edit).is_err());
}

fn patches(app: &App, context: &Context) -> Vec<Value> {
    let objects = translate(&app.build(), context).objects;
    let kustomization = objects.iter().find(|object| object.key.kind == FluxKind::Kustomization).unwrap();
    kustomization.spec["patches"].as_array().unwrap().clone()
}

#[test]
fn images_of_a_plain_directory_go_into_the_annotation() {
    // `kustomize` in the Application would make a kustomization of the directory.
    let edit = json!({"spec": {"images": [{"name": "nginx", "newTag": "2"}]}});
    let adoption = adopted(&app("demo").git(), &context(PathKind::Directory), FluxKind::Kustomization, &edit)
        .unwrap()
        .unwrap();
    let annotations = adoption.patch["metadata"]["annotations"].as_object().unwrap();
    assert!(annotations["flamingo/kustomize-override"].as_str().unwrap().contains("newTag"));
    assert_eq!(adoption.patch.get("spec"), None);
}

#[test]
fn what_an_annotation_sets_stays_in_the_annotation() {
    let text = "spec:\n  interval: 3m\n  values: {a: 1, b: 2}\nmetadata:\n  labels: {team: a}\n";
    let change = json!({"metadata": {"annotations": {"flamingo/helmrelease-override": text}}});
    let app = chart(&json!({"valuesObject": {"a": 0}})).with(&change);
    let edit = json!({
        "metadata": {"labels": {"team": "b"}},
        "spec": {"interval": "4m", "values": {"a": 5, "b": null, "c": 1}},
    });
    let adoption = adopted(&app, &context(PathKind::Chart), FluxKind::HelmRelease, &edit).unwrap().unwrap();
    let text = adoption.patch["metadata"]["annotations"]["flamingo/helmrelease-override"].as_str().unwrap();
    let expected =
        json!({"metadata": {"labels": {"team": "b"}}, "spec": {"interval": "4m", "values": {"a": 5}}});
    assert_eq!(crate::yaml::parse(text), Ok(expected));
    assert_eq!(adoption.patch["spec"]["source"]["helm"], json!({"valuesObject": {"c": 1}}));
}

#[test]
fn a_replaced_spec_keeps_an_edit_too() {
    let text = "interval: 3m\nchartRef: {kind: OCIRepository, name: x}\nvalues: {a: 1, b: 2}\n";
    let change = json!({"metadata": {"annotations": {"flamingo/helmrelease-replace": text}}});
    let app = app("demo").chart("6.3.5").with(&change);
    let edit = json!({"spec": {"interval": "4m", "values": {"a": 5, "b": null}}});
    let adoption = adopted(&app, &context(PathKind::Chart), FluxKind::HelmRelease, &edit).unwrap().unwrap();
    let annotations = &adoption.patch["metadata"]["annotations"];
    let replaced = crate::yaml::parse(annotations["flamingo/helmrelease-replace"].as_str().unwrap()).unwrap();
    assert_eq!(replaced["values"], json!({"a": 1}));
    let merged = crate::yaml::parse(annotations["flamingo/helmrelease-override"].as_str().unwrap()).unwrap();
    assert_eq!(merged, json!({"spec": {"interval": "4m", "values": {"a": 5}}}));
}

#[test]
fn edits_are_named_without_their_values() {
    let edit = json!({"spec": {"interval": "4m", "values": {"db": {"password": "hunter2"}}}});
    let app = app("demo").chart("6.3.5");
    let adoption = adopted(&app, &context(PathKind::Chart), FluxKind::HelmRelease, &edit).unwrap().unwrap();
    assert_eq!(
        adoption.edits,
        ["HelmRelease apps/demo spec.interval", "HelmRelease apps/demo spec.values"]
            .map(str::to_owned)
            .to_vec()
    );
    let notes =
        adopted(&chart(&json!({"values": "a: 1"})), &context(PathKind::Chart), FluxKind::HelmRelease, &edit);
    assert!(notes.unwrap().unwrap().notes[0].starts_with("helm.values became helm.valuesObject"));
}

#[rstest]
#[case::suspended(json!({"spec": {"suspend": true}}))]
#[case::more_labels(json!({"metadata": {"labels": {"team": "a"}}}))]
#[case::default_of_the_crd(json!({"spec": {"chart": {"spec": {"reconcileStrategy": "ChartVersion"}}}}))]
#[case::older_wish(json!({"metadata": {"annotations": {names::ANNOTATION_DIGEST: "older"}}, "spec": {"interval": "1h"}}))]
#[case::correction(json!({
    "metadata": {"annotations": {names::ANNOTATION_FOR_ONE_SYNC: "true"}},
    "spec": {"driftDetection": {"mode": "enabled"}},
}))]
fn nothing_to_adopt(#[case] edit: Value) {
    let app = app("demo").chart("6.3.5");
    let adoption = adopted(&app, &context(PathKind::Chart), FluxKind::HelmRelease, &edit).unwrap();
    assert!(adoption.is_none(), "{adoption:?}");
}

#[rstest]
#[case::own_label(
    app("demo").chart("6.3.5"),
    json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}),
    "HelmRelease apps/demo metadata.labels[app.kubernetes.io/managed-by] belongs to the bridge"
)]
#[case::referenced(app("demo").chart("6.3.5").reference(), json!({}), "the Flux objects are only referred to")]
#[case::a_problem_of_its_own(
    app("demo").with(&json!({"spec": {"sources": [{"repoURL": "a"}, {"repoURL": "b"}]}})),
    json!({}),
    "the Application itself has a problem: spec.sources[0].repoURL"
)]
#[case::removed_from_an_odd_parameter(
    chart(&json!({"parameters": [{"name": "a=1,b", "value": "2"}]})),
    json!({"spec": {"values": {"a": null}}}),
    "HelmRelease apps/demo spec.values.a was removed by hand"
)]
fn refusals_say_why(#[case] app: App, #[case] edit: Value, #[case] expected: &str) {
    let context = context(PathKind::Chart);
    let objects = translate(&app.build(), &context).objects;
    let result = if objects.is_empty() {
        adopt(&app.build(), &context, |_: &ObjectKey| None)
    } else {
        adopted(&app, &context, FluxKind::HelmRelease, &edit)
    };
    assert!(result.as_ref().is_err_and(|refusal| refusal.to_string().starts_with(expected)), "{result:?}");
}

#[test]
fn the_only_one_of_several_sources_is_written_to() {
    let source =
        json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"});
    let app = app("demo").with(&json!({"spec": {"sources": [source]}}));
    let patch = patch_of(&app, FluxKind::HelmRelease, &json!({"values": {"a": 1}}));
    assert_eq!(patch["spec"]["sources"][0]["helm"]["valuesObject"], json!({"a": 1}));
}

/// Keys that parameters, maps and lists share, some of them odd.
fn key() -> impl Strategy<Value = String> {
    proptest::sample::select(&["a", "b", "c.d", "e,f", "g[0]", "h=i", "ä", "\\", "{"][..])
        .prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        (-1e3f64..1e3).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[a-z0-9,.{}$\\\\ =-]{0,6}".prop_map(Value::String),
        proptest::sample::select(&["true", "null", "007", "12", "", "$ARGOCD_APP_NAME"][..])
            .prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            map_of(inner).prop_map(Value::Object),
        ]
    })
}

fn map_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(key(), inner, 0..4).prop_map(|map| map.into_iter().collect())
}

/// A merge patch: nulls take away.
fn edit() -> impl Strategy<Value = Map<String, Value>> {
    map_of(prop_oneof![3 => tree(), 1 => Just(Value::Null)])
}

/// Parameter names in and around the grammar.
fn parameter() -> impl Strategy<Value = Value> {
    let name =
        proptest::sample::select(&["a", "a.b", "a[0]", "a[1].b", "b", "c\\.d", "b.a", "a.a.b", "e\\,f"][..]);
    let value = proptest::sample::select(
        &["1", "x", "true", "{1,2}", "{a}", "1,2", "", "$ARGOCD_APP_NAME", "null"][..],
    );
    (name, value, any::<bool>())
        .prop_map(|(name, value, force)| json!({"name": name, "value": value, "forceString": force}))
}

proptest! {
    /// Adopted, then translated: the live spec. Only a value that was taken away may be refused, and only when something
    /// odd sets it.
    #[test]
    fn adopted_then_translated_is_what_was_live(
        object in proptest::option::of(map_of(tree())),
        text in proptest::option::of(map_of(tree())),
        parameters in proptest::collection::vec(parameter(), 0..3),
        overridden in proptest::option::of(edit()),
        values in edit(),
        interval in proptest::option::of(proptest::sample::select(&["1m", "7m"][..])),
        version in proptest::option::of(proptest::sample::select(&["6.4.0", "7.x"][..])),
    ) {
        let mut app = chart(&json!({
            "valuesObject": object,
            "values": text.map(|text| Value::Object(text).to_string()).unwrap_or_default(),
            "parameters": parameters,
        }));
        if let Some(values) = overridden {
            let text = json!({"spec": {"values": values, "timeout": "8m"}}).to_string();
            app = app.with(&json!({"metadata": {"annotations": {"flamingo/helmrelease-override": text}}}));
        }
        let context = context(PathKind::Chart);
        prop_assume!(translate(&app.build(), &context).is_complete());
        let mut spec = json!({"values": values});
        if let Some(interval) = interval {
            spec["interval"] = json!(interval);
        }
        if let Some(version) = version {
            spec["chart"] = json!({"spec": {"version": version}});
        }
        match adopted(&app, &context, FluxKind::HelmRelease, &json!({"spec": spec})) {
            Ok(_) => {}
            Err(refusal) => {
                let sentence = refusal.to_string();
                prop_assert!(sentence.contains("was removed by hand"), "{sentence}");
            }
        }
    }
}

/// The object of that kind and name, changed by hand.
fn adopted_of_several(sources: &Value, name: &str, kind: FluxKind, spec: &Value) -> Value {
    let app = app("demo").with(&json!({"spec": {"source": null, "sources": sources}})).build();
    let mut context = context(PathKind::Chart);
    let kustomization = Contents { kind: PathKind::Kustomization, ..Contents::default() };
    context.contents = (0..3).map(|index| (index, kustomization.clone())).collect();
    context.objects = (0..3).map(|index| (index, Ok(Vec::new()))).collect();
    let objects = translate(&app, &context).objects;
    let wanted = objects.iter().find(|object| object.key.kind == kind && object.key.name == name).unwrap();
    let mut object = wanted.to_value();
    patch::merge(&mut object, &json!({"spec": spec}));
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let live = Live { kind, object: &object };
    let adoption = adopt(&app, &context, |key| (*key == wanted.key).then_some(live)).unwrap().unwrap();
    lands(&app, &context, &adoption, live);
    // Nothing else has become different.
    let others = |objects: Vec<crate::flux::Manifest>| -> Vec<_> {
        objects.into_iter().filter(|object| object.key != wanted.key).map(|object| object.spec).collect()
    };
    assert_eq!(others(translate(&adoption.app, &context).objects), others(objects.clone()));
    adoption.patch
}

#[rstest]
#[case::values("demo-cache", FluxKind::HelmRelease, json!({"values": {"a": 2}}), "/spec/sources/1/helm/valuesObject/a", json!(2))]
#[case::version("demo", FluxKind::HelmRelease, json!({"chart": {"spec": {"version": "2.0.0"}}}), "/spec/sources/0/targetRevision", json!("2.0.0"))]
#[case::branch("demo-3", FluxKind::GitRepository, json!({"ref": {"branch": "next"}}), "/spec/sources/2/targetRevision", json!("next"))]
fn an_edit_goes_into_the_source_that_the_object_is_of(
    #[case] name: &str,
    #[case] kind: FluxKind,
    #[case] spec: Value,
    #[case] pointer: &str,
    #[case] expected: Value,
) {
    let patch = adopted_of_several(&three_sources(), name, kind, &spec);
    assert_eq!(patch.pointer(pointer), Some(&expected), "{patch}");
    assert_eq!(patch.get("metadata"), None);
}

#[rstest]
#[case("demo-cache", FluxKind::HelmRelease, "flamingo/helmrelease-override.cache")]
#[case("demo", FluxKind::HelmRelease, "flamingo/helmrelease-override.1")]
#[case("demo-3", FluxKind::GitRepository, "flamingo/gitrepository-override")]
fn what_has_no_field_goes_into_the_annotation_of_the_source(
    #[case] name: &str,
    #[case] kind: FluxKind,
    #[case] annotation: &str,
) {
    let patch = adopted_of_several(&three_sources(), name, kind, &json!({"timeout": "7m"}));
    let annotations = patch["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), [annotation]);
    assert_eq!(patch.get("spec"), None);
}

fn three_sources() -> Value {
    json!([
        {"repoURL": "https://charts.example.org", "chart": "a", "targetRevision": "1.0.0"},
        {"repoURL": "https://charts.example.org", "chart": "b", "targetRevision": "1.0.0", "name": "cache",
         "helm": {"releaseName": "cache", "valuesObject": {"a": 1}}},
        {"repoURL": "https://git.example.org/demo.git", "path": "deploy", "targetRevision": "main"},
    ])
}
