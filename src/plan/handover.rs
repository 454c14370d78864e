//! An object that goes from one source to another: the workload object that no longer builds it deletes it, perhaps after the
//! other one has applied it (Helm asks nobody; Flux spares what carries another Kustomization's labels). The other one is
//! asked to apply it again, instead of at its next interval.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Step, request};
use crate::flux::fields;
use crate::flux::{FluxKind, Live};
use crate::merge::deep_merge;
use crate::mirror::{Leg, NodeKey, View, WorkloadState, inventory};
use crate::names;
use crate::translate::handover::Handover;
use crate::translate::places::{self, AllPlaces, Identity};

/// Beginning of what a workload object is asked with.
const TAKEN_OVER: &str = "taken-over-";
/// Value of the mark on a release whose drift is corrected for this.
const UNTIL_ANSWERED: &str = "until-answered";

/// The requests to the workload objects whose objects others have deleted or applied.
pub(super) fn steps(view: &View<'_>) -> Vec<Step> {
    let observed = view.observed;
    let is_at_rest = |leg: &Leg<'_>| matches!(leg.workload, WorkloadState::Ready(_));
    if !observed.live_objects.is_complete || !view.generates() || !view.deliveries().all(is_at_rest) {
        return Vec::new();
    }
    let places = places::places(&observed.app, &observed.context).unwrap_or_default();
    let requests: BTreeMap<usize, String> =
        taken_back(view, &places).into_iter().chain(deleted(view, &places)).collect();
    requests.into_iter().filter_map(|(source, what)| ask(view, source, &what)).collect()
}

/// Sources of which something is gone that another workload object has delivered as well, each with what it is asked for:
/// once for each state that the others were brought to.
fn deleted(view: &View<'_>, places: &AllPlaces<'_>) -> Vec<(usize, String)> {
    let known = &view.observed.context.contested;
    let contested =
        places.iter().filter(|(identity, places)| places.is_shared() || known.contains(*identity));
    let requests =
        contested.filter(|(identity, _)| is_deleted(view, identity)).filter_map(|(identity, places)| {
            let source = places.last()?;
            let live = view.legs.get(source)?.parts.workload?;
            let is_its = inventory::entries(live).any(|entry| entry.node_key() == node(identity));
            is_its.then(|| (source, state_of_others(view, source)))
        });
    requests.collect()
}

fn state_of_others(view: &View<'_>, source: usize) -> String {
    let others = view.legs.iter().enumerate().filter(|(index, _)| *index != source);
    let states = others.filter_map(|(_, leg)| {
        let live = leg.parts.workload?;
        let generation = live.object.metadata.generation.unwrap_or_default();
        Some(format!("{generation}@{}", leg.delivery.delivered))
    });
    states.collect::<Vec<_>>().join("-")
}

/// Sources that were about to take over what another one has applied since.
fn taken_back(view: &View<'_>, places: &AllPlaces<'_>) -> Vec<(usize, String)> {
    let observed = view.observed;
    let namespace = &observed.app.spec.destination.namespace;
    let handover = Handover::new(&observed.context, &observed.translation.routes, places, namespace);
    let requests = handover.taken_back().map(|(source, identity)| {
        let found = observed.live_objects.nodes.get(&node(identity));
        (source, found.map_or("0", |node| &node.resource_version).to_owned())
    });
    requests.collect()
}

/// Whether the answer to such a request is still to come: until then the mark on the object stays.
pub(super) fn is_waiting(live: Live<'_>) -> bool {
    live.annotation(names::ANNOTATION_FOR_ONE_SYNC) == Some(UNTIL_ANSWERED)
        && live.annotation(names::ANNOTATION_REQUESTED_AT) != live.text(fields::LAST_HANDLED_RECONCILE_AT)
}

fn node([group, kind, namespace, name]: &Identity) -> NodeKey {
    NodeKey { group: group.clone(), kind: kind.clone(), namespace: namespace.clone(), name: name.clone() }
}

fn is_deleted(view: &View<'_>, identity: &Identity) -> bool {
    let live_objects = &view.observed.live_objects;
    let kind = (identity[0].clone(), identity[1].clone());
    let key = node(identity);
    // What the project does not permit is not looked at.
    let is_hidden = live_objects.unreadable.contains(&kind) || !key.is_permitted(&view.permissions);
    !is_hidden && !live_objects.nodes.contains_key(&key)
}

