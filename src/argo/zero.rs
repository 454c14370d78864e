//! What Go takes for nothing.

use serde_json::{Map, Value};

/// Whether settings of a source say anything, so that they name its type (argo-cd `types.go`, `IsZero` of each).
pub(crate) fn says(settings: Option<&Map<String, Value>>) -> bool {
    settings.is_some_and(|settings| !settings.values().all(is_empty))
}

/// Whether Go would leave the value out of its JSON (`omitempty`), through and through: an empty structure says nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}
