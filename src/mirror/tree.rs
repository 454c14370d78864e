//! The tree of an Application: its Flux objects, what they delivered, and what was made of that in turn.
//!
//! Roots are the Application's Flux objects. Below a workload object hang, by references that Kubernetes does not have,
//! the `HelmChart` that Flux makes for it and everything in its inventory; workload objects among that go on likewise.
//! Below those hang what owner references tell, down to Pods.
//!
//! What the project does not permit is left out, with everything below it. The Application's own Flux objects, and the
//! `HelmChart`s behind them, show the way of its sources all the same: as nodes without a UID, on which Argo CD's server does
//! nothing (argo-cd `server/application/application.go`, `getAppLiveResource`).

mod json;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::inventories::{Inventories, Inventory};
use super::inventory::Entry;
use super::live::{Node, NodeKey, Owner};
use super::view::View;
use super::{Relation, health, object_health, sight};
use crate::argo::status::HealthStatus;
use crate::flux::{Live, ObjectKey};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Nodes in Argo CD's order, that of `group/kind/namespace/name` as a text (types.go, `ApplicationTree.Normalize`).
    pub nodes: Vec<TreeNode>,
}

/// One object of the tree.
#[derive(Clone, Debug)]
pub struct TreeNode {
    /// The object; without a UID when it is not there, cannot be looked at, or is not permitted.
    pub node: Arc<Node>,
    /// What it hangs under.
    pub parents: Vec<Parent>,
    /// How it came into the tree.
    pub role: Role,
}

/// How an object came into a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the Application's Flux objects.
    Root,
    /// Made by Flux for one of them: a `HelmChart`.
    Made,
    /// Delivered by one of them.
    Delivered,
    /// Made below something delivered.
    Below,
}

/// Something that a node hangs under: full key and UID, since the UI looks for the one and the server for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Which object.
    pub key: NodeKey,
    /// API version within the group.
    pub version: String,
    /// UID.
    pub uid: String,
}

impl Tree {
    /// The tree of what `view` shows.
    pub fn of(view: &View<'_>) -> Self {
        let mut growing = Growing::default();
        growing.add_roots(view);
        let workloads: Vec<ObjectKey> = view.workloads().map(|live| live.key()).collect();
        let lookup = |key: &ObjectKey| view.observed.objects.get(key).cloned();
        let inventories = Inventories::of(workloads, lookup, &view.permissions);
        for (workload, inventory) in &inventories.0 {
            growing.add_delivery(view, workload, inventory);
        }
        growing.add_what_is_below(view);
        growing.hang_higher();
        Self { nodes: growing.sorted() }
    }

    /// What was delivered into this cluster, live or missing.
    pub fn delivered(&self) -> impl Iterator<Item = &TreeNode> {
        self.nodes.iter().filter(|node| node.role == Role::Delivered)
    }
}

impl TreeNode {
    fn new(node: Node, role: Role, parents: Vec<Parent>) -> Self {
        Self { node: Arc::new(node), parents, role }
    }
}

impl Parent {
    /// `node` as something to hang under.
    fn of(node: &Node) -> Self {
        Self { key: node.key.clone(), version: node.version.clone(), uid: node.uid.clone() }
    }
}

/// A Flux object as a node.
pub(super) fn flux_node(live: Live<'_>, health: Option<HealthStatus>) -> Node {
    let kind = live.kind;
    let node = Node::of(kind.group(), kind.version(), kind.kind(), live.object);
    Node { health: health.or(node.health), ..node }
}

/// The node, without what would let anybody work on the object where the project does not permit that.
fn within_reach(view: &View<'_>, node: Node) -> Node {
    if node.key.is_permitted(&view.permissions) {
        return node;
    }
    Node { health: node.health, ..unseen(node.key, &node.version) }
}

fn missing(key: NodeKey, version: &str) -> Node {
    Node { health: Some(health::health("Missing", "")), ..unseen(key, version) }
}

/// An object that cannot be looked at.
fn unseen(key: NodeKey, version: &str) -> Node {
    Node { key, version: version.to_owned(), ..Node::default() }
}

