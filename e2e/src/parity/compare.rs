//! Where two sets of objects differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::normal::Key;

/// The longest value that is printed whole.
const LONGEST: usize = 160;

/// One place where the deliveries differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Kind and name.
    pub object: String,
    /// Path in the object (`spec.replicas`); empty when the whole object is on one side alone.
    pub path: String,
    /// What stock Argo CD delivered; `null` for nothing.
    pub plain: Value,
    /// What Flux delivered; `null` for nothing.
    pub bridged: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            let side = if self.bridged.is_null() { "Argo CD" } else { "Flux" };
            return write!(f, "{}: delivered by {side} alone", self.object);
        }
        write!(
            f,
            "{}: {}: Argo CD {}, Flux {}",
            self.object,
            self.path,
            short(&self.plain),
            short(&self.bridged)
        )
    }
}

fn short(value: &Value) -> String {
    if value.is_null() {
        return "nothing".to_owned();
    }
    let text = value.to_string();
    if text.len() <= LONGEST {
        return text;
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}…")
}

/// Every difference, by object and path.
pub fn compare(plain: &BTreeMap<Key, Value>, bridged: &BTreeMap<Key, Value>) -> Vec<Difference> {
    let keys: BTreeSet<&Key> = plain.keys().chain(bridged.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let object = key.to_string();
        match (plain.get(key), bridged.get(key)) {
            (Some(plain), Some(bridged)) => walk(&object, "", plain, bridged, &mut found),
            (plain, bridged) => found.push(Difference {
                object,
                path: String::new(),
                plain: plain.cloned().unwrap_or_default(),
                bridged: bridged.cloned().unwrap_or_default(),
            }),
        }
    }
    found
}

fn walk(object: &str, path: &str, plain: &Value, bridged: &Value, found: &mut Vec<Difference>) {
    match (plain, bridged) {
        (plain, bridged) if plain == bridged => {}
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let side = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                walk(object, &path, &side(left), &side(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                walk(object, &format!("{path}[{index}]"), left, right, found);
            }
        }
        (plain, bridged) => found.push(Difference {
            object: object.to_owned(),
            path: path.to_owned(),
            plain: plain.clone(),
            bridged: bridged.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::normal::normal;
    use serde_json::json;

    #[test]
    fn differences_are_found_by_their_path() {
        let object = |data: Value| {
            let metadata = json!({"name": "c"});
            normal(
                &[json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})],
                &[],
            )
        };
        let found = compare(&object(json!({"a": "1", "b": ["x"]})), &object(json!({"a": "2", "b": ["x"]})));
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(said, [r#"ConfigMap c: data.a: Argo CD "1", Flux "2""#]);
        let found = compare(&object(json!({})), &BTreeMap::new());
        assert_eq!(found[0].to_string(), "ConfigMap c: delivered by Argo CD alone");
        assert!(compare(&object(json!({"a": [1]})), &object(json!({"a": [1]}))).is_empty());
    }
}
