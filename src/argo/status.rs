//! `status` of an Application: the fields that the bridge owns (argo-cd `types.go`, `ApplicationStatus`).
//!
//! What is not named here (such as `sourceHydrator`) is never touched: writes are merge patches of what differs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{InitiatedBy, OperationState};
use super::{ApplicationSource, seconds, seconds_option, source};

/// What the bridge says of an Application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationStatus {
    /// What was delivered, object by object, sorted by `group/kind/namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceStatus>,
    /// Comparison of what is wanted with what is there.
    pub sync: SyncStatus,
    /// How well it is.
    pub health: HealthStatus,
    /// Deliveries that succeeded, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RevisionHistory>,
    /// What is wrong or worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When the comparison was last made; after `operationState.finishedAt`, or notifications and waits hang.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds_option")]
    pub reconciled_at: Option<Timestamp>,
    /// The current or last operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_state: Option<OperationState>,
    /// `Helm`, `Kustomize` or `Directory`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_type: String,
    /// The same for several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_types: Vec<String>,
    /// Images and addresses, for lists.
    pub summary: Summary,
    /// Where `resources[].health` comes from; empty: it is in place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_health_source: String,
    /// Namespace of the controller that answers for the Application.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub controller_namespace: String,
}

/// One delivered object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceStatus {
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `Synced`, `OutOfSync` or `Unknown`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Health of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// It left what is wanted and waits for a pruning sync.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub requires_pruning: bool,
}

/// `status.sync`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncStatus {
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub status: String,
    /// What the comparison was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_to: Option<ComparedTo>,
    /// The newest revision that the source offers: commit, chart version or digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The same for several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
}

/// `status.sync.comparedTo`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComparedTo {
    /// The one source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// Several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
    /// Required by the CRD.
    pub destination: source::Destination,
    /// As in the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<Value>,
}

/// `health` of the Application or of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthStatus {
    /// `Healthy`, `Suspended`, `Progressing`, `Missing`, `Degraded` or `Unknown`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When `status` last became something else; only on the Application.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds_option")]
    pub last_transition_time: Option<Timestamp>,
}

/// One delivery that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionHistory {
    /// Rises by one from 0; `argocd app rollback` names it.
    pub id: i64,
    /// What was delivered: commit, chart version or digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The same for several sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// When it was there.
    #[serde(with = "seconds")]
    pub deployed_at: Timestamp,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds_option")]
    pub deploy_started_at: Option<Timestamp>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// The same for several sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "InitiatedBy::is_empty")]
    pub initiated_by: InitiatedBy,
}

/// An Application condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `ComparisonError`, `InvalidSpecError`, `SyncError`, `DeletionError`, … (types.go, `ApplicationConditionType`).
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence.
    pub message: String,
    /// When it came to be.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds_option")]
    pub last_transition_time: Option<Timestamp>,
}

/// `status.summary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Addresses from outside.
    #[serde(rename = "externalURLs", skip_serializing_if = "Vec::is_empty")]
    pub external_urls: Vec<String>,
    /// Images in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Applications are among what was delivered.
    #[serde(rename = "isAppOfApps", skip_serializing_if = "std::ops::Not::not")]
    pub is_app_of_apps: bool,
}
