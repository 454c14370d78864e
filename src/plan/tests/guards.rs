//! A revision that builds to nothing is held back by the guard, wherever the bridge is killed.

use super::cluster::Cluster;
use super::crashes::assert_killed_after;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::app;
use rstest::rstest;
use serde_json::{Value, json};

const FIRST: &str = "2f5c000000000000000000000000000000000001";
const EMPTY: &str = "2f5c000000000000000000000000000000000002";
const THIRD: &str = "2f5c000000000000000000000000000000000003";

fn delivered() -> Cluster {
    let mut cluster = Cluster::with(&app("demo").git().automated().pruning().cascading());
    cluster.flux.empty.insert(EMPTY.into());
    cluster.settle();
    cluster
}

fn commit(cluster: &mut Cluster, commit: &str) {
    cluster.flux.commit = commit.into();
}

fn told(cluster: &Cluster) -> Vec<String> {
    let status = &cluster.api.app.as_ref().unwrap()["status"];
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|condition| format!("{}: {}", condition["type"], condition["message"])).collect()
}

fn at(commits: &[&str]) -> Vec<String> {
    commits.iter().map(|commit| format!("main@sha1:{commit}")).collect()
}

fn guard() -> ObjectKey {
    ObjectKey::new(FluxKind::Kustomization, "apps", "demo-prune-guard")
}

#[test]
fn what_builds_to_nothing_waits_for_what_builds_to_something() {
    let mut cluster = delivered();
    assert_eq!(cluster.flux.deliveries, at(&[FIRST]));
    let operations = |cluster: &Cluster| cluster.api.app.as_ref().unwrap()["status"]["history"].clone();
    let before = operations(&cluster);
    commit(&mut cluster, EMPTY);
    cluster.settle();
    assert_eq!(cluster.flux.deliveries, at(&[FIRST]), "nothing was pruned");
    assert_eq!(operations(&cluster), before, "no operation began");
    let told = told(&cluster);
    assert!(told.iter().any(|one| one.contains("Skipping sync attempt") && one.contains(EMPTY)), "{told:?}");
    cluster.assert_silent();
    commit(&mut cluster, THIRD);
    cluster.settle();
    assert_eq!(cluster.flux.deliveries, at(&[FIRST, THIRD]));
    assert!(self::told(&cluster).is_empty(), "{:?}", self::told(&cluster));
}

#[test]
fn who_asks_for_pruning_is_not_held_back() {
    let mut cluster = delivered();
    commit(&mut cluster, EMPTY);
    cluster.settle();
    cluster.press_sync().settle();
    assert_eq!(cluster.flux.deliveries, at(&[FIRST]), "a Sync without pruning deletes nothing");
    cluster.operate(&json!({"prune": true}));
    cluster.settle();
    assert_eq!(cluster.flux.deliveries, at(&[FIRST, EMPTY]));
    let real = ObjectKey::new(FluxKind::Kustomization, "apps", "demo");
    let depends = &cluster.api.objects[&real]["spec"]["dependsOn"];
    assert_eq!(depends.as_array().map(Vec::len), Some(2), "the guard is back: {depends}");
}

#[test]
fn a_guard_goes_with_the_policy() {
    let mut cluster = delivered();
    assert!(cluster.api.objects.contains_key(&guard()));
    cluster.edit(&json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}}));
    cluster.settle();
    assert!(!cluster.api.objects.contains_key(&guard()));
    commit(&mut cluster, EMPTY);
    cluster.settle();
    assert_eq!(cluster.flux.deliveries.last(), at(&[EMPTY]).last());
}

fn nothing(_: &mut Cluster) {}

fn empty(cluster: &mut Cluster) {
    commit(cluster, EMPTY);
}

fn more(cluster: &mut Cluster) {
    commit(cluster, THIRD);
}

fn empty_by_hand(cluster: &mut Cluster) {
    commit(cluster, EMPTY);
    cluster.operate(&json!({"prune": true}));
}

fn allowed(cluster: &mut Cluster) {
    commit(cluster, EMPTY);
    cluster.edit(&json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}}));
}

fn delete(cluster: &mut Cluster) {
    cluster.api.delete_application();
}

fn plain(cluster: &mut Cluster) {
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": Value::Null}}}));
}

#[rstest]
#[case::create(Cluster::with(&app("demo").git().automated().pruning()), nothing)]
#[case::new_commit(delivered(), more)]
#[case::emptied(delivered(), empty)]
#[case::emptied_by_hand(delivered(), empty_by_hand)]
#[case::allowed(delivered(), allowed)]
#[case::deleted(delivered(), delete)]
#[case::handed_back(delivered(), plain)]
fn killed_anywhere_the_end_is_the_same(
    #[case] begin: Cluster,
    #[case] happens: fn(&mut Cluster),
    #[values(1, 3)] pace: usize,
) {
    assert_killed_after(begin, happens, pace);
}
