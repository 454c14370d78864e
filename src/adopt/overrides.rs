//! The annotations `flamingo/KIND-override` and `flamingo/KIND-replace`: what they set stays theirs, and what the
//! Application has no field for goes into the first one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::changes::{self, Change};
use super::edited::Edited;
use super::place::{OVERRIDE, Place, REPLACE, spec_of};
use crate::argo::Application;
use crate::flux::{Live, Manifest};
use crate::merge as merging;
use crate::translate::Segment;

/// Takes out of the annotations what somebody took out of the live object.
pub(super) fn forget_removed(app: &mut Application, place: &Place, wanted: &Value, live: &Value) {
    let removed: Vec<Change> =
        changes::between(wanted, live).into_iter().filter(|change| change.value.is_none()).collect();
    for (suffix, address) in annotations(place) {
        let Some(mut map) = place.read(app, suffix, address) else { continue };
        for change in &removed {
            match spec_of(&mut map, suffix) {
                Some(spec) => remove(spec, &change.path),
                None if suffix == REPLACE => {
                    let mut bare = Value::Object(std::mem::take(&mut map));
                    remove(&mut bare, &change.path);
                    map = if let Value::Object(bare) = bare { bare } else { Map::new() };
                }
                None => {}
            }
        }
        if suffix == OVERRIDE && map.get("spec").and_then(Value::as_object).is_some_and(Map::is_empty) {
            map.remove("spec");
        }
        place.write(app, suffix, address, map);
    }
}

/// Every annotation that may reach the object.
fn annotations(place: &Place) -> impl Iterator<Item = (&'static str, &str)> {
    [OVERRIDE, REPLACE].into_iter().flat_map(|suffix| place.addresses().map(move |address| (suffix, address)))
}

fn remove(place: &mut Value, path: &[Segment]) {
    match (place, path) {
        (Value::Object(map), [Segment::Key(key)]) => {
            map.remove(key);
        }
        (Value::Object(map), [Segment::Key(key), rest @ ..]) => {
            if let Some(inner) = map.get_mut(key) {
                remove(inner, rest);
                // What held nothing else says nothing any more.
                if inner.as_object().is_some_and(Map::is_empty) {
                    map.remove(key);
                }
            }
        }
        (Value::Array(list), [Segment::Index(index), rest @ ..]) if !rest.is_empty() => {
            if let Some(inner) = list.get_mut(*index) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

/// Merges a merge patch of the spec into the override: null takes a field away there too.
pub(super) fn merge(app: &mut Application, place: &Place, patch: Value) {
    let mut map = place.read(app, OVERRIDE, place.own()).unwrap_or_default();
    let spec = map.entry("spec").or_insert_with(|| Value::Object(Map::new()));
    merging::deep_merge(spec, patch);
    place.write(app, OVERRIDE, place.own(), map);
}

/// Labels and annotations that are wanted and differ, as `(field, key, live value)`.
fn differing<'a>(
    wanted: &'a Manifest,
    live: Live<'a>,
) -> impl Iterator<Item = (&'static str, &'a str, Option<String>)> {
    let of = move |field: &'static str, wanted: &'a BTreeMap<String, String>| {
        wanted.iter().filter_map(move |(key, value)| {
            let found = if field == "labels" { live.label(key) } else { live.annotation(key) };
            (found != Some(value)).then(|| (field, key.as_str(), found.map(str::to_owned)))
        })
    };
    of("labels", &wanted.labels).chain(of("annotations", &wanted.annotations))
}

/// Whether there is any.
pub(super) fn metadata_differs(wanted: &Manifest, live: Live<'_>) -> bool {
    differing(wanted, live).next().is_some()
}

/// The same as messages name them.
pub(super) fn metadata_edits<'a>(object: &'a Edited<'_>) -> impl Iterator<Item = String> + 'a {
    differing(&object.wanted, object.live).map(|(field, key, _)| format!("metadata.{field}[{key}]"))
}

/// A label or annotation that says whose the object is, and was changed.
pub(super) fn own_metadata(object: &Edited<'_>) -> Option<String> {
    let own = Manifest::owned_by(&Application::default(), object.key().clone(), Value::Null);
    let is_own = |key: &str| own.labels.contains_key(key) || own.annotations.contains_key(key);
    let found = differing(&object.wanted, object.live).find(|(_, key, _)| is_own(key));
    found.map(|(field, key, _)| format!("metadata.{field}[{key}]"))
}

/// Takes over changed labels and annotations into the annotation that holds them.
pub(super) fn keep_metadata(app: &mut Application, object: &Edited<'_>) {
    for (suffix, address) in annotations(&object.place) {
        let Some(mut map) = object.place.read(app, suffix, address) else { continue };
        for (field, key, live) in differing(&object.wanted, object.live) {
            let fields = map.get_mut("metadata").and_then(|metadata| metadata.get_mut(field));
            let Some(Value::Object(entries)) = fields else { continue };
            match live {
                Some(live) if entries.contains_key(key) => {
                    entries.insert(key.to_owned(), Value::String(live));
                }
                _ => {
                    entries.remove(key);
                }
            }
        }
        object.place.write(app, suffix, address, map);
    }
}
