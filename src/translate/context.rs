//! What a translation has to know beside the Application: settings, what a path holds, which refs a repository has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::Value;

use super::files::{File, Files};
use super::git_names::GitAnswers;
use super::semver::{Semver, classify};
use super::{IgnoreDifferences, RepoPath, commit};
use crate::argo::{ApplicationSource, zero};
use crate::credentials::Repositories;
use crate::flux::{Live, ObjectKey};
use crate::policy::Effective;
use crate::project::{Impersonation, RenderedObject, ResourcesFilter};

/// Everything beside the Application that a translation depends on.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Argo CD's own namespace (`argocd`); Applications elsewhere carry it in their instance name.
    pub control_namespace: String,
    /// What Argo CD's settings say about rendering.
    pub settings: Settings,
    /// How often sources are polled, as a Flux duration such as `2m`.
    pub poll_interval: String,
    /// `HOST:PORT` from which Flux fetches what the bridge serves.
    pub artifact_address: String,
    /// What Argo CD's repo-server rendered of a source, by index into the Application's sources.
    pub rendered: BTreeMap<usize, RenderedSource>,
    /// The objects that a source would deliver, or why that cannot be said, by the same index.
    pub objects: BTreeMap<usize, Result<Vec<RenderedObject>, String>>,
    /// The workload objects of an Application with several sources, as they stand: an object that goes from one to another is let
    /// go of once it is taken. Nothing where nobody looks.
    pub delivered: BTreeMap<ObjectKey, Delivered>,
    /// What two of them delivered at once, or one no longer builds, a moment ago: group, kind, namespace and name of each.
    pub contested: BTreeSet<[String; 4]>,
    /// Argo CD's word for a source that does not say what it is, by index into the Application's sources; `None` where there are
    /// no config management plugins, and the contents alone decide.
    pub discovered: Option<BTreeMap<usize, String>>,
    /// What the path of a source holds, by index into the Application's sources.
    pub contents: BTreeMap<usize, Contents>,
    /// Sources whose path is not in the artifact that is there, because the source object still leaves out everything but a
    /// path that the source had before; by the same index.
    pub narrowed: BTreeSet<usize>,
    /// The refs of git repositories, by `repoURL` as the Application writes it.
    pub refs: BTreeMap<String, RemoteRefs>,
    /// Files of a source, by index into the Application's sources.
    pub files: BTreeMap<usize, Files>,
    /// Names that git has of a source, links among them, by the same index; `None`: nobody looks, and artifacts are taken to
    /// hold everything.
    pub git: Option<BTreeMap<usize, GitAnswers>>,
    /// The resolved revision of a source, by the same index, as Argo CD writes it: a commit, the version of a chart, a
    /// digest.
    pub revisions: BTreeMap<usize, String>,
    /// What Argo CD knows of repositories; `None`: nobody has looked, and nothing is said about credentials.
    pub repositories: Option<Arc<Repositories>>,
    /// What was found at addresses, by the address as the Application writes it.
    pub addresses: BTreeMap<String, File>,
    /// Differences that argocd-cm ignores for everybody.
    pub ignore_differences: Vec<IgnoreDifferences>,
    /// What policies set for the Application.
    pub policy: Effective,
    /// Whom its project has it delivered as.
    pub impersonation: Impersonation,
    /// Workload objects that others in the cluster depend on (`spec.dependsOn`), and so wait for.
    pub awaited: BTreeSet<ObjectKey>,
    /// Nothing may be delivered but what the project was asked about ([`super::is_checked_only`]).
    pub checked_only: bool,
}

/// A workload object as it stands.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// All of it.
    pub object: Arc<DynamicObject>,
    /// What it has put into the cluster (`status.inventory`): group, kind, namespace and name of each.
    pub inventory: BTreeSet<[String; 4]>,
    /// What of that is marked as taken over, or is of a kind that cannot be looked at.
    pub taken_over: BTreeSet<[String; 4]>,
}

impl Delivered {
    /// The same, read as the workload object at `key`.
    pub fn live<'a>(&'a self, key: &ObjectKey) -> Live<'a> {
        Live { kind: key.kind, object: &self.object }
    }
}

/// What Argo CD's repo-server rendered of a source, packed as an artifact that the bridge serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderedSource {
    /// Digest of the artifact (`sha256:…`).
    pub digest: String,
    /// The resolved revision of the source: commit, or digest.
    pub revision: String,
    /// What Argo CD would say of it: type and message of conditions.
    pub warnings: Vec<(&'static str, String)>,
    /// The objects in it, as the repo-server answered: each as often as it is there.
    pub objects: Arc<Vec<RenderedObject>>,
}

/// Settings of Argo CD (argocd-cm) that change what a source renders to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `kustomize.buildOptions`: arguments of `kustomize build`.
    pub kustomize_build_options: String,
    /// `helm.enable: "false"`: charts are read as plain directories.
    pub helm_is_disabled: bool,
    /// `kustomize.enable: "false"`: the same with kustomizations.
    pub kustomize_is_disabled: bool,
    /// `jsonnet.enable: "false"`: jsonnet files are skipped.
    pub jsonnet_is_disabled: bool,
    /// `helm.valuesFileSchemes`: schemes of addresses that value files may have; `None` for its default.
    pub value_file_schemes: Option<Vec<String>>,
    /// `resource.exclusions` and `resource.inclusions`, or why they cannot be read.
    pub resources: Result<ResourcesFilter, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::read(|_| None)
    }
}

