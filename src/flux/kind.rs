//! The kinds of Flux objects that the bridge knows.

use kube::core::{ApiResource, GroupVersionKind};
use serde::{Deserialize, Serialize};

/// A kind of Flux object. The order is the order of application: sources before what reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FluxKind {
    /// Index of charts over HTTP, or (type `oci`) a bare address of an OCI registry.
    HelmRepository,
    /// A git repository at one revision.
    GitRepository,
    /// An artifact in an OCI registry.
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// A chart, made by Flux from a `HelmRelease`.
    HelmChart,
    /// A Helm release.
    HelmRelease,
    /// Manifests, built by kustomize.
    Kustomization,
}

impl FluxKind {
    /// All kinds, in order of application.
    pub const ALL: [Self; 6] = [
        Self::HelmRepository,
        Self::GitRepository,
        Self::OciRepository,
        Self::HelmChart,
        Self::HelmRelease,
        Self::Kustomization,
    ];

    /// Kubernetes' word for it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::HelmRepository => "HelmRepository",
            Self::GitRepository => "GitRepository",
            Self::OciRepository => "OCIRepository",
            Self::HelmChart => "HelmChart",
            Self::HelmRelease => "HelmRelease",
            Self::Kustomization => "Kustomization",
        }
    }

    /// The kind that `kind()` names.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.kind() == kind)
    }

    /// API group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::HelmRepository | Self::GitRepository | Self::OciRepository | Self::HelmChart => {
                "source.toolkit.fluxcd.io"
            }
            Self::HelmRelease => "helm.toolkit.fluxcd.io",
            Self::Kustomization => "kustomize.toolkit.fluxcd.io",
        }
    }

    /// API version within the group.
    pub const fn version(self) -> &'static str {
        match self {
            Self::HelmRelease => "v2",
            _ => "v1",
        }
    }

    /// Plural, as it stands in addresses of the API.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::HelmRepository => "helmrepositories",
            Self::GitRepository => "gitrepositories",
            Self::OciRepository => "ocirepositories",
            Self::HelmChart => "helmcharts",
            Self::HelmRelease => "helmreleases",
            Self::Kustomization => "kustomizations",
        }
    }

    /// `group/version`.
    pub fn api_version(self) -> String {
        format!("{}/{}", self.group(), self.version())
    }

    /// For kube's dynamic API.
    pub fn api_resource(self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(self.group(), self.version(), self.kind());
        ApiResource::from_gvk_with_plural(&gvk, self.plural())
    }

    /// It fetches (as opposed to: it delivers).
    pub const fn is_source(self) -> bool {
        !self.is_workload()
    }

    /// It delivers.
    pub const fn is_workload(self) -> bool {
        matches!(self, Self::HelmRelease | Self::Kustomization)
    }

    /// The `flamingo/KIND-override` and `flamingo/KIND-replace` annotations' word for it; Flux makes `HelmChart`s itself.
    pub const fn override_name(self) -> Option<&'static str> {
        match self {
            Self::HelmRepository => Some("helmrepository"),
            Self::GitRepository => Some("gitrepository"),
            Self::OciRepository => Some("ocirepository"),
            Self::HelmRelease => Some("helmrelease"),
            Self::Kustomization => Some("kustomize"),
            Self::HelmChart => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in FluxKind::ALL {
            assert_eq!(FluxKind::parse(kind.kind()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.kind());
        }
        assert_eq!(FluxKind::parse("Bucket"), None);
    }
}
