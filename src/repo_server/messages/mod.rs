//! The messages of argo-cd's `reposerver/repository/repository.proto` and
//! `pkg/apis/application/v1alpha1/generated.proto`, as far as the bridge fills them. Whatever an Application has beyond
//! them is refused by [`crate::translate`] before.

mod kustomize;
pub mod repository;
mod source;

pub use kustomize::*;
pub use source::*;

use std::collections::BTreeMap;

use super::repo_creds::RepoCreds;
use repository::Repository;

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
    /// With its submodules.
    #[prost(bool, tag = "2")]
    pub submodule_enabled: bool,
    /// Of which commit.
    #[prost(string, tag = "3")]
    pub revision: String,
    /// Which files, as git's `ls-files` takes it; or in doublestar's syntax.
    #[prost(string, tag = "4")]
    pub path: String,
    /// In the latter.
    #[prost(bool, tag = "5")]
    pub new_git_file_globbing_enabled: bool,
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
