//! What a project refuses or puts off.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::{Step, plan};
use super::{operation, outcome, words, writes_flux};
use crate::argo::operation::Phase;
use crate::mirror::Observed;
use crate::mirror::fixtures::{
    App, COMMIT, Object, app, git_repository, helm_chart, helm_release, helm_repository, kustomization,
    project,
};
use crate::names;
use crate::project::{Rendered, RenderedObject};

/// A delivered branch, whose workload object is `change`d.
fn delivered(app: &App, change: impl FnOnce(Object) -> Object) -> Observed {
    let revision = format!("main@sha1:{COMMIT}");
    app.beside([git_repository().fetched(&revision), change(kustomization().ready(&revision))])
}

fn automated() -> App {
    app("demo").git().automated().delivered(COMMIT)
}

fn ruled(mut observed: Observed, spec: &Value) -> Observed {
    observed.project = Some(Arc::new(project("team", spec)));
    observed
}

fn closed() -> Value {
    json!({"syncWindows": [{"kind": "deny", "schedule": "0 0 * * *", "duration": "1h", "applications": ["*"]}]})
}

fn suspension(observed: &Observed) -> Option<Value> {
    plan(observed).steps.into_iter().find_map(|step| match step {
        Step::PatchObject { patch, .. } => Some(patch),
        _ => None,
    })
}

fn held(reason: &str) -> Value {
    json!({"metadata": {"annotations": {names::ANNOTATION_SUSPENDED: reason}}, "spec": {"suspend": true}})
}

fn config_map() -> Rendered {
    Rendered::Objects(vec![RenderedObject {
        version: "v1".into(),
        kind: "ConfigMap".into(),
        name: "settings".into(),
        is_namespaced: Some(true),
        ..RenderedObject::default()
    }])
}

#[rstest]
#[case::source(json!({"sourceRepos": []}), "application repo https://git.example.org/demo.git is not permitted in project 'team'")]
#[case::destination(
    json!({"destinations": []}),
    "application destination server 'https://kubernetes.default.svc' and namespace 'apps' do not match any of the allowed \
     destinations in project 'team'"
)]
fn a_refused_application_is_not_delivered(#[case] spec: Value, #[case] sentence: &str) {
    for app in [app("demo").git().automated(), app("demo").git(), app("demo").git().requested()] {
        let plan = plan(&ruled(app.observed(), &spec));
        assert!(!writes_flux(&plan), "{:?}", words(&plan));
        let status = plan.status.unwrap();
        assert_eq!((status.sync.status.as_str(), status.health.status.as_str()), ("Unknown", "Unknown"));
        let condition = &status.conditions[0];
        assert_eq!((condition.kind.as_str(), condition.message.as_str()), ("InvalidSpecError", sentence));
    }
}

#[rstest]
#[case::refused(json!({"destinations": []}), false)]
#[case::permitted(json!({}), true)]
fn a_refused_application_has_nothing_fetched(#[case] spec: Value, #[case] expected: bool) {
    let observed = ruled(delivered(&automated().refresh(), |workload| workload), &spec);
    let is_request = |step: &Step| matches!(step, Step::PatchObject { key, .. } if key.kind.is_source());
    assert_eq!(plan(&observed).steps.iter().any(is_request), expected);
}

#[test]
fn a_sync_of_a_refused_application_ends_in_an_error() {
    let (phase, message) =
        outcome(&ruled(app("demo").git().requested().observed(), &json!({"sourceRepos": []})));
    assert_eq!(phase, Phase::Error);
    assert!(message.starts_with("InvalidSpecError: application repo"), "{message}");
}

#[test]
fn a_project_that_is_gone_stops_deliveries() {
    let mut observed = delivered(&automated(), |workload| workload);
    observed.project = None;
    assert_eq!(suspension(&observed), Some(held(names::SUSPENDED_BY_PROJECT)));
    let status = plan(&observed).status.unwrap();
    assert_eq!(status.conditions[0].message, "Application referencing project default which does not exist");
}

