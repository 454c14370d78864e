//! The switch between stock Argo CD and the bridge, in both directions.

use std::sync::Arc;

use super::super::{State, Step, plan};
use super::cluster::Cluster;
use super::{patch_of, words};
use crate::flux::FluxKind;
use crate::mirror::fixtures::{
    App, COMMIT, Object, ago, app, git_repository, helm_chart, helm_release, helm_repository, kustomization,
};
use crate::mirror::{Observed, Refusal};
use crate::names;
use rstest::rstest;
use serde_json::{Value, json};

fn stocks(seconds: i64) -> App {
    app("demo").chart("6.3.5").automated().stocks("6.3.5", seconds)
}

#[rstest]
#[case::long_ago(60, &["PatchApplication", "EmitEvent TakenOver"])]
#[case::a_moment_ago(3, &["Requeue"])]
#[case::a_little_ahead(-3, &["Requeue"])]
#[case::a_clock_that_is_wrong(-3600, &["PatchApplication", "EmitEvent TakenOver"])]
fn stock_argo_cd_is_waited_for(#[case] seconds: i64, #[case] expected: &[&str]) {
    let plan = plan(&stocks(seconds).observed());
    assert_eq!(
        (words(&plan), plan.state),
        (expected.iter().map(ToString::to_string).collect(), State::Adopting)
    );
}

#[test]
fn what_it_says_of_its_work_goes_and_its_history_stays() {
    let plan = plan(&stocks(60).observed());
    assert_eq!(
        patch_of(&plan),
        &json!({
            "metadata": {"resourceVersion": "1"},
            "status": {"resources": null, "conditions": null, "reconciledAt": null, "operationState": null},
        })
    );
}

#[test]
fn the_status_of_the_bridge_is_not_taken_for_its() {
    let objects =
        || [helm_repository().fetched("i"), helm_chart().fetched("6.3.5"), helm_release().ready("6.3.5")];
    let delivered = app("demo").chart("6.3.5").automated().delivered("6.3.5");
    let status = plan(&delivered.beside(objects())).status;
    let settled = delivered.with(&json!({"status": status}));
    assert_eq!(plan(&settled.beside(objects())).state, State::Delivered);
    // Somebody deleted all of them: they are made anew, at once.
    assert_ne!(plan(&settled.observed()).state, State::Adopting);
    // What is wanted cannot be told: that the past is stock Argo CD's is told by what it delivered.
    let broken = json!({"spec": {"source": {"targetRevision": "not a version"}}});
    assert_eq!(
        words(&plan(&stocks(60).with(&broken).observed())),
        ["PatchApplication", "EmitEvent TakenOver"]
    );
    assert_eq!(plan(&settled.with(&broken).observed()).state, State::Failing);
    // One that only refers to Flux objects has the same past.
    let reference = |seconds| stocks(seconds).reference();
    assert_eq!(words(&plan(&reference(3).observed())), ["Requeue"]);
    assert_eq!(words(&plan(&reference(60).observed())), ["PatchApplication", "EmitEvent TakenOver"]);
}

#[test]
fn an_operation_that_was_to_end_ends() {
    let app = stocks(60).requested().running();
    let terminating = app.with(&json!({"status": {"operationState": {"phase": "Terminating"}}}));
    let plan = plan(&terminating.observed());
    assert_eq!(patch_of(&plan)["operation"], Value::Null);
    assert_eq!(patch_of(&plan)["status"]["operationState"]["message"], "Operation terminated");
}

#[test]
fn an_operation_that_stock_argo_cd_left_behind_is_carried_out_once() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5").stocks("6.3.5", 60).requested().running());
    cluster.settle();
    let operation = cluster.status().operation_state.unwrap();
    assert_eq!(operation.operation.initiated_by.username, "admin");
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("Synced/Healthy", 1));
    assert!(cluster.app().operation.is_none() && operation.finished_at.is_some());
    cluster.assert_silent();
}

