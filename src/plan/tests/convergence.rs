//! Where the decisions lead: to one end, and then to silence.

use super::cluster::Cluster;
use crate::argo::operation::Phase;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, NAMESPACE, app};
use crate::names;
use rstest::rstest;
use serde_json::json;

fn chart() -> App {
    app("demo").chart("6.3.5")
}

fn release() -> ObjectKey {
    ObjectKey::new(FluxKind::HelmRelease, NAMESPACE, "demo")
}

fn phase(cluster: &Cluster) -> Phase {
    cluster.status().operation_state.expect("an operation").phase
}

#[rstest]
#[case::chart(chart().automated(), "6.3.5")]
#[case::chart_of_a_range(app("demo").chart("6.x").automated(), "6.3.5")]
#[case::healing(chart().self_heal(), "6.3.5")]
#[case::git(app("demo").git().automated(), "2f5c000000000000000000000000000000000001")]
fn an_automated_application_is_delivered_once_and_then_left_alone(
    #[case] app: App,
    #[case] revision: &str,
    #[values(1, 2, 5)] pace: usize,
) {
    let mut cluster = Cluster::with(&app);
    cluster.pace = pace;
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history(), [revision]);
    assert_eq!(cluster.flux.deliveries.len(), 1);
    assert_eq!(phase(&cluster), Phase::Succeeded);
    assert_eq!(cluster.app().operation, None);
    assert!(cluster.count("ApplyObject") <= 3, "{:?}", cluster.log);
    cluster.assert_silent();
}

#[rstest]
#[case::chart(chart())]
#[case::git(app("demo").git())]
fn a_manual_application_waits_for_the_button(#[case] app: App, #[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&app);
    cluster.pace = pace;
    cluster.settle();
    assert_eq!(cluster.words(), "OutOfSync/Missing");
    assert_eq!(cluster.flux.deliveries.len(), 0);
    cluster.assert_silent();

    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!((cluster.history().len(), cluster.flux.deliveries.len()), (1, 1));
    cluster.assert_silent();

    // A newer revision shows, and waits.
    cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
    cluster.edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"replicaCount": 4}}}}}));
    let git = json!({"spec": {"source": {"helm": null}}});
    if cluster.app().spec.source.is_some_and(|source| source.chart.is_empty()) {
        cluster.edit(&git);
    }
    cluster.settle();
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.flux.deliveries.len(), 1);
    cluster.assert_silent();

    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!((cluster.history().len(), cluster.flux.deliveries.len()), (2, 2));
    cluster.assert_silent();
}

#[rstest]
fn a_new_revision_is_delivered_and_recorded_once(#[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&app("demo").git().automated());
    cluster.pace = pace;
    cluster.settle();
    cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history().len(), 2);
    assert_eq!(cluster.flux.deliveries.len(), 2);
    cluster.assert_silent();
}

#[rstest]
fn changed_values_are_delivered_and_recorded_once(#[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&chart().automated());
    cluster.pace = pace;
    cluster
        .settle()
        .edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"replicaCount": 4}}}}}))
        .settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!((cluster.history().len(), cluster.flux.deliveries.len()), (2, 2));
    cluster.assert_silent();
}

#[test]
fn a_missing_namespace_is_created_where_that_is_wished_for() {
    for app in [chart().automated(), app("demo").git().automated()] {
        let mut cluster = Cluster::with(&app.clone().option(names::OPTION_CREATE_NAMESPACE));
        cluster.api.namespaces.remove(NAMESPACE);
        cluster.settle();
        assert_eq!(cluster.words(), "Synced/Healthy");
        assert_eq!((cluster.history().len(), cluster.count("CreateNamespace")), (1, 1));

        let mut cluster = Cluster::with(&app);
        cluster.api.namespaces.remove(NAMESPACE);
        cluster.settle().assert_silent();
        assert_eq!(cluster.count("PatchApplication"), 1);
        assert_eq!(cluster.status().conditions[0].kind, "SyncError");
        // It comes, and nobody has to help.
        cluster.api.namespaces.insert(NAMESPACE.into());
        cluster.settle();
        assert_eq!(cluster.words(), "Synced/Healthy");
        cluster.assert_silent();
    }
}

#[rstest]
fn an_unknown_chart_is_told_once_and_delivered_when_it_appears(#[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&app("demo").chart("6.4.0").automated());
    cluster.pace = pace;
    cluster.settle();
    assert_eq!(cluster.words(), "Unknown/Degraded");
    assert_eq!(phase(&cluster), Phase::Failed);
    let status = cluster.status();
    assert!(status.conditions[0].message.contains("no 'podinfo' chart with version matching '6.4.0' found"));
    assert!(status.operation_state.unwrap().message.contains("no 'podinfo' chart"));
    cluster.assert_silent();

    cluster.flux.versions.insert("6.4.0".into());
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history(), ["6.4.0"]);
    assert_eq!(cluster.status().conditions, []);
    cluster.assert_silent();
}

