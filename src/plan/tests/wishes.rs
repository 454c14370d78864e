//! Operations that want something else than the spec: a rollback, another revision, a dry run, some of the objects, a
//! prune or a force for one Sync alone.

use super::cluster::Cluster;
use crate::argo::operation::Phase;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::View;
use crate::mirror::fixtures::{App, COMMIT, NAMESPACE, app};
use rstest::rstest;
use serde_json::{Value, json};

const NEXT: &str = "2f5c000000000000000000000000000000000002";

fn object(kind: FluxKind) -> ObjectKey {
    ObjectKey::new(kind, NAMESPACE, "demo")
}

fn spec(cluster: &Cluster, kind: FluxKind) -> &Value {
    &cluster.api.objects[&object(kind)]["spec"]
}

fn phase(cluster: &Cluster) -> Phase {
    cluster.status().operation_state.expect("an operation").phase
}

fn message(cluster: &Cluster) -> String {
    cluster.status().operation_state.expect("an operation").message
}

/// Delivered in two versions by two Syncs.
fn twice(app: &App, pace: usize) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.pace = pace;
    cluster.press_sync().settle();
    if app.build().sources()[0].chart.is_empty() {
        cluster.flux.commit = NEXT.into();
    } else {
        cluster.flux.versions.insert("6.4.0".into());
        cluster.edit(&json!({"spec": {"source": {
            "targetRevision": "6.4.0",
            "helm": {"valuesObject": {"replicaCount": 2}},
        }}}));
    }
    cluster.settle().press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 2));
    cluster
}

#[rstest]
fn a_chart_is_rolled_back_with_its_version_and_values(#[values(1, 3)] pace: usize) {
    let mut cluster = twice(&app("demo").chart("6.3.5"), pace);
    cluster.roll_back(0).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded);
    assert_eq!(cluster.history(), ["6.3.5", "6.4.0", "6.3.5"]);
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.status().sync.revision, "6.4.0", "what the spec says");
    let release = spec(&cluster, FluxKind::HelmRelease);
    assert_eq!((&release["chart"]["spec"]["version"], release.get("values")), (&json!("6.3.5"), None));
    assert_eq!(cluster.flux.deliveries.last().unwrap(), r#"["6.3.5",null]"#);
    cluster.assert_silent();

    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 4));
    assert_eq!(cluster.flux.deliveries.len(), 4);
    cluster.assert_silent();
}

#[rstest]
fn a_commit_is_rolled_back_and_the_branch_followed_again(#[values(1, 3)] pace: usize) {
    let mut cluster = twice(&app("demo").git(), pace);
    cluster.roll_back(0).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.history(), [COMMIT, NEXT, COMMIT]);
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.status().sync.revision, NEXT);
    assert_eq!(spec(&cluster, FluxKind::GitRepository)["ref"], json!({"branch": "main"}));
    assert_eq!(cluster.flux.deliveries.last().unwrap(), &format!("sha1:{COMMIT}"));
    assert_eq!(cluster.flux.deliveries.len(), 3, "the branch is not delivered by going back to it");
    cluster.assert_silent();
    // A newer commit waits, as always.
    cluster.flux.commit = "2f5c000000000000000000000000000000000003".into();
    cluster.settle();
    assert_eq!(cluster.flux.deliveries.len(), 3);
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 4));
}

#[test]
fn a_rollback_is_never_synced_in_between() {
    for app in [app("demo").git(), app("demo").chart("6.3.5")] {
        let mut cluster = twice(&app, 1);
        cluster.roll_back(0);
        for _ in 0..40 {
            cluster.run(1);
            let running = cluster.app().operation.is_some();
            assert!(!running || cluster.status().sync.status == "OutOfSync" || cluster.history().len() == 2);
            assert!(cluster.history().len() == 2 || cluster.status().sync.status == "OutOfSync");
        }
        assert_eq!(cluster.history().len(), 3);
    }
}

#[rstest]
#[case::commit(app("demo").git(), COMMIT)]
#[case::version(app("demo").chart("6.3.5"), "6.3.5")]
fn another_revision_is_delivered_when_a_sync_names_it(#[case] app: App, #[case] revision: &str) {
    let mut cluster = twice(&app, 1);
    let source = json!(cluster.app().spec.source);
    cluster.operate(&json!({"revision": revision, "source": source})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.history().last().unwrap(), revision);
    assert!(cluster.flux.deliveries.last().unwrap().contains(revision));
    cluster.assert_silent();
}

