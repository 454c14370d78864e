//! The bridge is killed before each of its steps, and another one goes on: the same end.

use super::cluster::Cluster;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, app};
use crate::names;
use rstest::rstest;
use serde_json::json;

fn chart() -> App {
    app("demo").chart("6.3.5")
}

fn git() -> App {
    app("demo").git()
}

fn plugin() -> App {
    app("demo").plugin()
}

fn rendered_chart() -> App {
    app("demo").rendered_chart()
}

fn settled(app: &App) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.settle();
    cluster
}

fn nothing(_: &mut Cluster) {}

fn sync(cluster: &mut Cluster) {
    cluster.press_sync();
}

fn upgrade(cluster: &mut Cluster) {
    cluster
        .edit(&json!({"spec": {"source": {"targetRevision": "6.4.0", "helm": {"valuesObject": {"a": 1}}}}}));
    cluster.flux.versions.insert("6.4.0".into());
}

fn upgrade_and_sync(cluster: &mut Cluster) {
    upgrade(cluster);
    cluster.press_sync();
}

fn commit(cluster: &mut Cluster) {
    cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
}

fn branch(cluster: &mut Cluster) {
    commit(cluster);
    cluster.edit(&json!({"spec": {"source": {"targetRevision": "dev"}}}));
}

fn delete(cluster: &mut Cluster) {
    cluster.api.delete_application();
}

fn plain(cluster: &mut Cluster) {
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": null}}}));
}

fn bridged(cluster: &mut Cluster) {
    let options = [names::OPTION_FLUX_SUBSYSTEM, names::OPTION_AUTO_CREATE];
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": options}}}));
}

fn refresh(cluster: &mut Cluster) {
    cluster.edit(&json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "normal"}}}));
}

fn bad_values(cluster: &mut Cluster) {
    cluster.flux.failure = Some(("\"bad\":true", "timed out".into()));
    cluster.edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"bad": true}}}}}));
}

/// Delivered twice by the button, and then something is asked for.
fn twice(app: &App) -> Cluster {
    let mut cluster = settled(&app.clone().requested());
    if app.build().sources()[0].chart.is_empty() {
        commit(&mut cluster);
    } else {
        upgrade(&mut cluster);
    }
    cluster.press_sync().settle();
    cluster
}

fn roll_back(cluster: &mut Cluster) {
    cluster.roll_back(0);
}

fn terminate_a_rollback(cluster: &mut Cluster) {
    cluster.roll_back(0).run(4);
    cluster.edit(&json!({"status": {"operationState": {"phase": "Terminating"}}}));
}

fn dry_run(cluster: &mut Cluster) {
    cluster.operate(&json!({"dryRun": true}));
}

fn force_and_prune(cluster: &mut Cluster) {
    commit(cluster);
    cluster.operate(&json!({"prune": true, "syncStrategy": {"apply": {"force": true}}}));
}

fn select_the_source(cluster: &mut Cluster) {
    commit(cluster);
    let source = json!({"group": "source.toolkit.fluxcd.io", "kind": "GitRepository", "name": "demo"});
    cluster.operate(&json!({"resources": [source]}));
}

/// Fails once; the next attempt, ten seconds later, finds the cause gone.
fn retry(cluster: &mut Cluster) {
    bad_values(cluster);
    let retry = json!({"limit": 3, "backoff": {"duration": "10s", "factor": 1}});
    cluster.edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
}

fn repair(cluster: &mut Cluster) {
    cluster.edit(&json!({"spec": {"source": {"helm": {"valuesObject": {"bad": false}}}}}));
}

fn failed(app: &App) -> Cluster {
    let mut cluster = settled(app);
    bad_values(&mut cluster);
    cluster.settle();
    cluster
}

fn hand_edit_and_sync(cluster: &mut Cluster) {
    let key = ObjectKey::new(FluxKind::HelmRelease, "apps", "demo");
    cluster.api.patch_object(&key, &json!({"spec": {"values": {"b": 2}}}));
    cluster.press_sync();
}

