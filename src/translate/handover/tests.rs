use std::sync::Arc;

use rstest::rstest;

use super::*;
use crate::translate::duplicates::tests::{context, two};
use crate::translate::places::places;

const SHARED: [&str; 4] = ["", "ConfigMap", "apps", "shared"];

fn routes(kinds: [FluxKind; 2]) -> Vec<Route> {
    let route = |(index, kind)| Route {
        workload: Some(ObjectKey::new(kind, "apps", &format!("demo-{index}"))),
        source_type: "Directory".to_owned(),
        ..Route::default()
    };
    kinds.into_iter().enumerate().map(route).collect()
}

/// A workload object that is at rest.
fn standing(kind: FluxKind, spec: &Value, inventory: &[[&str; 4]], taken_over: &[[&str; 4]]) -> Delivered {
    let object = json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind(),
        "metadata": {"name": "demo", "generation": 3},
        "spec": spec,
        "status": {
            "observedGeneration": 3,
            "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 3}],
        },
    });
    let set = |all: &[[&str; 4]]| all.iter().map(|one| one.map(str::to_owned)).collect();
    Delivered {
        object: Arc::new(serde_json::from_value(object).unwrap()),
        inventory: set(inventory),
        taken_over: set(taken_over),
    }
}

/// What the first of two sources has to leave out, the other one takes from it, and has to apply again.
fn decided(context: &Context, routes: &[Route]) -> [usize; 3] {
    let places = places(&two(), context).unwrap();
    let handover = Handover::new(context, routes, &places, "apps");
    [handover.left_out(0).len(), handover.taken(1).len(), handover.taken_back().count()]
}

fn known(first: &[&str], last: &[&str], routes: &[Route], standing: [Delivered; 2]) -> Context {
    let keys = routes.iter().filter_map(|route| route.workload.clone());
    Context { delivered: keys.zip(standing).collect(), ..context(&[first, last]) }
}

fn shared() -> RenderedObject {
    RenderedObject {
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: "shared".to_owned(),
        is_namespaced: Some(true),
        ..RenderedObject::default()
    }
}

/// The spec of a workload object that [`mark`] has been called on.
fn marked_spec(kind: FluxKind) -> Value {
    let mut workload = Manifest::owned_by(&two(), ObjectKey::new(kind, "apps", "demo-1"), json!({}));
    mark(&mut workload, &[&shared()], "apps");
    workload.spec
}

#[rstest]
#[case::two_kustomizations(FluxKind::Kustomization, FluxKind::Kustomization)]
#[case::from_a_release(FluxKind::HelmRelease, FluxKind::Kustomization)]
#[case::to_a_release(FluxKind::Kustomization, FluxKind::HelmRelease)]
#[case::two_releases(FluxKind::HelmRelease, FluxKind::HelmRelease)]
fn an_object_is_let_go_of_once_it_is_taken(#[case] from: FluxKind, #[case] to: FluxKind) {
    let routes = routes([from, to]);
    let bare = json!({});
    let spec = marked_spec(to);
    let holds: &[&str] = &["|ConfigMap||shared"];
    let decided =
        |first: Delivered, last: Delivered| decided(&known(holds, holds, &routes, [first, last]), &routes);
    let had = || standing(from, &bare, &[SHARED], &[]);
    // The first delivery of both: nobody has it.
    assert_eq!(decided(standing(from, &bare, &[], &[]), standing(to, &bare, &[], &[])), [1, 0, 0]);
    // The other one begins to hold it, has applied it, has marked it; another word came after that.
    assert_eq!(decided(had(), standing(to, &bare, &[], &[])), [0, 1, 0]);
    assert_eq!(decided(had(), standing(to, &bare, &[SHARED], &[])), [0, 1, 0]);
    assert_eq!(decided(had(), standing(to, &spec, &[SHARED], &[SHARED])), [1, 1, 0]);
    assert_eq!(decided(had(), standing(to, &spec, &[SHARED], &[])), [0, 1, 1]);
    // It is being let go of, and has been.
    let mut leaving = Manifest::owned_by(&two(), routes[0].workload.clone().unwrap(), json!({}));
    add(&mut leaving, patches(&[&shared()], from, "apps", deletion));
    let at_work = standing(from, &leaving.spec, &[SHARED], &[]);
    assert_eq!(decided(at_work, standing(to, &spec, &[SHARED], &[])), [1, 1, 1]);
    assert_eq!(
        decided(standing(from, &bare, &[], &[]), standing(to, &spec, &[SHARED], &[SHARED])),
        [1, 0, 0]
    );
}

#[rstest]
#[case::at_work(json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}))]
#[case::asked(json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: "1"}}}))]
#[case::held_back(json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": HELD_BACK}]}}))]
#[case::with_a_new_spec(json!({"metadata": {"generation": 4}}))]
fn what_is_in_flight_is_waited_for(#[case] change: Value) {
    let kind = FluxKind::Kustomization;
    let routes = routes([kind, kind]);
    let mut first = standing(kind, &json!({}), &[SHARED], &[]);
    let mut object = serde_json::to_value(&*first.object).unwrap();
    crate::mirror::patch::merge(&mut object, &change);
    first.object = Arc::new(serde_json::from_value(object).unwrap());
    let last = standing(kind, &marked_spec(kind), &[SHARED], &[SHARED]);
    let holds: &[&str] = &["|ConfigMap||shared"];
    assert_eq!(decided(&known(holds, holds, &routes, [first, last]), &routes), [0, 1, 0]);
}

#[rstest]
#[case::still_delivered_by_the_other("Directory", &[SHARED], &[], 1)]
#[case::gone("Directory", &[], &[], 0)]
#[case::delivered_by_both("Directory", &[SHARED], &[SHARED], 0)]
#[case::where_names_change("Kustomize", &[SHARED], &[], 0)]
fn what_another_source_gives_up_is_applied_after_it(
    #[case] source_type: &str,
    #[case] others: &[[&str; 4]],
    #[case] own: &[[&str; 4]],
    #[case] expected: usize,
) {
    let kind = FluxKind::Kustomization;
    let mut routes = routes([kind, kind]);
    routes[0].source_type = source_type.to_owned();
    let standing = [standing(kind, &json!({}), own, &[]), standing(kind, &json!({}), others, &[])];
    let context = known(&["|ConfigMap||shared"], &[], &routes, standing);
    assert_eq!(decided(&context, &routes), [expected, 0, 0]);
}

#[rstest]
#[case::at_work(4, 1)]
#[case::done(3, 0)]
fn what_has_been_given_up_may_still_have_to_be_deleted(#[case] generation: i64, #[case] expected: usize) {
    let kind = FluxKind::Kustomization;
    let routes = routes([kind, kind]);
    let own = standing(kind, &json!({}), &[], &[]);
    let mut other = own.clone();
    Arc::make_mut(&mut other.object).metadata.generation = Some(generation);
    let mut context = known(&["|ConfigMap||shared"], &[], &routes, [own, other]);
    assert_eq!(decided(&context, &routes), [0, 0, 0]);
    context.contested.insert(SHARED.map(str::to_owned));
    assert_eq!(decided(&context, &routes), [expected, 0, 0]);
}
