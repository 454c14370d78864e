//! Operations: begin, progress, end, refusals; manual and automated.

use super::super::operation::beginning_alone;
use super::super::{State, Step, may_wait, plan};
use super::{operation, outcome, patch_of, words, writes, writes_flux};
use crate::argo::operation::Phase;
use crate::flux::FluxKind;
use crate::mirror::fixtures::{
    App, Object, ago, app, git_repository, helm_chart, helm_release, helm_repository, kustomization, now,
    translated,
};
use crate::mirror::{Observed, Refresh, Refusal};
use crate::names;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

/// A manual chart with its three objects.
fn manual() -> App {
    app("demo").chart("6.3.5")
}

fn beside(app: &App, release: Object) -> Observed {
    app.beside([helm_repository().fetched("sha256:index"), helm_chart().fetched("6.3.5"), release])
}

/// The same in a requested operation that has asked source and chart.
fn asked(release: Object) -> Observed {
    let token = ago(30);
    manual().requested().running().beside([
        helm_repository().fetched("sha256:index").answered(&token),
        helm_chart().fetched("6.3.5").answered(&token),
        release,
    ])
}

#[test]
fn an_operation_is_recorded_before_anything_is_done_about_it() {
    let plan = plan(&beside(&manual().requested(), helm_release().ready("6.3.5").waiting()));
    assert_eq!(plan.state, State::Syncing);
    assert_eq!(words(&plan), ["PatchApplication", "PatchObject HelmRepository"]);
    let state = &patch_of(&plan)["status"]["operationState"];
    assert_eq!(state["phase"], "Running");
    assert_eq!(state["operation"]["initiatedBy"]["username"], "admin");
    assert_eq!(patch_of(&plan).get("operation"), None);
    assert_eq!(patch_of(&plan)["metadata"]["resourceVersion"], "1");
}

/// Helm is done with a chart's definitions before the API server serves them.
#[test]
fn a_release_that_lacks_the_kinds_of_its_chart_is_tried_once_more() {
    let why = "Helm install failed: no matches for kind \"Widget\" in version \"example.org/v1\"\nensure CRDs are \
               installed first";
    let failed = || helm_release().failed("6.3.5", "InstallFailed", why);
    let observed = asked(failed().answered(&ago(30)));
    let first = plan(&observed);
    assert_eq!(words(&first), ["PatchObject HelmRelease", "PatchApplication"]);
    let status = &patch_of(&first)["status"];
    assert_eq!(status["health"]["status"], "Progressing");
    assert_eq!(
        outcome(&observed),
        (Phase::Running, "waiting for Flux to deliver with the kinds that the chart defines".to_owned())
    );
    let again = format!("{}/with-kinds", ago(30));
    let waits = outcome(&asked(failed().asked(&again)));
    assert_eq!(waits.0, Phase::Running, "{}", waits.1);
    assert_eq!(outcome(&asked(failed().answered(&again))), (Phase::Failed, why.to_owned()));
}

/// A `RollingSync` compares whole seconds, and goes on only when the operation began after its own last step.
#[test]
fn an_operation_of_an_application_set_begins_in_the_next_second() {
    let by = json!({"username": names::APPLICATION_SET_CONTROLLER, "automated": true});
    let asked = manual().operation(&json!({"sync": {}, "initiatedBy": by}));
    let next = ago(-1);
    let running = plan(&beside(&asked, helm_release().ready("6.3.5").waiting()));
    let status = &patch_of(&running)["status"];
    assert_eq!(
        (&status["operationState"]["startedAt"], &status["reconciledAt"]),
        (&json!(next), &json!(next))
    );
    // One with nothing left to do ends no earlier than it began.
    let ended = plan(&beside(&asked, helm_release().ready("6.3.5")));
    let status = &patch_of(&ended)["status"];
    assert_eq!(status["operationState"]["phase"], "Succeeded");
    let times = [&status["operationState"]["finishedAt"], &status["reconciledAt"]];
    assert_eq!(times, [&json!(next); 2]);
}

