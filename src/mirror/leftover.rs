//! What left the source and stays in the cluster, since its sync options keep it there.
//!
//! Flux takes it out of the inventory, so that the workload object has to remember it: an annotation names everything that
//! Flux keeps, from before it leaves the source until it is gone. That alone is nobody's word: the object itself has to say
//! whose it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::inventory::{self, Entry};
use super::live::{LiveObjects, Node, NodeKey};
use super::observed::Observed;
use crate::argo::status::ResourceStatus;
use crate::argo::{Protection, Stays};
use crate::flux::{Live, ObjectKey};
use crate::names;
use crate::project::Permissions;

/// How much an object may remember, in bytes: all annotations of one together may have 256 KiB.
const MAX_LENGTH: usize = 64 * 1024;
/// How many objects a sentence names.
const MAX_NAMES: usize = 20;

/// One object that left the source and stays.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// The workload object that delivered it.
    pub workload: ObjectKey,
    /// It.
    pub node: Arc<Node>,
}

impl Leftover {
    /// What it says of its end.
    pub fn protection(&self) -> Protection {
        protection(&self.node)
    }

    /// The Application is out of sync because of it.
    pub fn is_difference(&self) -> bool {
        self.node.kept.as_ref().is_none_or(|kept| !kept.is_no_difference)
    }

    /// It as stock Argo CD lists what waits to be pruned.
    pub fn status(&self) -> ResourceStatus {
        let NodeKey { group, kind, namespace, name } = self.node.key.clone();
        ResourceStatus {
            group,
            version: self.node.version.clone(),
            kind,
            namespace,
            name,
            status: "OutOfSync".to_owned(),
            health: self.node.health.clone(),
            requires_pruning: true,
        }
    }
}

fn protection(node: &Node) -> Protection {
    node.kept.as_ref().and_then(|kept| kept.protection).unwrap_or_default()
}

fn is_kept_by(node: &Node, workload: &ObjectKey) -> bool {
    node.kept.as_ref().is_some_and(|kept| kept.by.contains(workload))
}

/// What the workload object remembers.
fn remembered(workload: Live<'_>) -> impl Iterator<Item = Entry> {
    let text = workload.annotation(names::ANNOTATION_KEPT).unwrap_or_default();
    text.split_whitespace().filter_map(|id| Entry::parse(id, ""))
}

/// What the workload object remembers and does not deliver (any more).
pub(super) fn forgotten(workload: Live<'_>) -> Vec<Entry> {
    let delivered: BTreeSet<NodeKey> = inventory::entries(workload).map(|entry| entry.node_key()).collect();
    remembered(workload).filter(|entry| !delivered.contains(&entry.node_key())).collect()
}