#[rstest]
#[case::commit(app("demo").git(), COMMIT, FluxKind::GitRepository)]
#[case::version(app("demo").chart("6.3.5"), "6.3.5", FluxKind::HelmRelease)]
#[case::range(app("demo").chart("6.x"), "6.3.5", FluxKind::HelmRelease)]
fn a_sync_of_what_is_offered_pins_nothing(#[case] app: App, #[case] revision: &str, #[case] kind: FluxKind) {
    let mut cluster = Cluster::with(&app);
    cluster.press_sync().settle();
    let before = spec(&cluster, kind).clone();
    cluster.log.clear();
    cluster.operate(&json!({"revision": revision, "source": json!(cluster.app().spec.source)})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(spec(&cluster, kind), &before);
    assert_eq!(cluster.count("ApplyObject"), 0, "{:?}", cluster.log);
    cluster.assert_silent();
}

#[test]
fn the_newest_commit_may_be_known_to_argo_cd_before_flux_has_seen_it() {
    let mut cluster = Cluster::with(&app("demo").git());
    cluster.press_sync().settle();
    cluster.flux.commit = NEXT.into();
    cluster.log.clear();
    cluster.operate(&json!({"revision": NEXT, "source": json!(cluster.app().spec.source)})).settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 2));
    assert_eq!(cluster.count("ApplyObject"), 0, "{:?}", cluster.log);
}

#[test]
fn a_range_is_synced_to_an_older_version() {
    let mut cluster = Cluster::with(&app("demo").chart("6.x"));
    cluster.flux.versions.insert("6.4.0".into());
    cluster.press_sync().settle();
    assert_eq!(cluster.history(), ["6.4.0"]);
    cluster.operate(&json!({"revision": "6.3.5", "source": json!(cluster.app().spec.source)})).settle();
    assert_eq!(cluster.history(), ["6.4.0", "6.3.5"], "{}", message(&cluster));
    assert_eq!(
        (cluster.words().as_str(), cluster.status().sync.revision.as_str()),
        ("OutOfSync/Healthy", "6.4.0")
    );
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 3));
}

#[rstest]
fn a_dry_run_changes_nothing(#[values(true, false)] is_refused: bool) {
    for app in [app("demo").git(), app("demo").chart("6.3.5")] {
        let mut cluster = twice(&app, 1);
        if is_refused {
            cluster.api.denied.extend([FluxKind::HelmRelease, FluxKind::Kustomization]);
        }
        let before = cluster.api.objects.clone();
        cluster.operate(&json!({"dryRun": true})).settle();
        assert_eq!(cluster.api.objects, before);
        assert_eq!((cluster.history().len(), cluster.app().operation), (2, None));
        let state = cluster.status().operation_state.unwrap();
        assert!(state.operation.sync.unwrap().dry_run);
        let lines = state.sync_result.unwrap().resources;
        let said = |text: &str| lines.iter().filter(|line| line.message.contains(text)).count();
        if is_refused {
            assert_eq!(
                (state.phase, state.message.as_str()),
                (Phase::Failed, "one or more objects failed to apply (dry run)")
            );
            assert_eq!((said("admission webhook denied"), said("unchanged (dry run)")), (1, 1), "{lines:#?}");
        } else {
            assert_eq!(
                (state.phase, state.message.as_str()),
                (Phase::Succeeded, "successfully synced (all tasks run)")
            );
            assert_eq!(said("unchanged (dry run)"), 2, "{lines:#?}");
        }
        cluster.assert_silent();
    }
}

#[test]
fn a_dry_run_of_a_new_application_leaves_nothing_behind() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5"));
    cluster.settle().operate(&json!({"dryRun": true})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded);
    assert!(!cluster.api.objects.contains_key(&object(FluxKind::HelmRelease)));
    assert_eq!(cluster.words(), "OutOfSync/Missing");
    cluster.assert_silent();
}

fn selected(kind: FluxKind) -> Value {
    json!([{"group": kind.group(), "kind": kind.kind(), "name": "demo"}])
}