/// What a running operation says of the object that it waits for.
#[rstest]
#[case::source_missing(vec![], "applying HelmRelease apps/demo")]
#[case::source_fetching(
    vec![helm_repository().fetching(), helm_release().ready("6.3.5")],
    "waiting for Flux: HelmRepository demo: building artifact"
)]
#[case::source_asked(
    vec![helm_repository().fetched("i").asked(&ago(30)), helm_release().ready("6.3.5")],
    "waiting for Flux to fetch HelmRepository apps/demo"
)]
#[case::chart_asked(
    vec![
        helm_repository().fetched("i").answered(&ago(30)),
        helm_chart().fetched("6.3.5").asked(&ago(30)),
        helm_release().ready("6.3.5"),
    ],
    "waiting for Flux to fetch HelmChart apps/apps-demo"
)]
#[case::release_running(
    vec![
        helm_repository().fetched("i").answered(&ago(30)),
        helm_chart().fetched("6.3.5").answered(&ago(30)),
        helm_release().progressing("Running 'install' action").asked(&ago(30)),
    ],
    "waiting for Flux: Running 'install' action"
)]
fn a_running_operation_says_what_flux_is_doing(#[case] objects: Vec<Object>, #[case] message: &str) {
    let observed = manual().requested().running().beside(objects);
    assert_eq!(outcome(&observed), (Phase::Running, message.to_owned()));
}

#[test]
fn a_delivered_operation_ends_with_one_history_entry_and_waits_again() {
    let observed = asked(helm_release().ready("6.3.5").answered(&ago(30)));
    let plan = plan(&observed);
    assert_eq!(words(&plan), ["PatchObject HelmRelease", "PatchApplication", "EmitEvent OperationCompleted"]);
    let patch = patch_of(&plan);
    assert_eq!(patch["operation"], Value::Null);
    let state = operation(&plan);
    assert_eq!(state.phase, Phase::Succeeded);
    assert_eq!(state.message, "successfully synced (all tasks run)");
    let status = plan.status.as_ref().unwrap();
    assert_eq!(status.history.len(), 1);
    assert_eq!((status.history[0].id, status.history[0].revision.as_str()), (0, "6.3.5"));
    assert!(status.reconciled_at >= state.finished_at);
    let lines = &state.sync_result.as_ref().unwrap().resources;
    assert!(lines.iter().all(|line| line.status == "Synced" && line.hook_phase == "Succeeded"), "{lines:?}");
}

#[test]
fn a_source_that_fails_ends_the_operation_in_its_words() {
    let source = helm_repository()
        .unfetched("Failed", "failed to fetch Helm repository index: 500")
        .answered(&ago(30));
    let observed = manual().requested().running().beside([
        source,
        helm_chart().fetched("6.3.5").answered(&ago(30)),
        helm_release().ready("6.3.5").answered(&ago(30)),
    ]);
    let (phase, message) = outcome(&observed);
    assert_eq!(phase, Phase::Failed);
    assert_eq!(message, "HelmRepository demo: failed to fetch Helm repository index: 500");
    assert_eq!(plan(&observed).status.unwrap().history.len(), 0);
}

#[test]
fn a_source_that_fails_before_its_contents_are_known_ends_the_operation() {
    let app = app("demo").git().requested().running();
    let mut observed = app.beside([git_repository()
        .unfetched("GitOperationFailed", "repository not found")
        .answered(&ago(30))]);
    observed.translation = translated(&observed.app, false);
    assert!(!observed.translation.wants.is_empty());
    let (phase, message) = outcome(&observed);
    assert_eq!(phase, Phase::Failed);
    assert_eq!(message, "GitRepository demo: repository not found");
}

/// Asked while it replaces an artifact, source-controller may take the new one for a damaged one.
#[rstest]
#[case::at_rest(git_repository().fetched("1"), &["PatchObject GitRepository"])]
#[case::about_to_be_changed(git_repository().fetched("1").outdated(), &["ApplyObject GitRepository"])]
#[case::just_changed(git_repository().fetched("1").unobserved(), &[])]
#[case::at_work(git_repository().fetched("1").fetching(), &[])]
#[case::failed(git_repository().unfetched("GitOperationFailed", "no"), &["PatchObject GitRepository"])]
fn a_source_is_asked_while_it_is_at_rest(#[case] source: Object, #[case] expected: &[&str]) {
    let observed = app("demo").git().requested().running().beside([source, kustomization().ready("1")]);
    let words = words(&plan(&observed));
    let about_it: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| word.contains("GitRepository")).collect();
    assert_eq!(about_it, expected);
}