/// What left the source of any of the workload objects, is there, and is permitted; each once.
pub(super) fn all(
    observed: &Observed,
    permissions: &Permissions<'_>,
    workloads: &[Live<'_>],
) -> Vec<Leftover> {
    let mut found: Vec<Leftover> = Vec::new();
    for workload in workloads.iter().filter(|live| observed.owns(**live) && !live.is_guard()) {
        let key = workload.key();
        let permitted = forgotten(*workload).into_iter().filter(|entry| entry.is_permitted(permissions));
        let nodes = permitted.filter_map(|entry| {
            let node = observed.live_objects.nodes.get(&entry.node_key())?;
            is_kept_by(node, &key).then(|| Arc::clone(node))
        });
        found.extend(nodes.map(|node| Leftover { workload: key.clone(), node }));
    }
    found
}

/// What the workload object has to remember, as its annotation says it: everything that it delivers and Flux keeps, and what
/// of that has left the source and is still there. What cannot be looked at stays as it was remembered.
pub fn to_remember(workload: Live<'_>, objects: &LiveObjects) -> String {
    let key = workload.key();
    let known: BTreeSet<Entry> = remembered(workload).map(without_version).collect();
    let delivered: BTreeSet<Entry> = inventory::entries(workload).map(without_version).collect();
    let is_kept = |entry: &&Entry| match objects.nodes.get(&entry.node_key()) {
        Some(node) if delivered.contains(*entry) => {
            is_kept_by(node, &key) && node.kept.as_ref().is_some_and(|kept| kept.protection.is_some())
        }
        Some(node) => is_kept_by(node, &key),
        None => known.contains(*entry) && !objects.knows(&entry.group, &entry.kind),
    };
    let mut text = String::new();
    for id in delivered.union(&known).filter(is_kept).map(Entry::id) {
        if text.len() + id.len() < MAX_LENGTH {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(&id);
        }
    }
    text
}

fn without_version(entry: Entry) -> Entry {
    Entry { version: String::new(), ..entry }
}

/// What the end of the workload object leaves in the cluster, though its sync options do not ask for that: names, and what the
/// options say.
pub fn outliving(workload: Live<'_>, objects: &LiveObjects) -> Option<String> {
    let key = workload.key();
    let entries: BTreeSet<NodeKey> =
        inventory::entries(workload).chain(remembered(workload)).map(|entry| entry.node_key()).collect();
    let nodes = entries.iter().filter_map(|entry| objects.nodes.get(entry));
    let has_options = |node: &&Arc<Node>| node.kept.as_ref().is_some_and(|kept| kept.protection.is_some());
    let kept = nodes.filter(|node| is_kept_by(node, &key)).filter(has_options);
    // Stock Argo CD deletes no definitions (argo-cd `controller/appcontroller.go`, `shouldBeDeleted`).
    let asking = kept
        .filter(|node| node.key.kind != "CustomResourceDefinition" && protection(node).delete != Stays::Yes);
    named(asking.map(|node| (&**node, protection(node))))
}

/// What stays though its sync options do not ask for that, or ask for a confirmation; `None` when there is nothing.
pub fn overprotected(leftovers: &[Leftover]) -> Option<String> {
    let asking = leftovers.iter().filter(|left| left.protection().prune != Stays::Yes);
    named(asking.map(|left| (&*left.node, left.protection())))
}

/// `ConfigMap apps/a (Delete=false), Job apps/b and 3 more`.
fn named<'a>(nodes: impl Iterator<Item = (&'a Node, Protection)>) -> Option<String> {
    let names: Vec<String> =
        nodes
            .map(|(node, protection)| {
                if protection.is_any() {
                    format!("{} ({protection})", node.key)
                } else {
                    node.key.to_string()
                }
            })
            .collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let list = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("{list}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::protection::ANNOTATION_SYNC_OPTIONS;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use kube::core::DynamicObject;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn release(kept: &str, delivered: &[&str]) -> DynamicObject {
        let entries: Vec<Value> = delivered.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
        let metadata =
            json!({"name": "demo", "namespace": "apps", "annotations": {names::ANNOTATION_KEPT: kept}});
        let status = json!({"inventory": {"entries": entries}});
        object(FluxKind::HelmRelease, &json!({"metadata": metadata, "status": status}))
    }

    fn node(name: &str, annotations: &Value, owner: &str) -> Node {
        let labels =
            json!({"helm.toolkit.fluxcd.io/name": owner, "helm.toolkit.fluxcd.io/namespace": "apps"});
        let metadata =
            json!({"name": name, "namespace": "apps", "labels": labels, "annotations": annotations});
        Node::of("", "v1", "ConfigMap", &serde_json::from_value(json!({"metadata": metadata})).unwrap())
    }

    fn protected(name: &str) -> Node {
        node(
            name,
            &json!({"helm.sh/resource-policy": "keep", ANNOTATION_SYNC_OPTIONS: "Prune=false"}),
            "demo",
        )
    }

    fn objects(nodes: impl IntoIterator<Item = Node>) -> LiveObjects {
        let nodes = nodes.into_iter().map(|node| (node.key.clone(), Arc::new(node))).collect();
        LiveObjects { nodes, is_complete: true, ..LiveObjects::default() }
    }

    fn told(kept: &str, delivered: &[&str], objects: &LiveObjects) -> String {
        let object = release(kept, delivered);
        to_remember(Live { kind: FluxKind::HelmRelease, object: &object }, objects)
    }

    const A: &str = "apps_a__ConfigMap";
    const B: &str = "apps_b__ConfigMap";

    #[test]
    fn what_is_kept_is_remembered_until_it_is_gone() {
        let both = || objects([protected("a"), node("b", &json!({}), "demo")]);
        assert_eq!(told("", &[A, B], &both()), A, "it may leave the source any time");
        assert_eq!(told(A, &[B], &both()), A, "it has left the source");
        assert_eq!(told(A, &[B], &objects([node("b", &json!({}), "demo")])), "", "it is gone");
    }

    #[test]
    fn what_others_apply_now_is_forgotten() {
        let annotations = json!({"helm.sh/resource-policy": "keep", ANNOTATION_SYNC_OPTIONS: "Prune=false"});
        assert_eq!(told(A, &[], &objects([node("a", &annotations, "other")])), "");
    }

    #[test]
    fn what_has_flux_s_word_alone_is_remembered_only_once_it_had_sync_options() {
        let alone = || objects([node("a", &json!({"helm.sh/resource-policy": "keep"}), "demo")]);
        assert_eq!(told("", &[A], &alone()), "", "Flux's own word is Flux's own matter");
        assert_eq!(told(A, &[], &alone()), A, "it still stays");
    }

    #[rstest]
    #[case::not_listed_yet(LiveObjects::default(), A)]
    #[case::hidden(
        LiveObjects {
            unreadable: BTreeSet::from([(String::new(), "ConfigMap".to_owned())]),
            is_complete: true,
            ..LiveObjects::default()
        },
        A
    )]
    #[case::listed(objects([]), "")]
    fn what_cannot_be_seen_stays_as_it_was_remembered(#[case] objects: LiveObjects, #[case] expected: &str) {
        assert_eq!(told(A, &[], &objects), expected);
        assert_eq!(told("", &[A], &objects), "");
    }

    #[test]
    fn an_annotation_has_an_end() {
        let names: Vec<String> = (0..2000).map(|index| format!("{}-{index}", "n".repeat(60))).collect();
        let ids: Vec<String> = names.iter().map(|name| format!("apps_{name}__ConfigMap")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let text = told("", &ids, &objects(names.iter().map(|name| protected(name))));
        assert!(text.len() <= MAX_LENGTH && text.len() > MAX_LENGTH / 2, "{}", text.len());
    }

    #[test]
    fn who_outlives_the_application_unasked_is_named() {
        let object = release("", &[A, B]);
        let live = Live { kind: FluxKind::HelmRelease, object: &object };
        let asked = json!({"helm.sh/resource-policy": "keep", ANNOTATION_SYNC_OPTIONS: "Delete=false"});
        let found = outliving(live, &objects([protected("a"), node("b", &asked, "demo")]));
        assert_eq!(found.as_deref(), Some("ConfigMap apps/a (Prune=false)"));
        assert_eq!(outliving(live, &objects([node("b", &asked, "demo")])), None);
    }

    #[test]
    fn who_stays_unasked_is_named() {
        let left = |options: &str| Leftover {
            workload: ObjectKey::new(FluxKind::HelmRelease, "apps", "demo"),
            node: Arc::new(node(
                "a",
                &json!({"helm.sh/resource-policy": "keep", ANNOTATION_SYNC_OPTIONS: options}),
                "demo",
            )),
        };
        let said = |options: &str| overprotected(&[left(options)]);
        assert_eq!(said("Prune=false"), None);
        assert_eq!(said("Prune=confirm").as_deref(), Some("ConfigMap apps/a (Prune=confirm)"));
        assert_eq!(said("Replace=true").as_deref(), Some("ConfigMap apps/a"));
        let many: Vec<_> = (0..23).map(|_| left("Replace=true")).collect();
        assert!(overprotected(&many).unwrap().ends_with("ConfigMap apps/a and 3 more"));
    }
}
