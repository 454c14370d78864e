//! Changed Helm values → the parameter that has that path, or else `valuesObject`.

use serde_json::{Map, Value};

use super::changes::{self, Change, at};
use super::place::{self, Place};
use super::set_text;
use crate::argo::Application;
use crate::argo::source::{HelmParameter, HelmSource};
use crate::translate::{Segment, target};
use crate::yaml;

/// Writes the differences between `spec.values` of a `HelmRelease` into the Helm settings of the source, and says what is
/// worth knowing about it.
///
/// What an annotation sets is left to the annotation.
pub(super) fn keep(app: &mut Application, place: &Place, wanted: &Value, live: &Value) -> Vec<String> {
    let none = Value::Object(Map::new());
    let values = |spec: &'_ Value| spec.get("values").cloned().unwrap_or_else(|| none.clone());
    let (wanted, live) = (values(wanted), values(live));
    let mut found = changes::between(&wanted, &live);
    found.retain(|change| change.value.is_none() || !place::sets(app, place, "values", &change.path));
    let Some(source) = super::fields::sources(app, place).next() else { return Vec::new() };
    let helm = source.helm.get_or_insert_default();
    let before = base(helm);
    let mut values = before.clone();
    for change in &found {
        one(helm, &mut values, change, &live);
    }
    let mut notes = Vec::new();
    if values != before {
        notes.extend(write_base(helm, values));
    }
    if *helm == HelmSource::default() {
        source.helm = None;
    }
    notes
}

/// What Argo CD takes before the parameters: `valuesObject`, or else `values`.
fn base(helm: &HelmSource) -> Value {
    let value = match &helm.values_object {
        Some(object) => object.clone(),
        // The Application was translated: it can be read.
        None => yaml::parse(&helm.values).unwrap_or_default(),
    };
    if value.is_object() { value } else { Value::Object(Map::new()) }
}

fn write_base(helm: &mut HelmSource, values: Value) -> Option<String> {
    let has_text = helm.values_object.is_none() && !helm.values.is_empty();
    if has_text && holds_null(&values) {
        // A merge patch cannot write a null into an object; as text it stays.
        helm.values = yaml::write(&values).ok()?;
        return Some("helm.values is written anew: its comments are lost".to_owned());
    }
    let is_needed =
        helm.values_object.is_some() || values.as_object().is_some_and(|values| !values.is_empty());
    helm.values_object = is_needed.then_some(values);
    helm.values.clear();
    has_text.then(|| {
        "helm.values became helm.valuesObject, since Argo CD never merges the two: its comments are lost"
            .to_owned()
    })
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(holds_null),
        _ => false,
    }
}

fn one(helm: &mut HelmSource, values: &mut Value, change: &Change, live: &Value) {
    let path = change.path.as_slice();
    let targets = targets(&helm.parameters);
    // Parameters below a value that changed as a whole.
    for below in targets.iter().filter(|target| target.len() > path.len() && target.starts_with(path)) {
        if !set_parameter(&mut helm.parameters, below, at(live, below)) {
            remove_parameter(&mut helm.parameters, below);
        }
    }
    // The parameter that sets it, or the list that it stands in.
    match targets.iter().find(|target| path.starts_with(target)) {
        Some(target) if set_parameter(&mut helm.parameters, target, at(live, target)) => {}
        Some(target) => {
            remove_parameter(&mut helm.parameters, target);
            put(values, target, live);
        }
        None => put(values, path, live),
    }
}

/// The places that parameters set, each once.
fn targets(parameters: &[HelmParameter]) -> Vec<Vec<Segment>> {
    let mut targets: Vec<_> = parameters.iter().filter_map(|parameter| target(&parameter.name)).collect();
    targets.dedup();
    targets
}

/// Whether the value can be said by the parameter, which then says it alone.
fn set_parameter(parameters: &mut Vec<HelmParameter>, path: &[Segment], value: Option<&Value>) -> bool {
    let is_here = |parameter: &HelmParameter| target(&parameter.name).as_deref() == Some(path);
    // `--set-string` comes after `--set`, and the last of a name counts.
    let of_path = parameters.iter().enumerate().filter(|(_, parameter)| is_here(parameter));
    let Some((index, last)) = of_path.max_by_key(|(index, parameter)| (parameter.force_string, *index))
    else {
        return false;
    };
    let Some((text, force_string)) = value.and_then(|value| set_text::of(value, last.force_string)) else {
        return false;
    };
    let said = HelmParameter { name: last.name.clone(), value: text, force_string };
    if let Some(parameter) = parameters.get_mut(index) {
        *parameter = said;
    }
    let mut position = 0..;
    parameters.retain(|parameter| position.next() == Some(index) || !is_here(parameter));
    true
}

fn remove_parameter(parameters: &mut Vec<HelmParameter>, path: &[Segment]) {
    parameters.retain(|parameter| target(&parameter.name).as_deref() != Some(path));
}

/// Makes `values` hold at `path` what `live` holds there, or nothing.
fn put(values: &mut Value, path: &[Segment], live: &Value) {
    let Some((end, way)) = path.split_last() else { return };
    let wanted = at(live, path);
    let mut place = values;
    for (depth, segment) in way.iter().enumerate() {
        let here = at(live, &path[..=depth]);
        let Some(inner) = step(place, segment, here) else { return };
        place = inner;
    }
    match (place, end, wanted) {
        (Value::Object(map), Segment::Key(key), Some(value)) => {
            map.insert(key.clone(), value.clone());
        }
        (Value::Object(map), Segment::Key(key), None) => {
            map.remove(key);
        }
        (Value::Array(list), Segment::Index(index), Some(value)) => {
            if let Some(item) = list.get_mut(*index) {
                *item = value.clone();
            }
        }
        _ => {}
    }
}

/// One step down, into what stands there; where something else stands, into a map, or into the live list.
fn step<'a>(place: &'a mut Value, segment: &Segment, live: Option<&Value>) -> Option<&'a mut Value> {
    let inner = match (place, segment) {
        (Value::Object(map), Segment::Key(key)) => map.entry(key.clone()).or_insert(Value::Null),
        (Value::Array(list), Segment::Index(index)) => list.get_mut(*index)?,
        _ => return None,
    };
    match live {
        Some(Value::Array(live)) if inner.as_array().is_none_or(|list| list.len() != live.len()) => {
            *inner = Value::Array(live.clone());
        }
        Some(Value::Object(_)) if !inner.is_object() => *inner = Value::Object(Map::new()),
        _ => {}
    }
    Some(inner)
}