#[rstest]
fn an_unknown_chart_is_repaired_by_its_version(#[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&app("demo").chart("9.9.9").automated());
    cluster.pace = pace;
    cluster.settle().edit(&json!({"spec": {"source": {"targetRevision": "6.3.5"}}})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history(), ["6.3.5"]);
    assert_eq!(phase(&cluster), Phase::Succeeded);
    cluster.assert_silent();
}

/// The failures happened once: the operation that repaired them did not fail by what was said before it.
#[rstest]
fn a_repair_is_one_operation(#[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&chart().automated());
    cluster.pace = pace;
    cluster.settle().flux.failure = Some(("", "timed out".into()));
    cluster.edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"bad": true}}}}})).settle();
    assert_eq!(phase(&cluster), Phase::Failed);
    assert_eq!(cluster.words(), "OutOfSync/Degraded");
    cluster.assert_silent();
    let events = cluster.count("EmitEvent OperationCompleted");
    cluster.flux.failure = None;
    cluster.edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"bad": false}}}}})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.count("EmitEvent OperationCompleted"), events + 1);
    assert_eq!(cluster.history().len(), 2);
    cluster.assert_silent();
}

#[rstest]
#[case::chart(chart())]
#[case::git(app("demo").git())]
fn a_workload_that_fails_is_told_once_and_recorded_when_flux_succeeds(
    #[case] app: App,
    #[values(1, 2, 5)] pace: usize,
) {
    let mut cluster = Cluster::with(&app.clone().automated());
    cluster.pace = pace;
    cluster.flux.failure = Some(("", "timed out".into()));
    cluster.settle();
    assert_eq!(cluster.words(), "OutOfSync/Degraded");
    assert_eq!(cluster.status().operation_state.unwrap().message, "timed out");
    assert_eq!(cluster.history(), Vec::<String>::new());
    cluster.assert_silent();
    cluster.flux.failure = None;
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history().len(), 1);
    cluster.assert_silent();

    let mut cluster = Cluster::with(&app);
    cluster.pace = pace;
    cluster.flux.failure = Some(("", "timed out".into()));
    cluster.press_sync().settle();
    assert_eq!(phase(&cluster), Phase::Failed);
    assert_eq!(cluster.words(), "OutOfSync/Degraded");
    cluster.assert_silent();
    cluster.flux.failure = None;
    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    cluster.assert_silent();
}

#[rstest]
#[case::chart(chart())]
#[case::git(app("demo").git())]
fn an_unreachable_repository_is_told_once_and_recovered_from(
    #[case] app: App,
    #[values(1, 2, 5)] pace: usize,
) {
    for app in [app.clone().automated(), app.clone().requested()] {
        let is_automated = app.build().automated().is_some();
        let mut cluster = Cluster::with(&app);
        cluster.pace = pace;
        cluster.flux.is_offline = true;
        cluster.settle();
        assert_eq!(cluster.status().sync.status, "Unknown");
        assert_eq!(cluster.app().operation, None);
        assert!(cluster.status().conditions[0].message.contains("connection refused"));
        assert!(cluster.count("PatchApplication") < 12, "{:?}", cluster.log);
        cluster.assert_silent();
        cluster.flux.is_offline = false;
        if !is_automated {
            cluster.press_sync();
        }
        cluster.settle();
        // What could not be applied is tried again after a while.
        cluster.api.pass(60);
        cluster.settle();
        assert_eq!(cluster.words(), "Synced/Healthy", "{:#?}", cluster.status());
        assert_eq!(cluster.history().len(), 1);
        cluster.assert_silent();
    }
}

#[test]
fn a_repository_that_fails_later_leaves_what_runs_and_comes_back_without_a_trace() {
    for app in [chart().automated(), app("demo").git().automated()] {
        let mut cluster = Cluster::with(&app);
        cluster.settle().flux.is_offline = true;
        cluster.edit(&json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "normal"}}})).settle();
        assert_eq!(cluster.words(), "Unknown/Degraded");
        assert_eq!(cluster.app().annotation(names::ANNOTATION_REFRESH), None);
        cluster.assert_silent();
        cluster.press_sync().settle();
        assert_eq!(phase(&cluster), Phase::Failed);
        cluster.flux.is_offline = false;
        cluster.edit(&json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "normal"}}})).settle();
        assert_eq!(cluster.words(), "Synced/Healthy");
        assert_eq!(cluster.flux.deliveries.len(), 1);
        cluster.assert_silent();
    }
}