#[test]
fn a_manual_application_waits_for_its_sync_and_what_runs_stays() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5").stocks("6.3.5", 60));
    cluster.settle();
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("OutOfSync/Missing", 0));
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("Synced/Healthy", 1));
    assert_eq!(cluster.history(), ["6.3.5", "6.3.5"]);
}

#[test]
fn a_late_stamp_is_waited_for() {
    let late = |seconds| {
        let stamp = json!({names::ANNOTATION_STAMPED: ago(seconds)});
        app("demo").chart("6.3.5").automated().with(&json!({"metadata": {"annotations": stamp}})).observed()
    };
    assert_eq!(words(&plan(&late(2))), ["Requeue"]);
    assert_ne!(plan(&late(12)).state, State::Adopting);
}

fn bridged() -> App {
    app("demo").chart("6.3.5").automated().delivered("6.3.5")
}

/// `app` without the option, beside objects that were generated for it when it had it.
fn back(app: &App, objects: impl IntoIterator<Item = Object>) -> Observed {
    let mut observed = app.beside(objects);
    observed.app = Arc::new(app.clone().plain().build());
    observed.translation = crate::translate::Translation::default();
    observed
}

/// Suspended on behalf of the hand-back `seconds` ago.
fn held(object: Object, seconds: i64) -> Object {
    let annotations = json!({names::ANNOTATION_SUSPENDED: names::SUSPENDED_TO_HAND_BACK});
    object
        .with(json!({"metadata": {"annotations": annotations}, "spec": {"suspend": true}}))
        .asked(&format!("hand-back/{}", ago(seconds)))
}

fn let_go(object: Object) -> Object {
    held(object, 1).answered(&format!("hand-back/{}", ago(1)))
}

fn release() -> Object {
    let history = json!([{"chartVersion": "6.3.5", "status": "deployed", "name": "demo", "version": 7}]);
    helm_release().ready("6.3.5").with(json!({"status": {"storageNamespace": "apps", "history": history}}))
}

fn chart() -> Object {
    let labels = json!({
        names::LABEL_HELM_RELEASE_NAME: "demo",
        names::LABEL_HELM_RELEASE_NAMESPACE: "apps",
    });
    helm_chart().fetched("6.3.5").with(json!({"metadata": {"labels": labels}}))
}

#[rstest]
#[case::suspended_first(vec![release(), chart()], &["PatchObject HelmRelease"])]
#[case::whoever_suspended_it(vec![release().suspended(), chart()], &["PatchObject HelmRelease"])]
#[case::until_flux_has_seen_it(vec![held(release(), 1), chart()], &["Requeue"])]
#[case::then_all_of_it(
    vec![let_go(release()), chart()],
    &["DeleteReleaseRecords", "DeleteObject HelmChart", "DeleteObject HelmRelease"]
)]
#[case::not_a_chart_of_others(
    vec![let_go(release()), helm_chart().fetched("6.3.5")],
    &["DeleteReleaseRecords", "DeleteObject HelmRelease"]
)]
#[case::a_release_that_never_was(
    vec![let_go(helm_release().progressing("waiting"))],
    &["DeleteObject HelmRelease"]
)]
#[case::waits_for_its_end(vec![let_go(release()).deleting()], &["Requeue"])]
#[case::resumed_by_somebody(
    vec![let_go(release()).with(json!({"spec": {"suspend": false}}))],
    &["PatchObject HelmRelease"]
)]
#[case::then_the_source(vec![], &["DeleteObject HelmRepository"])]
fn a_chart_goes_back_in_this_order(#[case] objects: Vec<Object>, #[case] expected: &[&str]) {
    let observed = back(&bridged(), objects.into_iter().chain([helm_repository().fetched("i")]));
    let plan = plan(&observed);
    assert_eq!(
        (words(&plan), plan.state),
        (expected.iter().map(ToString::to_string).collect(), State::HandingBack)
    );
}