/// What finds out what the path holds has looser rules than what delivers.
#[rstest]
#[case::while_it_is_fetched_again(git_repository().fetching(), "!/web", &[])]
#[case::from_elsewhere(git_repository().fetching().with(json!({"spec": {"url": "https://git.example.org/old.git"}})), "!/web",
    &["ApplyObject GitRepository"])]
#[case::once_that_has_failed(git_repository().unfetched("GitOperationFailed", "no"), "!/web",
    &["ApplyObject GitRepository"])]
fn a_source_without_an_artifact_is_put_back_to_look_around(
    #[case] source: Object,
    #[case] ignore: &str,
    #[case] expected: &[&str],
) {
    let narrowed = source.outdated().with(json!({"spec": {"ignore": ignore, "interval": "2m"}}));
    let mut observed = app("demo").git().beside([narrowed]);
    observed.translation = translated(&observed.app, false);
    assert!(!observed.translation.wants.is_empty());
    let words = words(&plan(&observed));
    let about_it: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| word.contains("GitRepository")).collect();
    assert_eq!(about_it, expected);
}

#[test]
fn a_chart_that_fails_ends_the_operation_in_its_words() {
    let chart =
        helm_chart().unfetched("ChartPullError", "no 'podinfo' chart with version matching '6.3.5' found");
    let waits = helm_release().failed("", "SourceNotReady", "HelmChart 'apps/apps-demo' is not ready");
    let observed = manual().requested().running().beside([
        helm_repository().fetched("i").answered(&ago(30)),
        chart.answered(&ago(30)),
        waits.answered(&ago(30)),
    ]);
    let (phase, message) = outcome(&observed);
    assert_eq!(phase, Phase::Failed);
    assert_eq!(message, "HelmChart apps-demo: no 'podinfo' chart with version matching '6.3.5' found");
    let status = plan(&observed).status.unwrap();
    assert_eq!(status.sync.status, "Unknown");
    assert_eq!(status.conditions[0].kind, "ComparisonError");
    assert_eq!(status.conditions[0].message, message);
}

#[test]
fn a_chart_that_cannot_be_fetched_anew_fails_the_operation_though_an_older_one_runs() {
    let chart =
        helm_chart().fetched("6.3.5").unfetched("ChartPullError", "connection refused").answered(&ago(30));
    let observed = manual().requested().running().beside([
        helm_repository().fetched("i").answered(&ago(30)),
        chart,
        helm_release().ready("6.3.5").answered(&ago(30)),
    ]);
    assert_eq!(outcome(&observed), (Phase::Failed, "HelmChart apps-demo: connection refused".into()));
}

#[test]
fn a_workload_that_fails_ends_the_operation_in_its_words() {
    let observed = asked(helm_release().failed("6.3.5", "InstallFailed", "timed out").answered(&ago(30)));
    assert_eq!(outcome(&observed), (Phase::Failed, "timed out".into()));
    let plan = plan(&observed);
    let lines = &operation(&plan).sync_result.as_ref().unwrap().resources;
    let status = |kind: &str| lines.iter().find(|line| line.kind == kind).map(|line| line.status.as_str());
    assert_eq!((status("HelmRepository"), status("HelmRelease")), (Some("Synced"), Some("SyncFailed")));
}

