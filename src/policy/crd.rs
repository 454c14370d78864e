//! The `CustomResourceDefinition` as it is installed.

use kube::CustomResourceExt;
use serde_json::Value;

use super::FluxDeliveryPolicy;
use crate::yaml;

/// The project's own CRDs, as JSON.
///
/// # Errors
/// None that could be caused from outside: the definitions come from the types.
pub fn all_crds() -> Result<Vec<Value>, serde_json::Error> {
    let mut crd = serde_json::to_value(FluxDeliveryPolicy::crd())?;
    forbid_nulls(&mut crd);
    Ok(vec![crd])
}

/// What is optional may be left out. A `null` would be there to `has()`, and no rule could be written without a thought of it.
fn forbid_nulls(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
            }
            fields.values_mut().for_each(forbid_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_nulls),
        _ => {}
    }
}

/// The same as YAML documents, as they stand in `crds/`.
///
/// # Errors
/// None that could be caused from outside.
pub fn crd_yaml() -> anyhow::Result<String> {
    let documents: Result<Vec<String>, _> = all_crds()?.iter().map(yaml::write).collect();
    Ok(documents?.join("---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// `flux-subsystem crds > crds/fluxdeliverypolicies.yaml` writes it anew; so does `UPDATE_GOLDENS=1`.
    #[test]
    fn the_file_in_crds_is_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/fluxdeliverypolicies.yaml");
        let expected = crd_yaml().unwrap();
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap();
        assert!(found == expected, "{} is not what `flux-subsystem crds` prints", path.display());
    }

    #[test]
    fn the_definition_is_named_as_the_watch_expects() {
        assert_eq!(all_crds().unwrap()[0]["metadata"]["name"], super::super::CRD_NAME);
    }
}
