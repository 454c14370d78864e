//! An object that goes from one source of an Application to another is never without somebody who delivers it.
//!
//! Neither controller asks anybody before it deletes what it no longer builds, but each spares what says so of itself. So
//! the source that takes an object marks it, and the one before it leaves it out once the mark is there. The mark goes when
//! both are done: all of it is told from how the workload objects stand.
//!
//! What a source gives up with a new commit Flux takes out of the cluster without asking the bridge. Then the one that
//! has it next applies it afterwards: an object that goes while Flux waits for its health is waited for until a timeout.

use serde_json::{Map, Value, json};

use super::patches::{add, deletion, patches};
use super::places::{AllPlaces, Identity, Places};
use super::{Context, Delivered, Route};
use crate::flux::fields;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::merge::deep_merge;
use crate::names::{self, KEPT_BY_HELM, KEPT_BY_KUSTOMIZATIONS};
use crate::project::RenderedObject;

/// What tells whose word was the last: whoever applies the object without the mark takes it off.
const TAKEN_OVER: (&str, &str) = (names::ANNOTATION_TAKEN_OVER, "true");
/// Why kustomize-controller holds an object back whose dependency is not ready (fluxcd/pkg `apis/meta/conditions.go`).
const HELD_BACK: &str = "DependencyNotReady";

/// How the objects of an Application's sources change hands.
pub(crate) struct Handover<'a> {
    context: &'a Context,
    routes: &'a [Route],
    places: &'a AllPlaces<'a>,
    destination_namespace: &'a str,
}

impl<'a> Handover<'a> {
    pub(crate) const fn new(
        context: &'a Context,
        routes: &'a [Route],
        places: &'a AllPlaces<'a>,
        destination_namespace: &'a str,
    ) -> Self {
        Self { context, routes, places, destination_namespace }
    }

    /// What the workload object of `source` has to leave out: what a later source delivers, and what another one has not
    /// let go of yet.
    pub(super) fn left_out(&self, source: usize) -> Vec<&'a RenderedObject> {
        let is_left_out = |(identity, places): &(&'a Identity, &'a Places<'a>)| match places.last() {
            Some(last) if last == source => self.is_to_be_waited_for(source, identity, places),
            Some(last) => {
                !self.delivers(source, identity)
                    || self.is_letting_go(source, places)
                    || (self.is_at_rest(source) && self.has_taken(last, identity, places))
            }
            None => false,
        };
        let held = self.places.iter().filter(|(_, places)| places.is_in(source));
        held.filter(is_left_out).flat_map(|(_, places)| places.of(source)).collect()
    }

    /// What the workload object of `source` takes from others, which still deliver it.
    pub(super) fn taken(&self, source: usize) -> Vec<&'a RenderedObject> {
        let is_delivered = |identity| (0..source).any(|other| self.delivers(other, identity));
        let shared = self.places.iter().filter(|(_, places)| places.is_shared());
        let taken =
            shared.filter(|(identity, places)| places.last() == Some(source) && is_delivered(identity));
        taken.flat_map(|(_, places)| places.of(source)).collect()
    }

    /// What it has marked, and another one has applied since, by the source that is to apply it again.
    pub(crate) fn taken_back(&self) -> impl Iterator<Item = (usize, &'a Identity)> {
        let sources = 0..self.routes.len();
        self.places.iter().filter_map(move |(identity, places)| {
            let last = places.last().filter(|last| self.is_taking(*last, identity, places))?;
            let is_delivered = sources.clone().any(|other| other < last && self.delivers(other, identity));
            (is_delivered && !self.has_taken(last, identity, places)).then_some((last, identity))
        })
    }

    fn standing(&self, source: usize) -> Option<(&'a ObjectKey, &'a Delivered)> {
        let key = self.routes.get(source)?.workload.as_ref()?;
        self.context.delivered.get_key_value(key)
    }

    fn delivers(&self, source: usize, identity: &Identity) -> bool {
        self.standing(source).is_some_and(|(_, standing)| standing.inventory.contains(identity))
    }

    /// The mark of `source` is on the object.
    fn has_taken(&self, source: usize, identity: &Identity, places: &Places<'_>) -> bool {
        let is_marked = |standing: &Delivered| standing.taken_over.contains(identity);
        self.is_taking(source, identity, places) && self.standing(source).is_some_and(|(_, it)| is_marked(it))
    }

    /// It has applied the object with the mark on it; somebody else may have taken that off.
    fn is_taking(&self, source: usize, identity: &Identity, places: &Places<'_>) -> bool {
        let Some((key, standing)) = self.standing(source) else { return false };
        let live = standing.live(key);
        let is_done = live.is_true("Ready") && live.is_observed() && standing.inventory.contains(identity);
        let objects: Vec<_> = places.of(source).collect();
        is_done && is_marked(live.spec(), key.kind, &objects, self.destination_namespace)
    }

    /// It has been told to leave the object out: no look in between takes that back.
    fn is_letting_go(&self, source: usize, places: &Places<'_>) -> bool {
        let Some((key, standing)) = self.standing(source) else { return false };
        let objects: Vec<_> = places.of(source).collect();
        let patches = patches(&objects, key.kind, self.destination_namespace, deletion);
        has_all(standing.live(key).spec(), &patches)
    }

    /// It does not apply anything at the moment, nor is about to: what is in flight would come after the mark.
    fn is_at_rest(&self, source: usize) -> bool {
        self.standing(source).is_some_and(|(key, standing)| is_at_rest(standing.live(key)))
    }

    /// Somebody who no longer holds the object delivers it still. Where `source` delivers it already, nothing is gained by
    /// waiting; and what a kustomization renames its patches do not reach.
    fn is_to_be_waited_for(&self, source: usize, identity: &Identity, places: &Places<'_>) -> bool {
        let renames = self.routes.get(source).is_some_and(|route| route.source_type == "Kustomize")
            && !self.context.rendered.contains_key(&source);
        // It may have said so before it deletes it.
        let is_leaving = |other: usize| self.context.contested.contains(identity) && !self.is_at_rest(other);
        let lets_go =
            |other: usize| !places.is_in(other) && (self.delivers(other, identity) || is_leaving(other));
        !renames && !self.delivers(source, identity) && (0..self.routes.len()).any(lets_go)
    }
}

