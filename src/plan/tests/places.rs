//! Objects that an Application has had in another place are its own for as long as they are there, and those that only say so
//! never are.

use super::super::{Step, plan};
use super::cluster::Cluster;
use super::crashes::assert_killed_after;
use super::words;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, Object, app, chart_source, git_source, helm_release, kustomization};
use crate::mirror::ownership::is_among;
use crate::names;
use rstest::rstest;
use serde_json::{Value, json};

fn chart() -> App {
    app("demo").chart("6.3.5")
}

fn git() -> App {
    app("demo").git()
}

fn settled(app: &App) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.api.namespaces.insert("web".to_owned());
    cluster.settle();
    cluster
}

/// Another destination.
fn moves(cluster: &mut Cluster) {
    cluster.api.namespaces.insert("web".to_owned());
    cluster.edit(&json!({"spec": {"destination": {"namespace": "web"}}}));
}

fn moves_at_once(cluster: &mut Cluster) {
    cluster.look();
    moves(cluster);
}

fn moves_and_is_deleted(cluster: &mut Cluster) {
    moves(cluster);
    cluster.look();
    cluster.api.delete_application();
}

fn moves_and_goes_back(cluster: &mut Cluster) {
    moves(cluster);
    cluster.edit(&json!({"spec": {"syncPolicy": {"syncOptions": null}}}));
}

fn becomes_another_source(cluster: &mut Cluster) {
    moves(cluster);
    let sources = [git_source("demo", "web"), chart_source("6.3.5")];
    cluster.edit(&json!({"spec": {"source": null, "sources": sources}}));
}

fn namespaces(cluster: &Cluster) -> Vec<&str> {
    let mut found: Vec<_> = cluster.api.objects.keys().map(|key| key.namespace.as_str()).collect();
    found.dedup();
    found
}

#[rstest]
#[case::chart(chart().automated().pruning())]
#[case::git(git().automated().pruning())]
#[case::rendered(app("demo").plugin().automated().pruning())]
fn another_destination_leaves_nothing_in_the_former_one(#[case] app: App) {
    let mut cluster = settled(&app);
    moves(&mut cluster);
    cluster.settle();
    assert!(!namespaces(&cluster).contains(&"apps"), "{:?}", cluster.api.objects.keys());
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert!(cluster.status().resources.iter().all(|listed| listed.namespace != "apps"));
    cluster.assert_silent();
}

/// Without pruning they wait for the Sync that prunes, for any time and over any restart.
#[test]
fn what_waits_for_a_pruning_sync_in_a_former_place_is_listed() {
    let mut cluster = settled(&chart().automated());
    moves(&mut cluster);
    cluster.settle();
    let listed: Vec<_> = cluster.status().resources.into_iter().filter(|it| it.namespace == "apps").collect();
    assert!(listed.iter().any(|it| it.kind == "HelmRelease" && it.requires_pruning), "{listed:?}");
    cluster.operate(&json!({"prune": true})).settle();
    assert_eq!(namespaces(&cluster), ["web"]);
}

#[rstest]
#[case::chart(settled(&chart().automated().pruning()), moves)]
#[case::git(settled(&git().automated().pruning()), moves)]
#[case::rendered(settled(&app("demo").plugin().automated().pruning()), moves)]
#[case::unpruned(settled(&git().automated()), moves)]
#[case::manual(settled(&chart().requested()), moves)]
#[case::at_once(Cluster::with(&chart().automated().pruning()), moves_at_once)]
#[case::at_once_manual(Cluster::with(&chart()), moves_at_once)]
#[case::deleted_git(settled(&git().automated().pruning().cascading()), moves_and_is_deleted)]
#[case::handed_back(settled(&chart().automated().pruning()), moves_and_goes_back)]
#[case::handed_back_git(settled(&git().automated().pruning()), moves_and_goes_back)]
#[case::several_sources(settled(&chart().automated().pruning()), becomes_another_source)]
fn killed_on_the_way_to_another_place_the_end_is_the_same(
    #[case] begin: Cluster,
    #[case] happens: fn(&mut Cluster),
    #[values(1, 3)] pace: usize,
) {
    assert_killed_after(begin, happens, pace);
}