fn ask(view: &View<'_>, source: usize, what: &str) -> Option<Step> {
    let live =
        view.legs.get(source)?.parts.workload.filter(|live| !live.is_suspended() && !live.is_deleting())?;
    let token = request::beside(live, TAKEN_OVER, what)?;
    let mut patch = json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: token}}});
    // On `warn` Flux would only look at what is missing of a release.
    if live.kind == FluxKind::HelmRelease && live.text(fields::DRIFT_DETECTION_MODE) == Some("warn") {
        let correct = json!({
            "metadata": {"annotations": {names::ANNOTATION_FOR_ONE_SYNC: UNTIL_ANSWERED}},
            "spec": {"driftDetection": {"mode": "enabled"}},
        });
        deep_merge(&mut patch, correct);
    }
    Some(Step::PatchObject { key: live.key(), patch })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use serde_json::Value;

    use super::*;
    use crate::mirror::fixtures::{Object, app, chart_source, git_source, helm_release, kustomization};
    use crate::mirror::{Node, Observed};
    use crate::project::RenderedObject;

    const SHARED: &str = "apps_shared__ConfigMap";

    fn delivering(object: Object) -> Object {
        object.ready("1").with(json!({"status": {"inventory": {"entries": [{"id": SHARED, "v": "v1"}]}}}))
    }

    /// Two sources with one object, of which nothing is live.
    fn observed(is_chart_last: bool) -> Observed {
        let (chart, git) = (chart_source("6.3.5"), git_source("demo", "web"));
        let sources = if is_chart_last { [git, chart] } else { [chart, git] };
        let mut observed = app("demo").sources(&sources).observed();
        let shared = RenderedObject {
            kind: "ConfigMap".to_owned(),
            version: "v1".to_owned(),
            name: "shared".to_owned(),
            is_namespaced: Some(true),
            ..RenderedObject::default()
        };
        observed.context.objects = (0..2).map(|index| (index, Ok(vec![shared.clone()]))).collect();
        let objects = if is_chart_last {
            [(kustomization().ready("1"), "demo"), (delivering(helm_release()), "demo-2")]
        } else {
            [(helm_release().ready("1"), "demo"), (delivering(kustomization()), "demo-2")]
        };
        for (object, name) in objects {
            let (key, live) = object.named(name, &observed.translation.objects);
            observed.objects.insert(key, Arc::new(live));
        }
        observed.live_objects.is_complete = true;
        observed
    }

    fn asked(observed: &Observed) -> Vec<(String, Value)> {
        let all = steps(&View::of(observed)).into_iter().filter_map(|step| match step {
            Step::PatchObject { key, patch } => Some((key.name, patch)),
            _ => None,
        });
        all.collect()
    }

    #[rstest]
    #[case::folder(false, Value::Null)]
    #[case::chart(true, json!("enabled"))]
    fn who_delivers_it_is_asked_once(#[case] is_chart_last: bool, #[case] mode: Value) {
        let mut observed = observed(is_chart_last);
        let requests = asked(&observed);
        let [(name, patch)] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!((name.as_str(), &patch["spec"]["driftDetection"]["mode"]), ("demo-2", &mode));
        let key = observed.objects.keys().find(|key| key.name == *name).unwrap().clone();
        let mut object = (*observed.objects[&key]).clone();
        let token = patch["metadata"]["annotations"][names::ANNOTATION_REQUESTED_AT].as_str().unwrap();
        object
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(names::ANNOTATION_REQUESTED_AT.to_owned(), token.to_owned());
        observed.objects.insert(key, Arc::new(object));
        assert_eq!(asked(&observed), []);
    }

    #[test]
    fn what_has_just_changed_hands_is_asked_for_too() {
        let mut observed = observed(false);
        observed.context.objects.insert(0, Ok(Vec::new()));
        assert_eq!(asked(&observed), []);
        observed.context.contested.insert(["", "ConfigMap", "apps", "shared"].map(str::to_owned));
        let requests = asked(&observed);
        assert!(matches!(requests.as_slice(), [(name, _)] if name == "demo-2"), "{requests:?}");
    }

    #[test]
    fn what_is_there_or_cannot_be_seen_is_left_alone() {
        let mut unknown = observed(false);
        unknown.live_objects.is_complete = false;
        assert_eq!(asked(&unknown), []);

        let mut unreadable = observed(false);
        unreadable.live_objects.unreadable.insert((String::new(), "ConfigMap".to_owned()));
        assert_eq!(asked(&unreadable), []);

        let mut there = observed(false);
        let object = json!({"metadata": {"name": "shared", "namespace": "apps"}});
        let node = Node::of("", "v1", "ConfigMap", &serde_json::from_value(object).unwrap());
        there.live_objects.nodes.insert(node.key.clone(), Arc::new(node));
        assert_eq!(asked(&there), []);

        let mut of_one = observed(false);
        of_one.context.objects.insert(0, Ok(Vec::new()));
        assert_eq!(asked(&of_one), []);
    }
}
