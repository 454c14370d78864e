//! A Flux object as it stands in the cluster: typed questions to the JSON that the watch delivered.

use kube::core::DynamicObject;
use serde_json::Value;

use super::fields::{self, Field};
use super::{FluxKind, ObjectKey};
use crate::names;

/// A live Flux object.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Its kind.
    pub kind: FluxKind,
    /// The object.
    pub object: &'a DynamicObject,
}

/// One of `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// The generation of the spec that it speaks of.
    pub observed_generation: Option<i64>,
}

impl<'a> Live<'a> {
    /// Which object this is.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.kind, self.namespace(), self.name())
    }

    /// Name.
    pub fn name(&self) -> &'a str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace.
    pub fn namespace(&self) -> &'a str {
        self.object.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        self.object.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Value of a label.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.object.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// `spec`.
    pub fn spec(&self) -> &'a Value {
        self.object.data.get("spec").unwrap_or(&Value::Null)
    }

    /// The value of a field.
    pub fn at(&self, field: Field) -> Option<&'a Value> {
        self.object.data.pointer(field.pointer())
    }

    /// The value of a field that is a text.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        self.at(field)?.as_str()
    }

    /// A condition by type.
    pub fn condition(&self, kind: &str) -> Option<Condition<'a>> {
        let conditions = self.at(fields::CONDITIONS)?.as_array()?;
        let condition = conditions.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(kind))?;
        let field = |name| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(Condition {
            status: field("status"),
            reason: field("reason"),
            message: field("message"),
            observed_generation: condition.get("observedGeneration").and_then(Value::as_i64),
        })
    }

    /// Whether a condition is `True`.
    pub fn is_true(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == "True")
    }

    /// Flux has looked at the newest spec.
    pub fn is_observed(&self) -> bool {
        self.at(fields::OBSERVED_GENERATION).and_then(Value::as_i64) == self.object.metadata.generation
    }

    /// Whether a condition of the object speaks of its present spec, as far as it names a generation.
    pub fn is_about_this_spec(&self, condition: &Condition<'_>) -> bool {
        condition.observed_generation.is_none()
            || condition.observed_generation == self.object.metadata.generation
    }

    /// `spec.suspend`.
    pub fn is_suspended(&self) -> bool {
        self.at(fields::SUSPEND).and_then(Value::as_bool) == Some(true)
    }

    /// Suspended by the bridge itself, to wait for a Sync.
    pub fn is_suspended_by_bridge(&self) -> bool {
        self.is_suspended() && self.annotation(names::ANNOTATION_SUSPENDED).is_some()
    }

    /// Deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// It says that the bridge made it: it carries the label and names an owner.
    pub fn is_generated(&self) -> bool {
        self.label(names::LABEL_GENERATED) == Some("true") && self.owner().is_some()
    }

    /// `NAMESPACE/NAME` of the Application it belongs to.
    pub fn owner(&self) -> Option<&'a str> {
        self.annotation(names::ANNOTATION_APPLICATION)
    }

    /// It carries both marks of the Application with that identity. Anybody may have written them: whether they count,
    /// [`crate::mirror::ownership`] says.
    pub fn is_marked_for(&self, identity: &str) -> bool {
        self.is_generated() && self.owner() == Some(identity)
    }

    /// A generated Kustomization that applies nothing, and so delivers nothing ([`names::ROLE_GUARD`]).
    pub fn is_guard(&self) -> bool {
        self.label(names::LABEL_ROLE) == Some(names::ROLE_GUARD)
    }

    /// A static `HelmRepository` of type `oci`: Flux never writes a status for it.
    pub fn is_static(&self) -> bool {
        self.kind == FluxKind::HelmRepository && self.text(fields::REPOSITORY_TYPE) == Some("oci")
    }

    /// `status.artifact.revision` as Flux writes it, such as `main@sha1:…`, `1.0.5@sha256:…`, `6.3.5`.
    pub fn artifact_revision(&self) -> Option<&'a str> {
        self.text(fields::ARTIFACT_REVISION)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// An object of `kind` at generation 1 in namespace `apps`, with what `data` says.
    pub(crate) fn object(kind: FluxKind, data: &Value) -> DynamicObject {
        let mut object = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.kind(),
            "metadata": {"name": "demo", "namespace": "apps", "generation": 1, "uid": "u"},
        });
        crate::mirror::patch::merge(&mut object, data);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn only_both_marks_together_name_an_application() {
        let owned = object(
            FluxKind::HelmRelease,
            &json!({"metadata": {"labels": {"flamingo/generated": "true"},
                "annotations": {"flux-subsystem.dev/application": "argocd/demo"}}}),
        );
        let live = Live { kind: FluxKind::HelmRelease, object: &owned };
        assert!(live.is_marked_for("argocd/demo"));
        assert!(!live.is_marked_for("argocd/other"));

        let unlabelled = object(
            FluxKind::HelmRelease,
            &json!({"metadata": {"annotations": {"flux-subsystem.dev/application": "argocd/demo"}}}),
        );
        assert!(!Live { kind: FluxKind::HelmRelease, object: &unlabelled }.is_marked_for("argocd/demo"));
    }
}
