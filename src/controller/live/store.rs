//! Trimmed objects, and which Applications they concern.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::usage::{GroupKind, Identity};
use crate::mirror::live::{Node, NodeKey};

/// How many generations of owners are followed.
const MAX_DEPTH: usize = 8;

/// A trimmed object, with what tells whether it changed in more than its resourceVersion.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) node: Arc<Node>,
    /// `metadata.generation`; kinds without it have none.
    pub(super) generation: Option<i64>,
    /// Every write of such an object changes what it says, though not what is kept of it: a `ConfigMap`.
    pub(super) is_all_content: bool,
}

impl Seen {
    /// There is nothing new to see but a resourceVersion.
    fn is_like(&self, other: &Self) -> bool {
        let version = |seen: &Self| seen.is_all_content.then(|| seen.node.resource_version.clone());
        self.generation == other.generation
            && version(self) == version(other)
            && is_like(&self.node, &other.node)
    }
}

fn is_like(a: &Node, b: &Node) -> bool {
    *a == Node { resource_version: a.resource_version.clone(), ..b.clone() }
}

type Namespaces = HashMap<Arc<str>, BTreeMap<Arc<str>, Seen>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Store {
    nodes: HashMap<GroupKind, Namespaces>,
    children: HashMap<String, Vec<Arc<Node>>>,
    roots: HashMap<Identity, Arc<BTreeSet<NodeKey>>>,
    wanted_by: HashMap<NodeKey, HashSet<Identity>>,
    count: usize,
}

fn version(node: &Node) -> Option<u64> {
    node.resource_version.parse().ok()
}

fn kind_of(key: &NodeKey) -> GroupKind {
    GroupKind::new(&key.group, &key.kind)
}

impl Store {
    /// How many objects are kept.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Keeps the object; whether there is anything new to see. What is older than what is known is left out: two watches
    /// may see the same object.
    pub(super) fn insert(&mut self, kind: &GroupKind, seen: Seen) -> bool {
        let key = &seen.node.key;
        let known = self.get(key);
        let is_same = known.is_some_and(|known| known.node.uid == seen.node.uid);
        if is_same && known.is_some_and(|known| version(&known.node) > version(&seen.node)) {
            return false;
        }
        let is_news = !known.is_some_and(|known| known.is_like(&seen));
        if known.is_some() {
            let key = key.clone();
            self.take(kind, &key);
        }
        for owner in &seen.node.owners {
            self.children.entry(owner.uid.clone()).or_default().push(Arc::clone(&seen.node));
        }
        self.count += 1;
        let names = self.nodes.entry(kind.clone()).or_default();
        let names = names.entry(seen.node.key.namespace.as_str().into()).or_default();
        names.insert(seen.node.key.name.as_str().into(), seen);
        is_news
    }

    /// The object is gone; one that was made anew under its name stays.
    pub(super) fn remove(&mut self, kind: &GroupKind, key: &NodeKey, uid: &str) -> Option<Arc<Node>> {
        self.get(key).filter(|seen| seen.node.uid == uid)?;
        self.take(kind, key)
    }

    fn take(&mut self, kind: &GroupKind, key: &NodeKey) -> Option<Arc<Node>> {
        let names = self.nodes.get_mut(kind)?.get_mut(key.namespace.as_str())?;
        let seen = names.remove(key.name.as_str())?;
        self.count -= 1;
        for owner in &seen.node.owners {
            let Some(children) = self.children.get_mut(&owner.uid) else { continue };
            children.retain(|child| !Arc::ptr_eq(child, &seen.node));
            if children.is_empty() {
                self.children.remove(&owner.uid);
            }
        }
        Some(seen.node)
    }

