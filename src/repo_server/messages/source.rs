//! A source of an Application, in `pkg/apis/application/v1alpha1/generated.proto`.

use std::collections::BTreeMap;

use super::Kustomize;

/// `v1alpha1.ApplicationSource`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ApplicationSource {
    /// Address of the repository.
    #[prost(string, tag = "1")]
    pub repo_url: String,
    /// Folder.
    #[prost(string, tag = "2")]
    pub path: String,
    /// Revision.
    #[prost(string, tag = "4")]
    pub target_revision: String,
    /// Helm's settings.
    #[prost(message, optional, tag = "7")]
    pub helm: Option<Helm>,
    /// Kustomize's settings.
    #[prost(message, optional, tag = "8")]
    pub kustomize: Option<Kustomize>,
    /// Directory settings.
    #[prost(message, optional, tag = "10")]
    pub directory: Option<Directory>,
    /// Config management plugin.
    #[prost(message, optional, tag = "11")]
    pub plugin: Option<Plugin>,
    /// Chart.
    #[prost(string, tag = "12")]
    pub chart: String,
    /// Name by which others refer to it.
    #[prost(string, tag = "13")]
    pub r#ref: String,
    /// Name of the source, for people.
    #[prost(string, tag = "14")]
    pub name: String,
    /// Prefix of the tags that count.
    #[prost(string, tag = "15")]
    pub tag_prefix: String,
}

/// `v1alpha1.ApplicationSourceHelm`.
#[expect(clippy::struct_excessive_bools, reason = "the message is Argo CD's")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct Helm {
    /// Value files.
    #[prost(string, repeated, tag = "1")]
    pub value_files: Vec<String>,
    /// Parameters.
    #[prost(message, repeated, tag = "2")]
    pub parameters: Vec<HelmParameter>,
    /// Release name.
    #[prost(string, tag = "3")]
    pub release_name: String,
    /// Values as text.
    #[prost(string, tag = "4")]
    pub values: String,
    /// Parameters that are files.
    #[prost(message, repeated, tag = "5")]
    pub file_parameters: Vec<HelmFileParameter>,
    /// Helm's version.
    #[prost(string, tag = "6")]
    pub version: String,
    /// Credentials go to every host.
    #[prost(bool, tag = "7")]
    pub pass_credentials: bool,
    /// Missing value files are skipped.
    #[prost(bool, tag = "8")]
    pub ignore_missing_value_files: bool,
    /// Without CRDs.
    #[prost(bool, tag = "9")]
    pub skip_crds: bool,
    /// Values as an object.
    #[prost(message, optional, tag = "10")]
    pub values_object: Option<RawExtension>,
    /// Namespace to render for.
    #[prost(string, tag = "11")]
    pub namespace: String,
    /// Version of the API server to render for.
    #[prost(string, tag = "12")]
    pub kube_version: String,
    /// What it is to serve.
    #[prost(string, repeated, tag = "13")]
    pub api_versions: Vec<String>,
    /// Without tests.
    #[prost(bool, tag = "14")]
    pub skip_tests: bool,
    /// Values are not looked at.
    #[prost(bool, tag = "15")]
    pub skip_schema_validation: bool,
}

/// `v1alpha1.HelmFileParameter`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelmFileParameter {
    /// Path in the values.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Where the file is.
    #[prost(string, tag = "2")]
    pub path: String,
}

/// `k8s.io.apimachinery.pkg.runtime.RawExtension`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawExtension {
    /// JSON.
    #[prost(bytes = "vec", tag = "1")]
    pub raw: Vec<u8>,
}

/// `v1alpha1.HelmParameter`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelmParameter {
    /// Path in the values.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
    /// Whatever it looks like, a string.
    #[prost(bool, tag = "3")]
    pub force_string: bool,
}

/// `v1alpha1.ApplicationSourceDirectory`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Directory {
    /// With its subfolders.
    #[prost(bool, tag = "1")]
    pub recurse: bool,
    /// Settings of Jsonnet.
    #[prost(message, optional, tag = "2")]
    pub jsonnet: Option<Jsonnet>,
    /// Glob of files that are left out.
    #[prost(string, tag = "3")]
    pub exclude: String,
    /// Glob of files that are read.
    #[prost(string, tag = "4")]
    pub include: String,
}

/// `v1alpha1.ApplicationSourceJsonnet`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(rename_all = "camelCase", default)]
pub struct Jsonnet {
    /// External variables.
    #[prost(message, repeated, tag = "1")]
    pub ext_vars: Vec<JsonnetVar>,
    /// Arguments of the top-level function.
    #[prost(message, repeated, tag = "2")]
    pub tlas: Vec<JsonnetVar>,
    /// Folders of libraries.
    #[prost(string, repeated, tag = "3")]
    pub libs: Vec<String>,
}

/// `v1alpha1.JsonnetVar`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct JsonnetVar {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
    /// The value is Jsonnet.
    #[prost(bool, tag = "3")]
    pub code: bool,
}

/// `v1alpha1.ApplicationSourcePlugin`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Plugin {
    /// Name; empty: whichever takes the source.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Variables of its environment.
    #[prost(message, repeated, tag = "2")]
    pub env: Vec<Variable>,
    /// Parameters.
    #[prost(message, repeated, tag = "3")]
    pub parameters: Vec<PluginParameter>,
}

/// `v1alpha1.EnvEntry`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Variable {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `v1alpha1.ApplicationSourcePluginParameter`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct PluginParameter {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value, when it is a map.
    #[prost(message, optional, tag = "3")]
    pub map: Option<TextMap>,
    /// Value, when it is a list.
    #[prost(message, optional, tag = "4")]
    pub array: Option<TextList>,
    /// Value, when it is text.
    #[prost(string, optional, tag = "5")]
    pub string: Option<String>,
}

/// `v1alpha1.OptionalMap`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(transparent)]
pub struct TextMap {
    /// Its entries.
    #[prost(btree_map = "string, string", tag = "1")]
    pub map: BTreeMap<String, String>,
}

/// `v1alpha1.OptionalArray`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(transparent)]
pub struct TextList {
    /// Its entries.
    #[prost(string, repeated, tag = "1")]
    pub array: Vec<String>,
}
