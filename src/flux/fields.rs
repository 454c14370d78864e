//! Every field of Flux's objects that the bridge reads off the cluster, by the Go struct that it is in. Nobody else can make a
//! [`Field`], so that this list is whole.

/// A field, as a JSON pointer below the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(&'static str);

impl Field {
    /// The JSON pointer.
    pub const fn pointer(self) -> &'static str {
        self.0
    }
}

// Of every kind (fluxcd/pkg `apis/meta`, embedded in each `Spec` and `Status`).

/// `Suspend`: Flux leaves the object alone.
pub const SUSPEND: Field = Field("/spec/suspend");
/// `Conditions` (`metav1.Condition`).
pub const CONDITIONS: Field = Field("/status/conditions");
/// `ObservedGeneration`: the generation that the status is about.
pub const OBSERVED_GENERATION: Field = Field("/status/observedGeneration");
/// `ReconcileRequestStatus`: the request that was answered last.
pub const LAST_HANDLED_RECONCILE_AT: Field = Field("/status/lastHandledReconcileAt");

// Of source objects (source-controller `api/v1`: `GitRepository`, `OCIRepository`, `HelmRepository`, `HelmChart`).

/// `URL` of each but `HelmChart`.
pub const URL: Field = Field("/spec/url");
/// `GitRepositoryRef`, `OCIRepositoryRef`.
pub const REFERENCE: Field = Field("/spec/ref");
/// `OCIRepositoryRef.Digest`.
pub const REFERENCE_DIGEST: Field = Field("/spec/ref/digest");
/// `Interval`.
pub const INTERVAL: Field = Field("/spec/interval");
/// `HelmRepositorySpec.Type`: `default` or `oci`.
pub const REPOSITORY_TYPE: Field = Field("/spec/type");
/// `SecretRef`: credentials.
pub const SECRET_REFERENCE: Field = Field("/spec/secretRef");
/// `CertSecretRef`: client certificate, own CA.
pub const CERTIFICATE_REFERENCE: Field = Field("/spec/certSecretRef");
/// `ProxySecretRef`.
pub const PROXY_REFERENCE: Field = Field("/spec/proxySecretRef");
/// `Verify`: signatures, and the Secret with the keys.
pub const VERIFICATION: Field = Field("/spec/verify");
/// `Artifact` (fluxcd/pkg `apis/meta/artifact_types.go`).
pub const ARTIFACT: Field = Field("/status/artifact");
/// `Artifact.URL`.
pub const ARTIFACT_URL: Field = Field("/status/artifact/url");
/// `Artifact.Revision`.
pub const ARTIFACT_REVISION: Field = Field("/status/artifact/revision");
/// `Artifact.Digest`.
pub const ARTIFACT_DIGEST: Field = Field("/status/artifact/digest");
/// `Artifact.Metadata`: annotations of an OCI artifact.
pub const ARTIFACT_METADATA: Field = Field("/status/artifact/metadata");
/// `Artifact.LastUpdateTime`.
pub const ARTIFACT_LAST_UPDATE_TIME: Field = Field("/status/artifact/lastUpdateTime");
/// `ObservedIgnore`: what the artifact leaves out.
pub const OBSERVED_IGNORE: Field = Field("/status/observedIgnore");

// Of a `HelmChart` alone (`HelmChartSpec`, `HelmChartStatus`).

/// `Chart`: its name, or its path in a source. In a `HelmRelease`, `HelmChartTemplate`: what its `HelmChart` is made of.
pub const CHART: Field = Field("/spec/chart");
/// `Version`.
pub const CHART_VERSION: Field = Field("/spec/version");
/// `LocalHelmChartSourceReference.Kind`.
pub const CHART_SOURCE_KIND: Field = Field("/spec/sourceRef/kind");
/// `LocalHelmChartSourceReference.Name`.
pub const CHART_SOURCE_NAME: Field = Field("/spec/sourceRef/name");
/// `ValuesFiles`.
pub const CHART_VALUES_FILES: Field = Field("/spec/valuesFiles");
/// `ReconcileStrategy`: `ChartVersion` or `Revision`.
pub const RECONCILE_STRATEGY: Field = Field("/spec/reconcileStrategy");
/// `ObservedSourceArtifactRevision`: of the source that it was made from last.
pub const OBSERVED_SOURCE_ARTIFACT_REVISION: Field = Field("/status/observedSourceArtifactRevision");

// Of workload objects (`HelmRelease` and `Kustomization`).

/// `DependsOn`.
pub const DEPENDS_ON: Field = Field("/spec/dependsOn");
/// `KubeConfig`: another cluster.
pub const KUBE_CONFIG: Field = Field("/spec/kubeConfig");
/// `TargetNamespace`.
pub const TARGET_NAMESPACE: Field = Field("/spec/targetNamespace");
/// `ResourceInventory.Entries`.
pub const INVENTORY_ENTRIES: Field = Field("/status/inventory/entries");
/// `LastAppliedRevision`; of a `HelmRelease`, an old one's.
pub const LAST_APPLIED_REVISION: Field = Field("/status/lastAppliedRevision");
/// `LastAttemptedRevision`.
pub const LAST_ATTEMPTED_REVISION: Field = Field("/status/lastAttemptedRevision");