#[rstest]
#[case::create_chart(Cluster::with(&chart().automated()), nothing)]
#[case::create_git(Cluster::with(&git().automated()), nothing)]
#[case::create_rendered(Cluster::with(&plugin().automated()), nothing)]
#[case::create_and_sync_rendered(Cluster::with(&plugin()), sync)]
#[case::new_commit_rendered(settled(&plugin().automated()), commit)]
#[case::rollback_rendered(twice(&plugin()), roll_back)]
#[case::delete_rendered(settled(&plugin().automated().cascading()), delete)]
#[case::create_rendered_chart(Cluster::with(&rendered_chart().automated()), nothing)]
#[case::create_and_sync_rendered_chart(Cluster::with(&rendered_chart()), sync)]
#[case::new_commit_rendered_chart(settled(&rendered_chart().automated()), commit)]
#[case::from_native_to_rendered_chart(settled(&chart().automated()), |cluster: &mut Cluster| {
    cluster.edit(&json!({"spec": {"source": {"helm": {"kubeVersion": "1.30.0"}}}}));
})]
#[case::rollback_rendered_chart(twice(&rendered_chart()), roll_back)]
#[case::delete_rendered_chart(settled(&rendered_chart().automated().cascading()), delete)]
#[case::hand_back_rendered_chart(settled(&rendered_chart().automated()), plain)]
#[case::hand_back_rendered(settled(&plugin().automated()), plain)]
#[case::create_unstamped(Cluster::with(&chart().automated().unstamped()), nothing)]
#[case::create_and_sync_chart(Cluster::with(&chart()), sync)]
#[case::create_and_sync_git(Cluster::with(&git()), sync)]
#[case::create_without_namespace(Cluster::with(&chart().automated().option(names::OPTION_CREATE_NAMESPACE)), |cluster: &mut Cluster| {
    cluster.api.namespaces.remove("apps");
})]
#[case::create_unknown_chart(Cluster::with(&app("demo").chart("9.9.9").automated()), nothing)]
#[case::sync_again(settled(&chart().requested()), sync)]
#[case::upgrade_automated(settled(&chart().automated()), upgrade)]
#[case::upgrade_manual(settled(&chart().requested()), upgrade_and_sync)]
#[case::repair_of_values(failed(&chart().automated()), repair)]
#[case::repair_of_the_version(settled(&app("demo").chart("9.9.9").automated()), upgrade)]
#[case::new_commit(settled(&git().automated()), commit)]
#[case::new_commit_manual(settled(&git().requested()), |cluster: &mut Cluster| {
    commit(cluster);
    cluster.press_sync();
})]
#[case::new_branch(settled(&git().automated()), branch)]
#[case::failing_upgrade(settled(&chart().automated()), bad_values)]
#[case::hand_edit(settled(&chart().automated()), hand_edit_and_sync)]
#[case::rollback(twice(&chart()), roll_back)]
#[case::rollback_git(twice(&git()), roll_back)]
#[case::terminated_rollback_git(twice(&git()), terminate_a_rollback)]
#[case::dry_run(twice(&git()), dry_run)]
#[case::force_and_prune(twice(&git()), force_and_prune)]
#[case::force_release(twice(&chart()), force_and_prune)]
#[case::selected_source(twice(&git()), select_the_source)]
#[case::retries(settled(&chart().requested()), retry)]
#[case::refresh(settled(&chart().automated()), refresh)]
#[case::delete_chart(settled(&chart().automated().cascading()), delete)]
#[case::delete_suspended(settled(&chart().requested().cascading()), delete)]
#[case::delete_git(settled(&git().automated().cascading()), delete)]
#[case::delete_suspended_git(settled(&git().requested().cascading()), delete)]
#[case::take_over_of_a_chart(Cluster::with(&chart().automated().stocks("6.3.5", 60)), nothing)]
#[case::take_over_of_git(Cluster::with(&git().automated().stocks(crate::mirror::fixtures::COMMIT, 5)), nothing)]
#[case::take_over_while_an_operation_runs(
    Cluster::with(&chart().stocks("6.3.5", 60).requested().running()), nothing
)]
#[case::take_over_manual(Cluster::with(&chart().stocks("6.3.5", 60)), nothing)]
#[case::hand_back_chart(settled(&chart().automated()), plain)]
#[case::hand_back_git(settled(&git().automated()), plain)]
#[case::hand_back_suspended(settled(&chart().requested()), plain)]
#[case::hand_back_during_an_operation(Cluster::with(&chart().requested()), |cluster: &mut Cluster| {
    cluster.run(3);
    plain(cluster);
})]
#[case::hand_back_and_delete(settled(&chart().automated().cascading()), |cluster: &mut Cluster| {
    plain(cluster);
    cluster.look();
    delete(cluster);
})]
#[case::hand_back_and_return(settled(&chart().automated()), |cluster: &mut Cluster| {
    plain(cluster);
    cluster.look();
    bridged(cluster);
})]
#[case::delete_during_an_operation(Cluster::with(&chart().requested().cascading()), |cluster: &mut Cluster| {
    cluster.run(3);
    delete(cluster);
})]
fn killed_anywhere_the_end_is_the_same(
    #[case] begin: Cluster,
    #[case] happens: fn(&mut Cluster),
    #[values(1, 3)] pace: usize,
) {
    assert_killed_after(begin, happens, pace);
}

