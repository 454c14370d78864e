//! JSON merge patches (RFC 7396): the smallest one between two values, and its application.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::merge::equal;

/// The merge patch that turns `from` into `to`; `None` when they are equal.
///
/// Fields of `from` that `to` lacks become `null`. Lists are replaced whole. `to` must hold no `null`, which a merge
/// patch cannot express.
pub fn between(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let patch = between_objects(from, to);
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (!equal(from, to)).then(|| to.clone()),
    }
}

fn between_objects(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, wanted) in to {
        let change = match from.get(key) {
            Some(current) => between(current, wanted),
            None => Some(wanted.clone()),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

/// `value` without the fields that hold `null`: what a merge patch leaves of it.
pub fn without_nulls(mut value: Value) -> Value {
    remove_nulls(&mut value);
    value
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// Whether two things are the same once they went through a merge patch, which cannot write `null`.
pub fn same<T: Serialize>(a: &T, b: &T) -> bool {
    equal(&without_nulls(json!(a)), &without_nulls(json!(b)))
}

/// Applies a merge patch.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, change) in patch {
        if change.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_is_the_smallest_and_leads_there() {
        let from = json!({"a": 1, "b": {"c": 2, "d": [1]}, "e": "x"});
        let to = json!({"a": 1, "b": {"c": 3, "d": [1, 2]}, "f": {}});
        let patch = between(&from, &to).unwrap();
        assert_eq!(patch, json!({"b": {"c": 3, "d": [1, 2]}, "e": null, "f": {}}));
        let mut patched = from;
        merge(&mut patched, &patch);
        assert_eq!(patched, to);
        assert_eq!(between(&patched, &to), None);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_eq!(between(&json!({"n": 1.0}), &json!({"n": 1})), None);
        assert!(between(&json!({"n": "1"}), &json!({"n": 1})).is_some());
    }
}
