//! A Flux object as the bridge wants it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::FluxKind;
use crate::argo::Application;
use crate::digest::sha256_hex;
use crate::names;

/// Names one Flux object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind.
    pub kind: FluxKind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The object of that kind, namespace and name.
    pub fn new(kind: FluxKind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for ObjectKey {
    /// `HelmRelease NAMESPACE/NAME`, as messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.kind(), self.namespace, self.name)
    }
}

/// Labels and annotations of everything that the bridge makes for `app`.
pub fn owner_marks(app: &Application) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let labels = BTreeMap::from([
        (names::LABEL_GENERATED.to_owned(), "true".to_owned()),
        (names::LABEL_MANAGED_BY.to_owned(), names::MANAGED_BY.to_owned()),
        (names::LABEL_APPLICATION_NAME.to_owned(), names::shorten(app.name(), names::MAX_LABEL_VALUE)),
        (names::LABEL_APPLICATION_NAMESPACE.to_owned(), app.namespace().to_owned()),
    ]);
    (labels, BTreeMap::from([(names::ANNOTATION_APPLICATION.to_owned(), app.identity())]))
}

/// A generated Flux object: everything of it that the bridge owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Which object.
    pub key: ObjectKey,
    /// Labels, the owner's among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations, the owner's among them.
    pub annotations: BTreeMap<String, String>,
    /// The whole spec, an object.
    pub spec: Value,
    /// JSON pointers into the object: fields that the comparison with the live object leaves out. No part of the object.
    pub ignored: Vec<String>,
}

impl Manifest {
    /// An object that belongs to `app`, with the labels and the annotation that say so.
    pub fn owned_by(app: &Application, key: ObjectKey, spec: Value) -> Self {
        let (labels, annotations) = owner_marks(app);
        Self { key, labels, annotations, spec, ignored: Vec::new() }
    }

    /// Fingerprint of labels, annotations and spec: 16 hexadecimal digits.
    pub fn digest(&self) -> String {
        // serde_json writes maps in the order of their keys, so equal manifests have equal text.
        let text = json!([self.labels, self.annotations, self.spec]).to_string();
        let mut digest = sha256_hex(text.as_bytes());
        digest.truncate(16);
        digest
    }

    /// The object as Kubernetes reads it, its fingerprint among the annotations.
    pub fn to_value(&self) -> Value {
        let mut annotations = self.annotations.clone();
        annotations.insert(names::ANNOTATION_DIGEST.to_owned(), self.digest());
        json!({
            "apiVersion": self.key.kind.api_version(),
            "kind": self.key.kind.kind(),
            "metadata": {
                "name": self.key.name,
                "namespace": self.key.namespace,
                "labels": self.labels,
                "annotations": annotations,
            },
            "spec": self.spec,
        })
    }
}
