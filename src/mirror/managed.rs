//! Wanted and live Flux objects side by side, as Argo CD's server hands them to `argocd app diff` and to the page of
//! differences (argo-cd `pkg/apis/application/v1alpha1/types.go`, `ResourceDiff`).
//!
//! The page compares `normalizedLiveState` with `predictedLiveState`. The CLI makes a three-way difference of its own
//! (argo-cd `cmd/argocd/commands/app_diff.go`, gitops-engine `pkg/diff/diff.go`): it stamps `targetState` with the
//! tracking marks of Argo CD and lays it over `normalizedLiveState`, from which it removes what that names as applied
//! last and the target lacks. All of them come out empty exactly where the resource is `Synced`.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::compare::{self, Relation};
use super::live::NodeKey;
use super::resource::Resource;
use super::view::View;
use super::{patch, sync_word};
use crate::flux::{Live, Manifest, ObjectKey};
use crate::merge::deep_merge;
use crate::names;

/// Where kubectl, and Argo CD, keep what was applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Requests to Flux, and the bridge's own notes: they come and go without anybody having wished for something else.
const PASSING: [&str; 3] = [names::ANNOTATION_SUSPENDED, names::ANNOTATION_FOR_ONE_SYNC, LAST_APPLIED];
/// Prefix of the annotations that ask Flux to reconcile (fluxcd/pkg `apis/meta/annotations.go`).
const REQUESTS: &str = "reconcile.fluxcd.io/";

/// Array of `ResourceDiff`, in Argo CD's order.
pub fn to_json(view: &View<'_>) -> Value {
    let known = view.resources.iter().map(|resource| (NodeKey::from(&resource.key), known(view, resource)));
    let stale = view.stale.iter().map(|live| (NodeKey::from(&live.key()), stale(view, *live)));
    let mut all: Vec<_> = known.chain(stale).map(|(key, diff)| (key.full_name(), diff)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, diff)| diff).collect()
}

/// What is compared with what: whole objects, or null.
struct Sides {
    target: Value,
    live: Value,
    predicted: Value,
}

fn known(view: &View<'_>, resource: &Resource<'_>) -> Value {
    let sides = match (resource.live, resource.manifest) {
        (None, None) => {
            Sides { target: bare(&resource.key), live: Value::Null, predicted: bare(&resource.key) }
        }
        (None, Some(wanted)) => {
            Sides { target: wanted.to_value(), live: Value::Null, predicted: wanted.to_value() }
        }
        (Some(_), _) if !is_permitted(view, &resource.key) => {
            return resource_diff(&resource.key, None, &withheld(view, resource));
        }
        (Some(live), _) => beside(view, resource, live),
    };
    resource_diff(&resource.key, resource.live, &sides)
}

/// What waits to be pruned has no wish beside it.
fn stale(view: &View<'_>, live: Live<'_>) -> Value {
    let key = live.key();
    let shown = Some(live).filter(|_| is_permitted(view, &key));
    let found = shown.map_or_else(|| marked(view, &key, bare(&key)), |live| normalized(view, live, None));
    let sides = Sides { target: Value::Null, live: found, predicted: Value::Null };
    resource_diff(&key, shown, &sides)
}

/// Contents are for those who could have them from Argo CD's server, which asks the project.
fn is_permitted(view: &View<'_>, key: &ObjectKey) -> bool {
    NodeKey::from(key).is_permitted(&view.permissions)
}

/// Of a live object that the project does not permit nothing is shown but whether it is `Synced`: beside a wish of the
/// Application's own, as that wish or as nothing; else with what is delivered, and what should be.
fn withheld(view: &View<'_>, resource: &Resource<'_>) -> Sides {
    let key = &resource.key;
    let is_synced = sync_word::resource_sync(view, resource) == "Synced";
    let wanted = resource.manifest.filter(|_| is_ours(resource));
    let mut target = wanted.map_or_else(|| bare(key), Manifest::to_value);
    let found = if is_synced { target.clone() } else { bare(key) };
    let mut found = marked(view, key, found);
    if is_synced || resource.relation == Relation::Unknown {
        return Sides { target, predicted: found.clone(), live: found };
    }
    if wanted.is_none() {
        let (is, should_be) = undelivered(view, key, true).unwrap_or_default();
        let note = |text: String| json!({"metadata": {"annotations": {names::ANNOTATION_DELIVERED: text}}});
        patch::merge(&mut found, &note(is));
        patch::merge(&mut target, &note(should_be));
    }
    Sides { predicted: predicted(&found, &target), target, live: found }
}