#[test]
fn some_of_the_flux_objects_are_synced_without_a_history_entry() {
    let mut cluster = twice(&app("demo").git(), 1);
    cluster.flux.commit = "2f5c000000000000000000000000000000000003".into();
    cluster.operate(&json!({"resources": selected(FluxKind::GitRepository)})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("OutOfSync/Healthy", 2));
    assert_eq!(cluster.status().operation_state.unwrap().sync_result.unwrap().resources.len(), 1);
    cluster.operate(&json!({"resources": selected(FluxKind::Kustomization)})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("Synced/Healthy", 3));
    assert_eq!(cluster.history().len(), 2);
    cluster.assert_silent();
}

#[rstest]
fn a_sync_prunes_when_it_says_so_and_no_longer(#[values(true, false)] prunes: bool) {
    let mut cluster = Cluster::with(&app("demo").git());
    cluster.press_sync().settle().flux.commit = NEXT.into();
    cluster.settle().operate(&json!({"prune": prunes})).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.flux.prunes > 0, prunes);
    assert_eq!(spec(&cluster, FluxKind::Kustomization)["prune"], false);
    cluster.assert_silent();
}

#[test]
fn a_force_upgrades_a_release_once() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5"));
    cluster.press_sync().settle();
    cluster.operate(&json!({"syncStrategy": {"hook": {"force": true}}})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.flux.deliveries.len(), 2);
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!(cluster.flux.deliveries.len(), 2, "once");
}

#[test]
fn a_force_recreates_for_one_sync_alone() {
    let mut cluster = Cluster::with(&app("demo").git());
    cluster.press_sync().settle();
    cluster.operate(&json!({"syncStrategy": {"apply": {"force": true}}}));
    let mut was_forced = false;
    for _ in 0..30 {
        cluster.run(1);
        was_forced |= spec(&cluster, FluxKind::Kustomization)["force"] == true;
        let observed = cluster.observe().unwrap();
        assert!(View::of(&observed).objects_match(), "what a Sync sets for its time is no edit");
    }
    assert!(was_forced);
    assert_eq!(phase(&cluster), Phase::Succeeded);
    assert_eq!(spec(&cluster, FluxKind::Kustomization).get("force"), None);
    cluster.assert_silent();
}

#[test]
fn a_terminated_rollback_goes_back_without_delivering() {
    for app in [app("demo").git(), app("demo").chart("6.3.5")] {
        for seconds in 1..12 {
            let mut cluster = twice(&app, 1);
            cluster.roll_back(0).run(seconds);
            if cluster.app().operation.is_none() {
                continue;
            }
            let delivered = cluster.flux.deliveries.len();
            cluster.edit(&json!({"status": {"operationState": {"phase": "Terminating"}}})).settle();
            assert_eq!(message(&cluster), "Operation terminated");
            assert_eq!((cluster.history().len(), cluster.app().operation), (2, None));
            assert!(cluster.flux.deliveries.len() <= delivered + 1, "{:?}", cluster.flux.deliveries);
            cluster.assert_silent();
            cluster.press_sync().settle();
            assert_eq!(cluster.words(), "Synced/Healthy");
        }
    }
}

#[test]
fn two_syncs_within_a_second_are_two() {
    use crate::names;
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5"));
    cluster.press_sync().settle();
    let mut asked = Vec::new();
    for _ in 0..2 {
        cluster.operate(&json!({})).look();
        let token = cluster.api.objects[&object(FluxKind::HelmRepository)]["metadata"]["annotations"]
            .get(names::ANNOTATION_REQUESTED_AT)
            .cloned();
        asked.push(token);
        cluster.edit(&json!({"status": {"operationState": {"phase": "Terminating"}}})).look();
    }
    assert!(asked[0].is_some() && asked[0] != asked[1], "{asked:?}");
}

/// The wish changes while an automated Sync runs: what is recorded is what was delivered.
#[rstest]
fn a_wish_that_changes_on_the_way_begins_anew(#[values(1, 2, 3, 4, 5, 6)] seconds: usize) {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5").self_heal().retrying(&Value::Null));
    cluster.settle();
    let values =
        |count: u32| json!({"spec": {"source": {"helm": {"valuesObject": {"replicaCount": count}}}}});
    cluster.edit(&values(2)).run(seconds);
    cluster.edit(&values(3)).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    let last = cluster.status().history.last().cloned().unwrap();
    let helm = last.source.unwrap().helm.unwrap();
    assert_eq!(helm.values_object, Some(json!({"replicaCount": 3})));
    assert!(cluster.history().len() <= 3);
    cluster.assert_silent();
}