/// A tree in the making.
#[derive(Default)]
struct Growing(BTreeMap<NodeKey, TreeNode>);

impl Growing {
    fn add(&mut self, node: TreeNode) {
        self.0.entry(node.node.key.clone()).or_insert(node);
    }

    fn add_roots(&mut self, view: &View<'_>) {
        for resource in &view.resources {
            let node = match resource.live {
                Some(live) => {
                    within_reach(view, flux_node(live, Some(object_health::live_health(view, live))))
                }
                None if resource.relation == Relation::Unknown => {
                    unseen(NodeKey::from(&resource.key), resource.key.kind.version())
                }
                None => missing(NodeKey::from(&resource.key), resource.key.kind.version()),
            };
            self.add(TreeNode::new(node, Role::Root, Vec::new()));
        }
        for live in &view.stale {
            let node = within_reach(view, flux_node(*live, Some(object_health::live_health(view, *live))));
            self.add(TreeNode::new(node, Role::Root, Vec::new()));
        }
    }

    fn add_delivery(&mut self, view: &View<'_>, workload: &ObjectKey, inventory: &Inventory) {
        let Some(live) = view.observed.live(workload) else { return };
        let parent = Parent::of(&within_reach(view, flux_node(live, None)));
        if let Some(chart) = sight::chart(view.observed, &view.permissions, live) {
            let health = object_health::live_health(view, chart);
            let made = within_reach(view, flux_node(chart, Some(health)));
            self.add(TreeNode::new(made, Role::Made, vec![parent.clone()]));
        }
        for entry in &inventory.entries {
            self.add_delivered(view, entry, inventory.is_remote, &parent);
        }
        for left in view.leftovers.iter().filter(|left| left.workload == *workload) {
            let node = TreeNode {
                node: Arc::clone(&left.node),
                parents: vec![parent.clone()],
                role: Role::Delivered,
            };
            self.add(node);
        }
    }

    /// What two have delivered hangs under both.
    fn add_delivered(&mut self, view: &View<'_>, entry: &Entry, is_remote: bool, parent: &Parent) {
        match self.0.get_mut(&entry.node_key()) {
            Some(known) if known.role == Role::Delivered => known.parents.push(parent.clone()),
            Some(_) => {}
            None => {
                let node = if is_remote {
                    Arc::new(unseen(entry.node_key(), &entry.version))
                } else {
                    found(view, entry)
                };
                self.add(TreeNode { node, parents: vec![parent.clone()], role: Role::Delivered });
            }
        }
    }

    /// Follows owner references from everything that was delivered. Below what is not permitted nothing is looked for.
    fn add_what_is_below(&mut self, view: &View<'_>) {
        let below = Below::of(view);
        let delivered =
            self.0.values().filter(|node| node.role == Role::Delivered && !node.node.uid.is_empty());
        let mut next: Vec<Arc<Node>> = delivered.map(|node| Arc::clone(&node.node)).collect();
        while let Some(parent) = next.pop() {
            for child in below.children(&parent) {
                if !self.0.contains_key(&child.key) && child.key.is_permitted(&view.permissions) {
                    let parents = below.parents(child, &parent);
                    self.add(TreeNode { node: Arc::clone(child), parents, role: Role::Below });
                    next.push(Arc::clone(child));
                }
            }
        }
    }

    /// Argo CD's CLI finds parents by UID alone (argo-cd `cmd/argocd/commands/tree.go`): below one node without a UID it finds
    /// all that hang below any, itself among them, for ever. So one without a UID hangs below none without.
    fn hang_higher(&mut self) {
        let nodes =
            self.0.values().filter(|node| node.node.uid.is_empty() && self.is_below_the_nameless(node));
        let keys: Vec<NodeKey> = nodes.map(|node| node.node.key.clone()).collect();
        for key in keys {
            if let Some(node) = self.0.get_mut(&key) {
                node.parents.clear();
            }
        }
    }

