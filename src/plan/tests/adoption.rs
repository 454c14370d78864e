//! Hand-made changes that flow back into the Application by themselves.

use super::super::plan;
use super::cluster::Cluster;
use super::crashes::assert_killed_anywhere_the_end_is_the_same;
use super::{patch_of, words};
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, NAMESPACE, app, helm_chart, helm_release, helm_repository};
use crate::names;
use rstest::rstest;
use serde_json::{Value, json};

fn adopting(app: &App) -> App {
    app.clone().with(&json!({"metadata": {"annotations": {names::ANNOTATION_ADOPT_EDITS: "true"}}}))
}

fn chart() -> App {
    app("demo")
        .chart("6.3.5")
        .with(&json!({"spec": {"source": {"helm": {"parameters": [{"name": "a", "value": "1"}]}}}}))
}

fn release() -> ObjectKey {
    ObjectKey::new(FluxKind::HelmRelease, NAMESPACE, "demo")
}

/// `kubectl edit helmrelease`.
fn edit(cluster: &mut Cluster) {
    cluster
        .api
        .patch_object(&release(), &json!({"spec": {"values": {"a": 2, "b": "new"}, "interval": "3m"}}));
}

fn values(cluster: &Cluster) -> Value {
    cluster.api.objects[&release()]["spec"]["values"].clone()
}

#[rstest]
#[case::automated(chart().automated())]
#[case::healing(chart().self_heal())]
fn an_edit_becomes_what_the_application_says(#[case] app: App, #[values(1, 2, 5)] pace: usize) {
    let mut cluster = Cluster::with(&adopting(&app));
    cluster.pace = pace;
    cluster.settle();
    edit(&mut cluster);
    cluster.settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(values(&cluster), json!({"a": 2, "b": "new"}));
    let helm = cluster.app().spec.source.unwrap().helm.unwrap();
    assert_eq!((helm.parameters[0].value.as_str(), helm.values_object), ("2", Some(json!({"b": "new"}))));
    assert_eq!(cluster.count("EmitEvent EditAdopted"), 1);
    assert_eq!(cluster.history().len(), 2, "a delivery of another source is in the history");
    cluster.assert_silent();

    // A later Sync keeps it, and a later edit is one again.
    cluster.press_sync().settle();
    assert_eq!(values(&cluster), json!({"a": 2, "b": "new"}));
    cluster.api.patch_object(&release(), &json!({"spec": {"values": {"a": 3}}}));
    cluster.settle();
    assert_eq!(cluster.app().spec.source.unwrap().helm.unwrap().parameters[0].value, "3");
    cluster.assert_silent();
}

#[test]
fn without_the_annotation_an_edit_waits_or_goes() {
    for (app, word, expected) in [(chart().automated(), "OutOfSync", 2), (chart().self_heal(), "Synced", 1)] {
        let mut cluster = Cluster::with(&app);
        cluster.settle();
        edit(&mut cluster);
        cluster.settle();
        assert_eq!((cluster.status().sync.status.as_str(), &values(&cluster)["a"]), (word, &json!(expected)));
        assert_eq!(cluster.count("EmitEvent EditAdopted"), 0);
        cluster.assert_silent();
    }
}

/// The source offers another revision because somebody asked for it by hand: no reason to take that back.
#[rstest]
#[case::version(chart().automated(), FluxKind::HelmRelease, json!({"chart": {"spec": {"version": "6.4.0"}}}))]
#[case::branch(app("demo").git().automated(), FluxKind::GitRepository, json!({"ref": {"branch": "dev"}}))]
fn an_edit_of_what_is_asked_for_stays(
    #[case] app: App,
    #[case] kind: FluxKind,
    #[case] spec: Value,
    #[values(1, 3)] pace: usize,
) {
    let mut cluster = Cluster::with(&app);
    cluster.pace = pace;
    cluster.flux.versions.insert("6.4.0".into());
    cluster.settle();
    let key = ObjectKey::new(kind, NAMESPACE, "demo");
    cluster.api.patch_object(&key, &json!({"spec": spec}));
    cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
    cluster.settle();
    let live = &cluster.api.objects[&key]["spec"];
    let mut kept = live.clone();
    crate::mirror::patch::merge(&mut kept, &spec);
    assert_eq!(*live, kept);
    assert_eq!(cluster.status().sync.status, "OutOfSync");
    cluster.assert_silent();
}

#[test]
fn a_manual_application_adopts_and_delivers_at_the_next_sync() {
    let mut cluster = Cluster::with(&adopting(&chart()));
    cluster.settle().press_sync().settle();
    edit(&mut cluster);
    cluster.settle();
    assert_eq!(cluster.words(), "OutOfSync/Healthy", "it is suspended: the edit waits for the button too");
    assert_eq!(cluster.app().spec.source.unwrap().helm.unwrap().parameters[0].value, "2");
    cluster.assert_silent();
    cluster.press_sync().settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
    assert_eq!(values(&cluster), json!({"a": 2, "b": "new"}));
    cluster.assert_silent();
}

#[rstest]
#[case::automated(chart().automated())]
#[case::healing(chart().self_heal())]
#[case::manual(chart().requested())]
fn killed_anywhere_the_edit_is_kept(#[case] app: App, #[values(1, 3)] pace: usize) {
    let mut begin = Cluster::with(&adopting(&app));
    begin.pace = pace;
    begin.settle();
    edit(&mut begin);
    assert_killed_anywhere_the_end_is_the_same(&begin);
}

#[test]
fn an_operation_that_somebody_asked_for_goes_first() {
    let edited = helm_release().ready("6.3.5").with(json!({"spec": {"interval": "3m"}}));
    let objects = [helm_repository().fetched("sha256:index"), helm_chart().fetched("6.3.5"), edited];
    let idle = plan(&adopting(&chart()).beside(objects.clone()));
    assert_eq!(words(&idle), ["PatchApplication", "EmitEvent EditAdopted"]);
    let patch = patch_of(&idle);
    assert_eq!(patch["metadata"]["resourceVersion"], "1");
    assert!(patch["metadata"]["annotations"]["flamingo/helmrelease-override"].is_string());
    for busy in [adopting(&chart()).requested(), adopting(&chart()).requested().running()] {
        let words = words(&plan(&busy.beside(objects.clone())));
        assert!(!words.contains(&"EmitEvent EditAdopted".to_owned()), "{words:?}");
    }
}

#[test]
fn an_edit_without_a_place_is_told_and_left() {
    let edited = helm_release()
        .ready("6.3.5")
        .with(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}));
    let objects = [helm_repository().fetched("sha256:index"), helm_chart().fetched("6.3.5"), edited];
    let plan = plan(&adopting(&chart()).automated().delivered("6.3.5").beside(objects));
    assert_eq!(words(&plan), ["PatchApplication"]);
    let conditions = plan.status.unwrap().conditions;
    let found = conditions.iter().find(|condition| condition.kind == "AdoptionWarning").unwrap();
    assert!(found.message.contains("belongs to the bridge"), "{}", found.message);
}