#[test]
fn a_failure_of_an_older_wish_does_not_fail_a_new_operation() {
    let failed = || helm_release().failed("6.3.5", "UpgradeFailed", "timed out").unobserved();
    // Asked, and Flux has not come to it.
    assert_eq!(outcome(&asked(failed().asked(&ago(30)))).0, Phase::Running);
    // Applied, and then the bridge was killed before it asked.
    let app = app("demo").chart("6.3.5").automated().running_by_itself();
    assert_eq!(outcome(&beside(&app, failed())).0, Phase::Running);
    // The chart that failed is not yet the one that the release asks for.
    let app = self::app("demo").chart("6.3.5").automated().running_by_itself();
    let observed = app.beside([
        helm_repository().fetched("i"),
        helm_chart().unfetched("ChartPullError", "no 9.9.9").with(json!({"spec": {"version": "9.9.9"}})),
        helm_release().failed("", "SourceNotReady", "HelmChart is not ready").answered(&ago(30)),
    ]);
    assert_eq!(outcome(&observed).0, Phase::Running);
}

#[test]
fn a_terminated_operation_ends() {
    let app =
        manual().requested().running().with(&json!({"status": {"operationState": {"phase": "Terminating"}}}));
    let observed = beside(&app, helm_release().progressing("Running 'upgrade' action").asked(&ago(30)));
    assert_eq!(outcome(&observed), (Phase::Failed, "Operation terminated".into()));
    let plan = plan(&observed);
    assert_eq!(patch_of(&plan)["operation"], Value::Null);
    assert!(patch_of(&plan).as_object().unwrap().contains_key("operation"));
    assert!(
        words(&plan).contains(&"PatchObject HelmRelease".to_owned()),
        "suspended again: {:?}",
        words(&plan)
    );
}

#[test]
fn an_operation_whose_request_was_removed_ends() {
    let app = manual().requested().running().with(&json!({"operation": null}));
    let (phase, message) = outcome(&beside(&app, helm_release().progressing("Running 'upgrade' action")));
    assert_eq!(phase, Phase::Failed);
    assert!(message.starts_with("Operation terminated"));
}

#[rstest]
#[case::nothing(json!({}), Phase::Error, "no operation specified")]
#[case::selected(
    json!({"sync": {"resources": [{"group": "apps", "kind": "Deployment", "name": "demo"}]}}),
    Phase::Failed,
    "select among HelmRepository apps/demo, HelmRelease apps/demo"
)]
#[case::local(json!({"sync": {"manifests": ["kind: Pod"]}}), Phase::Failed, "somebody's disk")]
fn refused_operations_end_at_once_and_change_nothing(
    #[case] request: Value,
    #[case] phase: Phase,
    #[case] words: &str,
) {
    let observed = beside(&manual().operation(&request), helm_release().ready("6.3.5").waiting());
    let (found, message) = outcome(&observed);
    assert_eq!(found, phase);
    assert!(message.contains(words), "{message}");
    let plan = plan(&observed);
    assert!(!writes_flux(&plan));
    assert_eq!(super::words(&plan), ["PatchApplication", "EmitEvent OperationCompleted"]);
    assert_eq!(plan.status.as_ref().unwrap().history.len(), 0);
}

#[rstest]
#[case::chart(app("demo").chart("6.3.5"), true)]
#[case::git(app("demo").git(), false)]
fn a_missing_namespace_is_an_error_unless_it_is_to_be_created(#[case] app: App, #[case] is_known: bool) {
    for app in [app.clone().automated(), app.clone().requested(), app.clone().requested().running()] {
        let mut observed = app.observed();
        observed.translation = translated(&observed.app, is_known);
        observed.namespace_exists = false;
        let plan = plan(&observed);
        assert!(!writes_flux(&plan));
        let status = plan.status.as_ref().unwrap();
        let said = status.conditions.iter().any(|c| c.message.starts_with("namespaces \"apps\" not found"));
        assert!(said, "{:?}", status.conditions);
        if let Some(operation) = &status.operation_state {
            assert_eq!(operation.phase, Phase::Failed);
        }

        let mut observed = app.option(names::OPTION_CREATE_NAMESPACE).observed();
        observed.translation = translated(&observed.app, is_known);
        observed.namespace_exists = false;
        let plan = super::plan(&observed);
        let words = words(&plan);
        let at = |word: &str| words.iter().position(|found| found.starts_with(word));
        assert!(at("CreateNamespace") < at("ApplyObject"), "{words:?}");
        assert_eq!(words.iter().filter(|word| *word == "CreateNamespace").count(), 1, "{words:?}");
    }
}

