//! What the page of differences and `argocd app diff` make of it, for every way a Flux object may stand to its wish.

use rstest::rstest;
use serde_json::{Map, Value, json};

use super::{LAST_APPLIED, to_json};
use crate::argo::tracking::Tracking;
use crate::mirror::fixtures::{
    self, App, COMMIT, Object, app, git_repository, helm_chart, helm_release, helm_repository, kustomization,
};
use crate::mirror::{Observed, View, patch, sync_word};
use crate::names;
use std::sync::Arc;

fn parsed(diff: &Value, side: &str) -> Value {
    serde_json::from_str(diff[side].as_str().unwrap()).unwrap()
}

/// The page dumps both and compares the texts.
fn page_differs(diff: &Value) -> bool {
    parsed(diff, "normalizedLiveState") != parsed(diff, "predictedLiveState")
}

/// What the CLI marks its target with, by `application.resourceTrackingMethod`.
#[derive(Clone, Copy, Debug)]
enum Method {
    Annotation,
    Label,
    Both,
}

/// The CLI's own comparison (argo-cd `util/argo/resource_tracking.go`, `SetAppInstance` and `Normalize`; gitops-engine
/// `pkg/diff/diff.go`, `Diff` and `ThreeWayDiff`).
fn cli_differs(observed: &Observed, diff: &Value, method: Method) -> bool {
    let (mut live, mut target) = (parsed(diff, "normalizedLiveState"), parsed(diff, "targetState"));
    // Unless argocd-cm says otherwise, no status counts (argo-cd `util/settings/settings.go`, `GetResourceOverrides`).
    for side in [&mut live, &mut target].into_iter().filter_map(Value::as_object_mut) {
        side.remove("status");
    }
    if live.is_null() || target.is_null() {
        return live != target;
    }
    mark(observed, diff, &mut target, method);
    let label = observed.tracking.label.as_str();
    let has_annotation = live["metadata"]["annotations"].get(names::ANNOTATION_TRACKING_ID).is_some();
    assert!(has_annotation, "the CLI would take the label for somebody else's");
    if !matches!(method, Method::Label) && target["metadata"]["labels"].get(label).is_none() {
        live["metadata"]["labels"].as_object_mut().unwrap().remove(label);
    }
    let applied = live["metadata"]["annotations"].get(LAST_APPLIED).and_then(Value::as_str);
    let mut original = applied.map_or_else(|| target.clone(), |text| serde_json::from_str(text).unwrap());
    for side in [&mut original, &mut target] {
        side["metadata"].as_object_mut().unwrap().remove("namespace");
    }
    let (original, target) = (patch::without_nulls(original), patch::without_nulls(target));
    let seen = only_fields_of(&original, &live);
    let mut predicted = live.clone();
    patch::merge(&mut predicted, &filtered(patch::between(&seen, &target), false));
    patch::merge(&mut predicted, &filtered(patch::between(&original, &target), true));
    predicted != live
}

fn mark(observed: &Observed, diff: &Value, target: &mut Value, method: Method) {
    let app = observed.app.instance_name("argocd");
    let text = |field: &str| diff[field].as_str().unwrap();
    if !matches!(method, Method::Label) {
        let id = format!("{app}:{}/{}:{}/{}", text("group"), text("kind"), text("namespace"), text("name"));
        target["metadata"]["annotations"][names::ANNOTATION_TRACKING_ID] = json!(id);
        if !observed.tracking.installation_id.is_empty() {
            target["metadata"]["annotations"][names::ANNOTATION_INSTALLATION_ID] =
                json!(observed.tracking.installation_id);
        }
    }
    if !matches!(method, Method::Annotation) {
        target["metadata"]["labels"][&observed.tracking.label] = json!(app);
    }
}

