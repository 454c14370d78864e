//! The tree as Argo CD's server reads it (argo-cd `pkg/apis/application/v1alpha1/types.go`, `ApplicationTree`).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Parent, Tree, TreeNode};
use crate::argo::status::HealthStatus;
use crate::mirror::live::{Networking, NodeKey};

impl Tree {
    /// `ApplicationTree`. Hosts have their names alone: what a Node offers is not read.
    pub fn to_json(&self) -> Value {
        let nodes: Vec<Value> = self.nodes.iter().map(node).collect();
        let chips = self.nodes.iter().flat_map(|node| &node.node.info);
        let hosts: BTreeSet<&str> = chips
            .filter(|(name, host)| name == "Node" && !host.is_empty())
            .map(|(_, host)| host.as_str())
            .collect();
        let hosts: Vec<Value> = hosts.into_iter().map(|name| json!({"name": name})).collect();
        let mut tree = Object::default();
        tree.add("nodes", nodes);
        tree.add("hosts", hosts);
        Value::Object(tree.0)
    }
}

/// Fields that are not empty, as Go's `omitempty` has it.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn add(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_empty = match &value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => value.is_null(),
        };
        if !is_empty {
            self.0.insert(key.to_owned(), value);
        }
    }
}

fn reference(key: &NodeKey, version: &str, uid: &str) -> Object {
    let mut object = Object::default();
    object.add("group", key.group.as_str());
    object.add("version", version);
    object.add("kind", key.kind.as_str());
    object.add("namespace", key.namespace.as_str());
    object.add("name", key.name.as_str());
    object.add("uid", uid);
    object
}

fn node(tree_node: &TreeNode) -> Value {
    let node = &tree_node.node;
    let mut object = reference(&node.key, &node.version, &node.uid);
    object.add("parentRefs", tree_node.parents.iter().map(parent).collect::<Vec<_>>());
    let info = node.info.iter().map(|(name, value)| json!({"name": name, "value": value}));
    object.add("info", info.collect::<Vec<_>>());
    if let Some(networking) = &node.networking {
        object.0.insert("networkingInfo".to_owned(), networking_info(networking));
    }
    object.add("resourceVersion", node.resource_version.as_str());
    object.add("images", node.images.iter().cloned().collect::<Vec<_>>());
    object.add("health", node.health.as_ref().map(health));
    object.add("createdAt", node.created_at.as_str());
    Value::Object(object.0)
}

fn parent(parent: &Parent) -> Value {
    Value::Object(reference(&parent.key, &parent.version, &parent.uid).0)
}

fn health(health: &HealthStatus) -> Value {
    let mut object = Object::default();
    object.add("status", health.status.as_str());
    object.add("message", health.message.as_str());
    Value::Object(object.0)
}

fn networking_info(networking: &Networking) -> Value {
    let mut object = Object::default();
    object.add("targetLabels", json!(networking.target_labels));
    let targets = networking.target_refs.iter().map(|key| Value::Object(reference(key, "", "").0));
    object.add("targetRefs", targets.collect::<Vec<_>>());
    object.add("labels", json!(networking.labels));
    let ingress = networking.ingress.iter().map(|(ip, hostname)| {
        let mut address = Object::default();
        address.add("ip", ip.as_str());
        address.add("hostname", hostname.as_str());
        Value::Object(address.0)
    });
    object.add("ingress", ingress.collect::<Vec<_>>());
    object.add("externalURLs", networking.external_urls.iter().cloned().collect::<Vec<_>>());
    Value::Object(object.0)
}