#[rstest]
#[case::looking(app("demo").git(), false)]
#[case::sync(app("demo").git().requested().running(), true)]
#[case::by_itself(app("demo").git().automated(), true)]
fn a_namespace_in_the_source_is_made_by_a_sync(#[case] app: App, #[case] is_made: bool) {
    let mut observed = app.observed();
    observed.translation = translated(&observed.app, false);
    (observed.namespace_exists, observed.brings_namespace) = (false, true);
    let plan = plan(&observed);
    let words = words(&plan);
    assert_eq!(words.iter().any(|word| word == "CreateNamespace"), is_made, "{words:?}");
    assert!(is_made || !writes_flux(&plan), "{words:?}");
    let conditions = &plan.status.as_ref().unwrap().conditions;
    assert!(conditions.is_empty(), "{conditions:?}");
}

#[test]
fn what_a_person_suspended_stays_suspended() {
    let plan =
        plan(&beside(&manual().automated().delivered("6.3.5"), helm_release().ready("6.3.5").suspended()));
    assert_eq!(plan.state, State::Suspended);
    assert!(!writes_flux(&plan));
    let (phase, message) = outcome(&asked(helm_release().ready("6.3.5").suspended()));
    assert_eq!(phase, Phase::Failed);
    assert!(message.contains("flux resume helmrelease demo -n apps"), "{message}");
}

#[test]
fn a_manual_application_waits_suspended_and_an_automated_one_runs() {
    let running = plan(&beside(&manual().delivered("6.3.5"), helm_release().ready("6.3.5")));
    let suspends = running
        .steps
        .iter()
        .any(|step| matches!(step, Step::PatchObject { patch, .. } if patch["spec"]["suspend"] == true));
    assert!(suspends, "{:?}", words(&running));
    assert!(!writes_flux(&plan(&beside(
        &manual().delivered("6.3.5"),
        helm_release().ready("6.3.5").waiting()
    ))));
    let automated =
        plan(&beside(&manual().automated().delivered("6.3.5"), helm_release().ready("6.3.5").waiting()));
    let resumes = automated
        .steps
        .iter()
        .any(|step| matches!(step, Step::PatchObject { patch, .. } if patch["spec"]["suspend"].is_null()));
    assert!(resumes, "{:?}", words(&automated));
}

#[test]
fn a_hand_edit_stays_and_is_named_until_somebody_syncs() {
    let edited = || helm_release().ready("6.3.5").edited();
    let observed = beside(&manual().automated().delivered("6.3.5"), edited());
    let plan = super::plan(&observed);
    assert_eq!(plan.state, State::OutOfSync);
    assert!(!writes_flux(&plan));
    let status = plan.status.as_ref().unwrap();
    let out: Vec<_> =
        status.resources.iter().filter(|r| r.status == "OutOfSync").map(|r| r.kind.as_str()).collect();
    assert_eq!(out, ["HelmRelease"]);

    let token = ago(30);
    let observed = manual().automated().delivered("6.3.5").requested().running().beside([
        helm_repository().fetched("i").answered(&token),
        helm_chart().fetched("6.3.5").answered(&token),
        edited(),
    ]);
    assert!(words(&super::plan(&observed)).contains(&"ApplyObject HelmRelease".to_owned()));
}

#[test]
fn a_hand_edit_goes_where_the_policy_heals_without_a_history_entry() {
    let observed = beside(
        &app("demo").chart("6.3.5").self_heal().delivered("6.3.5"),
        helm_release().ready("6.3.5").edited(),
    );
    let plan = plan(&observed);
    assert_eq!(words(&plan), ["PatchApplication", "ApplyObject HelmRelease", "PatchObject HelmRelease"]);
    assert_eq!(patch_of(&plan)["operation"]["sync"]["autoHealAttemptsCount"], 1);
}