    /// Something above the node has no UID.
    fn is_below_the_nameless(&self, node: &TreeNode) -> bool {
        let mut met = BTreeSet::new();
        let mut next: Vec<&Parent> = node.parents.iter().collect();
        while let Some(parent) = next.pop() {
            if parent.uid.is_empty() {
                return true;
            }
            if met.insert(&parent.key) {
                next.extend(self.0.get(&parent.key).into_iter().flat_map(|above| &above.parents));
            }
        }
        false
    }

    fn sorted(self) -> Vec<TreeNode> {
        let mut nodes: Vec<TreeNode> = self.0.into_values().collect();
        nodes.sort_by_cached_key(|node| node.node.key.full_name());
        nodes
    }
}

/// The live object of an inventory: a Flux object, or one of those that are watched.
fn found(view: &View<'_>, entry: &Entry) -> Arc<Node> {
    let observed = view.observed;
    if let Some(live) = entry.flux_key().and_then(|key| observed.live(&key)) {
        return Arc::new(flux_node(live, None));
    }
    let key = entry.node_key();
    if let Some(node) = observed.live_objects.nodes.get(&key) {
        return Arc::clone(node);
    }
    let objects = &observed.live_objects;
    let is_known =
        objects.is_complete && !objects.unreadable.contains(&(key.group.clone(), key.kind.clone()));
    // A Flux object that is not among those that were read is not there.
    let is_missing =
        is_known || entry.flux_key().is_some_and(|key| !observed.absent_kinds.contains(&key.kind));
    Arc::new(if is_missing { missing(key, &entry.version) } else { unseen(key, &entry.version) })
}

/// Live objects by what they were made by.
struct Below<'a> {
    by_uid: HashMap<&'a str, &'a Arc<Node>>,
    by_owner: HashMap<&'a str, Vec<&'a Arc<Node>>>,
    /// Those that do not say by UID what they were made by.
    loose: Vec<&'a Arc<Node>>,
}

impl<'a> Below<'a> {
    fn of(view: &View<'a>) -> Self {
        let nodes = || view.observed.live_objects.nodes.values();
        let mut by_owner: HashMap<&str, Vec<&Arc<Node>>> = HashMap::new();
        let mut loose = Vec::new();
        for node in nodes() {
            let mut owners = node.owners.iter().filter(|owner| !owner.uid.is_empty()).peekable();
            if owners.peek().is_none() {
                loose.push(node);
            }
            for owner in owners {
                by_owner.entry(&owner.uid).or_default().push(node);
            }
        }
        Self { by_uid: nodes().map(|node| (node.uid.as_str(), node)).collect(), by_owner, loose }
    }

    fn children(&self, parent: &Node) -> impl Iterator<Item = &'a Arc<Node>> {
        let named = self.by_owner.get(parent.uid.as_str()).into_iter().flatten().copied();
        // Only these two have children that do not name them by UID.
        let has_loose = matches!(parent.key.kind.as_str(), "Service") || !parent.claim_templates.is_empty();
        let loose =
            self.loose.iter().filter(|_| has_loose).copied().filter(|child| parent.is_parent_of(child));
        named.chain(loose.collect::<Vec<_>>())
    }

    /// Everything that `child` says it was made by; `parent` where it does not say so.
    fn parents(&self, child: &Node, parent: &Node) -> Vec<Parent> {
        let named = child.owners.iter().filter(|owner| !owner.uid.is_empty());
        let mut parents: Vec<Parent> = named.map(|owner| self.parent(owner)).collect();
        if parents.is_empty() {
            parents.push(Parent::of(parent));
        }
        parents
    }

    /// An owner that is not known is one of the cluster (argo-cd `controller/cache/cache.go`, `asResourceNode`).
    fn parent(&self, owner: &Owner) -> Parent {
        let known = self.by_uid.get(owner.uid.as_str());
        Parent {
            key: NodeKey {
                group: owner.group().to_owned(),
                kind: owner.kind.clone(),
                namespace: known.map(|known| known.key.namespace.clone()).unwrap_or_default(),
                name: owner.name.clone(),
            },
            version: owner.version().to_owned(),
            uid: owner.uid.clone(),
        }
    }
}
