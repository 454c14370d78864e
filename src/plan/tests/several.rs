//! Applications of several sources: one Sync, one status, one history for all of them.

use super::cluster::Cluster;
use super::crashes::assert_killed_after;
use crate::argo::operation::Phase;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, COMMIT, NAMESPACE, app, chart_source, git_source};
use crate::names;
use rstest::rstest;
use serde_json::{Value, json};

const NEXT: &str = "2f5c000000000000000000000000000000000002";
const OTHER: &str = "beef000000000000000000000000000000000001";

/// Two paths of one repository.
fn two_paths() -> App {
    app("demo").sources(&[git_source("demo", "web"), git_source("demo", "worker")])
}

/// A chart, and a path of a repository.
fn chart_and_path() -> App {
    app("demo").sources(&[chart_source("6.3.5"), git_source("demo", "extras")])
}

/// Paths of two repositories.
fn two_repositories() -> App {
    app("demo").sources(&[git_source("demo", "web"), git_source("other", "worker")])
}

fn with(app: &App) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.flux.commits.insert("other", OTHER.into());
    cluster
}

fn settled(app: &App) -> Cluster {
    let mut cluster = with(app);
    cluster.settle();
    cluster
}

fn key(kind: FluxKind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, NAMESPACE, name)
}

fn phase(cluster: &Cluster) -> Phase {
    cluster.status().operation_state.expect("an operation").phase
}

fn message(cluster: &Cluster) -> String {
    cluster.status().operation_state.expect("an operation").message
}

#[rstest]
#[case::two_paths(two_paths(), [COMMIT, COMMIT], &["Kustomize", "Kustomize"])]
#[case::chart_and_path(chart_and_path(), ["6.3.5", COMMIT], &["Helm", "Kustomize"])]
#[case::two_repositories(two_repositories(), [COMMIT, OTHER], &["Kustomize", "Kustomize"])]
fn all_of_it_is_delivered_and_told_once(
    #[case] app: App,
    #[case] revisions: [&str; 2],
    #[case] types: &[&str],
    #[values(true, false)] is_automated: bool,
    #[values(1, 3)] pace: usize,
) {
    let mut cluster = with(&if is_automated { app.automated() } else { app.requested() });
    cluster.pace = pace;
    cluster.settle();
    let status = cluster.status();
    assert_eq!((cluster.words().as_str(), phase(&cluster)), ("Synced/Healthy", Phase::Succeeded));
    assert_eq!(
        (status.sync.revision.as_str(), status.sync.revisions.as_slice()),
        ("", &revisions.map(str::to_owned)[..])
    );
    assert_eq!(
        (status.source_type.as_str(), status.source_types.as_slice()),
        ("", &types.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..])
    );
    assert_eq!(cluster.history(), [revisions.join(",")]);
    let entry = &status.history[0];
    assert_eq!((entry.source.is_none(), entry.sources.len()), (true, 2));
    let result = status.operation_state.unwrap().sync_result.unwrap();
    assert_eq!((result.revisions, result.sources.len()), (revisions.map(str::to_owned).to_vec(), 2));
    assert_eq!(cluster.flux.deliveries.len(), 2);
    cluster.assert_silent();
}

#[test]
fn both_wait_for_the_button_and_a_newer_commit_of_one_waits_again() {
    let mut cluster = settled(&two_repositories());
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("OutOfSync/Missing", 0));
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("Synced/Healthy", 2));
    cluster.flux.commits.insert("other", NEXT.into());
    cluster.settle();
    assert_eq!((cluster.words().as_str(), cluster.flux.deliveries.len()), ("OutOfSync/Healthy", 2));
    assert_eq!(cluster.status().sync.revisions, [COMMIT, NEXT]);
    let words: Vec<_> =
        cluster.status().resources.iter().map(|r| format!("{} {}", r.name, r.status)).collect();
    assert_eq!(words, ["demo Synced", "demo-2 OutOfSync", "demo Synced", "demo-2 Synced"]);
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 2));
}

#[test]
fn a_newer_commit_of_one_is_recorded_as_an_automated_sync() {
    let mut cluster = settled(&two_repositories().automated());
    cluster.flux.commits.insert("other", NEXT.into());
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(cluster.history(), [format!("{COMMIT},{OTHER}"), format!("{COMMIT},{NEXT}")]);
    cluster.assert_silent();
}

