//! Defaults that the Flux CRDs fill into `spec`: what stands in a live object without anybody having written it.
//!
//! Comparisons leave these out, so that a default neither counts as an edit nor is ever written. The end-to-end tests
//! compare the table with the CRDs of the running Flux.

use serde_json::{Value, json};

use super::FluxKind;

/// JSON pointer below `spec`, and the default that the CRD fills in where the pointer's parent exists.
pub fn of(kind: FluxKind) -> Vec<(&'static str, Value)> {
    match kind {
        FluxKind::GitRepository => vec![("/timeout", json!("60s")), ("/verify/mode", json!("HEAD"))],
        FluxKind::OciRepository => vec![
            ("/provider", json!("generic")),
            ("/timeout", json!("60s")),
            ("/verify/provider", json!("cosign")),
        ],
        FluxKind::HelmRepository => vec![],
        FluxKind::HelmChart => vec![
            ("/version", json!("*")),
            ("/reconcileStrategy", json!("ChartVersion")),
            ("/verify/provider", json!("cosign")),
        ],
        FluxKind::HelmRelease => vec![
            ("/chart/spec/version", json!("*")),
            ("/chart/spec/reconcileStrategy", json!("ChartVersion")),
            ("/chart/spec/verify/provider", json!("cosign")),
        ],
        FluxKind::Kustomization => vec![("/force", json!(false))],
    }
}

/// `spec` without the fields that hold exactly the CRD's default.
pub fn without_defaults(kind: FluxKind, spec: &Value) -> Value {
    let mut spec = spec.clone();
    for (pointer, default) in of(kind) {
        let Some((parent, field)) = pointer.rsplit_once('/') else { continue };
        let Some(parent) = spec.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        if parent.get(field) == Some(&default) {
            parent.remove(field);
        }
    }
    spec
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
    }
}
