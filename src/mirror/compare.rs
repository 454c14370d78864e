//! Wanted objects beside live ones.

use serde_json::{Value, json};

use super::patch;
use crate::flux::{FluxKind, Live, Manifest, defaults};
use crate::translate::waiting;
use crate::{merge, names};

/// How a wanted object stands to the live one of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// There is none.
    Missing,
    /// It is as wanted.
    Matches,
    /// The bridge applied what it wants now; somebody edited it since.
    Edited,
    /// The wish changed since the bridge last applied it.
    Outdated,
    /// Nobody generated it: used as it is, never overwritten.
    Referenced,
    /// Another Application (`NAMESPACE/NAME`) owns it.
    Foreign(String),
    /// It is ours and being deleted.
    Deleting,
    /// It is ours, and what is wanted of it cannot be found out at the moment; or it is not looked at, since it would be
    /// somebody else's where the project lets the Application deliver nothing.
    Unknown,
}

/// Compares `wanted` with `live` on behalf of the Application with that identity.
pub fn relation(identity: &str, wanted: &Manifest, live: Option<Live<'_>>) -> Relation {
    let Some(live) = live else { return Relation::Missing };
    if !live.is_generated() {
        return Relation::Referenced;
    }
    match live.owner() {
        Some(owner) if owner != identity => Relation::Foreign(owner.to_owned()),
        _ if live.is_deleting() => Relation::Deleting,
        _ if waits_otherwise(wanted, live) => Relation::Matches,
        _ if !is_of_this_wish(wanted, live) && !stands_already(wanted, live) => Relation::Outdated,
        _ if is_as_wanted(wanted, live) => Relation::Matches,
        _ => Relation::Edited,
    }
}

/// The bridge applied, or found, what it wants now: the fingerprint on the live object says so.
pub fn is_of_this_wish(wanted: &Manifest, live: Live<'_>) -> bool {
    live.annotation(names::ANNOTATION_DIGEST) == Some(wanted.digest().as_str())
}

/// The bridge applied what it wants now, but for whether Flux waits for the health of what it delivers. That is nothing that
/// anybody has to sync: others may have begun to depend on the object since, and earlier versions always waited.
pub fn waits_otherwise(wanted: &Manifest, live: Live<'_>) -> bool {
    let is_applied = |told: &Manifest| is_of_this_wish(told, live) && is_as_wanted(told, live);
    !is_of_this_wish(wanted, live)
        && [true, false]
            .into_iter()
            .filter_map(|waits| waiting::told(wanted, waits))
            .any(|told| is_applied(&told))
}

/// The wish changed to what stands there anyway: an edit that was taken over into the Application.
///
/// To the letter: a `null` in chart values does not count as an edit, and still has to be written. A suspended object
/// does not deliver what stands there: its wish waits for a Sync like any other.
fn stands_already(wanted: &Manifest, live: Live<'_>) -> bool {
    if live.is_suspended() {
        return false;
    }
    let spec = spec_without_one_sync(wanted, live);
    let kind = wanted.key.kind;
    let is_same = |a: &Value, b: &Value| {
        merge::equal(&defaults::without_defaults(kind, a), &defaults::without_defaults(kind, b))
    };
    is_as_wanted(wanted, live) && is_same(&spec, &wanted.spec)
}

/// The live spec as comparisons see it: without the CRD's defaults, without what the bridge and people set for a time.
pub fn comparable_live(wanted: &Manifest, live: Live<'_>) -> Value {
    comparable(wanted, &spec_without_one_sync(wanted, live))
}

/// The wanted spec as comparisons see it.
pub fn comparable_wanted(wanted: &Manifest) -> Value {
    comparable(wanted, &wanted.spec)
}

/// What a Sync has set for its own time is no edit.
fn spec_without_one_sync(wanted: &Manifest, live: Live<'_>) -> Value {
    let mut spec = live.spec().clone();
    if live.annotation(names::ANNOTATION_FOR_ONE_SYNC).is_none() {
        return spec;
    }
    let mut put_back = |parent: &str, field: &str| {
        let wanted = wanted.spec.pointer(&format!("{parent}/{field}")).cloned();
        let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
        match wanted {
            Some(wanted) => fields.insert(field.to_owned(), wanted),
            None => fields.remove(field),
        };
    };
    if wanted.key.kind == FluxKind::HelmRelease {
        put_back("/driftDetection", "mode");
    } else {
        put_back("", "prune");
        put_back("", "force");
        put_back("", "dependsOn");
    }
    spec
}