#[rstest]
#[case::two_paths(two_paths())]
#[case::two_repositories(two_repositories())]
fn what_fails_of_one_fails_the_sync_and_names_it(#[case] app: App) {
    let mut cluster = with(&app.requested());
    cluster.flux.failure = Some((COMMIT, "no such field".into()));
    cluster.settle();
    assert_eq!(phase(&cluster), Phase::Failed);
    assert!(message(&cluster).contains("no such field"), "{}", message(&cluster));
    assert_eq!(cluster.status().health.status, "Degraded");
    assert!(cluster.history().is_empty());
    cluster.assert_silent();
}

/// Delivered twice by the button: another commit in each repository, another version of the chart.
fn twice(app: &App) -> Cluster {
    let mut cluster = settled(&app.clone().requested());
    cluster.flux.commit = NEXT.into();
    cluster.settle();
    cluster.press_sync().settle();
    assert_eq!(
        (cluster.words().as_str(), cluster.history().len()),
        ("Synced/Healthy", 2),
        "{}",
        message(&cluster)
    );
    cluster
}

#[rstest]
#[case::two_paths(two_paths(), [COMMIT, COMMIT], [NEXT, NEXT])]
#[case::chart_and_path(chart_and_path(), ["6.3.5", COMMIT], ["6.3.5", NEXT])]
#[case::two_repositories(two_repositories(), [COMMIT, OTHER], [NEXT, OTHER])]
fn all_of_it_is_rolled_back(
    #[case] app: App,
    #[case] first: [&str; 2],
    #[case] second: [&str; 2],
    #[values(1, 3)] pace: usize,
) {
    let mut cluster = twice(&app);
    cluster.pace = pace;
    cluster.roll_back(0).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.history(), [first, second, first].map(|revisions| revisions.join(",")));
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert_eq!(cluster.status().sync.revisions, second, "what the spec says");
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 4));
    let names: Vec<_> =
        cluster.api.objects.keys().filter(|key| key.kind.is_source()).map(|key| key.name.clone()).collect();
    assert!(names.len() <= 3, "nothing is left of the rollback: {names:?}");
    cluster.assert_silent();
}

/// `argocd app sync --revisions COMMIT --source-positions 1`: the server resolves all of them.
#[rstest]
fn one_source_of_two_may_be_synced_to_another_revision(#[values(1, 3)] pace: usize) {
    let mut cluster = twice(&two_paths());
    cluster.pace = pace;
    let sources = cluster.app().spec.sources;
    cluster.operate(&json!({"sources": sources, "revisions": [COMMIT, NEXT]})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.history().last().unwrap(), &format!("{COMMIT},{NEXT}"));
    let applied = |name: &str| {
        cluster.api.objects[&key(FluxKind::Kustomization, name)]["status"]["lastAppliedRevision"].clone()
    };
    assert_eq!(applied("demo"), format!("sha1:{COMMIT}"));
    assert!(applied("demo-2").as_str().unwrap().ends_with(NEXT), "{}", applied("demo-2"));
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    cluster.assert_silent();
}

#[test]
fn a_sync_to_what_is_offered_anyway_pins_nothing() {
    let mut cluster = settled(&two_repositories().requested());
    let sources = cluster.app().spec.sources;
    let before = cluster.count("ApplyObject");
    cluster.operate(&json!({"sources": sources, "revisions": [COMMIT, OTHER]})).settle();
    assert_eq!((phase(&cluster), cluster.count("ApplyObject")), (Phase::Succeeded, before));
    assert_eq!(cluster.words(), "Synced/Healthy");
}

#[test]
fn one_of_two_workload_objects_is_selected() {
    let mut cluster = settled(&two_repositories());
    let one = json!({"group": "kustomize.toolkit.fluxcd.io", "kind": "Kustomization", "name": "demo-2"});
    cluster.operate(&json!({"resources": [one]})).settle();
    assert_eq!(phase(&cluster), Phase::Succeeded, "{}", message(&cluster));
    assert_eq!(cluster.flux.deliveries.len(), 1);
    assert!(!cluster.api.objects.contains_key(&key(FluxKind::Kustomization, "demo")));
    assert!(cluster.history().is_empty());
}