#[rstest]
#[case::source(FluxKind::HelmRepository)]
#[case::workload(FluxKind::HelmRelease)]
fn what_the_api_server_refuses_is_told_and_tried_again_no_faster_than_once_a_minute(#[case] kind: FluxKind) {
    for app in [chart().automated(), chart(), chart().requested()] {
        let mut cluster = Cluster::with(&app);
        cluster.api.denied.insert(kind);
        cluster.run(600);
        let patches = cluster.count("PatchApplication");
        assert!(patches <= 2 * 11 + 2, "{patches} patches in ten minutes");
        let status = cluster.status();
        let is_told = status.conditions.iter().any(|c| c.message.contains("admission webhook denied"))
            || status
                .operation_state
                .as_ref()
                .is_some_and(|o| o.message.contains("admission webhook denied"));
        assert!(is_told || cluster.count("ApplyObject") == 1, "{status:#?}");
        assert!(status.operation_state.is_none_or(|operation| operation.phase.is_completed()));
        cluster.api.denied.clear();
        cluster.run(130);
        if cluster.app().automated().is_none() {
            cluster.press_sync();
        }
        cluster.settle();
        assert_eq!(cluster.words(), "Synced/Healthy");
        assert_eq!(cluster.history().len(), 1);
        cluster.assert_silent();
    }
}

#[test]
fn an_edit_is_reverted_by_the_policy_or_by_the_button_and_leaves_no_history_when_healed() {
    let edit = json!({"spec": {"values": {"replicaCount": "2"}}});
    let mut cluster = Cluster::with(&chart().self_heal());
    cluster.settle().api.patch_object(&release(), &edit);
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history().len(), 1);
    assert_eq!(cluster.api.objects[&release()]["spec"].get("values"), None);
    cluster.assert_silent();

    let mut cluster = Cluster::with(&chart().automated());
    cluster.settle().api.patch_object(&release(), &edit);
    cluster.settle();
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.api.objects[&release()]["spec"]["values"]["replicaCount"], "2");
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.api.objects[&release()]["spec"].get("values"), None);
    cluster.assert_silent();
}

#[test]
fn somebody_who_edits_on_and_on_is_answered_less_and_less_often() {
    let mut cluster = Cluster::with(&chart().self_heal());
    cluster.settle();
    let before = cluster.count("ApplyObject");
    for second in 0..600 {
        cluster.api.patch_object(&release(), &json!({"spec": {"interval": format!("{second}m")}}));
        cluster.run(1);
    }
    // Each operation applies once more while it waits; the delays are 2, 6, 18, 54, 162 and 300 seconds.
    let applied = cluster.count("ApplyObject") - before;
    assert!(applied <= 12, "{applied} applications in ten minutes");
}

#[test]
fn a_suspension_by_a_person_is_respected_and_ends_where_it_began() {
    let mut cluster = Cluster::with(&chart().automated());
    cluster.settle().api.suspend(&release(), true);
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Suspended");
    cluster.assert_silent();
    cluster.api.suspend(&release(), false);
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history().len(), 1);
    cluster.assert_silent();
}

#[test]
fn the_policy_may_change_at_any_time() {
    let mut cluster = Cluster::with(&chart().automated());
    cluster.settle().edit(&json!({"spec": {"syncPolicy": {"automated": null}}})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.api.objects[&release()]["spec"]["suspend"], true);
    cluster.assert_silent();
    cluster.edit(&json!({"spec": {"syncPolicy": {"automated": {}}}})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.api.objects[&release()]["spec"].get("suspend"), None);
    assert_eq!((cluster.history().len(), cluster.flux.deliveries.len()), (1, 1));
    cluster.assert_silent();
}

#[test]
fn a_refresh_is_answered_whatever_the_state() {
    let refresh = json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "hard", names::ANNOTATION_HYDRATE: "normal"}}});
    for app in [chart(), chart().automated(), app("demo").chart("9.9.9").automated(), app("demo").git()] {
        let mut cluster = Cluster::with(&app);
        cluster.edit(&refresh).settle();
        let before = (cluster.words(), cluster.history());
        cluster.edit(&refresh).settle();
        assert_eq!(cluster.app().annotation(names::ANNOTATION_REFRESH), None);
        assert_eq!(cluster.app().annotation(names::ANNOTATION_HYDRATE), None);
        assert_eq!((cluster.words(), cluster.history()), before);
        cluster.assert_silent();
    }
}

