//! Kustomize's settings of a source, in `pkg/apis/application/v1alpha1/generated.proto`.

use std::collections::BTreeMap;

/// `v1alpha1.ApplicationSourceKustomize`.
#[expect(clippy::struct_excessive_bools, reason = "the message is Argo CD's")]
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(rename_all = "camelCase", default)]
pub struct Kustomize {
    /// Before each name.
    #[prost(string, tag = "1")]
    pub name_prefix: String,
    /// Behind each name.
    #[prost(string, tag = "2")]
    pub name_suffix: String,
    /// Image overrides.
    #[prost(string, repeated, tag = "3")]
    pub images: Vec<String>,
    /// Labels of everything.
    #[prost(btree_map = "string, string", tag = "4")]
    pub common_labels: BTreeMap<String, String>,
    /// Which kustomize.
    #[prost(string, tag = "5")]
    pub version: String,
    /// Annotations of everything.
    #[prost(btree_map = "string, string", tag = "6")]
    pub common_annotations: BTreeMap<String, String>,
    /// Labels that are there are replaced.
    #[prost(bool, tag = "7")]
    pub force_common_labels: bool,
    /// Annotations that are there are replaced.
    #[prost(bool, tag = "8")]
    pub force_common_annotations: bool,
    /// Namespace of everything.
    #[prost(string, tag = "9")]
    pub namespace: String,
    /// Variables in the annotations are replaced.
    #[prost(bool, tag = "10")]
    pub common_annotations_envsubst: bool,
    /// Numbers of replicas.
    #[prost(message, repeated, tag = "11")]
    pub replicas: Vec<Replica>,
    /// Patches.
    #[prost(message, repeated, tag = "12")]
    pub patches: Vec<Patch>,
    /// Components.
    #[prost(string, repeated, tag = "13")]
    pub components: Vec<String>,
    /// Labels do not become selectors.
    #[prost(bool, tag = "14")]
    pub label_without_selector: bool,
    /// Version of the API server to render for.
    #[prost(string, tag = "15")]
    pub kube_version: String,
    /// What it is to serve.
    #[prost(string, repeated, tag = "16")]
    pub api_versions: Vec<String>,
    /// Missing components are skipped.
    #[prost(bool, tag = "17")]
    pub ignore_missing_components: bool,
    /// Labels go into templates, too.
    #[prost(bool, tag = "18")]
    pub label_include_templates: bool,
}

/// `v1alpha1.KustomizeReplica`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Replica {
    /// Name of a workload.
    #[prost(string, tag = "1")]
    pub name: String,
    /// How many.
    #[prost(message, optional, tag = "2")]
    pub count: Option<IntOrString>,
}

/// `k8s.io.apimachinery.pkg.util.intstr.IntOrString`.
#[derive(Clone, PartialEq, Eq, serde::Deserialize, prost::Message)]
#[serde(from = "Number")]
pub struct IntOrString {
    /// 0: a number, 1: text.
    #[prost(int64, tag = "1")]
    pub kind: i64,
    /// The number.
    #[prost(int32, tag = "2")]
    pub number: i32,
    /// The text.
    #[prost(string, tag = "3")]
    pub text: String,
}

/// [`IntOrString`] in JSON.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Number {
    Int(i32),
    Text(String),
}

impl From<Number> for IntOrString {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(number) => Self { number, ..Self::default() },
            Number::Text(text) => Self { kind: 1, text, ..Self::default() },
        }
    }
}

/// `v1alpha1.KustomizePatch`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Patch {
    /// File that holds the patch.
    #[prost(string, tag = "1")]
    pub path: String,
    /// The patch.
    #[prost(string, tag = "2")]
    pub patch: String,
    /// What it is for.
    #[prost(message, optional, tag = "3")]
    pub target: Option<Selector>,
    /// What it may change (`allowNameChange`, `allowKindChange`).
    #[prost(btree_map = "string, bool", tag = "4")]
    pub options: BTreeMap<String, bool>,
}

/// `v1alpha1.KustomizeSelector`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Which object.
    #[serde(flatten)]
    #[prost(message, optional, tag = "1")]
    pub res_id: Option<ResId>,
    /// Selector of annotations.
    #[prost(string, tag = "2")]
    pub annotation_selector: String,
    /// Selector of labels.
    #[prost(string, tag = "3")]
    pub label_selector: String,
}

/// `v1alpha1.KustomizeResId`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct ResId {
    /// Which kind.
    #[serde(flatten)]
    #[prost(message, optional, tag = "1")]
    pub gvk: Option<Gvk>,
    /// Name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Namespace.
    #[prost(string, tag = "3")]
    pub namespace: String,
}

/// `v1alpha1.KustomizeGvk`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Gvk {
    /// API group.
    #[prost(string, tag = "1")]
    pub group: String,
    /// API version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Kind.
    #[prost(string, tag = "3")]
    pub kind: String,
}
