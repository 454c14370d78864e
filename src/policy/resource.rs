//! The custom resource itself.
#![allow(clippy::doc_markdown, reason = "kubectl explain prints these comments, as plain text")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::parts::{
    ApplicationSelector, IgnoreRule, Intervals, Overrides, Patch, PostRenderer, RestrictedProjects, Timeouts,
};

/// What a platform team sets for the Flux objects of the Applications that the selector fits. It stands in Argo CD's own
/// namespace. Where several policies fit, each setting is that of the highest priority that has it.
#[derive(CustomResource, JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "flux-subsystem.dev",
    version = "v1alpha1",
    kind = "FluxDeliveryPolicy",
    plural = "fluxdeliverypolicies",
    shortname = "fdp",
    namespaced,
    doc = "What a platform team sets for the Flux objects of many Applications at once.",
    derive = "Default",
    derive = "PartialEq",
    status = "FluxDeliveryPolicyStatus",
    printcolumn = r#"{"name":"Priority","type":"integer","jsonPath":".spec.priority"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Applications","type":"integer","jsonPath":".status.governedApplications"}"#,
    printcolumn = r#"{"name":"Refused","type":"integer","jsonPath":".status.refusedApplications"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.labels) || self.labels.all(k, !k.startsWith('flux-subsystem.dev/') && !k.startsWith('flamingo/') && \
     !(k in ['app.kubernetes.io/managed-by', 'app.kubernetes.io/instance']))",
     "message": "labels of the prefixes flux-subsystem.dev/ and flamingo/, app.kubernetes.io/managed-by and app.kubernetes.io/instance are not a policy's to set"},
    {"rule": "!has(self.labels) || self.labels.all(k, size(k) <= 316 && self.labels[k].matches('^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$'))",
     "message": "labels: a value is letters, digits, dashes, dots and underscores"}
]))]
pub struct FluxDeliveryPolicySpec {
    /// Where several policies fit an Application and have the same setting, the highest priority wins; among equal ones the
    /// first by name, and both policies say so.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// The Applications that are governed; all of them where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<ApplicationSelector>,
    /// How often Flux looks without a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// How long Flux may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// How soon Flux tries a failed HelmRelease or Kustomization again; 1m unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "duration(self) >= duration('1s')",
         "message": "retryInterval is at least 1s"}
    ]))]
    pub retry_interval: Option<String>,
    /// Flux waits until what it delivers is healthy, and an operation of Argo CD ends with that, within `timeouts.workload`;
    /// then remediation (`remediation` of a HelmRelease) acts on what does not become healthy, too. Unless set, Flux waits
    /// where an order asks for it: `dependsOn`, Helm's tests, an override (`wait`, `disableWait`). Each object that Flux waits
    /// for holds a worker of its controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_health: Option<bool>,
    /// The ServiceAccount, in the namespace of the HelmRelease or Kustomization, that Flux delivers as. No override takes it
    /// back unless `overrides` names `/spec/serviceAccountName` itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"), length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Who renders the sources of Applications whose AppProject restricts what may be delivered, and which no ServiceAccount
    /// delivers; Rendered unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restricted_projects: Option<RestrictedProjects>,
    /// Fields that Flux leaves alone, beside those of `ignoreDifferences` in the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub drift_ignore: Option<Vec<IgnoreRule>>,
    /// Labels of every generated object and of the HelmCharts that Flux makes of them, such as
    /// `sharding.fluxcd.io/key: shard1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub labels: Option<BTreeMap<String, String>>,
    /// Post-renderers of every HelmRelease, after those that come from the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub post_renderers: Option<Vec<PostRenderer>>,
    /// Patches of every Kustomization, after those that come from the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub patches: Option<Vec<Patch>>,
    /// What the annotations `flamingo/KIND-override` and `flamingo/KIND-replace` may change; everything where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Overrides>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// What the bridge says of a policy.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FluxDeliveryPolicyStatus {
    /// The generation that the rest is about.
    pub observed_generation: i64,
    /// How many bridged Applications the policy governs.
    pub governed_applications: i64,
    /// How many of them are not delivered because of it.
    pub refused_applications: i64,
    /// What it refused: at most 20, by Application and field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub refusals: Vec<PolicyRefusal>,
    /// `Ready`: False with the reason `Ambiguous` while another policy of the same priority says something else for the same
    /// Applications.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PolicyCondition>,
}

/// One field of one Application that a policy refused.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyRefusal {
    /// `NAMESPACE/NAME` of the Application.
    pub application: String,
    /// The field, such as `metadata.annotations[flamingo/helmrelease-override]`.
    pub field: String,
    /// What is refused, a sentence.
    pub message: String,
}

/// A condition (apimachinery `metav1.Condition`).
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyCondition {
    /// `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// When `status` changed last.
    pub last_transition_time: String,
    /// The generation that it is about.
    pub observed_generation: i64,
}
