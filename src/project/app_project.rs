//! The `AppProject`, as far as the bridge reads it (argo-cd `pkg/apis/application/v1alpha1/types.go`).

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::argo::source::Destination;

/// `argoproj.io/v1alpha1` `AppProject`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppProject {
    /// Kubernetes' metadata.
    pub metadata: ObjectMeta,
    /// What it allows.
    #[serde(default)]
    pub spec: AppProjectSpec,
}

/// `spec` of an `AppProject`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppProjectSpec {
    /// Patterns of repository addresses.
    pub source_repos: Vec<String>,
    /// Patterns of destinations.
    pub destinations: Vec<Destination>,
    /// Namespaces, beside Argo CD's own, whose Applications may use the project.
    pub source_namespaces: Vec<String>,
    /// Cluster-wide kinds that may be delivered; none unless named.
    pub cluster_resource_whitelist: Vec<ClusterResource>,
    /// Cluster-wide kinds that may not.
    pub cluster_resource_blacklist: Vec<ClusterResource>,
    /// Namespaced kinds that may be delivered: all of them when it is absent, none when it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_resource_whitelist: Option<Vec<GroupKind>>,
    /// Namespaced kinds that may not.
    pub namespace_resource_blacklist: Vec<GroupKind>,
    /// Whom Applications are delivered as, where Argo CD impersonates.
    pub destination_service_accounts: Vec<DestinationServiceAccount>,
    /// When syncs may run.
    pub sync_windows: Vec<SyncWindow>,
    /// Only clusters that are scoped to the project are destinations.
    pub permit_only_project_scoped_clusters: bool,
}

/// Patterns of a group and a kind (Go's `filepath.Match`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

/// Patterns of a cluster-wide object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; empty means any.
    pub name: String,
}

/// Whom what goes to some destinations is applied as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationServiceAccount {
    /// Pattern of the cluster's address.
    pub server: String,
    /// Pattern of the destination namespace.
    pub namespace: String,
    /// `NAME`, in the destination namespace, or `NAMESPACE:NAME`.
    pub default_service_account: String,
}

/// A time in which syncs are allowed, or denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncWindow {
    /// `allow` or `deny`.
    pub kind: String,
    /// When it begins: five cron fields.
    pub schedule: String,
    /// How long it is open: a Go duration.
    pub duration: String,
    /// Patterns of Application names.
    pub applications: Vec<String>,
    /// Patterns of destination namespaces.
    pub namespaces: Vec<String>,
    /// Patterns of destination servers or cluster names.
    pub clusters: Vec<String>,
    /// It does not concern Syncs that somebody asks for.
    pub manual_sync: bool,
    /// IANA name; empty means UTC.
    pub time_zone: String,
    /// All of the patterns must fit, instead of one of them.
    pub and_operator: bool,
    /// A Sync that was allowed when it began may go on.
    pub sync_overrun: bool,
}

impl AppProject {
    /// Name, or `""`.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }
}

impl kube::Resource for AppProject {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "AppProject".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "argoproj.io".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "appprojects".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
