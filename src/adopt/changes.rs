//! What differs between a wanted and a live spec, leaf by leaf.

use serde_json::Value;

use crate::flux::FluxKind;
use crate::merge::equal;
use crate::translate::Segment;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Where.
    pub(super) path: Vec<Segment>,
    /// What is there; `None` when somebody took it away.
    pub(super) value: Option<Value>,
}

/// The differences from `wanted` to `live`. Maps are compared key by key, lists of one length item by item; any other
/// list is a difference as a whole.
pub(super) fn between(wanted: &Value, live: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk(Some(wanted), Some(live), &mut Vec::new(), &mut found);
    found
}

fn walk(wanted: Option<&Value>, live: Option<&Value>, path: &mut Vec<Segment>, found: &mut Vec<Change>) {
    match (wanted, live) {
        (Some(Value::Object(wanted)), Some(Value::Object(live))) => {
            let removed = wanted.keys().filter(|key| !live.contains_key(*key));
            for key in live.keys().chain(removed) {
                path.push(Segment::Key(key.clone()));
                walk(wanted.get(key), live.get(key), path, found);
                path.pop();
            }
        }
        (Some(Value::Array(wanted)), Some(Value::Array(live))) if wanted.len() == live.len() => {
            for (index, (wanted, live)) in wanted.iter().zip(live).enumerate() {
                path.push(Segment::Index(index));
                walk(Some(wanted), Some(live), path, found);
                path.pop();
            }
        }
        (Some(wanted), Some(live)) if equal(wanted, live) => {}
        (None, None) => {}
        (_, live) => found.push(Change { path: path.clone(), value: live.cloned() }),
    }
}

/// The value at `path`.
pub(super) fn at<'a>(value: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

/// The path as messages write it: `.ingress.hosts[0].name`, and `["a.b"]` for a key that a dot would tear apart.
pub(super) fn text(path: &[Segment]) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Key(key) if key.is_empty() || key.contains(['.', '[', ']', ' ', '"']) => {
                format!("[{key:?}]")
            }
            Segment::Key(key) => format!(".{key}"),
            Segment::Index(index) => format!("[{index}]"),
        })
        .collect()
}

/// The first null below `values` in a merge patch of a `HelmRelease`'s spec. To Helm it is a value, which takes away the
/// chart's default: no way to say that a value is not set.
pub(super) fn null_in_values(kind: FluxKind, patch: &Value) -> Option<String> {
    let values = patch.get("values").filter(|_| kind == FluxKind::HelmRelease)?;
    // All of it taken away.
    let Value::Object(_) = values else { return Some(String::new()) };
    first_null(values, &mut Vec::new()).map(|path| text(&path))
}

fn first_null(value: &Value, path: &mut Vec<Segment>) -> Option<Vec<Segment>> {
    match value {
        Value::Null => Some(path.clone()),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            path.push(Segment::Key(key.clone()));
            let found = first_null(value, path);
            path.pop();
            found
        }),
        // A list is replaced as a whole: what it holds stays.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::nothing(json!({"a": 1}), json!({"a": 1.0}), &[])]
    #[case::changed(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), &[".a.b"])]
    #[case::added_and_removed(json!({"a": 1}), json!({"b": {"c": 1}}), &[".b", ".a"])]
    #[case::item(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 3}]}), &[".a[1].b"])]
    #[case::length(json!({"a": [1]}), json!({"a": [1, 2]}), &[".a"])]
    #[case::odd_key(json!({"a.b": 1}), json!({"a.b": 2}), &["[\"a.b\"]"])]
    fn differences(#[case] wanted: Value, #[case] live: Value, #[case] expected: &[&str]) {
        let found: Vec<String> = between(&wanted, &live).iter().map(|change| text(&change.path)).collect();
        assert_eq!(found, expected);
    }
}