/// gitops-engine `pkg/utils/json/json.go`, `RemoveMapFields`.
fn only_fields_of(template: &Value, value: &Value) -> Value {
    match (template, value) {
        (Value::Object(template), Value::Object(fields)) => {
            let known = fields
                .iter()
                .filter_map(|(key, field)| Some((key.clone(), only_fields_of(template.get(key)?, field))));
            Value::Object(known.collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}

/// Removals alone, or everything but them.
fn filtered(patch: Option<Value>, removals: bool) -> Value {
    match patch {
        Some(Value::Object(fields)) => {
            let kept = fields.into_iter().filter_map(|(key, field)| match field {
                Value::Null => removals.then_some((key, Value::Null)),
                Value::Object(_) => Some((key, filtered(Some(field), removals))),
                other => (!removals).then_some((key, other)),
            });
            Value::Object(kept.collect())
        }
        _ => json!({}),
    }
}

/// Which resources are not `Synced`; the page and the CLI must show a difference in those and in no others.
fn differing(observed: &Observed) -> Vec<String> {
    let view = View::of(observed);
    let diffs = to_json(&view);
    let mut found = Vec::new();
    for diff in diffs.as_array().unwrap() {
        let kind = diff["kind"].as_str().unwrap();
        let known = view.resources.iter().find(|resource| resource.key.kind.kind() == kind);
        let is_synced = known.is_some_and(|resource| sync_word::resource_sync(&view, resource) == "Synced");
        let methods = [Method::Annotation, Method::Label, Method::Both];
        for method in methods {
            assert_eq!(cli_differs(observed, diff, method), !is_synced, "{method:?} {diff:#}");
        }
        // What is to be pruned is there on one side.
        assert_eq!(page_differs(diff), !is_synced, "{diff:#}");
        assert_eq!(diff.get("modified").is_some(), !is_synced);
        if !is_synced {
            found.push(kind.to_owned());
        }
    }
    found
}

fn chart() -> App {
    app("demo")
        .chart("6.3.5")
        .with(&json!({"spec": {"source": {"helm": {"valuesObject": {"replicaCount": 2}}}}}))
}

fn beside(release: Object) -> Observed {
    chart().beside([helm_repository().fetched("i"), helm_chart().fetched("6.3.5"), release])
}

fn annotated(key: &str, value: &str) -> Object {
    helm_release().ready("6.3.5").with(json!({"metadata": {"annotations": {key: value}}}))
}

fn specified(spec: &Value) -> Object {
    helm_release().ready("6.3.5").with(json!({"spec": spec}))
}

#[rstest]
#[case::as_wanted(helm_release().ready("6.3.5"))]
#[case::waiting_for_a_sync(helm_release().ready("6.3.5").waiting())]
#[case::suspended_by_a_person(helm_release().ready("6.3.5").suspended())]
#[case::asked(helm_release().ready("6.3.5").asked("now"))]
#[case::forced(annotated("reconcile.fluxcd.io/forceAt", "now"))]
#[case::applied_by_kubectl(annotated(LAST_APPLIED, r#"{"spec": {"interval": "5m"}}"#))]
#[case::correcting_drift(
    annotated(names::ANNOTATION_FOR_ONE_SYNC, "now").with(json!({"spec": {"driftDetection": {"mode": "enabled"}}}))
)]
#[case::more_annotations(annotated("team", "a"))]
#[case::more_labels(helm_release().ready("6.3.5").with(json!({"metadata": {"labels": {"team": "a"}}})))]
#[case::defaults(specified(&json!({"chart": {"spec": {"reconcileStrategy": "ChartVersion"}}})))]
#[case::another_form_of_a_number(specified(&json!({"values": {"replicaCount": 2.0}})))]
#[case::a_null(specified(&json!({"values": {"affinity": null}})))]
#[case::used_as_it_is(helm_release().ready("6.3.5").edited().unowned())]
fn what_is_synced_shows_no_difference(#[case] release: Object) {
    assert_eq!(differing(&beside(release)), Vec::<String>::new());
}

#[rstest]
#[case::edited(helm_release().ready("6.3.5").edited())]
#[case::added(specified(&json!({"values": {"color": "red"}})))]
#[case::added_beside(specified(&json!({"timeout": "1m"})))]
#[case::removed(specified(&json!({"driftDetection": null})))]
#[case::list_added(specified(&json!({"dependsOn": [{"name": "other"}]})))]
#[case::label_edited(helm_release().ready("6.3.5").with(json!({"metadata": {"labels": {names::LABEL_MANAGED_BY: "me"}}})))]
#[case::wish_changed(helm_release().ready("6.3.5").outdated().with(json!({"spec": {"values": {"replicaCount": 1}}})))]
#[case::wish_of_before(helm_release().ready("6.3.5").outdated())]
#[case::of_another(helm_release().ready("6.3.5").foreign())]
#[case::leaving(helm_release().ready("6.3.5").deleting())]
#[case::another_version_delivered(helm_release().ready("6.3.4"))]
#[case::nothing_delivered(helm_release().progressing("Running 'install' action"))]
#[case::refused(helm_release().ready("6.3.5").failed("6.3.5", "UpgradeFailed", "timed out").with(
    json!({"status": {"history": [{"chartVersion": "6.3.5", "status": "failed"}]}})
))]
#[case::drifted(helm_release().ready("6.3.5").with(json!({"status": {"conditions": [
    {"type": "Ready", "status": "True"}, {"type": "Drifted", "status": "True", "message": "drift\nDeployment/apps/web changed"}]}})))]
fn what_is_not_synced_shows_why(#[case] release: Object) {
    assert_eq!(differing(&beside(release)), ["HelmRelease"]);
}

#[test]
fn what_is_missing_shows_whole() {
    let observed = chart().observed();
    assert_eq!(differing(&observed), ["HelmRelease", "HelmRepository"]);
    let diffs = to_json(&View::of(&observed));
    assert_eq!(diffs[0]["liveState"], "null");
    assert_eq!(parsed(&diffs[0], "targetState"), observed.translation.objects[1].to_value());
}