#[rstest]
#[case::deleted(chart().automated().cascading(), moves_and_is_deleted as fn(&mut Cluster))]
#[case::handed_back(chart().automated(), moves_and_goes_back)]
#[case::handed_back_git(git().automated().pruning(), moves_and_goes_back)]
fn whoever_leaves_takes_along_what_is_in_a_former_place(#[case] app: App, #[case] happens: fn(&mut Cluster)) {
    let mut cluster = settled(&app);
    happens(&mut cluster);
    cluster.settle();
    assert!(cluster.api.objects.is_empty(), "{:?}", cluster.api.objects.keys());
}

/// An operation that wants something else than the spec.
fn asked_for_a_chart() -> Cluster {
    let mut cluster = settled(&git().requested());
    cluster.operate(&json!({"source": chart_source("6.3.5")}));
    cluster
}

/// Nothing is applied that the status does not list before.
#[rstest]
#[case::by_itself(Cluster::with(&chart().automated()), FluxKind::HelmRelease)]
#[case::manual(Cluster::with(&chart()), FluxKind::HelmRepository)]
#[case::git(Cluster::with(&git().automated().pruning()), FluxKind::Kustomization)]
#[case::of_an_operation(asked_for_a_chart(), FluxKind::HelmRelease)]
fn an_object_is_listed_before_it_is_applied(#[case] mut cluster: Cluster, #[case] kind: FluxKind) {
    let mut applied = Vec::new();
    for _ in 0..30 {
        let Some(observed) = cluster.observe() else { break };
        let mut listed = cluster.status().resources;
        for step in plan(&observed).steps {
            match step {
                Step::PatchApplication(patch) => {
                    let resources = patch.pointer("/status/resources").cloned();
                    listed = resources.map_or(listed, |all| serde_json::from_value(all).unwrap());
                }
                Step::ApplyObject(manifest) => {
                    assert!(is_among(&listed, &manifest.key), "{} is not among {listed:?}", manifest.key);
                    applied.push(manifest.key.kind);
                }
                _ => {}
            }
        }
        cluster.run(1);
    }
    assert!(applied.contains(&kind), "{applied:?}");
}

/// Somebody else's object that carries the marks of `argocd/demo`.
fn forged(object: Object) -> (ObjectKey, kube::core::DynamicObject) {
    let marked = object.with(json!({
        "metadata": {
            "namespace": "tenant",
            "labels": {names::LABEL_GENERATED: "true"},
            "annotations": {names::ANNOTATION_APPLICATION: "argocd/demo"},
        },
        "status": {"history": [{"name": "demo", "version": 3}]},
    }));
    marked.build(&[])
}

/// The plan for `app` beside nothing but what is forged, and beside nothing at all.
fn plans(app: &App) -> [(Vec<String>, Value); 2] {
    let mut observed = app.observed();
    if !observed.app.is_bridged() {
        observed.translation = crate::translate::Translation::default();
    }
    let without = plan(&observed);
    for object in [helm_release().ready("6.3.5"), kustomization().ready("1")] {
        let (key, live) = forged(object);
        observed.objects.insert(key, live.into());
    }
    [plan(&observed), without].map(|plan| {
        let status = plan.status.as_ref().map(|status| json!([status.resources, status.health, status.sync]));
        (words(&plan), status.unwrap_or_default())
    })
}

#[rstest]
#[case::at_rest(chart().automated().pruning())]
#[case::deleted(chart().automated().cascading().deleting())]
#[case::handed_back(chart().automated().plain())]
fn marks_in_somebody_elses_namespace_change_nothing(#[case] app: App) {
    let [with, without] = plans(&app);
    assert_eq!(with, without);
}

/// The same where it can have objects: the marks count, so that the test above says something.
#[test]
fn marks_in_its_own_namespace_count() {
    let app = chart().automated().cascading().deleting();
    let plan = plan(&app.beside([helm_release().ready("6.3.5")]));
    assert_eq!(words(&plan), ["DeleteObject HelmRelease"]);
}
