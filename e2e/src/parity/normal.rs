//! What of a live object counts: what its author wrote and what the API server makes of that, not who delivered it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Name, kind and place of an object, the names that differ between deliveries replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// API group; empty for the core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for what is cluster-wide.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() && self.namespace != NAMESPACE {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// Stands for the Application's name.
pub const NAME: &str = "NAME";
/// Stands for the namespace that it delivers to.
pub const NAMESPACE: &str = "NAMESPACE";

/// Fields of `metadata` that the API server, or whoever delivers, owns.
const METADATA: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "ownerReferences",
    "finalizers",
];

/// Annotations and labels by which the tools know their objects again.
const TOOLS: &[&str] = &[
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-tracking",
    "batch.kubernetes.io/job-name",
    "job-name",
    "controller-uid",
];

/// The same by the beginning of the key.
const TOOL_PREFIXES: &[&str] = &["kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"];

/// Fields that the API server fills with something else for every object: kind, path.
const ASSIGNED: &[(&str, &str)] = &[
    ("Service", "/spec/clusterIP"),
    ("Service", "/spec/clusterIPs"),
    ("Service", "/spec/healthCheckNodePort"),
    ("Job", "/spec/selector"),
    ("PersistentVolumeClaim", "/spec/volumeName"),
    ("Namespace", "/spec"),
];

/// The objects of one delivery, as far as they count. `names` are texts that stand for others wherever they occur, the
/// longer ones first: those that differ between the deliveries.
pub fn normal(objects: &[Value], names: &[(&str, &str)]) -> BTreeMap<Key, Value> {
    objects
        .iter()
        .map(|object| {
            let mut object = object.clone();
            strip(&mut object);
            rename(&mut object, names);
            (key(&object), object)
        })
        .collect()
}

fn key(object: &Value) -> Key {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = text("/apiVersion");
    Key {
        group: version.split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default(),
        kind: text("/kind"),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
    }
}

fn strip(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !METADATA.contains(&field.as_str()));
        for field in ["labels", "annotations"] {
            strip_keys(metadata, field);
        }
        if kind == "Namespace" {
            drop_key(metadata, "labels", "kubernetes.io/metadata.name");
            // Argo CD's note to itself on a namespace whose metadata it manages.
            drop_key(metadata, "annotations", "argocd.argoproj.io/sync-options");
        }
    }
    for (_, path) in ASSIGNED.iter().filter(|assigned| assigned.0 == kind) {
        remove(object, path);
    }
    for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if kind == "Service"
            && let Some(port) = port.as_object_mut()
        {
            port.remove("nodePort");
        }
    }
    if let Some(template) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut)
        && kind == "Job"
    {
        strip_keys(template, "labels");
    }
}

/// Takes the tools' keys out of a map of labels or annotations, and the map away when nothing else was in it.
fn strip_keys(metadata: &mut Map<String, Value>, field: &str) {
    let Some(map) = metadata.get_mut(field).and_then(Value::as_object_mut) else { return };
    let has_options = map.contains_key("argocd.argoproj.io/sync-options");
    map.retain(|key, value| {
        let is_tools =
            TOOLS.contains(&key.as_str()) || TOOL_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        // Helm's library puts this label on everything it delivers; a chart's own label of that value is the same.
        let is_helms = key == "app.kubernetes.io/managed-by" && value == "Helm";
        // By this Flux keeps what has sync options.
        let is_kept = has_options && key == "helm.sh/resource-policy";
        !is_tools && !is_helms && !is_kept
    });
    if let Some(label) = map.get_mut("helm.sh/chart")
        && let Some(text) = label.as_str()
    {
        *label = Value::String(without_digest(text).to_owned());
    }
    if map.is_empty() {
        metadata.remove(field);
    }
}

fn drop_key(metadata: &mut Map<String, Value>, field: &str, key: &str) {
    if let Some(map) = metadata.get_mut(field).and_then(Value::as_object_mut) {
        map.remove(key);
        if map.is_empty() {
            metadata.remove(field);
        }
    }
}

/// A chart's `name-version` without what Flux adds to the version: `+`, or `_` for it, the first 12 digits of the
/// revision, and the generation of a `HelmChart` that names value files.
fn without_digest(label: &str) -> &str {
    let Some((chart, added)) = label.rsplit_once(['+', '_']) else { return label };
    let (digest, generation) = match added.split_once('.') {
        Some((digest, generation)) => (digest, generation),
        None if added.len() == 12 => (added, ""),
        None => ("", added),
    };
    let is_digest = digest.is_empty() || digest.len() == 12 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let is_added = is_digest && generation.bytes().all(|b| b.is_ascii_digit());
    if is_added { chart } else { label }
}

fn remove(object: &mut Value, path: &str) {
    let Some((parent, field)) = path.rsplit_once('/') else { return };
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(field);
    }
}

/// Replaces names in every text, in keys too.
fn rename(value: &mut Value, names: &[(&str, &str)]) {
    let replaced = |text: &str| names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    match value {
        Value::String(text) => *text = replaced(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Value::Object(map) => {
            for (key, mut value) in std::mem::take(map) {
                rename(&mut value, names);
                map.insert(replaced(&key), value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_delivered_does_not_count_and_what_was_written_does() {
        let plain = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "x-a", "namespace": "ns-x-a", "uid": "1", "labels": {"a": "b"},
                "annotations": {"argocd.argoproj.io/tracking-id": "x-a:/Service:ns-x-a/x-a"},
            },
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30001}]},
            "status": {"loadBalancer": {}},
        });
        let bridged = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "x-b", "namespace": "ns-x-b", "uid": "2",
                "labels": {"a": "b", "app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "x-b"},
                "annotations": {"meta.helm.sh/release-name": "x-b"},
            },
            "spec": {"clusterIP": "10.0.0.2", "ports": [{"port": 80, "nodePort": 30002}]},
        });
        let plain = normal(&[plain], &[("ns-x-a", NAMESPACE), ("x-a", NAME)]);
        assert_eq!(plain, normal(&[bridged], &[("ns-x-b", NAMESPACE), ("x-b", NAME)]));
        let (key, service) = plain.first_key_value().unwrap();
        assert_eq!(key.to_string(), "Service NAME");
        assert_eq!(service["metadata"]["labels"], json!({"a": "b"}));
        assert_eq!(service["spec"]["ports"], json!([{"port": 80}]));
    }

    #[test]
    fn digests_of_charts_are_cut_off() {
        assert_eq!(without_digest("print-1.0.0+0123456789ab"), "print-1.0.0");
        assert_eq!(without_digest("print-1.0.0_0123456789ab"), "print-1.0.0");
        assert_eq!(without_digest("print-1.0.0_0123456789ab.2"), "print-1.0.0");
        assert_eq!(without_digest("print-1.0.0_1"), "print-1.0.0");
        assert_eq!(without_digest("print-1.0.0+build.5"), "print-1.0.0+build.5");
    }
}
