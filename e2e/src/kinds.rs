//! The kinds that tests read and write, by their plain names.

use anyhow::{Result, bail};
use kube::api::ApiResource;
use kube::core::GroupVersionKind;

/// Kind, group, version, plural.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("Application", "argoproj.io", "v1alpha1", "applications"),
    ("ApplicationSet", "argoproj.io", "v1alpha1", "applicationsets"),
    ("AppProject", "argoproj.io", "v1alpha1", "appprojects"),
    ("FluxDeliveryPolicy", "flux-subsystem.dev", "v1alpha1", "fluxdeliverypolicies"),
    ("GitRepository", "source.toolkit.fluxcd.io", "v1", "gitrepositories"),
    ("HelmChart", "source.toolkit.fluxcd.io", "v1", "helmcharts"),
    ("HelmRepository", "source.toolkit.fluxcd.io", "v1", "helmrepositories"),
    ("OCIRepository", "source.toolkit.fluxcd.io", "v1", "ocirepositories"),
    ("HelmRelease", "helm.toolkit.fluxcd.io", "v2", "helmreleases"),
    ("Kustomization", "kustomize.toolkit.fluxcd.io", "v1", "kustomizations"),
    ("Deployment", "apps", "v1", "deployments"),
    ("ReplicaSet", "apps", "v1", "replicasets"),
    ("Job", "batch", "v1", "jobs"),
    ("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers"),
    ("Ingress", "networking.k8s.io", "v1", "ingresses"),
    ("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices"),
    ("Lease", "coordination.k8s.io", "v1", "leases"),
    ("ConfigMap", "", "v1", "configmaps"),
    ("Event", "", "v1", "events"),
    ("Namespace", "", "v1", "namespaces"),
    ("Pod", "", "v1", "pods"),
    ("Secret", "", "v1", "secrets"),
    ("Service", "", "v1", "services"),
    ("ServiceAccount", "", "v1", "serviceaccounts"),
    ("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles"),
    ("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"),
];

/// The API resource of a kind in the table; an error for any other.
pub fn resource(kind: &str) -> Result<ApiResource> {
    let Some((kind, group, version, plural)) = KINDS.iter().find(|known| known.0 == kind) else {
        bail!("{kind} is not among the kinds of e2e/src/kinds.rs");
    };
    Ok(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural))
}

/// Whether objects of that kind live outside of namespaces.
pub fn cluster_wide(kind: &str) -> bool {
    matches!(kind, "Namespace" | "ClusterRole" | "CustomResourceDefinition")
}