/// `object` with the marks that the CLI looks for.
fn marked(view: &View<'_>, key: &ObjectKey, mut object: Value) -> Value {
    let (mut labels, mut annotations) = (Map::new(), Map::new());
    mark(view, key, &mut labels, &mut annotations);
    patch::merge(&mut object, &json!({"metadata": {"labels": labels, "annotations": annotations}}));
    object
}

/// An object that somebody else should have made.
fn bare(key: &ObjectKey) -> Value {
    let metadata = json!({"name": key.name, "namespace": key.namespace});
    json!({"apiVersion": key.kind.api_version(), "kind": key.kind.kind(), "metadata": metadata})
}

fn resource_diff(key: &ObjectKey, live: Option<Live<'_>>, sides: &Sides) -> Value {
    let text = |value: &Value| value.to_string();
    let mut diff = json!({
        "group": key.kind.group(),
        "kind": key.kind.kind(),
        "namespace": key.namespace,
        "name": key.name,
        "targetState": text(&sides.target),
        "liveState": live.map_or_else(|| "null".to_owned(), |live| text(&whole(live))),
        "normalizedLiveState": text(&sides.live),
        "predictedLiveState": text(&sides.predicted),
    });
    if let Some(version) = live.and_then(|live| live.object.metadata.resource_version.as_ref()) {
        deep_merge(&mut diff, json!({"resourceVersion": version}));
    }
    if sides.live != sides.predicted {
        deep_merge(&mut diff, json!({"modified": true}));
    }
    diff
}

/// The live object as the API server has it; objects of a list do not say what they are.
fn whole(live: Live<'_>) -> Value {
    let mut value = json!(live.object);
    deep_merge(&mut value, json!({"apiVersion": live.kind.api_version(), "kind": live.kind.kind()}));
    value
}

/// What is wanted of it counts.
fn is_ours(resource: &Resource<'_>) -> bool {
    !matches!(resource.relation, Relation::Referenced | Relation::Unknown)
}

fn beside(view: &View<'_>, resource: &Resource<'_>, live: Live<'_>) -> Sides {
    let is_synced = sync_word::resource_sync(view, resource) == "Synced";
    let wanted = resource.manifest.filter(|_| is_ours(resource));
    let mut found = normalized(view, live, wanted);
    let mut target = wanted.map_or_else(|| found.clone(), Manifest::to_value);
    if resource.relation == Relation::Unknown || is_synced {
        return Sides { target, predicted: found.clone(), live: found };
    }
    if let Some(since) = &live.object.metadata.deletion_timestamp {
        deep_merge(&mut found, json!({"metadata": {"deletionTimestamp": since}}));
    }
    let is_as_wanted = predicted(&found, &target) == found;
    if let Some((is, should_be)) = undelivered(view, &resource.key, is_as_wanted) {
        annotate(&mut found, names::ANNOTATION_DELIVERED, &is);
        annotate(&mut target, names::ANNOTATION_DELIVERED, &should_be);
    }
    let predicted = predicted(&found, &target);
    if predicted == found {
        // It was applied from a wish that came to the same.
        let older = live.annotation(names::ANNOTATION_DIGEST).unwrap_or_default();
        annotate(&mut found, names::ANNOTATION_DIGEST, older);
    }
    remember(&mut found, &target);
    Sides { predicted: with_last_applied(predicted, &found), target, live: found }
}

/// The live object without what only Kubernetes, Flux and the bridge care for, with Argo CD's marks.
///
/// Beside a wish, its spec is that wish with the differences in it: what the comparison leaves out does not show.
fn normalized(view: &View<'_>, live: Live<'_>, wanted: Option<&Manifest>) -> Value {
    let metadata = &live.object.metadata;
    let mut labels = text_map(metadata.labels.iter().flatten());
    let kept = metadata.annotations.iter().flatten().filter(|(key, _)| is_kept(key, wanted));
    let mut annotations = text_map(kept);
    if let Some(wanted) = wanted {
        annotations.insert(names::ANNOTATION_DIGEST.to_owned(), json!(wanted.digest()));
    }
    mark(view, &live.key(), &mut labels, &mut annotations);
    let spec = wanted.map_or_else(|| live.spec().clone(), |wanted| compare::live_beside(wanted, live));
    json!({
        "apiVersion": live.kind.api_version(),
        "kind": live.kind.kind(),
        "metadata": {
            "name": live.name(), "namespace": live.namespace(), "labels": labels, "annotations": annotations,
        },
        "spec": spec,
    })
}

