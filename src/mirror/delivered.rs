//! What an Application's workload object has delivered, as far as its summary is read off it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::Value;

use super::inventory::{self, Entry};
use crate::flux::{Live, ObjectKey};

/// How many objects of one Application are looked at.
const MAX_OBJECTS: usize = 500;
/// How many Flux objects that deliver Flux objects are followed, one below the other.
const MAX_DEPTH: usize = 8;

/// Kinds that have images or addresses, and a group each.
pub const KINDS: [(&str, &str); 7] = [
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("networking.k8s.io", "Ingress"),
    ("", "Service"),
];

/// See the module. As long as it stays equal, nothing new was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Objects of the known kinds, in this cluster.
    pub objects: BTreeSet<Entry>,
    /// Flux workload objects among what was delivered, directly or by one of them.
    pub nested: BTreeSet<ObjectKey>,
    /// What each of the workload objects has delivered last, in its own words.
    revisions: Vec<String>,
    /// Some of what was delivered are Applications.
    pub has_applications: bool,
}

impl Delivered {
    /// Reads the inventories of `workload` and of the workload objects in it, which `lookup` finds.
    pub fn by(workload: Live<'_>, lookup: impl Fn(&ObjectKey) -> Option<Arc<DynamicObject>>) -> Self {
        let mut delivered = Self::default();
        let mut found = delivered.add(workload);
        for _ in 0..MAX_DEPTH {
            let mut deeper = Vec::new();
            for key in found {
                // One that was met before is not followed again.
                if key != workload.key() && delivered.nested.insert(key.clone()) {
                    let object = lookup(&key);
                    let live = object.as_ref().map(|object| Live { kind: key.kind, object });
                    deeper.extend(live.map(|live| delivered.add(live)).unwrap_or_default());
                }
            }
            found = deeper;
        }
        delivered
    }

    /// Adds what one workload object has delivered; the workload objects among it.
    fn add(&mut self, workload: Live<'_>) -> Vec<ObjectKey> {
        // What is in another cluster cannot be looked at from here.
        if workload.at("/spec/kubeConfig").is_some() {
            return Vec::new();
        }
        self.revisions.push(revision(workload));
        let mut found = Vec::new();
        for entry in inventory::entries(workload) {
            if let Some(key) = entry.flux_key().filter(|key| key.kind.is_workload()) {
                found.push(key);
            } else if KINDS.contains(&(&*entry.group, &*entry.kind)) && self.objects.len() < MAX_OBJECTS {
                self.objects.insert(entry);
            } else if (&*entry.group, &*entry.kind) == ("argoproj.io", "Application") {
                self.has_applications = true;
            }
        }
        found
    }
}

/// Changes when something new was delivered, or when what was delivered is found to differ from that; not when Flux
/// merely looks at it again.
fn revision(workload: Live<'_>) -> String {
    let text = |pointer: &str| workload.at(pointer).map(Value::to_string).unwrap_or_default();
    let drift = workload.condition("Drifted").filter(|drifted| drifted.status == "True");
    let parts = [
        workload.object.metadata.uid.clone().unwrap_or_default(),
        text("/status/lastAppliedRevision"),
        text("/status/history/0/digest"),
        text("/status/history/0/version"),
        text("/status/history/0/status"),
        drift.map_or_else(String::new, |drifted| drifted.message.to_owned()),
    ];
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use serde_json::json;

    fn release(name: &str, status: &Value) -> DynamicObject {
        object(FluxKind::HelmRelease, &json!({"metadata": {"name": name}, "status": status}))
    }

    fn entries(ids: &[&str]) -> Value {
        let entries: Vec<_> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
        json!({"inventory": {"entries": entries}})
    }

    fn by(workload: &DynamicObject, others: &[DynamicObject]) -> Delivered {
        let live = |object| Live { kind: FluxKind::HelmRelease, object };
        Delivered::by(live(workload), |key| {
            others.iter().find(|object| live(object).key() == *key).cloned().map(Arc::new)
        })
    }

    fn names(delivered: &Delivered) -> Vec<&str> {
        delivered.objects.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn only_kinds_with_images_and_addresses_are_looked_at() {
        let ids = [
            "apps_web_apps_Deployment",
            "apps_web__Service",
            "apps_web__Secret",
            "apps_web_x.org_Deployment",
        ];
        let delivered = by(&release("a", &entries(&ids)), &[]);
        let kinds: Vec<_> = delivered.objects.iter().map(|entry| entry.kind.as_str()).collect();
        assert_eq!(kinds, ["Service", "Deployment"]);
        assert!(!delivered.has_applications);
        assert!(by(&release("a", &entries(&["argocd_b_argoproj.io_Application"])), &[]).has_applications);
    }

    #[test]
    fn nested_workload_objects_are_followed_once() {
        let nested = |name: &str| format!("apps_{name}_helm.toolkit.fluxcd.io_HelmRelease");
        let a = release("a", &entries(&[&nested("b"), "apps_one_apps_Deployment"]));
        let b = release(
            "b",
            &entries(&[&nested("a"), &nested("b"), &nested("gone"), "apps_two_apps_Deployment"]),
        );
        let delivered = by(&a, &[a.clone(), b]);
        assert_eq!(names(&delivered), ["one", "two"]);
        let nested: Vec<_> = delivered.nested.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(nested, ["b", "gone"]);
    }

    #[test]
    fn another_cluster_is_not_looked_at() {
        let mut remote = release("a", &entries(&["apps_web_apps_Deployment"]));
        remote.data["spec"] = json!({"kubeConfig": {"secretRef": {"name": "far"}}});
        assert!(by(&remote, &[]).objects.is_empty());
    }

    #[test]
    fn it_changes_with_what_was_delivered_and_not_with_another_look() {
        let applied = |change: Value| {
            let mut status = json!({
                "lastAppliedRevision": "main@sha1:1",
                "history": [{"digest": "sha256:1", "version": 1, "lastReconciled": "2026-01-01T00:00:00Z"}],
                "conditions": [{"type": "Ready", "status": "True", "message": "a"}],
            });
            crate::mirror::patch::merge(&mut status, &change);
            by(&release("a", &status), &[])
        };
        let history = |entry: Value| json!({"history": [entry]});
        let first = applied(json!({}));
        let again = json!({"digest": "sha256:1", "version": 1, "lastReconciled": "2026-01-01T00:10:00Z"});
        assert_eq!(applied(history(again)), first);
        assert_eq!(applied(json!({"conditions": [{"type": "Ready", "status": "Unknown"}]})), first);
        assert_ne!(applied(json!({"lastAppliedRevision": "main@sha1:2"})), first);
        assert_ne!(applied(history(json!({"digest": "sha256:2", "version": 1}))), first);
        let drifted = json!({"conditions": [{"type": "Drifted", "status": "True", "message": "a changed"}]});
        assert_ne!(applied(drifted), first);
    }
}
