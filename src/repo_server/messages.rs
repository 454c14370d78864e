//! The messages of argo-cd's `reposerver/repository/repository.proto` and
//! `pkg/apis/application/v1alpha1/generated.proto`, as far as the bridge fills them. Whatever an Application has beyond
//! them is refused by [`crate::translate`] before.

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
    /// Version of the API server, for charts.
    #[prost(string, tag = "14")]
    pub kube_version: String,
    /// `GROUP/VERSION` and `GROUP/VERSION/KIND` of everything it serves, for charts.
    #[prost(string, repeated, tag = "15")]
    pub api_versions: Vec<String>,
    /// How Argo CD marks what it delivers.
    #[prost(string, tag = "19")]
    pub tracking_method: String,
    /// The Application has `sources`.
    #[prost(bool, tag = "22")]
    pub has_multiple_sources: bool,
    /// `sourceRepos` of the project, for dependencies of charts.
    #[prost(string, repeated, tag = "24")]
    pub project_source_repos: Vec<String>,
    /// The project.
    #[prost(string, tag = "25")]
    pub project_name: String,
}

/// `repository.ManifestResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ManifestResponse {
    /// Each object as JSON.
    #[prost(string, repeated, tag = "1")]
    pub manifests: Vec<String>,
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
    /// Chart.
    #[prost(string, tag = "12")]
    pub chart: String,
}

/// `v1alpha1.ApplicationSourceHelm`.
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
    /// Namespace of everything.
    #[prost(string, tag = "9")]
    pub namespace: String,
    /// Inline patches.
    #[prost(message, repeated, tag = "12")]
    pub patches: Vec<Patch>,
    /// Components.
    #[prost(string, repeated, tag = "13")]
    pub components: Vec<String>,
    /// Missing components are skipped.
    #[prost(bool, tag = "17")]
    pub ignore_missing_components: bool,
}

/// `v1alpha1.KustomizePatch`.
#[derive(Clone, PartialEq, serde::Deserialize, prost::Message)]
#[serde(default)]
pub struct Patch {
    /// The patch.
    #[prost(string, tag = "2")]
    pub patch: String,
    /// What it is for.
    #[prost(message, optional, tag = "3")]
    pub target: Option<Selector>,
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
    /// Glob of files that are left out.
    #[prost(string, tag = "3")]
    pub exclude: String,
    /// Glob of files that are read.
    #[prost(string, tag = "4")]
    pub include: String,
}