fn text_map<'a>(fields: impl Iterator<Item = (&'a String, &'a String)>) -> Map<String, Value> {
    fields.map(|(key, value)| (key.clone(), json!(value))).collect()
}

fn is_kept(key: &str, wanted: Option<&Manifest>) -> bool {
    let is_passing = PASSING.contains(&key) || key.starts_with(REQUESTS);
    !is_passing || wanted.is_some_and(|wanted| wanted.annotations.contains_key(key))
}

/// The marks that the CLI puts on the target before it compares.
fn mark(
    view: &View<'_>,
    key: &ObjectKey,
    labels: &mut Map<String, Value>,
    annotations: &mut Map<String, Value>,
) {
    let observed = view.observed;
    let app = observed.app.instance_name(&observed.control_namespace);
    let (group, kind) = (key.kind.group(), key.kind.kind());
    let id = format!("{app}:{group}/{kind}:{}/{}", key.namespace, key.name);
    annotations.insert(names::ANNOTATION_TRACKING_ID.to_owned(), json!(id));
    if !observed.tracking.installation_id.is_empty() {
        annotations
            .insert(names::ANNOTATION_INSTALLATION_ID.to_owned(), json!(observed.tracking.installation_id));
    }
    // argo-cd `util/argo/resource_tracking.go`, `TruncateLabel`.
    labels.insert(
        observed.tracking.label.clone(),
        json!(app.chars().take(names::MAX_LABEL_VALUE).collect::<String>()),
    );
}

/// A workload object may be as wanted, and not have delivered what it should: what it has delivered, and what it should
/// have. What Flux is at is told where nothing else does (`is_as_wanted`).
fn undelivered(view: &View<'_>, key: &ObjectKey, is_as_wanted: bool) -> Option<(String, String)> {
    let leg = view.leg_of(key)?;
    let condition = |kind: &str| leg.parts.workload.and_then(|workload| workload.condition(kind));
    if let Some(drifted) = condition("Drifted").filter(|_| leg.has_drifted()) {
        return Some((drifted.message.to_owned(), "nothing has drifted".to_owned()));
    }
    let delivery = &leg.delivery;
    if delivery.is_current {
        return None;
    }
    if delivery.available.is_empty() || delivery.available == delivery.delivered {
        let (status, message) =
            condition("Ready").map_or(("Unknown", ""), |ready| (ready.status, ready.message));
        return is_as_wanted.then(|| (format!("Ready={status}: {message}"), "Ready=True".to_owned()));
    }
    Some((delivery.delivered.clone(), delivery.available.clone()))
}

/// What the object is after a Sync: labels and annotations of others stay, everything else is as wanted.
fn predicted(live: &Value, target: &Value) -> Value {
    let mut metadata = live["metadata"].clone();
    patch::merge(&mut metadata, &target["metadata"]);
    patch::merge(&mut metadata, &json!({"deletionTimestamp": null}));
    let mut predicted = patch::without_nulls(target.clone());
    if let Some(fields) = predicted.as_object_mut() {
        fields.insert("metadata".to_owned(), metadata);
    }
    predicted
}

/// Names what was applied last, so that the CLI sees what the wish does not hold any more: all of the live object, but of
/// labels and annotations only the wanted ones.
fn remember(live: &mut Value, target: &Value) {
    let mut applied = live.clone();
    for field in ["labels", "annotations"] {
        if let Some(fields) =
            applied.pointer_mut(&format!("/metadata/{field}")).and_then(Value::as_object_mut)
        {
            fields.retain(|key, _| target["metadata"][field].get(key).is_some());
        }
    }
    annotate(live, LAST_APPLIED, &applied.to_string());
}

fn annotate(object: &mut Value, name: &str, value: &str) {
    deep_merge(object, json!({"metadata": {"annotations": {name: value}}}));
}

fn with_last_applied(mut predicted: Value, live: &Value) -> Value {
    annotate(
        &mut predicted,
        LAST_APPLIED,
        live["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or_default(),
    );
    predicted
}