    /// Names of the objects of the kind, in one namespace or everywhere.
    pub(super) fn keys(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<(NodeKey, String)> {
        let namespaces = self.nodes.get(kind).into_iter().flatten();
        namespaces
            .filter(|(name, _)| namespace.is_none_or(|namespace| namespace == &***name))
            .flat_map(|(_, names)| names.values())
            .map(|seen| (seen.node.key.clone(), seen.node.uid.clone()))
            .collect()
    }

    /// Nothing of the kind in the namespace is in use any more.
    pub(super) fn drop_all(&mut self, kind: &GroupKind, namespace: &str) {
        for (key, _) in self.keys(kind, Some(namespace)) {
            self.take(kind, &key);
        }
        if let Some(namespaces) = self.nodes.get_mut(kind) {
            namespaces.remove(namespace);
            if namespaces.is_empty() {
                self.nodes.remove(kind);
            }
        }
    }

    fn get(&self, key: &NodeKey) -> Option<&Seen> {
        self.nodes.get(&kind_of(key))?.get(key.namespace.as_str())?.get(key.name.as_str())
    }

    /// What the Application has delivered, from now on.
    pub(super) fn want(&mut self, identity: &Identity, roots: Arc<BTreeSet<NodeKey>>) {
        let before = self.roots.remove(identity).unwrap_or_default();
        for key in before.difference(&roots) {
            if let Some(wanted_by) = self.wanted_by.get_mut(key) {
                wanted_by.remove(identity);
                if wanted_by.is_empty() {
                    self.wanted_by.remove(key);
                }
            }
        }
        for key in roots.difference(&before) {
            self.wanted_by.entry(key.clone()).or_default().insert(Arc::clone(identity));
        }
        if !roots.is_empty() {
            self.roots.insert(Arc::clone(identity), roots);
        }
    }

    /// What the Application has delivered, as it was last said.
    pub(super) fn roots(&self, identity: &str) -> Option<&Arc<BTreeSet<NodeKey>>> {
        self.roots.get(identity)
    }

    /// What the Application has delivered, as far as it is there, and everything below it.
    pub(super) fn tree(&self, identity: &str) -> BTreeMap<NodeKey, Arc<Node>> {
        let roots = self.roots.get(identity).into_iter().flat_map(|roots| roots.iter());
        let mut next: Vec<Arc<Node>> =
            roots.filter_map(|key| self.get(key)).map(|seen| Arc::clone(&seen.node)).collect();
        let mut tree = BTreeMap::new();
        while let Some(node) = next.pop() {
            if !tree.contains_key(&node.key) {
                next.extend(self.children.get(&node.uid).into_iter().flatten().cloned());
                next.extend(self.claims(&node));
                tree.insert(node.key.clone(), node);
            }
        }
        tree
    }

    /// Claims that a `StatefulSet` made: they do not say so themselves.
    fn claims<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = Arc<Node>> + 'a {
        let has_any = !node.claim_templates.is_empty();
        let claims = has_any.then(|| self.in_namespace("", "PersistentVolumeClaim", &node.key.namespace));
        claims.into_iter().flatten().filter(|claim| node.is_parent_of(claim)).cloned()
    }

    fn in_namespace(&self, group: &str, kind: &str, namespace: &str) -> impl Iterator<Item = &Arc<Node>> {
        let namespaces = self.nodes.get(&GroupKind::new(group, kind));
        let names = namespaces.and_then(|namespaces| namespaces.get(namespace));
        names.into_iter().flat_map(BTreeMap::values).map(|seen| &seen.node)
    }

    /// The Applications in whose tree the object is.
    pub(super) fn concerned(&self, node: &Node) -> BTreeSet<Identity> {
        let mut concerned = BTreeSet::new();
        let mut level = vec![node.key.clone()];
        let mut owners = self.above(node);
        for _ in 0..MAX_DEPTH {
            let wanted = level.iter().filter_map(|key| self.wanted_by.get(key));
            concerned.extend(wanted.flatten().cloned());
            if owners.is_empty() {
                break;
            }
            let known: Vec<_> = owners.iter().filter_map(|key| self.get(key)).collect();
            let above = known.iter().flat_map(|seen| self.above(&seen.node)).collect();
            level = std::mem::replace(&mut owners, above);
        }
        concerned
    }

    fn above(&self, node: &Node) -> Vec<NodeKey> {
        let namespace = node.key.namespace.as_str();
        let named = node.owners.iter().flat_map(|owner| {
            // Of an object of the cluster or of one in the same namespace: the reference does not say.
            let namespaces = BTreeSet::from([namespace, ""]);
            namespaces.into_iter().map(|namespace| NodeKey {
                group: owner.group().to_owned(),
                kind: owner.kind.clone(),
                namespace: namespace.to_owned(),
                name: owner.name.clone(),
            })
        });
        let is_claim = node.key.kind == "PersistentVolumeClaim" && node.key.group.is_empty();
        let sets = is_claim.then(|| self.in_namespace("apps", "StatefulSet", namespace));
        let sets = sets.into_iter().flatten().filter(|set| set.is_parent_of(node));
        named.chain(sets.map(|set| set.key.clone())).collect()
    }
}
