//! Live objects that were delivered, and what they made in turn: trimmed to what a tree, a health and a summary need.

pub mod children;
mod gateway;
mod health;
mod info;
mod kept;
mod links;
mod networking;
pub mod node;
mod object;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use children::{ChildKind, children_of, descendants_of};
pub use node::reads_body;

use crate::argo::Protection;
use crate::argo::status::HealthStatus;
use crate::flux::ObjectKey;
use crate::project::Permissions;

/// Which object of the cluster. The order is Argo CD's of its trees: `group/kind/namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for objects of the cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl NodeKey {
    /// `group/kind/namespace/name`, by which Argo CD sorts and names objects (types.go, `FullName`).
    pub fn full_name(&self) -> String {
        format!("{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)
    }

    /// The project of an Application lets it show the object, and work on it.
    pub fn is_permitted(&self, permissions: &Permissions<'_>) -> bool {
        permissions.object(&self.group, &self.kind, &self.namespace, &self.name)
    }
}

impl fmt::Display for NodeKey {
    /// `Deployment NAMESPACE/NAME`, as messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

impl From<&ObjectKey> for NodeKey {
    fn from(key: &ObjectKey) -> Self {
        Self {
            group: key.kind.group().to_owned(),
            kind: key.kind.kind().to_owned(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        }
    }
}

/// An object that this one was made by (`metadata.ownerReferences`); it is in the same namespace, or of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// `group/version`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

/// Addresses and selectors of an object (argo-cd `controller/cache/info.go`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networking {
    /// Labels of the Pods that a Service sends to.
    pub target_labels: BTreeMap<String, String>,
    /// What an Ingress sends to.
    pub target_refs: BTreeSet<NodeKey>,
    /// Labels of a Pod, by which a Service finds it.
    pub labels: BTreeMap<String, String>,
    /// Addresses given by the load balancer: IP or host name.
    pub ingress: Vec<(String, String)>,
    /// Addresses to show.
    pub external_urls: BTreeSet<String>,
}

/// A live object, trimmed: what is kept of it in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Which object.
    pub key: NodeKey,
    /// API version within the group.
    pub version: String,
    /// UID.
    pub uid: String,
    /// resourceVersion.
    pub resource_version: String,
    /// Creation time, RFC 3339.
    pub created_at: String,
    /// What it was made by.
    pub owners: Vec<Owner>,
    /// By Argo CD's rules for its kind; `None` for kinds that have none.
    pub health: Option<HealthStatus>,
    /// Chips of the tree: `Revision`, `Status Reason`, `Node`, `Containers`, `Restart Count`, and what a Pod requests.
    pub info: Vec<(String, String)>,
    /// Images of the containers.
    pub images: BTreeSet<String>,
    /// Addresses and selectors.
    pub networking: Option<Networking>,
    /// Annotated with `argocd.argoproj.io/ignore-healthcheck: "true"`.
    pub ignores_health: bool,
    /// A Pod that has ended, well or not: what made it has replaced it, or does not want it any more.
    pub has_ended: bool,
    /// A workload object takes it over from another one ([`crate::names::ANNOTATION_TAKEN_OVER`]).
    pub is_taken_over: bool,
    /// Flux leaves it in the cluster, whatever becomes of the source and of the workload object.
    pub kept: Option<Box<Kept>>,
    /// Names of the templates that a `StatefulSet` makes `PersistentVolumeClaim`s from.
    pub claim_templates: Vec<String>,
}

/// Why, and by whom, an object is left in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The workload objects that applied it, by the labels that they leave, as far as they keep it.
    pub by: Vec<ObjectKey>,
    /// What its sync options say; `None` where it has none (any more).
    pub protection: Option<Protection>,
    /// That it is not in the source does not make the Application `OutOfSync`.
    pub is_no_difference: bool,
}

/// What is known of the objects that an Application's workload objects delivered, and of everything below them.
#[derive(Clone, Debug, Default)]
pub struct LiveObjects {
    /// Live objects: those of the inventories, and their children down to Pods.
    pub nodes: BTreeMap<NodeKey, Arc<Node>>,
    /// Group and kind of what may not be read, or is not served: absence from `nodes` says nothing about these.
    pub unreadable: BTreeSet<(String, String)>,
    /// Everything in use has been listed once; before that, absence from `nodes` says nothing.
    pub is_complete: bool,
}

impl LiveObjects {
    /// Whether absence of an object of that kind from `nodes` says that it is not there.
    pub fn knows(&self, group: &str, kind: &str) -> bool {
        self.is_complete && !self.unreadable.contains(&(group.to_owned(), kind.to_owned()))
    }
}
