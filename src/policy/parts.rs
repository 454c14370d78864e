//! The parts of a policy.
#![allow(clippy::doc_markdown, reason = "kubectl explain prints these comments, as plain text")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which Applications are governed; what is absent fits every one, what is there has to fit altogether.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSelector {
    /// Names or globs of AppProjects, one of which has to fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub projects: Option<Vec<String>>,
    /// Names or globs of namespaces that Applications are in, one of which has to fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub namespaces: Option<Vec<String>>,
    /// Labels of the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Expressions about labels of the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub match_expressions: Option<Vec<LabelExpression>>,
}

/// One expression about a label, as Kubernetes' label selectors have them.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
     "message": "In and NotIn have values, Exists and DoesNotExist have none"}
]))]
pub struct LabelExpression {
    /// Key of the label.
    #[schemars(length(min = 1, max = 316))]
    pub key: String,
    /// How the label and the values stand to each other.
    pub operator: ExpressionOperator,
    /// What it is compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub values: Vec<String>,
}

/// How a label and its values stand to each other.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExpressionOperator {
    /// The label has one of the values.
    In,
    /// The label has none of the values, or is not there.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// Who renders what a restricted project is asked about.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestrictedProjects {
    /// Argo CD's repo-server: what the AppProject was asked about is what Flux delivers, to the letter.
    Rendered,
    /// Flux, after the AppProject was asked about what Argo CD's repo-server renders. Only for sources that can be trusted to
    /// hold the same for both: charts see the cluster, their past and chance when Flux renders them.
    Native,
}

/// How often Flux looks without a cause.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Intervals {
    /// Of GitRepository, HelmRepository and OCIRepository; Argo CD's `timeout.reconciliation` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "duration(self) >= duration('1s')",
         "message": "an interval is at least 1s"}
    ]))]
    pub source: Option<String>,
    /// Of HelmRelease and Kustomization; 10m unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "duration(self) >= duration('1s')",
         "message": "an interval is at least 1s"}
    ]))]
    pub workload: Option<String>,
}

/// How long Flux may take.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// For one fetch; 60s unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"), length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "duration(self) >= duration('1s')",
         "message": "a timeout is at least 1s"}
    ]))]
    pub source: Option<String>,
    /// For one action of Helm, or for a Kustomization, with the wait for what it delivers where Flux waits; 5m unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "duration(self) >= duration('1s')",
         "message": "a timeout is at least 1s"}
    ]))]
    pub workload: Option<String>,
}

/// Fields that Flux leaves alone (`spec.driftDetection.ignore` of a HelmRelease, `spec.ignore` of a Kustomization).
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoreRule {
    /// JSON pointers; the empty one is the whole object.
    #[schemars(length(min = 1, max = 64), inner(regex(pattern = "^(/.*)?$")))]
    pub paths: Vec<String>,
    /// The objects; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// Which objects: regular expressions, and selectors as `kubectl get -l` reads them. What is absent fits everything.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// API group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// API version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_selector: Option<String>,
}

/// A strategic merge patch or a JSON patch, as kustomize reads it.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// YAML.
    #[schemars(length(min = 1))]
    pub patch: String,
    /// The objects that are patched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// Something that changes what Helm rendered.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostRenderer {
    /// By kustomize.
    pub kustomize: Kustomize,
}

/// What kustomize changes.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kustomize {
    /// Patches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub patches: Vec<Patch>,
    /// Images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub images: Vec<Image>,
}

/// One image and what takes its place.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.newName) || has(self.newTag) || has(self.digest)",
     "message": "an image has a newName, a newTag or a digest"}
]))]
pub struct Image {
    /// Its name, without a tag.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// Another tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// A digest in the place of a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What overrides may change.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// What may be changed; nothing where the list is empty.
    #[schemars(length(max = 64))]
    pub allowed: Vec<OverrideRule>,
}

/// Fields that an override may change.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideRule {
    /// Kinds of Flux objects; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub kinds: Vec<Overridable>,
    /// JSON pointers into the object, such as `/spec/timeout` or `/spec/values`: the field and everything below it. The empty
    /// pointer is the whole object but for `/spec/serviceAccountName` and `/spec/kubeConfig`, which only their own pointers
    /// name where a policy sets the ServiceAccount.
    #[schemars(length(min = 1, max = 64), inner(regex(pattern = "^(/.*)?$")))]
    pub paths: Vec<String>,
}

/// A kind of Flux object that overrides exist for.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overridable {
    /// Git.
    GitRepository,
    /// Helm repositories.
    HelmRepository,
    /// OCI artifacts.
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// Helm releases.
    HelmRelease,
    /// Manifests.
    Kustomization,
}

impl Overridable {
    /// Kubernetes' word for it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::GitRepository => "GitRepository",
            Self::HelmRepository => "HelmRepository",
            Self::OciRepository => "OCIRepository",
            Self::HelmRelease => "HelmRelease",
            Self::Kustomization => "Kustomization",
        }
    }
}
