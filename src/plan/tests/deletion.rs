//! The order of a deletion.

use super::super::{Plan, State, plan};
use super::{patch_of, words};
use crate::flux::FluxKind;
use crate::mirror::fixtures::{
    App, COMMIT, Object, ago, app, chart_source, git_repository, git_source, helm_chart, helm_release,
    helm_repository, kustomization,
};
use crate::mirror::namespace::NamespaceMetadata;
use crate::names;
use rstest::rstest;
use serde_json::{Value, json};

fn doomed() -> App {
    app("demo").chart("6.3.5").automated().cascading().deleting()
}

fn source() -> Object {
    helm_repository().fetched("i")
}

fn chart() -> Object {
    helm_chart().fetched("6.3.5")
}

#[rstest]
#[case::workload_first(vec![source(), chart(), helm_release().ready("6.3.5")], &["DeleteObject HelmRelease"])]
#[case::resumed_before(
    vec![source(), chart(), helm_release().ready("6.3.5").waiting()],
    &["PatchObject HelmRelease", "DeleteObject HelmRelease"]
)]
#[case::resumed_whoever_suspended(
    vec![source(), chart(), helm_release().ready("6.3.5").suspended()],
    &["PatchObject HelmRelease", "DeleteObject HelmRelease"]
)]
#[case::waits_for_the_workload(vec![source(), chart(), helm_release().ready("6.3.5").deleting()], &[])]
#[case::waits_for_the_chart(vec![source(), chart().deleting()], &[])]
#[case::then_the_source(vec![source()], &["DeleteObject HelmRepository"])]
#[case::waits_for_the_source(vec![source().deleting()], &[])]
#[case::then_the_finalizer(vec![], &["ConfirmGone", "DropCache", "PatchApplication"])]
fn a_cascade_goes_in_this_order(#[case] objects: Vec<Object>, #[case] expected: &[&str]) {
    let plan = plan(&doomed().beside(objects));
    assert_eq!(words(&plan), expected);
    assert_eq!(plan.state, State::Deleting);
}

#[test]
fn a_resumed_object_loses_its_suspension_in_one_patch() {
    let plan = plan(&doomed().beside([source(), chart(), helm_release().ready("6.3.5").waiting()]));
    let patches = plan.steps.iter().filter_map(|step| match step {
        super::Step::PatchObject { patch, .. } => Some(&patch["spec"]),
        _ => None,
    });
    assert_eq!(patches.collect::<Vec<_>>(), [&json!({"suspend": null})]);
}

#[test]
fn a_kustomization_has_to_wait_for_the_end_of_what_it_delivered() {
    let revision = format!("main@sha1:{COMMIT}");
    let keeps = kustomization().ready(&revision).with(json!({"spec": {"deletionPolicy": "Orphan"}}));
    let plan =
        plan(&app("demo").git().cascading().deleting().beside([git_repository().fetched(&revision), keeps]));
    assert_eq!(words(&plan), ["PatchObject Kustomization", "DeleteObject Kustomization"]);
}

/// The first patch of a Flux object.
fn patch_of_flux(plan: &Plan) -> Value {
    let patches = plan.steps.iter().find_map(|step| match step {
        super::Step::PatchObject { patch, .. } => Some(patch["spec"].clone()),
        _ => None,
    });
    patches.unwrap()
}

/// It would wait for itself.
#[test]
fn what_stands_in_a_namespace_that_it_deletes_does_not_wait_for_its_end() {
    let inventory = json!({"status": {"inventory": {"entries": [{"id": "_apps__Namespace", "v": "v1"}]}}});
    let revision = format!("main@sha1:{COMMIT}");
    let git = app("demo").git().cascading().deleting();
    let kustomization = kustomization().ready(&revision).with(inventory.clone());
    let of_folder = plan(&git.beside([git_repository().fetched(&revision), kustomization]));
    assert_eq!(words(&of_folder), ["PatchObject Kustomization", "DeleteObject Kustomization"]);
    assert_eq!(patch_of_flux(&of_folder), json!({"deletionPolicy": "Delete"}));

    let release = helm_release().ready("6.3.5").with(inventory);
    let of_chart = plan(&doomed().beside([source(), chart(), release]));
    assert_eq!(words(&of_chart), ["PatchObject HelmRelease", "DeleteObject HelmRelease"]);
    assert_eq!(patch_of_flux(&of_chart), json!({"uninstall": {"disableWait": true}}));
}