fn is_as_wanted(wanted: &Manifest, live: Live<'_>) -> bool {
    let mut labels = wanted.labels.iter().filter(|(key, _)| !is_ignored(wanted, "labels", key));
    let labels = labels.all(|(key, value)| live.label(key) == Some(value));
    let mut annotations =
        wanted.annotations.iter().filter(|(key, _)| !is_ignored(wanted, "annotations", key));
    let annotations = annotations.all(|(key, value)| live.annotation(key) == Some(value));
    labels && annotations && surplus(wanted, &spec_without_one_sync(wanted, live)).is_none()
}

/// The merge patch of `spec` that turns the live spec into the wanted one; `None` when it is that already.
///
/// Defaults of the CRD do not count, nor does `suspend` unless it is wanted: the bridge and people set it for a time.
pub fn surplus(wanted: &Manifest, live_spec: &Value) -> Option<Value> {
    patch::between(&comparable(wanted, live_spec), &comparable_wanted(wanted))
}

/// The live spec beside the wanted one: the wish with the differences in it, so that what the comparison leaves out
/// (defaults, a suspension for a time, a correction of drift) is on both sides or on none.
pub fn live_beside(wanted: &Manifest, live: Live<'_>) -> Value {
    let mut spec = patch::without_nulls(wanted.spec.clone());
    let difference = patch::between(&comparable_wanted(wanted), &comparable_live(wanted, live));
    if let Some(difference) = difference {
        patch::merge(&mut spec, &difference);
    }
    spec
}

fn comparable(wanted: &Manifest, spec: &Value) -> Value {
    // A `null` in chart values is as good as nothing, and a merge patch could not write it.
    let mut spec = patch::without_nulls(defaults::without_defaults(wanted.key.kind, spec));
    if wanted.spec.get("suspend").is_none()
        && let Some(fields) = spec.as_object_mut()
    {
        fields.remove("suspend");
    }
    let mut object = json!({ "spec": spec });
    for pointer in &wanted.ignored {
        remove(&mut object, pointer);
    }
    object.get_mut("spec").map(Value::take).unwrap_or_default()
}