#[test]
fn what_is_to_be_pruned_has_no_wish() {
    let objects = [git_repository().fetched(COMMIT), kustomization().ready(COMMIT)];
    let mut observed = app("demo").git().beside(objects);
    observed.translation = chart().observed().translation;
    let found = differing(&observed);
    assert_eq!(found, ["HelmRelease", "Kustomization", "GitRepository", "HelmRepository"]);
}

/// With errors in the Application, what runs is shown as it is.
#[test]
fn what_nobody_can_compare_shows_no_difference() {
    let mut observed = beside(helm_release().ready("6.3.5"));
    observed.translation.objects.clear();
    observed.failures.push("the source cannot be read".to_owned());
    let diffs = to_json(&View::of(&observed));
    assert_eq!(diffs.as_array().unwrap().len(), 2);
    for diff in diffs.as_array().unwrap() {
        assert!(!page_differs(diff) && !cli_differs(&observed, diff, Method::Annotation), "{diff:#}");
    }
}

#[test]
fn the_marks_are_those_of_the_argo_cd_at_hand() {
    let mut observed = app("demo").chart("6.3.5").with(&json!({"metadata": {"namespace": "team"}})).beside([
        helm_repository().fetched("i"),
        helm_chart().fetched("6.3.5"),
        helm_release().ready("6.3.5"),
    ]);
    let project = fixtures::project("default", &json!({"sourceNamespaces": ["team"]}));
    observed.project = Some(Arc::new(project));
    observed.tracking = Tracking { label: "example.org/app".into(), installation_id: "blue".into() };
    assert_eq!(differing(&observed), Vec::<String>::new());
    let live = parsed(&to_json(&View::of(&observed))[0], "normalizedLiveState");
    assert_eq!(live["metadata"]["labels"]["example.org/app"], "team_demo");
}

#[test]
fn live_states_are_whole_and_in_argo_cds_order() {
    let diffs = to_json(&View::of(&beside(helm_release().ready("6.3.5"))));
    let live = parsed(&diffs[0], "liveState");
    assert_eq!(
        (live["kind"].as_str(), live["status"]["observedGeneration"].as_i64()),
        (Some("HelmRelease"), Some(1))
    );
    assert_eq!(live["metadata"]["uid"], "helmreleases");
    assert_eq!(diffs[1]["kind"], "HelmRepository");
}

/// The project permits none of Flux's kinds.
fn out_of_reach(mut observed: Observed) -> Observed {
    let kinds = json!([{"group": "apps", "kind": "*"}]);
    let project = fixtures::project("default", &json!({"namespaceResourceWhitelist": kinds}));
    observed.project = Some(Arc::new(project));
    observed
}

#[rstest]
#[case::as_wanted(helm_release().ready("6.3.5"), &[])]
#[case::more_annotations(annotated("password", "hunter2"), &[])]
#[case::used_as_it_is(helm_release().ready("6.3.5").with(json!({"spec": {"password": "hunter2"}})).unowned(), &[])]
#[case::edited(specified(&json!({"values": {"password": "hunter2"}})), &["HelmRelease"])]
#[case::outdated(specified(&json!({"values": {"password": "hunter2"}})).outdated(), &["HelmRelease"])]
#[case::of_another(specified(&json!({"values": {"password": "hunter2"}})).foreign(), &["HelmRelease"])]
#[case::leaving(annotated("password", "hunter2").deleting(), &["HelmRelease"])]
#[case::another_version_delivered(helm_release().ready("6.3.4"), &["HelmRelease"])]
#[case::another_version_of_a_persons(helm_release().ready("6.3.4").unowned(), &["HelmRelease"])]
fn of_what_is_not_permitted_it_shows_whether_it_is_synced(
    #[case] release: Object,
    #[case] expected: &[&str],
) {
    let observed = out_of_reach(beside(release));
    assert_eq!(differing(&observed), expected);
    let diffs = to_json(&View::of(&observed));
    assert!(!diffs.to_string().contains("hunter2"), "{diffs:#}");
    for diff in diffs.as_array().unwrap() {
        assert_eq!((&diff["liveState"], diff.get("resourceVersion")), (&json!("null"), None));
    }
}

#[test]
fn nor_what_is_to_be_pruned() {
    let secret = json!({"spec": {"password": "hunter2"}});
    let mut observed = app("demo").git().beside([git_repository().fetched(COMMIT).with(secret)]);
    observed.translation = chart().observed().translation;
    let observed = out_of_reach(observed);
    assert_eq!(differing(&observed), ["HelmRelease", "GitRepository", "HelmRepository"]);
    assert!(!to_json(&View::of(&observed)).to_string().contains("hunter2"));
}