#[test]
fn a_restriction_added_later_keeps_what_runs_and_holds_the_rest() {
    let restricted = json!({"sourceRepos": []});
    let running = ruled(delivered(&automated(), |workload| workload), &restricted);
    assert_eq!(suspension(&running), Some(held(names::SUSPENDED_BY_PROJECT)));
    let waiting = ruled(delivered(&automated(), |w| w.held(names::SUSPENDED_BY_PROJECT)), &restricted);
    assert_eq!(suspension(&waiting), None);
    let lifted = ruled(delivered(&automated(), |w| w.held(names::SUSPENDED_BY_PROJECT)), &json!({}));
    assert_eq!(suspension(&lifted).unwrap()["spec"], json!({"suspend": null}));
}

#[test]
fn a_closed_window_holds_what_flux_would_deliver_by_itself() {
    let open = delivered(&automated(), |workload| workload);
    let closed = ruled(open.clone(), &closed());
    assert_eq!(suspension(&closed), Some(held(names::SUSPENDED_BY_WINDOW)));
    let requeue = plan(&closed).steps.into_iter().find_map(|step| match step {
        Step::Requeue(delay) => Some(delay.as_secs()),
        _ => None,
    });
    // The window is closed until one o'clock, and a time zone might change before that.
    assert_eq!(requeue, Some(1800));
    let status = plan(&closed).status.unwrap();
    assert_eq!((status.sync.status.as_str(), status.health.status.as_str()), ("Synced", "Healthy"));
}

#[test]
fn a_held_workload_is_not_shown_as_suspended() {
    for reason in [names::SUSPENDED_BY_WINDOW, names::SUSPENDED_BY_PROJECT, names::SUSPENDED_UNTIL_SYNC] {
        let observed = ruled(delivered(&automated(), |workload| workload.held(reason)), &closed());
        let status = plan(&observed).status.unwrap();
        assert_eq!((status.sync.status.as_str(), status.health.status.as_str()), ("Synced", "Healthy"));
    }
}

#[test]
fn an_automated_sync_waits_for_its_window() {
    let app = app("demo").chart("6.4.0").automated().delivered("6.3.5");
    let observed = app.beside([
        helm_repository().fetched("i"),
        helm_chart().fetched("6.3.5"),
        helm_release().ready("6.3.5").held(names::SUSPENDED_BY_WINDOW).outdated(),
    ]);
    let waiting = plan(&ruled(observed.clone(), &closed()));
    assert!(waiting.status.as_ref().unwrap().operation_state.as_ref().unwrap().phase.is_completed());
    assert_eq!(waiting.status.unwrap().sync.status, "OutOfSync");
    assert_eq!(operation(&plan(&observed)).phase, Phase::Running);
}

#[test]
fn a_running_operation_waits_for_its_window() {
    let app = automated().running_by_itself();
    let observed = ruled(delivered(&app, |workload| workload), &closed());
    assert_eq!(outcome(&observed), (Phase::Running, "Sync operation blocked by sync window".to_owned()));
    assert_eq!(suspension(&observed), Some(held(names::SUSPENDED_BY_WINDOW)));
}

#[test]
fn an_operation_that_may_overrun_goes_on() {
    let mut overrun = closed();
    overrun["syncWindows"][0]["schedule"] = json!("10 0 * * *");
    overrun["syncWindows"][0]["syncOverrun"] = json!(true);
    let mut observed = ruled(delivered(&automated().running_by_itself(), |workload| workload), &overrun);
    observed.now = "2026-01-01T00:10:05Z".parse().unwrap();
    assert_ne!(outcome(&observed).1, "Sync operation blocked by sync window");
}

#[test]
fn what_moves_is_looked_at_before_it_is_delivered() {
    let restricted = json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]});
    let branch = ruled(delivered(&automated(), |workload| workload), &restricted);
    assert_eq!(suspension(&branch), Some(held(names::SUSPENDED_BY_PROJECT)));
    let chart = app("demo").chart("6.3.5").automated().delivered("6.3.5").beside([
        helm_repository().fetched("i"),
        helm_chart().fetched("6.3.5"),
        helm_release().ready("6.3.5"),
    ]);
    assert_eq!(suspension(&ruled(chart, &restricted)), None);
}

