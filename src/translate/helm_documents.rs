//! Values files as Helm reads them.

use serde_json::Value;

use crate::{merge, yaml};

/// A text of values. Of several documents each is laid over those before (helm v4 `pkg/chart/v2/loader`, `LoadValues`).
pub(super) fn documents(text: &str) -> Result<Value, yaml::Error> {
    let mut values = Value::Null;
    for document in yaml::parse_all(text)? {
        if !document.is_object() {
            return Ok(document);
        }
        merge::deep_merge(&mut values, document);
    }
    Ok(values)
}
