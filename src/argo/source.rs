//! One source of an Application, and where it goes (argo-cd `pkg/apis/application/v1alpha1/types.go`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One source of an Application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSource {
    /// Address of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Folder inside the repository.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Branch, tag, commit, version, range or digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_revision: String,
    /// Chart name in a Helm repository.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub chart: String,
    /// Name by which other sources refer to this one.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Name of the source, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Prefix of the tags that a semver range may match.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag_prefix: String,
    /// Helm's settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmSource>,
    /// Kustomize's settings; raw, read by `translate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Map<String, Value>>,
    /// Directory settings; raw, read by `translate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Map<String, Value>>,
    /// Config management plugin; raw, read by `translate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Map<String, Value>>,
}

/// Helm's settings of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmSource {
    /// Release name; the Application's name unless set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_name: String,
    /// Value files, in order of rising precedence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub value_files: Vec<String>,
    /// Values as YAML text; ignored when `values_object` is there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub values: String,
    /// Values as an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_object: Option<Value>,
    /// `--set` and `--set-string` parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<HelmParameter>,
    /// `--set-file` parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_parameters: Vec<HelmFileParameter>,
    /// Missing value files are skipped instead of failing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_value_files: bool,
    /// CRDs of the chart are not installed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_crds: bool,
    /// Credentials go to every host the chart comes from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pass_credentials: bool,
    /// Everything else that was set (`kubeVersion`, `apiVersions`, …), so that it can be named as a problem.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One Helm parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmParameter {
    /// Path in the values, in Helm's `--set` grammar.
    pub name: String,
    /// Value, in Helm's `--set` grammar.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The value is a string whatever it looks like (`--set-string`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force_string: bool,
}

/// One Helm parameter whose value is the content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HelmFileParameter {
    /// Path in the values, in Helm's `--set` grammar.
    pub name: String,
    /// Where the file is, as in `valueFiles`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// `spec.destination`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// API server address of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace for what says none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl ApplicationSource {
    /// Nothing is rendered from it, others only refer to its files (argo-cd `reposerver/repository/repository.go`,
    /// `GenerateManifest`).
    pub fn is_only_referred_to(&self) -> bool {
        !self.reference.is_empty() && self.path.is_empty() && self.chart.is_empty()
    }
}