#[test]
fn the_records_are_those_that_helm_may_have_kept() {
    let records = |release: Object, app: App| {
        let plan = plan(&back(&app, [let_go(release)]));
        plan.steps.into_iter().find(|step| matches!(step, Step::DeleteReleaseRecords { .. }))
    };
    let expected =
        Step::DeleteReleaseRecords { namespace: "apps".into(), release: "demo".into(), versions: 1..=12 };
    assert_eq!(records(release(), bridged()), Some(expected));
    let keep = json!({"metadata": {"annotations": {names::ANNOTATION_KEEP_RELEASE_RECORD: "true"}}});
    assert_eq!(records(release(), bridged().with(&keep)), None);
    let elsewhere = json!({"spec": {"kubeConfig": {"secretRef": {"name": "other"}}}});
    assert_eq!(records(release().with(elsewhere), bridged()), None);
}

#[test]
fn a_kustomization_goes_alone() {
    let revision = format!("main@sha1:{COMMIT}");
    let app = app("demo").git().automated().delivered(COMMIT);
    let beside = |object| back(&app, [git_repository().fetched(&revision), object]);
    let ready = || kustomization().ready(&revision);
    assert_eq!(words(&plan(&beside(ready()))), ["PatchObject Kustomization"]);
    assert_eq!(words(&plan(&beside(let_go(ready())))), ["DeleteObject Kustomization"]);
}

#[test]
fn the_stamp_goes_last_and_alone_where_nothing_was_generated() {
    let plan = plan(&back(&bridged(), []));
    assert_eq!(words(&plan), ["ConfirmGone", "PatchApplication", "EmitEvent HandedBack"]);
    let patch = patch_of(&plan);
    assert_eq!(
        patch["metadata"],
        json!({"resourceVersion": "1", "annotations": {
            "argocd.argoproj.io/skip-reconcile": null,
            "flux-subsystem.dev/stamped": null,
        }})
    );
    assert_eq!(patch["status"]["operationState"], Value::Null);
    assert_eq!(patch["status"]["sync"], json!({"status": "Unknown", "comparedTo": null}));
    // Referenced objects are somebody else's.
    let referenced = back(&bridged(), [helm_repository().unowned(), release().unowned()]);
    assert_eq!(words(&super::super::plan(&referenced)), words(&plan));
}

#[test]
fn a_word_that_somebody_wrote_over_the_stamp_stays() {
    let own = json!({"metadata": {"annotations": {names::ANNOTATION_SKIP_RECONCILE: "false"}}});
    let plan = plan(&back(&bridged().with(&own), []));
    let annotations = &patch_of(&plan)["metadata"]["annotations"];
    assert_eq!(annotations, &json!({"flux-subsystem.dev/stamped": null}));
}

#[rstest]
#[case::asked_for(app("demo").chart("6.3.5").requested().running(), None, Some(Value::Null))]
#[case::of_a_rollout(
    app("demo").chart("6.3.5").operation(&json!({
        "sync": {},
        "initiatedBy": {"username": "applicationset-controller", "automated": true},
    })).running(),
    None,
    Some(Value::Null)
)]
#[case::by_itself(app("demo").chart("6.3.5").running_by_itself(), Some(Value::Null), Some(Value::Null))]
fn a_request_waits_for_stock_argo_cd(
    #[case] app: App,
    #[case] operation: Option<Value>,
    #[case] state: Option<Value>,
) {
    let plan = plan(&back(&app, []));
    assert_eq!(patch_of(&plan).get("operation"), operation.as_ref());
    assert_eq!(patch_of(&plan)["status"].get("operationState"), state.as_ref());
}

#[test]
fn a_request_that_was_to_end_ends() {
    let app = app("demo").chart("6.3.5").requested().running();
    let app = app.with(&json!({"status": {"operationState": {"phase": "Terminating"}}}));
    let plan = plan(&back(&app, []));
    assert_eq!(patch_of(&plan)["operation"], Value::Null);
    assert_eq!(patch_of(&plan)["status"]["operationState"]["phase"], "Failed");
}