#[test]
fn a_forbidden_object_ends_the_sync_once() {
    let restricted = json!({"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]});
    let revision = format!("main@sha1:{COMMIT}");
    let fetched = |app: &App| {
        let mut observed = ruled(app.beside([git_repository().fetched(&revision)]), &restricted);
        observed.rendered = config_map();
        observed
    };
    let first = app("demo").git().automated();
    let plan_of_first = plan(&fetched(&first));
    assert!(!writes_flux(&plan_of_first), "{:?}", words(&plan_of_first));
    let state = operation(&plan_of_first);
    let sentence = "resource :ConfigMap is not permitted in project team";
    assert_eq!(state.phase, Phase::Failed);
    assert_eq!(state.message, format!("one or more synchronization tasks are not valid: {sentence}"));
    let lines = &state.sync_result.as_ref().unwrap().resources;
    let line = lines.iter().find(|line| line.kind == "ConfigMap").unwrap();
    assert_eq!((line.status.as_str(), line.message.as_str()), ("SyncFailed", sentence));
    let status = plan_of_first.status.as_ref().unwrap();
    let condition = status.conditions.iter().find(|condition| condition.kind == "SyncError").unwrap();
    assert!(condition.message.contains(sentence), "{}", condition.message);

    let second = first.with(&json!({"status": status}));
    assert_eq!(operation(&plan(&fetched(&second))).finished_at, state.finished_at);
    let mut lifted = fetched(&second);
    lifted.project = Some(Arc::new(project("team", &json!({}))));
    assert_eq!(operation(&plan(&lifted)).phase, Phase::Running);
}

#[test]
fn what_was_not_looked_at_is_not_delivered() {
    let restricted = json!({"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]});
    let fetched = git_repository().fetched(&format!("main@sha1:{COMMIT}"));
    let observed = ruled(app("demo").git().automated().running_by_itself().beside([fetched]), &restricted);
    assert_eq!(outcome(&observed), (Phase::Running, "waiting for what the source would deliver".to_owned()));
}

#[test]
fn a_project_may_deny_the_means() {
    let denied = json!({"namespaceResourceBlacklist": [{"group": "kustomize.toolkit.fluxcd.io", "kind": "Kustomization"}]});
    let fetched = git_repository().fetched(&format!("main@sha1:{COMMIT}"));
    let mut observed = ruled(app("demo").git().automated().beside([fetched]), &denied);
    observed.rendered = Rendered::Objects(Vec::new());
    let (phase, message) = outcome(&observed);
    assert_eq!(phase, Phase::Failed);
    assert!(
        message.contains("resource kustomize.toolkit.fluxcd.io:Kustomization is not permitted"),
        "{message}"
    );
}

/// Flux is at it while the source moves on: what nobody has looked at must not come beneath it.
#[rstest]
#[case::refused(json!({"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}), config_map(), false)]
#[case::not_looked_at(json!({"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}), Rendered::Unneeded, false)]
#[case::permitted(json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}), config_map(), true)]
fn a_source_moves_on_beneath_what_runs_only_to_what_was_checked(
    #[case] spec: Value,
    #[case] rendered: Rendered,
    #[case] expected: bool,
) {
    let revision = format!("main@sha1:{COMMIT}");
    let app = automated().running_by_itself();
    let sources = |suspended: bool| {
        let workload = kustomization().ready(&revision);
        let workload = if suspended { workload.held(names::SUSPENDED_BY_PROJECT) } else { workload };
        let mut observed =
            ruled(app.beside([git_repository().fetched(&revision).outdated(), workload]), &spec);
        observed.context.checked_only = true;
        observed.rendered = rendered.clone();
        let is_source =
            |step: &Step| matches!(step, Step::ApplyObject(manifest) if manifest.key.kind.is_source());
        plan(&observed).steps.iter().any(is_source)
    };
    assert_eq!(sources(false), expected);
    assert!(sources(true), "what waits suspended takes nothing from it");
}