/// At that pace of Flux, from what `happens` to `begin` on: a bridge that is killed before any of its steps comes to the same
/// end.
pub(super) fn assert_killed_after(mut begin: Cluster, happens: fn(&mut Cluster), pace: usize) {
    begin.pace = pace;
    happens(&mut begin);
    assert_killed_anywhere_the_end_is_the_same(&begin);
}

/// Whatever happens from `begin` on: a bridge that is killed before any of its steps comes to the same end.
pub(super) fn assert_killed_anywhere_the_end_is_the_same(begin: &Cluster) {
    let first = begin.log.len();
    let mut unharmed = begin.clone();
    unharmed.settle();
    let steps = unharmed.log.len();
    assert!(steps > first, "nothing happened");
    for step in first..steps {
        let mut killed = begin.clone();
        killed.kill_before = Some(step);
        killed.settle();
        assert_eq!(killed.end(), unharmed.end(), "killed before step {step}: {}", unharmed.log[step]);
        killed.assert_silent();
    }
}

/// What is applied is what the bridge had rendered last, and the Application says of which commit that is.
#[test]
fn what_was_rendered_is_what_is_applied() {
    let mut cluster = settled(&plugin().automated());
    commit(&mut cluster);
    cluster.settle();
    let commit = cluster.flux.commit.clone();
    let source =
        ObjectKey::new(FluxKind::OciRepository, "argocd", &names::private_source("apps", "demo-rendered"));
    let digest = format!("sha256:{commit}");
    assert_eq!(cluster.api.objects[&source]["spec"]["ref"]["digest"], digest.as_str());
    let workload = ObjectKey::new(FluxKind::Kustomization, "apps", "demo");
    assert_eq!(cluster.api.objects[&workload]["status"]["lastAppliedRevision"], digest.as_str());
    let app = cluster.api.application().unwrap();
    let status = app.status.clone().unwrap();
    assert_eq!((status.sync.status.as_str(), status.sync.revision.as_str()), ("Synced", commit.as_str()));
    assert_eq!(status.history.last().map(|entry| entry.revision.as_str()), Some(commit.as_str()));
}

/// A commit that renders to nothing is looked at by Flux before anything is done about it.
#[test]
fn what_renders_to_nothing_is_not_rolled_out() {
    let mut cluster = settled(&plugin().automated().pruning());
    let before = cluster.api.application().unwrap().status.clone().unwrap();
    commit(&mut cluster);
    let commit = cluster.flux.commit.clone();
    cluster.flux.empty.insert(commit.clone());
    cluster.settle();
    let after = cluster.api.application().unwrap().status.clone().unwrap();
    assert_eq!((after.sync.status.as_str(), after.sync.revision.as_str()), ("OutOfSync", commit.as_str()));
    assert_eq!(after.operation_state, before.operation_state, "no operation began");
    assert!(after.conditions.iter().any(|condition| condition.message.contains("wipe out all resources")));
}

#[test]
fn a_deleted_application_takes_everything_along_and_leaves_nothing() {
    for app in [chart().automated(), chart().requested(), git().automated(), git().requested()] {
        let mut cluster = settled(&app.cascading());
        delete(&mut cluster);
        cluster.settle();
        assert!(
            cluster.api.app.is_none() && cluster.api.objects.is_empty(),
            "{:#?}",
            cluster.api.objects.keys()
        );
        assert_eq!(cluster.flux.uninstalls, 1);
    }
}

#[test]
fn without_a_cascade_what_was_delivered_stays() {
    let mut cluster = settled(&chart().automated());
    delete(&mut cluster);
    cluster.settle();
    assert!(cluster.api.app.is_none());
    assert_eq!((cluster.api.objects.len(), cluster.flux.uninstalls), (3, 0));
}