/// Suspended by somebody else: said by name, and nothing of the others is lost.
#[test]
fn one_that_somebody_suspended_is_named() {
    let mut cluster = settled(&two_repositories().automated());
    cluster.api.suspend(&key(FluxKind::Kustomization, "demo-2"), true);
    cluster.settle();
    assert_eq!(cluster.status().health.status, "Suspended");
    cluster.press_sync().settle();
    assert_eq!(phase(&cluster), Phase::Failed);
    assert!(
        message(&cluster).contains("Kustomization apps/demo-2 is suspended by somebody else"),
        "{}",
        message(&cluster)
    );
}

#[rstest]
#[case::pruned(json!({"prune": true}), false)]
#[case::kept(json!({}), true)]
fn a_source_that_is_taken_away_leaves_its_objects_to_pruning(#[case] sync: Value, #[case] is_kept: bool) {
    let mut cluster = settled(&chart_and_path().requested());
    cluster.edit(&json!({"spec": {"sources": [chart_source("6.3.5")]}})).settle();
    let extras = key(FluxKind::Kustomization, "demo-2");
    assert_eq!(cluster.words(), "OutOfSync/Healthy");
    assert!(cluster.api.objects.contains_key(&extras));
    cluster.operate(&sync).settle();
    assert_eq!(cluster.api.objects.contains_key(&extras), is_kept);
    assert_eq!(cluster.status().sync.revisions, ["6.3.5"]);
    cluster.assert_silent();
}

fn nothing(_: &mut Cluster) {}

fn commit(cluster: &mut Cluster) {
    cluster.flux.commit = NEXT.into();
}

fn edit(cluster: &mut Cluster) {
    cluster.edit(&json!({"spec": {"sources": [chart_source("6.4.0"), git_source("other", "extras")]}}));
    cluster.flux.versions.insert("6.4.0".into());
}

fn delete(cluster: &mut Cluster) {
    cluster.api.delete_application();
}

#[rstest]
#[case::create(with(&two_paths().automated()), nothing)]
#[case::create_chart_and_path(with(&chart_and_path().automated()), nothing)]
#[case::create_and_sync(with(&chart_and_path()), |cluster: &mut Cluster| { cluster.press_sync(); })]
#[case::commit(settled(&two_paths().automated()), commit)]
#[case::sync(settled(&two_paths().requested()), |cluster: &mut Cluster| {
    commit(cluster);
    cluster.press_sync();
})]
#[case::edit(settled(&chart_and_path().automated()), edit)]
#[case::edit_and_sync(settled(&chart_and_path().requested()), |cluster: &mut Cluster| {
    edit(cluster);
    cluster.press_sync();
})]
#[case::a_source_less(settled(&chart_and_path().automated().with(
    &json!({"spec": {"syncPolicy": {"automated": {"prune": true}}}})
)), |cluster: &mut Cluster| {
    cluster.edit(&json!({"spec": {"sources": [chart_source("6.3.5")]}}));
})]
#[case::rollback(twice(&two_paths()), |cluster: &mut Cluster| { cluster.roll_back(0); })]
#[case::rollback_of_two_repositories(twice(&two_repositories()), |cluster: &mut Cluster| { cluster.roll_back(0); })]
#[case::other_revision(twice(&two_paths()), |cluster: &mut Cluster| {
    let sources = cluster.app().spec.sources;
    cluster.operate(&json!({"sources": sources, "revisions": [COMMIT, NEXT]}));
})]
#[case::refresh(settled(&chart_and_path().automated()), |cluster: &mut Cluster| {
    cluster.edit(&json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "normal"}}}));
})]
#[case::delete(settled(&chart_and_path().automated().cascading()), delete)]
#[case::delete_suspended(settled(&two_paths().requested().cascading()), delete)]
#[case::hand_back(settled(&chart_and_path().automated()), |cluster: &mut Cluster| {
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": null}}}));
})]
fn killed_anywhere_the_end_is_the_same(
    #[case] begin: Cluster,
    #[case] happens: fn(&mut Cluster),
    #[values(1, 3)] pace: usize,
) {
    assert_killed_after(begin, happens, pace);
}

#[test]
fn deletion_takes_all_of_it_along() {
    let mut cluster = settled(&chart_and_path().automated().cascading());
    delete(&mut cluster);
    cluster.settle();
    assert!(cluster.api.app.is_none() && cluster.api.objects.is_empty());
    assert_eq!(cluster.flux.uninstalls, 2);
}
