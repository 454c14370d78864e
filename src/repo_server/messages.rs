//! The messages of argo-cd's `reposerver/repository/repository.proto` and
//! `pkg/apis/application/v1alpha1/generated.proto`, as far as the bridge fills them. Whatever an Application has beyond
//! them is refused by [`crate::translate`] before.

use std::collections::BTreeMap;

use super::repo_creds::RepoCreds;
use super::repository::Repository;

/// `repository.ManifestRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ManifestRequest {
    /// The repository.
    #[prost(message, optional, tag = "1")]
    pub repo: Option<Repository>,
    /// What to render: commit, chart version or digest, or what still has to be resolved.
    #[prost(string, tag = "2")]
    pub revision: String,
    /// Render anew: not from the repo-server's cache (a hard refresh).
    #[prost(bool, tag = "3")]
    pub no_cache: bool,
    /// Argo CD's instance name of the Application.
    #[prost(string, tag = "5")]
    pub app_name: String,
    /// Namespace to render for.
    #[prost(string, tag = "8")]
    pub namespace: String,
    /// The source.
    #[prost(message, optional, tag = "10")]
    pub application_source: Option<ApplicationSource>,
    /// Helm repositories by name, for dependencies of charts.
    #[prost(message, repeated, tag = "11")]
    pub repos: Vec<Repository>,
    /// How kustomizations are built (argocd-cm).
    #[prost(message, optional, tag = "13")]
    pub kustomize_options: Option<KustomizeOptions>,
    /// Version of the API server, for charts.
    #[prost(string, tag = "14")]
    pub kube_version: String,
    /// `GROUP/VERSION` and `GROUP/VERSION/KIND` of everything it serves, for charts.
    #[prost(string, repeated, tag = "15")]
    pub api_versions: Vec<String>,
    /// Credentials for repositories below an address, for dependencies of charts.
    #[prost(message, repeated, tag = "17")]
    pub helm_repo_creds: Vec<RepoCreds>,
    /// Resolve the revision anew: not from the repo-server's cache (a refresh).
    #[prost(bool, tag = "18")]
    pub no_revision_cache: bool,
    /// How Argo CD marks what it delivers; without a label to mark with (`appLabelKey`), not at all.
    #[prost(string, tag = "19")]
    pub tracking_method: String,
    /// What may be rendered (argocd-cm), by Argo CD's word.
    #[prost(btree_map = "string, bool", tag = "20")]
    pub enabled_source_types: BTreeMap<String, bool>,
    /// Where charts may take value files from (argocd-cm).
    #[prost(message, optional, tag = "21")]
    pub helm_options: Option<HelmOptions>,
    /// The Application has `sources`.
    #[prost(bool, tag = "22")]
    pub has_multiple_sources: bool,
    /// The sources that files are taken from, by `$ref`.
    #[prost(btree_map = "string, message", tag = "23")]
    pub ref_sources: BTreeMap<String, RefTarget>,
    /// `sourceRepos` of the project, for dependencies of charts.
    #[prost(string, repeated, tag = "24")]
    pub project_source_repos: Vec<String>,
    /// The project.
    #[prost(string, tag = "25")]
    pub project_name: String,
    /// `argocd.argoproj.io/manifest-generate-paths` of the Application: what a plugin gets to see of the repository.
    #[prost(string, tag = "26")]
    pub annotation_manifest_generate_paths: String,
}

/// `repository.ManifestResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ManifestResponse {
    /// Each object as JSON.
    #[prost(string, repeated, tag = "1")]
    pub manifests: Vec<String>,
    /// The resolved revision.
    #[prost(string, tag = "4")]
    pub revision: String,
    /// What the source was taken for: `Helm`, `Kustomize`, `Directory` or `Plugin`.
    #[prost(string, tag = "6")]
    pub source_type: String,
}

/// `repository.GitFilesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GitFilesRequest {
    /// The repository.
    #[prost(message, optional, tag = "1")]
    pub repo: Option<Repository>,
    /// Of which commit.
    #[prost(string, tag = "3")]
    pub revision: String,
    /// Which files, as git's `ls-files` takes it.
    #[prost(string, tag = "4")]
    pub path: String,
}

/// `repository.GitFilesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GitFilesResponse {
    /// Contents by path.
    #[prost(btree_map = "string, bytes", tag = "1")]
    pub map: BTreeMap<String, Vec<u8>>,
}

/// `v1alpha1.RefTarget`: a source that others take files from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RefTarget {
    /// The repository.
    #[prost(message, optional, tag = "1")]
    pub repo: Option<Repository>,
    /// Its revision.
    #[prost(string, tag = "2")]
    pub target_revision: String,
    /// Chart, which none can be taken from.
    #[prost(string, tag = "3")]
    pub chart: String,
}

/// `v1alpha1.HelmOptions`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelmOptions {
    /// Schemes of addresses of value files.
    #[prost(string, repeated, tag = "1")]
    pub values_file_schemes: Vec<String>,
}

/// `v1alpha1.KustomizeOptions`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KustomizeOptions {
    /// Arguments of `kustomize build`.
    #[prost(string, tag = "1")]
    pub build_options: String,
    /// Further versions of kustomize.
    #[prost(message, repeated, tag = "3")]
    pub versions: Vec<KustomizeVersion>,
}

/// `v1alpha1.KustomizeVersion`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KustomizeVersion {
    /// As an Application names it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The program.
    #[prost(string, tag = "2")]
    pub path: String,
    /// Arguments of its `build`.
    #[prost(string, tag = "3")]
    pub build_options: String,
}

/// `repository.ListRefsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListRefsRequest {
    /// The repository.
    #[prost(message, optional, tag = "1")]
    pub repo: Option<Repository>,
}

/// `repository.Refs`: names without `refs/heads/` and `refs/tags/`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Refs {
    /// Branches.
    #[prost(string, repeated, tag = "1")]
    pub branches: Vec<String>,
    /// Tags.
    #[prost(string, repeated, tag = "2")]
    pub tags: Vec<String>,
}

/// `repository.ResolveRevisionRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResolveRevisionRequest {
    /// The repository.
    #[prost(message, optional, tag = "1")]
    pub repo: Option<Repository>,
    /// The Application, of which the source is looked at.
    #[prost(message, optional, tag = "2")]
    pub app: Option<ResolvedApplication>,
    /// What to resolve.
    #[prost(string, tag = "3")]
    pub ambiguous_revision: String,
    /// Not what was found before.
    #[prost(bool, tag = "5")]
    pub no_revision_cache: bool,
}

/// `v1alpha1.Application`, as far as it matters there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResolvedApplication {
    /// `spec`.
    #[prost(message, optional, tag = "2")]
    pub spec: Option<ResolvedSpec>,
}

/// `v1alpha1.ApplicationSpec`, as far as it matters there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResolvedSpec {
    /// `source`.
    #[prost(message, optional, tag = "1")]
    pub source: Option<ApplicationSource>,
}

/// `repository.ResolveRevisionResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResolveRevisionResponse {
    /// The commit.
    #[prost(string, tag = "1")]
    pub revision: String,
}

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