#[test]
fn an_operation_that_is_terminated_leaves_nothing_running() {
    let mut cluster = Cluster::with(&chart());
    cluster.press_sync().run(3);
    assert_eq!(phase(&cluster), Phase::Running);
    cluster.edit(&json!({"status": {"operationState": {"phase": "Terminating"}}})).settle();
    assert_eq!(phase(&cluster), Phase::Failed);
    assert_eq!(cluster.app().operation, None);
    cluster.assert_silent();
}

#[test]
fn reconciled_at_never_lies_before_the_end_of_the_operation() {
    let mut cluster = Cluster::with(&chart().automated());
    cluster.settle();
    for _ in 0..3 {
        let status = cluster.status();
        assert!(status.reconciled_at >= status.operation_state.unwrap().finished_at);
        assert!(status.reconciled_at.unwrap() <= cluster.now());
        cluster.press_sync().settle();
    }
    assert_eq!(cluster.history().len(), 4);
    assert_eq!(cluster.status().history.iter().map(|entry| entry.id).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn empty_values_are_no_reason_to_sync_again_and_again() {
    let app = chart().automated();
    let mut cluster = Cluster::with(&app);
    // Created, not patched: the API server keeps the `null`.
    cluster.api.app.as_mut().unwrap()["spec"]["source"]["helm"] =
        json!({"valuesObject": {"keep": 1, "drop": null, "nested": {"drop": null}}});
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history().len(), 1);
    cluster.assert_silent();
}

#[test]
fn one_source_in_a_list_is_delivered_like_one_without() {
    let source =
        json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"});
    let mut cluster = Cluster::with(&app("demo").automated().with(&json!({"spec": {"sources": [source]}})));
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    let history = cluster.status().history;
    assert_eq!((history.len(), history[0].revisions.as_slice()), (1, &["6.3.5".to_owned()][..]));
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!((cluster.words(), cluster.history().len()), ("Synced/Healthy".to_owned(), 2));
    cluster.assert_silent();
}

/// An `ApplicationSet` that rolls out step by step asks in nobody's name for Applications without a policy.
#[test]
fn an_automated_operation_on_a_manual_application_is_delivered() {
    for app in [chart(), app("demo").git()] {
        let mut cluster = Cluster::with(&app);
        cluster.settle();
        let initiator = json!({"username": "applicationset-controller", "automated": true});
        cluster.edit(&json!({"operation": {"sync": {}, "initiatedBy": initiator}})).settle();
        assert_eq!((cluster.words(), cluster.history().len()), ("Synced/Healthy".to_owned(), 1));
        cluster.assert_silent();
    }
}

#[rstest]
fn clocks_need_not_agree(#[values(-5, -1, 1, 5)] skew: i64, #[values(1, 5)] pace: usize) {
    for app in [
        chart().automated(),
        app("demo").git().automated(),
        chart().requested(),
        app("demo").git().requested(),
    ] {
        let mut cluster = Cluster::with(&app);
        (cluster.skew, cluster.pace) = (skew, pace);
        cluster.settle();
        assert_eq!((cluster.words(), cluster.history().len()), ("Synced/Healthy".to_owned(), 1));
        cluster.flux.failure = Some(("", "timed out".into()));
        cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
        cluster.flux.versions.insert("6.4.0".into());
        if cluster.app().spec.source.is_some_and(|source| !source.chart.is_empty()) {
            cluster.edit(&json!({"spec": {"source": {"targetRevision": "6.4.0"}}}));
        }
        if cluster.app().automated().is_none() {
            cluster.press_sync();
        }
        cluster.settle();
        assert_eq!(phase(&cluster), Phase::Failed);
        assert_eq!(cluster.words(), "OutOfSync/Degraded");
        assert_eq!(cluster.history().len(), 1);
    }
}

#[rstest]
fn what_was_renamed_is_pruned_without_an_uninstall_or_shown(#[values(true, false)] prunes: bool) {
    let policy = json!({"spec": {"syncPolicy": {"automated": {"prune": prunes}}}});
    let mut cluster = Cluster::with(&chart().with(&policy));
    cluster.settle();
    cluster.edit(&json!({"metadata": {"labels": {names::LABEL_WORKLOAD_NAME: "other"}}})).settle();
    assert_eq!(cluster.flux.uninstalls, 0);
    assert_eq!(cluster.api.objects.contains_key(&release()), !prunes);
    assert_eq!(cluster.words(), if prunes { "Synced/Healthy" } else { "OutOfSync/Healthy" });
    cluster.assert_silent();
}
