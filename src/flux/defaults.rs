//! Defaults that the Flux CRDs fill into `spec`: what stands in a live object without anybody having written it.
//!
//! Comparisons leave these out, so that a default neither counts as an edit nor is ever written. The end-to-end tests
//! compare the table with the CRDs of the running Flux.

use serde_json::{Value, json};

use super::FluxKind;

/// JSON pointer below `spec` (`*`: each item of a list), and the default that the CRD fills in where its parent exists.
pub fn of(kind: FluxKind) -> Vec<(&'static str, Value)> {
    match kind {
        FluxKind::GitRepository => vec![("/timeout", json!("60s")), ("/verify/mode", json!("HEAD"))],
        FluxKind::OciRepository => vec![
            ("/provider", json!("generic")),
            ("/timeout", json!("60s")),
            ("/verify/provider", json!("cosign")),
        ],
        FluxKind::HelmRepository => vec![("/provider", json!("generic"))],
        FluxKind::HelmChart => vec![
            ("/version", json!("*")),
            ("/reconcileStrategy", json!("ChartVersion")),
            ("/verify/provider", json!("cosign")),
        ],
        FluxKind::HelmRelease => vec![
            ("/chart/spec/version", json!("*")),
            ("/chart/spec/reconcileStrategy", json!("ChartVersion")),
            ("/chart/spec/verify/provider", json!("cosign")),
            ("/uninstall/deletionPropagation", json!("background")),
        ],
        FluxKind::Kustomization => {
            vec![("/force", json!(false)), ("/postBuild/substituteFrom/*/optional", json!(false))]
        }
    }
}

/// `spec` without the fields that hold exactly the CRD's default.
pub fn without_defaults(kind: FluxKind, spec: &Value) -> Value {
    let mut spec = spec.clone();
    for (pointer, default) in of(kind) {
        remove(&mut spec, pointer.trim_start_matches('/'), &default);
    }
    spec
}

fn remove(value: &mut Value, path: &str, default: &Value) {
    match (value, path.split_once('/')) {
        (Value::Object(fields), Some((field, rest))) => {
            if let Some(value) = fields.get_mut(field) {
                remove(value, rest, default);
            }
        }
        (Value::Array(items), Some(("*", rest))) => {
            for item in items {
                remove(item, rest, default);
            }
        }
        (Value::Object(fields), None) if fields.get(path) == Some(default) => {
            fields.remove(path);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_default_is_left_out() {
        let spec = json!({"url": "u", "timeout": "60s", "verify": {"mode": "Tag"}});
        assert_eq!(
            without_defaults(FluxKind::GitRepository, &spec),
            json!({"url": "u", "verify": {"mode": "Tag"}})
        );
        let spec = json!({"postBuild": {"substituteFrom": [{"name": "a", "optional": false}, {"name": "b", "optional": true}]}});
        assert_eq!(
            without_defaults(FluxKind::Kustomization, &spec),
            json!({"postBuild": {"substituteFrom": [{"name": "a"}, {"name": "b", "optional": true}]}})
        );
    }
}
