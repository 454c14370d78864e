//! `.operation` and `status.operationState` (argo-cd `types.go`, `Operation`, `OperationState`; the state machine is in
//! argo-cd `controller/appcontroller.go`, `processRequestedAppOperation`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ApplicationSource;

/// A request to act on an Application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// The only kind of operation there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncOperation>,
    /// Who asked.
    #[serde(skip_serializing_if = "InitiatedBy::is_empty")]
    pub initiated_by: InitiatedBy,
    /// Retry and info as written by whoever asked; carried over untouched.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `operation.sync`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOperation {
    /// The revision to sync to, resolved by Argo CD's server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The same for several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// Delete what left the source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
    /// Change nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Only these resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Value>,
    /// The source to deliver instead of the Application's own (rollback).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// The same for several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
    /// Manifests from the caller's disk (`argocd app sync --local`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Everything else (`syncStrategy`, `syncOptions`, `autoHealAttemptsCount`); carried over untouched.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl SyncOperation {
    /// Whether it delivers `sources`, its own or those of its Application, which has some or has not. Argo CD's server writes an empty `source` beside the
    /// `sources` of a rollback (argo-cd `server/application/application.go`, `Rollback`; `controller/sync.go`,
    /// `newSyncOperationResult`).
    pub fn has_multiple_sources(&self, of_application: bool) -> bool {
        !self.sources.is_empty() || (self.only_source().is_none() && of_application)
    }

    /// The one source that it delivers instead of the Application's own.
    pub fn only_source(&self) -> Option<&ApplicationSource> {
        self.source.as_ref().filter(|source| self.sources.is_empty() && !source.repo_url.is_empty())
    }

    /// The revision that it asks for of source number `index`; empty when it asks for none.
    pub fn revision_of(&self, index: usize) -> &str {
        match self.revisions.get(index) {
            Some(revision) => revision,
            None if index == 0 && self.revisions.is_empty() => &self.revision,
            None => "",
        }
    }
}

/// Who asked for an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InitiatedBy {
    /// The person or program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// No person: the automated sync policy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub automated: bool,
}

impl InitiatedBy {
    /// Nobody is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `status.operationState`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationState {
    /// The operation as it was asked for.
    #[serde(default)]
    pub operation: Operation,
    /// How far it is.
    pub phase: Phase,
    /// What is happening, or how it ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was synced, resource by resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_result: Option<SyncResult>,
    /// Begin.
    #[serde(with = "super::seconds")]
    pub started_at: Timestamp,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::seconds_option")]
    pub finished_at: Option<Timestamp>,
    /// How often it was tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_count: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Phase of an operation (gitops-engine `sync/common/types.go`, `OperationPhase`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// At work.
    Running,
    /// Asked to stop; the server writes this (argo-cd `server/application/application.go`, `TerminateOperation`).
    Terminating,
    /// Ended: something could not be delivered.
    Failed,
    /// Ended: it could not even begin.
    Error,
    /// Ended well.
    Succeeded,
    /// A word of a newer Argo CD.
    #[serde(untagged)]
    Other(String),
}

impl Phase {
    /// Nothing more will happen.
    pub fn is_completed(&self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Succeeded)
    }
}

/// `status.operationState.syncResult`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncResult {
    /// One line a resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceResult>,
    /// Required by the CRD, empty for several sources.
    pub revision: String,
    /// Revisions of several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// What was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// What was delivered, of several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
}

impl SyncResult {
    /// The revisions of all sources.
    pub fn revisions(&self) -> &[String] {
        if self.revisions.is_empty() { std::slice::from_ref(&self.revision) } else { &self.revisions }
    }
}

/// One line of `syncResult.resources`. The first five fields must exist, be they empty (Application CRD).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceResult {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// What happened, in Flux's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Phase of the hook or sync operation: `Running`, `Succeeded`, `Failed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hook_phase: String,
    /// `Sync` for everything Flux delivers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sync_phase: String,
}