// Of a `Kustomization` (kustomize-controller `api/v1/kustomization_types.go`).

/// `CrossNamespaceSourceReference`.
pub const SOURCE_REFERENCE: Field = Field("/spec/sourceRef");
/// `Path`.
pub const PATH: Field = Field("/spec/path");
/// `Prune`.
pub const PRUNE: Field = Field("/spec/prune");
/// `Force`.
pub const FORCE: Field = Field("/spec/force");
/// `DeletionPolicy`.
pub const DELETION_POLICY: Field = Field("/spec/deletionPolicy");
/// `LastAppliedOriginRevision`: what an OCI artifact says that it was made from.
pub const LAST_APPLIED_ORIGIN_REVISION: Field = Field("/status/lastAppliedOriginRevision");
/// `Snapshot.LastReconciledStatus` of the last build (fluxcd/pkg `apis/meta/history.go`).
pub const KUSTOMIZATION_HISTORY_STATUS: Field = Field("/status/history/0/lastReconciledStatus");
/// `Snapshot.LastReconciled` of it.
pub const KUSTOMIZATION_HISTORY_TIME: Field = Field("/status/history/0/lastReconciled");

// Of a `HelmRelease` (helm-controller `api/v2/helmrelease_types.go`, `snapshot_types.go`).

/// `HelmChartTemplateSpec`.
pub const CHART_TEMPLATE: Field = Field("/spec/chart/spec");
/// `HelmChartTemplateSpec.Chart`.
pub const CHART_TEMPLATE_CHART: Field = Field("/spec/chart/spec/chart");
/// `HelmChartTemplateSpec.Version`.
pub const CHART_TEMPLATE_VERSION: Field = Field("/spec/chart/spec/version");
/// `HelmChartTemplateSpec.SourceRef`.
pub const CHART_TEMPLATE_SOURCE: Field = Field("/spec/chart/spec/sourceRef");
/// `CrossNamespaceObjectReference.Kind` of it.
pub const CHART_TEMPLATE_SOURCE_KIND: Field = Field("/spec/chart/spec/sourceRef/kind");
/// `CrossNamespaceObjectReference.Name` of it.
pub const CHART_TEMPLATE_SOURCE_NAME: Field = Field("/spec/chart/spec/sourceRef/name");
/// `CrossNamespaceObjectReference.Namespace` of it.
pub const CHART_TEMPLATE_SOURCE_NAMESPACE: Field = Field("/spec/chart/spec/sourceRef/namespace");
/// `HelmChartTemplateSpec.ValuesFiles`.
pub const CHART_TEMPLATE_VALUES_FILES: Field = Field("/spec/chart/spec/valuesFiles");
/// `HelmChartTemplateSpec.ReconcileStrategy`.
pub const CHART_TEMPLATE_RECONCILE_STRATEGY: Field = Field("/spec/chart/spec/reconcileStrategy");
/// `CrossNamespaceSourceReference`: a chart that is there already.
pub const CHART_REFERENCE: Field = Field("/spec/chartRef");
/// `ReleaseName`.
pub const RELEASE_NAME: Field = Field("/spec/releaseName");
/// `StorageNamespace`: where Helm keeps its records.
pub const STORAGE_NAMESPACE: Field = Field("/spec/storageNamespace");
/// `DriftDetection.Mode`: `enabled`, `warn` or `disabled`.
pub const DRIFT_DETECTION_MODE: Field = Field("/spec/driftDetection/mode");
/// `Uninstall.DisableWait`.
pub const UNINSTALL_DISABLE_WAIT: Field = Field("/spec/uninstall/disableWait");
/// `HelmChart`: `NAMESPACE/NAME` of the one that it was made of last.
pub const HELM_CHART: Field = Field("/status/helmChart");
/// `Snapshots`, the newest first.
pub const RELEASE_HISTORY: Field = Field("/status/history");
/// `Snapshot`, the newest.
pub const LAST_RELEASE: Field = Field("/status/history/0");
/// `Snapshot.Status`: Helm's word.
pub const LAST_RELEASE_STATUS: Field = Field("/status/history/0/status");
/// `Snapshot.LastDeployed`.
pub const LAST_RELEASE_DEPLOYED: Field = Field("/status/history/0/lastDeployed");
/// `LastAttemptedRevisionDigest`: of an OCI artifact.
pub const LAST_ATTEMPTED_REVISION_DIGEST: Field = Field("/status/lastAttemptedRevisionDigest");
/// `LastAttemptedConfigDigest`: of the values.
pub const LAST_ATTEMPTED_CONFIG_DIGEST: Field = Field("/status/lastAttemptedConfigDigest");
/// `LastHandledForceAt`: the forced upgrade that was answered last.
pub const LAST_HANDLED_FORCE_AT: Field = Field("/status/lastHandledForceAt");
