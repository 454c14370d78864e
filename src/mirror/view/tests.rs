//! What stands where the project lets the Application deliver nothing is nobody's business here.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::{Relation, View};
use crate::flux::FluxKind;
use crate::mirror::fixtures::{
    App, Object, app, git_repository, helm_chart, helm_release, helm_repository, kustomization, project,
};
use crate::mirror::{Observed, SourceState, Tree, WorkloadState, sync_word};

/// Destinations of the project are these namespaces alone.
fn within(mut observed: Observed, namespaces: &[&str]) -> Observed {
    let all: Vec<Value> =
        namespaces.iter().map(|namespace| json!({"server": "*", "namespace": namespace})).collect();
    observed.project = Some(Arc::new(project("default", &json!({"destinations": all}))));
    observed
}

fn chart() -> App {
    app("demo").chart("6.3.5").automated()
}

fn delivered() -> [Object; 3] {
    let labels = json!({"helm.toolkit.fluxcd.io/name": "demo", "helm.toolkit.fluxcd.io/namespace": "apps"});
    let chart = helm_chart().fetched("6.3.5").with(json!({"metadata": {"labels": labels}}));
    [helm_repository().fetched("i"), chart, helm_release().ready("6.3.5")]
}

fn uids(observed: &Observed) -> usize {
    Tree::of(&View::of(observed)).nodes.iter().filter(|node| !node.node.uid.is_empty()).count()
}

#[test]
fn what_an_application_refers_to_is_not_looked_at() {
    let observed = within(chart().reference().beside(delivered().map(Object::unowned)), &["other"]);
    let view = View::of(&observed);
    let found: Vec<_> =
        view.resources.iter().map(|resource| (resource.live.is_some(), &resource.relation)).collect();
    assert_eq!(found, [(false, &Relation::Unknown)]);
    assert_eq!(view.legs[0].workload, WorkloadState::Missing);
    assert!(view.fetched().iter().all(|(live, _)| live.is_none()), "nobody is asked for anything");
    assert_eq!(uids(&observed), 0);
    let open = within(chart().reference().beside(delivered().map(Object::unowned)), &["apps"]);
    assert_eq!(uids(&open), 1);
}

/// The same whether there is something or not.
#[rstest]
#[case::there(true)]
#[case::not_there(false)]
fn what_an_application_would_generate_is_not_looked_at(#[case] is_there: bool) {
    let objects = delivered().map(Object::unowned).into_iter().filter(|_| is_there);
    let observed = within(chart().beside(objects), &["other"]);
    let view = View::of(&observed);
    for resource in &view.resources {
        assert_eq!((resource.live.is_some(), &resource.relation), (false, &Relation::Unknown));
        assert_eq!(sync_word::resource_sync(&view, resource), "Unknown");
    }
    assert_eq!((uids(&observed), view.resources.len()), (0, 2));
}

#[test]
fn its_own_objects_are_looked_at_and_out_of_reach() {
    let observed = within(chart().beside(delivered()), &["other"]);
    let view = View::of(&observed);
    assert!(view.resources.iter().all(|resource| resource.relation == Relation::Matches));
    assert!(matches!(view.legs[0].workload, WorkloadState::Ready(_)));
    assert_eq!((uids(&observed), Tree::of(&view).nodes.len()), (0, 3), "the chart among them");
}

fn elsewhere(object: Object) -> Object {
    object.with(json!({"metadata": {"namespace": "elsewhere"}})).unowned()
}

fn reading_elsewhere(source: Object) -> Observed {
    let reference =
        json!({"spec": {"sourceRef": {"kind": "GitRepository", "name": "demo", "namespace": "elsewhere"}}});
    let workload = kustomization().ready("main@sha1:1").with(reference).unowned();
    app("demo").git().reference().beside([elsewhere(source), workload])
}

/// Flux lets a workload object read any source; what becomes of it, the workload object says.
#[test]
fn a_source_elsewhere_is_not_looked_at() {
    let failing = || git_repository().unfetched("GitOperationFailed", "no route to secret.example.org");
    let observed = within(reading_elsewhere(failing()), &["apps"]);
    let view = View::of(&observed);
    let kinds: Vec<_> = view.resources.iter().map(|resource| resource.key.kind).collect();
    assert_eq!(
        (kinds.as_slice(), &view.legs[0].source),
        (&[FluxKind::Kustomization][..], &SourceState::Ready)
    );
    assert!(view.is_synced() && view.revisions() == ["1"]);
    assert!(view.fetched().iter().all(|(live, _)| live.is_none()), "nobody is asked for anything");
    assert!(Tree::of(&view).nodes.iter().all(|node| node.node.key.namespace == "apps"));

    let open = reading_elsewhere(failing());
    let view = View::of(&open);
    assert!(view.resources.len() == 2 && matches!(view.legs[0].source, SourceState::Failed(_)));
}

/// Of two releases whose names come to the same, each has its own chart.
#[rstest]
#[case::its_own(json!({"helm.toolkit.fluxcd.io/name": "demo", "helm.toolkit.fluxcd.io/namespace": "apps"}), true)]
#[case::that_of_another(json!({"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps-demo"}), false)]
fn a_chart_elsewhere_is_that_of_the_very_release(#[case] labels: Value, #[case] is_seen: bool) {
    let reference = json!({"spec": {"chart": {"spec": {"sourceRef": {"namespace": "elsewhere"}}}}});
    let metadata = json!({"metadata": {"namespace": "elsewhere", "labels": labels}});
    let objects = [
        helm_chart().fetched("6.3.5").with(metadata),
        helm_release().ready("6.3.5").with(reference).unowned(),
    ];
    let observed = within(chart().reference().beside(objects), &["apps"]);
    let view = View::of(&observed);
    assert_eq!(view.legs[0].parts.chart.is_some(), is_seen);
    let made: Vec<_> =
        Tree::of(&view).nodes.into_iter().filter(|node| node.node.key.kind == "HelmChart").collect();
    assert_eq!(made.len(), usize::from(is_seen));
    assert!(made.iter().all(|node| node.node.uid.is_empty()));
}