#[test]
fn an_edit_that_comes_back_is_reverted_less_and_less_often() {
    let app = |count: i64, ended: i64| {
        let state = json!({
            "operation": {"sync": {"autoHealAttemptsCount": count}},
            "finishedAt": ago(ended),
        });
        app("demo")
            .chart("6.3.5")
            .self_heal()
            .delivered("6.3.5")
            .with(&json!({"status": {"operationState": state}}))
    };
    let heals = |count, ended| {
        writes_flux(&plan(&beside(&app(count, ended), helm_release().ready("6.3.5").edited())))
    };
    assert!(heals(1, 6) && !heals(1, 5));
    assert!(heals(2, 18) && !heals(2, 17));
    assert!(heals(9, 300) && !heals(9, 299));
}

#[test]
fn drift_that_flux_corrects_by_itself_starts_no_operation() {
    let drifted = helm_release().ready("6.3.5").with(json!({"status": {"conditions": [
        crate::mirror::fixtures::condition("Ready", "True", "UpgradeSucceeded", "ok"),
        crate::mirror::fixtures::condition("Drifted", "True", "DriftDetected", "Deployment/apps/demo changed"),
    ]}}));
    let plan = plan(&beside(&app("demo").chart("6.3.5").self_heal().delivered("6.3.5"), drifted));
    assert_eq!(words(&plan), ["PatchApplication"]);
    assert_eq!(plan.state, State::OutOfSync);
}

#[test]
fn an_edit_that_the_operation_cannot_undo_is_not_applied_over_and_over() {
    let token = ago(30);
    let edited = asked(helm_release().ready("6.3.5").edited().answered(&token));
    let plan = plan(&edited);
    assert!(!words(&plan).contains(&"ApplyObject HelmRelease".to_owned()), "{:?}", words(&plan));
    assert_eq!(operation(&plan).phase, Phase::Succeeded);
    assert_eq!(plan.status.unwrap().sync.status, "OutOfSync");
}

#[test]
fn a_new_revision_is_recorded_by_itself_or_waits_for_the_button() {
    let beside = |app: App, release: Object| {
        app.beside([helm_repository().fetched("sha256:index2"), helm_chart().fetched("6.4.0"), release])
    };
    let app = || app("demo").chart("6.x").delivered("6.3.5");
    let plan = super::plan(&beside(app().automated(), helm_release().ready("6.4.0")));
    assert_eq!(words(&plan), ["PatchApplication", "EmitEvent OperationCompleted"]);
    assert_eq!(plan.state, State::Delivered);
    let status = plan.status.as_ref().unwrap();
    assert_eq!(status.history.len(), 1);
    assert!(status.history[0].initiated_by.automated);
    assert_eq!(patch_of(&plan).get("operation"), None);

    let plan = super::plan(&beside(app(), helm_release().ready("6.3.5").waiting()));
    assert_eq!(plan.state, State::OutOfSync);
    assert_eq!(words(&plan), ["PatchApplication"]);
    assert_eq!(plan.status.unwrap().sync.revision, "6.4.0");
}

#[test]
fn the_repair_of_an_unknown_chart_is_applied() {
    let failing =
        helm_chart().unfetched("ChartPullError", "no 'podinfo' chart with version matching '9.9.9' found");
    let app = app("demo").chart("9.9.9").automated().ended("Failed", "HelmChart apps-demo: no", "");
    let observed = app.clone().chart("6.3.5").beside([
        helm_repository().fetched("i"),
        failing.with(json!({"spec": {"version": "9.9.9"}})),
        helm_release()
            .failed("", "SourceNotReady", "HelmChart is not ready")
            .outdated()
            .with(json!({"spec": {"chart": {"spec": {"version": "9.9.9"}}}})),
    ]);
    assert!(writes(&plan(&observed), FluxKind::HelmRelease), "{:?}", words(&plan(&observed)));
}

#[test]
fn a_new_branch_is_not_synced_before_it_is_fetched() {
    use crate::mirror::fixtures::{COMMIT, git_repository, kustomization};
    let revision = format!("main@sha1:{COMMIT}");
    let observed = app("demo").git().delivered(COMMIT).beside([
        git_repository().fetched(&revision).unobserved(),
        kustomization().ready(&revision).waiting(),
    ]);
    assert_eq!(plan(&observed).status.unwrap().sync.status, "OutOfSync");
}