fn is_at_rest(live: Live<'_>) -> bool {
    let asked = live.annotation(names::ANNOTATION_REQUESTED_AT);
    let is_answered = asked.is_none() || asked == live.text(fields::LAST_HANDLED_RECONCILE_AT);
    let is_done = live.condition("Ready").is_some_and(|ready| {
        ready.status != "Unknown" && ready.reason != HELD_BACK && live.is_about_this_spec(&ready)
    });
    is_answered && is_done
}

/// Marks what `workload` takes from others, for as long as they deliver it.
pub(super) fn mark(workload: &mut Manifest, objects: &[&RenderedObject], destination_namespace: &str) {
    if workload.key.kind == FluxKind::HelmRelease {
        add(workload, patches(objects, FluxKind::HelmRelease, destination_namespace, marked));
    } else {
        // Whatever renames its objects; itself it asks for another mark.
        let marks = annotations(&[TAKEN_OVER, KEPT_BY_HELM]);
        deep_merge(&mut workload.spec, json!({"commonMetadata": {"annotations": marks}}));
    }
}

/// Whether [`mark`] has been called on what `spec` was made from.
fn is_marked(spec: &Value, kind: FluxKind, objects: &[&RenderedObject], destination_namespace: &str) -> bool {
    if kind != FluxKind::HelmRelease {
        let (name, value) = TAKEN_OVER;
        return spec["commonMetadata"]["annotations"][name] == value;
    }
    has_all(spec, &patches(objects, kind, destination_namespace, marked))
}

/// Whether a workload object changes what it builds by all of these.
fn has_all(spec: &Value, patches: &[Value]) -> bool {
    let renderers = spec["postRenderers"].as_array().into_iter().flatten();
    let of_renderers = renderers.map(|renderer| &renderer["kustomize"]["patches"]);
    let lists = of_renderers.chain([&spec["patches"]]).filter_map(Value::as_array);
    let there: Vec<&Value> = lists.flatten().collect();
    patches.iter().all(|patch| there.contains(&patch))
}

fn marked(object: &mut Value) {
    let marks = annotations(&[TAKEN_OVER, KEPT_BY_HELM, KEPT_BY_KUSTOMIZATIONS]);
    deep_merge(object, json!({"metadata": {"annotations": marks}}));
}

fn annotations(marks: &[(&str, &str)]) -> Map<String, Value> {
    marks.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

#[cfg(test)]
mod tests;