/// Takes away what a JSON pointer names, if it is there.
fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&key);
        }
        Some(Value::Array(items)) => {
            if let Some(index) = key.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Nobody cares what this label, or annotation, says.
fn is_ignored(wanted: &Manifest, map: &str, key: &str) -> bool {
    let pointer = format!("/metadata/{map}/{}", key.replace('~', "~0").replace('/', "~1"));
    let is_ignored = |ignored: &String| {
        pointer.strip_prefix(ignored.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    wanted.ignored.iter().any(is_ignored)
}

/// The merge patch that removes from a freshly applied object what others had added to it.
pub fn clean_up(wanted: &Manifest, live_spec: &Value) -> Option<Value> {
    surplus(wanted, live_spec).map(|spec| json!({ "spec": spec }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::flux::{FluxKind, ObjectKey};
    use kube::core::DynamicObject;
    use rstest::rstest;

    fn wanted() -> Manifest {
        let app: Application =
            serde_json::from_value(json!({"metadata": {"name": "demo", "namespace": "argocd"}})).unwrap();
        Manifest::owned_by(
            &app,
            ObjectKey::new(FluxKind::HelmRelease, "apps", "demo"),
            json!({"interval": "10m", "values": {"replicaCount": 4}}),
        )
    }

    fn related(edit: &Value) -> Relation {
        let mut object = wanted().to_value();
        patch::merge(&mut object, edit);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        relation("argocd/demo", &wanted(), Some(Live { kind: FluxKind::HelmRelease, object: &object }))
    }

    #[rstest]
    #[case::same(json!({}), Relation::Matches)]
    #[case::more_labels(json!({"metadata": {"labels": {"team": "a"}}}), Relation::Matches)]
    #[case::suspended_for_a_time(json!({"spec": {"suspend": true}}), Relation::Matches)]
    #[case::number_as_float(json!({"spec": {"values": {"replicaCount": 4.0}}}), Relation::Matches)]
    #[case::value_edited(json!({"spec": {"values": {"replicaCount": "2"}}}), Relation::Edited)]
    #[case::value_added(json!({"spec": {"values": {"color": "red"}}}), Relation::Edited)]
    #[case::label_edited(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}), Relation::Edited)]
    #[case::wish_changed(
        json!({"metadata": {"annotations": {"flux-subsystem.dev/digest": "old"}}, "spec": {"interval": "9m"}}),
        Relation::Outdated
    )]
    #[case::wish_changed_to_what_is(
        json!({"metadata": {"annotations": {"flux-subsystem.dev/digest": "old"}}}),
        Relation::Matches
    )]
    #[case::wish_changed_to_what_is_not_delivered(
        json!({"metadata": {"annotations": {"flux-subsystem.dev/digest": "old"}}, "spec": {"suspend": true}}),
        Relation::Outdated
    )]
    #[case::not_generated(json!({"metadata": {"labels": {"flamingo/generated": null}}}), Relation::Referenced)]
    #[case::other_owner(
        json!({"metadata": {"annotations": {"flux-subsystem.dev/application": "argocd/x"}}}),
        Relation::Foreign("argocd/x".into())
    )]
    fn relations(#[case] edit: Value, #[case] expected: Relation) {
        assert_eq!(related(&edit), expected);
    }

    /// What an earlier version applied, which always waited, and what is applied once nobody depends on it any more.
    #[rstest]
    #[case::waited(true, json!({}), Relation::Matches)]
    #[case::waited_and_suspended(true, json!({"spec": {"suspend": true}}), Relation::Matches)]
    #[case::waited_and_edited(true, json!({"spec": {"interval": "1m"}}), Relation::Outdated)]
    #[case::does_not_wait(false, json!({}), Relation::Matches)]
    #[case::told_by_hand(false, json!({"spec": {"install": {"disableWait": null}}}), Relation::Edited)]
    fn whether_flux_waits_is_no_new_wish(
        #[case] has_waited: bool,
        #[case] edit: Value,
        #[case] expected: Relation,
    ) {
        let action = json!({"crds": "Skip", "disableWait": true});
        let spec = json!({"interval": "10m", "install": action, "upgrade": action});
        let wanted = Manifest { spec, ..wanted() };
        let applied = waiting::told(&wanted, has_waited).unwrap();
        assert_eq!(applied == wanted, !has_waited);
        let mut object = applied.to_value();
        patch::merge(&mut object, &edit);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let live = Live { kind: FluxKind::HelmRelease, object: &object };
        assert_eq!(relation("argocd/demo", &wanted, Some(live)), expected);
        assert_eq!(waits_otherwise(&wanted, live), has_waited && expected == Relation::Matches);
    }

    #[rstest]
    #[case::value(&["/spec/values/replicaCount"], json!({"spec": {"values": {"replicaCount": 9}}}), Relation::Matches)]
    #[case::value_added(&["/spec/values/color"], json!({"spec": {"values": {"color": "red"}}}), Relation::Matches)]
    #[case::another_value(&["/spec/values/color"], json!({"spec": {"values": {"replicaCount": 9}}}), Relation::Edited)]
    #[case::everything(&["/spec"], json!({"spec": {"values": {"replicaCount": 9}, "interval": "1s"}}), Relation::Matches)]
    #[case::label(
        &["/metadata/labels/app.kubernetes.io~1managed-by"],
        json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}), Relation::Matches
    )]
    #[case::nowhere(&["/spec/values/a/b/0", "/x"], json!({"spec": {"interval": "1s"}}), Relation::Edited)]
    fn ignored_fields_do_not_count(
        #[case] ignored: &[&str],
        #[case] edit: Value,
        #[case] expected: Relation,
    ) {
        let wanted = Manifest { ignored: ignored.iter().map(ToString::to_string).collect(), ..wanted() };
        let mut object = wanted.to_value();
        patch::merge(&mut object, &edit);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let live = Live { kind: FluxKind::HelmRelease, object: &object };
        assert_eq!(relation("argocd/demo", &wanted, Some(live)), expected);
    }

    /// Helm's way to drop a default; whether the API server keeps the `null` does not matter.
    #[test]
    fn an_empty_value_is_as_good_as_none() {
        let mut wanted = wanted();
        wanted.spec["values"] = json!({"replicaCount": 4, "affinity": null});
        for live in [json!({"replicaCount": 4}), json!({"replicaCount": 4, "affinity": null})] {
            assert_eq!(surplus(&wanted, &json!({"interval": "10m", "values": live})), None);
        }
        let edited = json!({"interval": "10m", "values": {"replicaCount": 4, "affinity": {}}});
        assert_eq!(surplus(&wanted, &edited), Some(json!({"values": {"affinity": null}})));
    }

    #[test]
    fn a_null_that_is_newly_wanted_still_has_to_be_written() {
        let mut newer = wanted();
        newer.spec["values"]["affinity"] = Value::Null;
        let object: DynamicObject = serde_json::from_value(wanted().to_value()).unwrap();
        let live = Live { kind: FluxKind::HelmRelease, object: &object };
        assert_eq!(relation("argocd/demo", &newer, Some(live)), Relation::Outdated);
    }

    #[test]
    fn cleaning_up_removes_only_the_surplus() {
        let live = json!({"interval": "10m", "values": {"replicaCount": 4, "color": "red"}, "suspend": true});
        assert_eq!(clean_up(&wanted(), &live), Some(json!({"spec": {"values": {"color": null}}})));
    }
}