#[test]
fn what_the_api_server_refuses_ends_the_operation_and_is_tried_again_later() {
    let refusal = |seconds| Refusal {
        message: "HelmRelease apps/demo: admission webhook denied the request".into(),
        at: now() - SignedDuration::from_secs(seconds),
    };
    let app = manual().automated().running_by_itself();
    let mut observed = app.beside([helm_repository().fetched("i")]);
    observed.refusal = Some(refusal(0));
    assert_eq!(outcome(&observed), (Phase::Failed, refusal(0).message));
    // One of an earlier operation says nothing about this one.
    observed.refusal = Some(refusal(31));
    assert_eq!(outcome(&observed).0, Phase::Running);

    let failed = |seconds| {
        let app = manual().automated().ended("Failed", "denied", "6.3.5");
        let finished = json!({"status": {"operationState": {"finishedAt": ago(seconds)}}});
        plan(&app.with(&finished).beside([helm_repository().fetched("i")]))
    };
    assert!(!writes_flux(&failed(59)));
    assert!(words(&failed(59)).contains(&"Requeue".to_owned()));
    assert!(writes(&failed(60), FluxKind::HelmRelease));
}

/// A plan ends where a step is refused: what is to be said of it comes before that step.
#[test]
fn a_refused_source_is_told_before_it_is_tried_again() {
    for app in [manual(), manual().automated(), manual().automated().running_by_itself()] {
        let mut observed = app.observed();
        observed.refusal = Some(Refusal { message: "HelmRepository apps/demo: forbidden".into(), at: now() });
        let plan = plan(&observed);
        assert_eq!(words(&plan)[0], "PatchApplication", "{:?}", words(&plan));
        let status = plan.status.unwrap();
        assert!(status.conditions.iter().any(|c| c.message.contains("forbidden")), "{:?}", status.conditions);
    }
}

#[test]
fn a_refresh_is_answered_when_source_and_chart_are() {
    let app = || manual().delivered("6.3.5").refresh();
    let beside = |source: Object, chart: Object| {
        app().beside([source, chart, helm_release().ready("6.3.5").waiting()])
    };
    let (source, chart) = (helm_repository().fetched("i"), helm_chart().fetched("6.3.5"));
    let first = plan(&beside(source.clone(), chart.clone()));
    assert_eq!(words(&first), ["PatchObject HelmRepository", "PatchApplication", "Requeue"]);
    let second = plan(&beside(source.clone().answered("refresh"), chart.clone()));
    assert!(writes(&second, FluxKind::HelmChart) && !writes(&second, FluxKind::HelmRepository));
    let waiting = plan(&beside(source.clone().answered("refresh"), chart.clone().asked("refresh")));
    assert!(!writes_flux(&waiting));
    let done = plan(&beside(source.clone().answered("refresh"), chart.answered("refresh")));
    let annotations = &patch_of(&done)["metadata"]["annotations"];
    assert!(annotations.as_object().unwrap().contains_key(names::ANNOTATION_REFRESH));

    // A repository that does not answer does not hold the server back for long.
    let mut late = beside(source.asked("refresh"), helm_chart().fetched("6.3.5"));
    late.refresh = Some(Refresh { token: "refresh".into(), since: now() - SignedDuration::from_secs(15) });
    assert!(patch_of(&plan(&late))["metadata"]["annotations"].is_object());
}

#[test]
fn a_refresh_fetches_while_an_automated_operation_runs_which_does_not() {
    let objects =
        || [helm_repository().fetched("i"), helm_chart().fetched("6.4.0"), helm_release().progressing("x")];
    let by_itself = app("demo").chart("6.x").automated().refresh().running_by_itself().beside(objects());
    assert!(writes(&plan(&by_itself), FluxKind::HelmRepository), "{:?}", words(&plan(&by_itself)));
    let asked_for = app("demo").chart("6.x").automated().refresh().requested().running().beside(objects());
    let answer = plan(&asked_for);
    let annotations = &patch_of(&answer)["metadata"]["annotations"];
    assert!(annotations.as_object().unwrap().contains_key(names::ANNOTATION_REFRESH));
}