#[test]
fn flux_that_does_not_answer_is_named_once() {
    let first = plan(&back(&bridged(), [held(release(), 20)]));
    assert_eq!(words(&first), ["PatchApplication", "Requeue"]);
    let conditions = patch_of(&first)["status"]["conditions"].clone();
    assert_eq!(
        conditions[0]["message"],
        "not stock Argo CD's again yet: waiting for Flux to let go of HelmRelease apps/demo (does its controller run?)"
    );
    let told = bridged().with(&json!({"status": {"conditions": conditions}}));
    assert_eq!(words(&plan(&back(&told, [held(release(), 40)]))), ["Requeue"]);
    let done = plan(&back(&told, []));
    assert_eq!(patch_of(&done)["status"]["conditions"], json!([]));
}

#[test]
fn a_refresh_does_not_wait_for_the_hand_back() {
    let plan = plan(&back(&bridged().refresh(), [held(release(), 1)]));
    assert_eq!(words(&plan), ["PatchApplication", "Requeue"]);
    assert_eq!(patch_of(&plan)["metadata"]["annotations"], json!({"argocd.argoproj.io/refresh": null}));
}

#[test]
fn a_refusal_is_told_with_the_way_out() {
    let refused = || {
        let message = "Secret apps/sh.helm.release.v1.demo.v1: forbidden".to_owned();
        let mut observed = back(&bridged(), [let_go(release())]);
        observed.refusal = Some(Refusal { message, at: observed.now });
        observed
    };
    let plan = plan(&refused());
    assert_eq!(words(&plan)[..2], ["PatchApplication", "DeleteReleaseRecords"]);
    let message = patch_of(&plan)["status"]["conditions"][0]["message"].clone();
    assert!(
        message.as_str().unwrap().contains("flux-subsystem.dev/keep-release-record: \"true\""),
        "{message}"
    );
}

#[test]
fn deleted_on_the_way_back_the_release_is_uninstalled_as_long_as_flux_has_it() {
    let app = bridged().cascading().deleting();
    let resumed = plan(&back(&app, [held(release(), 1)]));
    assert_eq!(words(&resumed), ["PatchObject HelmRelease", "DeleteObject HelmRelease"]);
    assert_eq!(resumed.state, State::Deleting);
    // The rest is stock Argo CD's finalizer's.
    let rest = plan(&back(&app, []));
    assert_eq!(
        (words(&rest).last().map(String::as_str), rest.state),
        (Some("EmitEvent HandedBack"), State::HandingBack)
    );
    assert!(patch_of(&rest)["metadata"].get("finalizers").is_none());
}

#[test]
fn there_and_back_again_and_again_nothing_grows() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5").automated());
    cluster.settle();
    let bridged = json!([names::OPTION_FLUX_SUBSYSTEM, names::OPTION_AUTO_CREATE]);
    let options = |options: &Value| json!({"spec": {"syncPolicy": {"syncOptions": options}}});
    for _ in 0..3 {
        cluster.edit(&options(&Value::Null)).settle();
        let annotations = cluster.app().metadata.annotations.unwrap_or_default();
        assert!(annotations.is_empty() && cluster.api.objects.is_empty() && cluster.flux.records.is_empty());
        assert_eq!(cluster.flux.uninstalls, 0);
        cluster.assert_silent();
        let stamp = json!({names::ANNOTATION_SKIP_RECONCILE: "true", names::ANNOTATION_STAMPED: "true"});
        cluster.edit(&json!({"metadata": {"annotations": stamp}})).edit(&options(&bridged)).settle();
        assert_eq!((cluster.words().as_str(), cluster.flux.records.len()), ("Synced/Healthy", 1));
    }
    assert_eq!(cluster.count("EmitEvent HandedBack"), 3);
    assert!(cluster.api.objects.keys().all(|key| key.kind != FluxKind::Kustomization));
}