impl Settings {
    /// The settings in `argocd-cm` (argo-cd `util/settings/settings.go`, `GetKustomizeSettings`,
    /// `GetEnabledSourceTypes`, `GetResourcesFilter`).
    pub fn read(setting: impl Fn(&str) -> Option<String>) -> Self {
        let is_disabled = |key: &str| setting(key).is_some_and(|value| !value.is_empty() && value != "true");
        Self {
            kustomize_build_options: setting("kustomize.buildOptions").unwrap_or_default(),
            helm_is_disabled: is_disabled("helm.enable"),
            kustomize_is_disabled: is_disabled("kustomize.enable"),
            jsonnet_is_disabled: is_disabled("jsonnet.enable"),
            value_file_schemes: setting("helm.valuesFileSchemes").map(|schemes| {
                schemes.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
            }),
            resources: ResourcesFilter::read(setting),
        }
    }
}

/// What stock Argo CD would say that a path is (argo-cd `util/app/discovery/discovery.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathKind {
    /// It holds a `Chart.yaml`.
    Chart,
    /// It holds a kustomization file.
    Kustomization,
    /// It holds neither.
    #[default]
    Directory,
    /// There is nothing at that path.
    Missing,
}

/// What one path of a source's artifact holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What Argo CD would call it.
    pub kind: PathKind,
    /// Files below the path that Argo CD may read as manifests (`.yaml`, `.yml`, `.json`, `.jsonnet`), relative to it.
    pub manifests: Vec<String>,
    /// All files of the path and below it, relative to it, where it holds a `Chart.yaml`.
    pub chart: Vec<String>,
    /// Kustomization files in the path and below it, relative to it.
    pub kustomizations: Vec<String>,
    /// There are more of any of them than is worth looking at one by one; the lists are cut short.
    pub has_too_many: bool,
    /// No file stands directly in the path.
    pub is_bare: bool,
    /// Files in the path by which a repository overrides the source (`.argocd-source.yaml` and the like), by name.
    pub source_overrides: Vec<String>,
    /// Where the path is in the artifact: a packed chart lies in a folder of its own there, which no path names.
    pub folder: RepoPath,
    /// The path is the whole of a packed chart.
    pub is_packed_chart: bool,
}

impl Contents {
    /// What the path holds by what the source itself says that it is, where nobody can look; `None` where only the contents
    /// decide what is delivered.
    pub fn assume(source: &ApplicationSource) -> Option<Self> {
        let is_said = |settings: &Option<serde_json::Map<String, Value>>| {
            settings.as_ref().is_some_and(|settings| !settings.values().all(zero::is_empty))
        };
        let is_helm = source.helm.as_ref().is_some_and(|helm| {
            helm.values_object.is_some()
                || serde_json::to_value(helm).is_ok_and(|helm| !zero::is_empty(&helm))
        });
        let kind = match (is_helm, is_said(&source.kustomize)) {
            (true, false) => PathKind::Chart,
            (false, true) => PathKind::Kustomization,
            _ => return None,
        };
        (!is_said(&source.directory)).then(|| Self::supposed(source, kind))
    }

    /// What the path holds, where nothing is known of it but what Argo CD would call it.
    pub fn supposed(source: &ApplicationSource, kind: PathKind) -> Self {
        let folder = RepoPath::folder(&source.path).unwrap_or_default();
        let is_packed_chart =
            kind == PathKind::Chart && source.repo_url.starts_with("oci://") && folder == RepoPath::default();
        Self { kind, folder, is_packed_chart, ..Self::default() }
    }
}

/// The refs of a git repository, as `git ls-remote` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteRefs {
    /// Full name of the ref that `HEAD` points to, such as `refs/heads/main`.
    pub head: Option<String>,
    /// Full name (`refs/heads/main`, `refs/tags/v1`) → commit; for an annotated tag the commit it points to.
    pub refs: BTreeMap<String, String>,
}

impl RemoteRefs {
    /// The commit that a branch, a tag or another ref, by its short or full name, or `HEAD` stands for.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        let known = |name: &str| self.refs.get(name).filter(|commit| !commit.is_empty()).cloned();
        if matches!(revision, "" | "HEAD") {
            return self.head.as_deref().and_then(known);
        }
        let prefixes = ["refs/heads/", "refs/tags/", "refs/", ""];
        prefixes.iter().find_map(|prefix| known(&format!("{prefix}{revision}")))
    }

    /// What [`Self::assume`] says of the revision of `source`. Empty where the translation asks for no refs: a commit, a full
    /// name, a version or range of tags that Flux looks for itself. `None` for a range of tags with a prefix, too.
    pub fn assume_of(source: &ApplicationSource) -> Option<Self> {
        let revision = source.target_revision.as_str();
        let has_prefix = !source.tag_prefix.is_empty();
        match classify(revision) {
            Semver::Constraint if has_prefix => None,
            Semver::Constraint => Some(Self::default()),
            Semver::Version if has_prefix => Some(Self::default()),
            _ if commit::is_commit(revision) || revision.starts_with("refs/") => Some(Self::default()),
            _ => Self::assume(revision),
        }
    }

    /// The one ref that `revision` is taken for where refs cannot be listed: a tag when it looks like a version, else a
    /// branch. `None` for what only the repository knows: `HEAD` and abbreviated commits.
    pub fn assume(revision: &str) -> Option<Self> {
        if matches!(revision, "" | "HEAD") || commit::is_abbreviation(revision) {
            return None;
        }
        let folder = if classify(revision) == Semver::Version { "refs/tags" } else { "refs/heads" };
        Some(Self { head: None, refs: [(format!("{folder}/{revision}"), String::new())].into() })
    }
}