#[test]
fn empty_values_in_the_source_do_not_make_it_another_one() {
    // Merge patches cannot write `null`: what the bridge wrote of the source lacks it, and so does the operation.
    let app = app("demo").chart("6.3.5").automated().delivered("6.3.5");
    let spec = json!({"keep": 1, "drop": null});
    let mut observed = beside(&app, helm_release().ready("6.3.5"));
    let mut application = (*observed.app).clone();
    let helm = serde_json::from_value(json!({"valuesObject": spec})).unwrap();
    application.spec.source.as_mut().unwrap().helm = Some(helm);
    let recorded = serde_json::from_value(json!({"valuesObject": {"keep": 1}})).unwrap();
    let state = application.status.as_mut().unwrap().operation_state.as_mut().unwrap();
    state.sync_result.as_mut().unwrap().source.as_mut().unwrap().helm = Some(recorded);
    observed.app = std::sync::Arc::new(application);
    // The wish itself is another test's matter.
    let plan = plan(&observed);
    assert_eq!(words(&plan), ["PatchApplication"]);
    assert!(!patch_of(&plan).to_string().contains("\"drop\""), "{}", patch_of(&plan));
}

/// Flux builds the artifact anew when its ignore rules change, and a Kustomization does not notice.
#[test]
fn a_rebuilt_artifact_is_delivered_once_and_not_over_and_over_when_that_fails() {
    use crate::mirror::fixtures::{COMMIT, git_repository, kustomization};
    let revision = format!("main@sha1:{COMMIT}");
    let decided = |phase: &str, stored: i64| {
        let applied = json!({"status": {"history": [{"lastReconciled": ago(400)}]}});
        let artifact = json!({"status": {"artifact": {"lastUpdateTime": ago(stored)}}});
        let failed = kustomization().ready(&revision).failed(&revision, "BuildFailed", "no such file");
        let app = app("demo").git().automated().ended(phase, "no such file", COMMIT);
        plan(&app.beside([git_repository().fetched(&revision).with(artifact), failed.with(applied)]))
    };
    // The last operation ran from 130 to 100 seconds ago.
    assert!(writes(&decided("Succeeded", 200), FluxKind::Kustomization));
    assert!(writes(&decided("Failed", 90), FluxKind::Kustomization));
    assert!(!writes_flux(&decided("Failed", 200)));
}

#[test]
fn an_operation_lasts_until_objects_have_changed_hands() {
    let mut observed = asked(helm_release().ready("6.3.5").answered(&ago(30)));
    assert_eq!(operation(&plan(&observed)).phase, Phase::Succeeded);
    observed.translation.is_handing_over = true;
    let plan = plan(&observed);
    let state = operation(&plan);
    assert_eq!(state.phase, Phase::Running);
    assert_eq!(state.message, "waiting for objects to change hands between sources");
}

/// While nobody knows what it would deliver, somebody may want to end it.
#[test]
fn an_operation_is_recorded_alone_while_answers_are_on_their_way() {
    let asked = beside(&manual().requested(), helm_release().ready("6.3.5"));
    let step = beginning_alone(&asked).unwrap();
    let Step::PatchApplication(patch) = &step else { panic!("{step:?}") };
    let state = &patch["status"]["operationState"];
    assert_eq!(
        (&state["phase"], &state["operation"]["initiatedBy"]["username"]),
        (&json!("Running"), &json!("admin"))
    );
    assert_eq!(patch["metadata"]["resourceVersion"], "1");
    assert!(patch.get("operation").is_none());
    // It runs already, or nobody has asked.
    for app in [manual().requested().running(), manual()] {
        assert_eq!(beginning_alone(&beside(&app, helm_release().ready("6.3.5"))), None);
    }
}

#[rstest]
#[case::at_rest(manual(), true)]
#[case::asked_to_sync(manual().requested(), true)]
#[case::at_work(manual().requested().running(), true)]
#[case::told_to_stop(manual().requested().running().with(&json!({"status": {"operationState": {"phase": "Terminating"}}})), false)]
#[case::deleted(manual().deleting(), false)]
fn what_ends_waits_for_no_answer(#[case] app: App, #[case] expected: bool) {
    assert_eq!(may_wait(&beside(&app, helm_release().ready("6.3.5")).app), expected);
}