/// Helm's records of a release beside it, say.
#[test]
fn what_holds_its_namespace_goes_after_the_others() {
    let sources = [chart_source("6.3.5"), git_source("demo", "extras")];
    let several = app("demo").sources(&sources).automated().cascading().deleting();
    let inventory = json!({"status": {"inventory": {"entries": [{"id": "_apps__Namespace", "v": "v1"}]}}});
    let home = || kustomization().ready("main@sha1:0").with(inventory.clone());
    let release = || helm_release().ready("6.3.5");
    let first = plan(&several.beside([source(), chart(), release(), home()]));
    assert_eq!(words(&first), ["DeleteObject HelmRelease"]);
    let waits = plan(&several.beside([source(), chart(), release().deleting(), home()]));
    assert_eq!(words(&waits), Vec::<String>::new());
    let mut then = several.beside([source(), home()]);
    assert_eq!(words(&plan(&then)), ["PatchObject Kustomization", "DeleteObject Kustomization"]);
    assert_eq!(patch_of_flux(&plan(&then)), json!({"deletionPolicy": "Delete"}));
    // One that stays is nothing special.
    let keeps = json!({"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}});
    then.namespace = NamespaceMetadata::of(&serde_json::from_value(keeps).unwrap());
    assert_eq!(words(&plan(&then)), ["DeleteObject Kustomization"]);
}

#[rstest]
#[case::its_own("demo", true, false)]
#[case::of_its_second_source("demo-2", true, false)]
#[case::of_another_application("other", true, true)]
#[case::there_to_stay("demo", false, true)]
fn the_application_waits_for_the_end_of_the_namespace_that_it_brought(
    #[case] bringer: &str,
    #[case] ends: bool,
    #[case] is_over: bool,
) {
    let labels = json!({
        "kustomize.toolkit.fluxcd.io/name": bringer, "kustomize.toolkit.fluxcd.io/namespace": "apps",
    });
    let mut observed = doomed().observed();
    observed.namespace = NamespaceMetadata::of(&serde_json::from_value(json!({"labels": labels})).unwrap());
    observed.namespace_ends = ends;
    assert_eq!(words(&plan(&observed)).contains(&"PatchApplication".to_owned()), is_over);
}

/// `Delete=false`: suspended, let go of by Flux, deleted with its chart; Helm's record of the release stays.
#[test]
fn what_is_to_outlive_the_application_is_let_go_of() {
    let options = ["FluxSubsystem=true", "AutoCreateFluxResources=true", "Delete=false"];
    let app = || doomed().with(&json!({"spec": {"syncPolicy": {"syncOptions": options}}}));
    let release = || helm_release().ready("6.3.5");
    let first = plan(&app().beside([source(), chart(), release()]));
    assert_eq!(words(&first), ["PatchObject HelmRelease"]);
    let patch = first.steps.iter().find_map(|step| match step {
        super::Step::PatchObject { patch, .. } => Some(patch.clone()),
        _ => None,
    });
    let patch = patch.unwrap();
    assert_eq!(patch["spec"], json!({"suspend": true}));
    let asked = &patch["metadata"]["annotations"][names::ANNOTATION_REQUESTED_AT];
    let let_go = release().with(patch.clone()).with(json!({"status": {"lastHandledReconcileAt": asked}}));
    let labels = json!({
        names::LABEL_HELM_RELEASE_NAME: "demo", names::LABEL_HELM_RELEASE_NAMESPACE: "apps",
    });
    let chart = chart().with(json!({"metadata": {"labels": labels}}));
    let then = plan(&app().beside([source(), chart, let_go]));
    assert_eq!(words(&then), ["DeleteObject HelmChart", "DeleteObject HelmRelease"]);
}

#[test]
fn only_the_finalizers_that_nobody_else_answers_go() {
    let finalizers = json!([
        names::CASCADE_FINALIZERS[2],
        "post-delete-finalizer.argocd.argoproj.io/cleanup",
        "example.org/mine"
    ]);
    let plan = plan(&doomed().with(&json!({"metadata": {"finalizers": finalizers}})).observed());
    assert_eq!(patch_of(&plan)["metadata"]["finalizers"], json!(["example.org/mine"]));
    assert_eq!(patch_of(&plan)["metadata"]["resourceVersion"], "1");
}

#[test]
fn without_a_cascade_everything_stays() {
    let app = app("demo").chart("6.3.5").deleting();
    let objects = || [source(), chart(), helm_release().ready("6.3.5")];
    assert_eq!(words(&plan(&app.beside(objects()))), Vec::<String>::new());
    // A hook's finalizer goes, since nobody else can take it off.
    let hooked = app.with(&json!({"metadata": {"finalizers": ["pre-delete-finalizer.argocd.argoproj.io"]}}));
    assert_eq!(words(&plan(&hooked.beside(objects()))), ["DropCache", "PatchApplication"]);
}

#[test]
fn objects_of_others_stay() {
    let others = [source().foreign(), chart(), helm_release().ready("6.3.5").foreign()];
    assert_eq!(words(&plan(&doomed().beside(others))), ["ConfirmGone", "DropCache", "PatchApplication"]);
    let unowned = [source().unowned(), chart(), helm_release().ready("6.3.5").unowned()];
    assert_eq!(words(&plan(&doomed().beside(unowned))), ["ConfirmGone", "DropCache", "PatchApplication"]);
}

#[test]
fn an_application_with_errors_is_deleted_all_the_same() {
    let mut observed = doomed().beside([source(), chart(), helm_release().ready("6.3.5")]);
    observed.translation = crate::translate::Translation::default();
    assert_eq!(words(&plan(&observed)), ["DeleteObject HelmRelease"]);
    observed.objects.retain(|key, _| key.kind != FluxKind::HelmRelease);
    assert_eq!(words(&plan(&observed)), ["DeleteObject HelmRepository"]);
}

#[test]
fn an_uninstall_that_fails_is_told_once() {
    let stuck = || {
        helm_release()
            .failed("6.3.5", "UninstallFailed", "Helm uninstall failed: timed out")
            .with(json!({"metadata": {"deletionTimestamp": ago(60)}}))
    };
    let first = plan(&doomed().beside([source(), chart(), stuck()]));
    assert_eq!(words(&first), ["PatchApplication"]);
    let conditions = patch_of(&first)["status"]["conditions"].clone();
    assert_eq!(conditions[0]["type"], "DeletionError");
    assert_eq!(conditions[0]["message"], "HelmRelease apps/demo: Helm uninstall failed: timed out");
    let told = doomed().with(&json!({"status": {"conditions": conditions}}));
    assert_eq!(words(&plan(&told.beside([source(), chart(), stuck()]))), Vec::<String>::new());
    // Gone on: the condition goes too.
    let on = plan(&told.beside([source(), chart(), helm_release().ready("6.3.5").deleting()]));
    assert_eq!(patch_of(&on)["status"].get("conditions"), Some(&Value::Array(Vec::new())));
}
