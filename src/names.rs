//! Every label, annotation, finalizer, sync option, field manager and default that the bridge reads or writes.
//!
//! Foreign names are contracts of the program named beside them; ours carry the prefix `flux-subsystem.dev`.

/// Sync option by which an Application joins: Flux delivers it.
pub const OPTION_FLUX_SUBSYSTEM: &str = "FluxSubsystem=true";
/// Sync option by which the bridge writes the Flux objects itself, instead of looking up existing ones.
pub const OPTION_AUTO_CREATE: &str = "AutoCreateFluxResources=true";
/// Sync option of Argo CD: the destination namespace is created when it is missing.
pub const OPTION_CREATE_NAMESPACE: &str = "CreateNamespace=true";
/// Sync option of Argo CD: what left the source stays.
pub const OPTION_NO_PRUNE: &str = "Prune=false";
/// Sync option of Argo CD: what was delivered outlives the Application.
pub const OPTION_NO_DELETE: &str = "Delete=false";
/// Sync option of Argo CD: a Sync leaves alone what `ignoreDifferences` names.
pub const OPTION_RESPECT_IGNORE_DIFFERENCES: &str = "RespectIgnoreDifferences=true";

/// Stock Argo CD leaves an Application with this annotation alone (argo-cd `common/common.go`, parsed by Go's
/// `strconv.ParseBool`).
pub const ANNOTATION_SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";
/// Says that [`ANNOTATION_SKIP_RECONCILE`] is the bridge's stamp and not somebody's own wish: `true` when the admission
/// policy set it, the time when the controller did, later than it should have been.
pub const ANNOTATION_STAMPED: &str = "flux-subsystem.dev/stamped";
/// Argo CD's request for a refresh: `normal` or `hard` (argo-cd `util/argo/argo.go`, `RefreshApp`).
pub const ANNOTATION_REFRESH: &str = "argocd.argoproj.io/refresh";
/// Argo CD's mark on what it tracks (argo-cd `common/common.go`, `AnnotationKeyAppInstance`). Generated objects never
/// carry it; in the cache they seem to, since the CLI looks for it.
pub const ANNOTATION_TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// Argo CD's mark where several Argo CDs share a cluster (`AnnotationInstallationID`).
pub const ANNOTATION_INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
/// Written by Argo CD's server together with [`ANNOTATION_REFRESH`]; both have to go for the answer.
pub const ANNOTATION_HYDRATE: &str = "argocd.argoproj.io/hydrate";

/// On an Application: `true` keeps Helm's record of the release when the Application goes back to stock Argo CD, so that
/// `helm list` goes on showing it and `helm uninstall` goes on working.
pub const ANNOTATION_KEEP_RELEASE_RECORD: &str = "flux-subsystem.dev/keep-release-record";
/// `operation.initiatedBy.username` of what a `RollingSync` asks for (argo-cd
/// `applicationset/progressivesync/progressive_sync.go`, `syncApplication`).
pub const APPLICATION_SET_CONTROLLER: &str = "applicationset-controller";
/// `"true"` on an Application: hand-made changes of its generated Flux objects are written back into it at once.
pub const ANNOTATION_ADOPT_EDITS: &str = "flux-subsystem.dev/adopt-edits";

/// Argo CD's label on its Secrets: `repository`, `repo-creds` and others (argo-cd `common/common.go`,
/// `LabelKeySecretType`).
pub const LABEL_ARGO_SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

/// Label on everything the bridge generates (the name is the original's).
pub const LABEL_GENERATED: &str = "flamingo/generated";
/// Label on an Application that names its Flux objects; without it they carry the Application's name.
pub const LABEL_WORKLOAD_NAME: &str = "flamingo/workload-name";
/// Labels that `generate-app` writes for people and their scripts (the names are the original's): kind of the workload
/// object.
pub const LABEL_WORKLOAD_TYPE: &str = "flamingo/workload-type";
/// Kind of the source object.
pub const LABEL_SOURCE_TYPE: &str = "flamingo/source-type";
/// Namespace of the workload object.
pub const LABEL_DESTINATION_NAMESPACE: &str = "flamingo/destination-namespace";
/// Name of the cluster.
pub const LABEL_CLUSTER_NAME: &str = "flamingo/cluster-name";
/// Kubernetes' recommended label for the program that manages an object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`LABEL_MANAGED_BY`].
pub const MANAGED_BY: &str = "flux-subsystem";
/// Owner label: name of the Application, shortened with a hash when it exceeds a label value (63 characters).
pub const LABEL_APPLICATION_NAME: &str = "flux-subsystem.dev/application-name";
/// Owner label: namespace of the Application.
pub const LABEL_APPLICATION_NAMESPACE: &str = "flux-subsystem.dev/application-namespace";
/// In the cache alone, in what a difference is made of: which revision a workload object has delivered, or what keeps it from
/// that. Argo CD's comparisons leave the status out.
pub const ANNOTATION_DELIVERED: &str = "flux-subsystem.dev/delivered";
/// Owner annotation: `NAMESPACE/NAME` of the Application, never shortened; this one decides.
pub const ANNOTATION_APPLICATION: &str = "flux-subsystem.dev/application";
/// On a generated object: fingerprint of what the bridge wanted when it last applied it. A difference from what it wants
/// now means that the wish changed; the same fingerprint with another spec means that somebody edited the object.
pub const ANNOTATION_DIGEST: &str = "flux-subsystem.dev/digest";
/// On a source object or `HelmChart` that failed: fingerprint of the versions of the Secrets with which it was requested anew.
pub const ANNOTATION_CREDENTIALS: &str = "flux-subsystem.dev/credentials";
/// On a generated `OCIRepository`: it fetches what Argo CD's repo-server rendered, from the bridge itself. The value says why
/// Flux does not render that source.
pub const ANNOTATION_RENDERED: &str = "flux-subsystem.dev/rendered";
/// Media type of a packed chart in a registry (helm v4 `pkg/registry/constants.go`, `ChartLayerMediaType`).
pub const MEDIA_TYPE_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Annotation of an OCI manifest with the revision of the source that an artifact was made from (OCI image specification,
/// `annotations.md`); Flux keeps it in `artifact.metadata`.
pub const ANNOTATION_IMAGE_REVISION: &str = "org.opencontainers.image.revision";
/// The same with the address of the source.
pub const ANNOTATION_IMAGE_SOURCE: &str = "org.opencontainers.image.source";
/// Service, `EndpointSlice` and Secret of what the bridge serves to Flux, in Argo CD's own namespace.
pub const ARTIFACTS: &str = "flux-subsystem-artifacts";
/// Port of the same.
pub const ARTIFACTS_PORT: u16 = 8082;

/// On a generated object that neither fetches nor delivers: what it is there for.
pub const LABEL_ROLE: &str = "flux-subsystem.dev/role";
/// Value of [`LABEL_ROLE`], and end of the name: a Kustomization that applies nothing and tells whether there is anything to
/// apply, so that pruning never deletes everything.
pub const ROLE_GUARD: &str = "prune-guard";
/// On a generated workload object: the suspension is the bridge's own, for the reason in the value.
pub const ANNOTATION_SUSPENDED: &str = "flux-subsystem.dev/suspended";
/// On a generated workload object: a Sync has set fields of the spec for its own time (`prune`, `force`, drift detection),
/// and its end will put them back.
pub const ANNOTATION_FOR_ONE_SYNC: &str = "flux-subsystem.dev/for-one-sync";
/// On a generated workload object: what it has delivered and Flux leaves in the cluster for its sync options, as ids of an
/// inventory, separated by spaces. Flux forgets what left the source, and this tells what is still there.
pub const ANNOTATION_KEPT: &str = "flux-subsystem.dev/kept";
/// On an object that one workload object takes over from another, until that one has let go of it.
pub const ANNOTATION_TAKEN_OVER: &str = "flux-subsystem.dev/taken-over";
/// On a generated workload object: the revisions that its values were read from, a JSON object from the number of the
/// source among those of the Application (`"0"` is the first) to commit or digest.
pub const ANNOTATION_VALUE_REVISIONS: &str = "flux-subsystem.dev/value-revisions";
/// Value of [`ANNOTATION_SUSPENDED`]: the Application has no automated sync policy and waits for a Sync.
pub const SUSPENDED_UNTIL_SYNC: &str = "until-sync";
/// Value of [`ANNOTATION_SUSPENDED`]: a sync window of the project is closed.
pub const SUSPENDED_BY_WINDOW: &str = "sync-window";
/// Value of [`ANNOTATION_SUSPENDED`]: the project does not permit the Application, or each revision has to be looked at
/// before it is delivered.
pub const SUSPENDED_BY_PROJECT: &str = "project";

/// Value of [`ANNOTATION_SUSPENDED`]: the Application says `allowEmpty: false`, and each revision of its chart has to be
/// looked at before it is delivered.
pub const SUSPENDED_BY_GUARD: &str = "allow-empty";

/// Value of [`ANNOTATION_SUSPENDED`]: the Application goes back to stock Argo CD, and the object goes without what it
/// delivered.
pub const SUSPENDED_TO_HAND_BACK: &str = "hand-back";

/// On a `HelmChart`: the `HelmRelease` that Flux made it from (helm-controller
/// `internal/reconcile/helmchart_template.go`).
pub const LABEL_HELM_RELEASE_NAME: &str = "helm.toolkit.fluxcd.io/name";
/// The namespace of the same.
pub const LABEL_HELM_RELEASE_NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";

/// On what a `HelmRelease` delivers, too (helm-controller `internal/postrender/build.go`). The same of a Kustomization
/// (kustomize-controller `internal/controller/kustomization_controller.go`, `SetOwnerLabels`).
pub const LABEL_KUSTOMIZATION_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// The namespace of the same.
pub const LABEL_KUSTOMIZATION_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";

/// Annotation, and its value, of what Helm leaves in the cluster (helm `pkg/kube/resource_policy.go`).
pub const KEPT_BY_HELM: (&str, &str) = ("helm.sh/resource-policy", "keep");
/// The same of kustomize-controller, as annotation or label (its `internal/controller/kustomization_controller.go`, `prune`
/// and `finalize`).
pub const KEPT_BY_KUSTOMIZATIONS: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");

/// Annotations that merge YAML into a generated object (`-override`) or replace its spec (`-replace`), by kind.
pub const OVERRIDE_PREFIX: &str = "flamingo/";

/// Flux reconciles a dynamic object when this annotation's value changes (fluxcd/pkg `apis/meta/annotations.go`).
pub const ANNOTATION_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// A `HelmRelease` is upgraded though nothing has changed when this annotation has the same new value as
/// [`ANNOTATION_REQUESTED_AT`] (fluxcd/pkg `apis/meta/annotations.go`).
pub const ANNOTATION_FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";

/// Argo CD's finalizers that ask for a cascading deletion (argo-cd `application_defaults.go`).
pub const CASCADE_FINALIZERS: [&str; 3] = [
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/foreground",
    "resources-finalizer.argocd.argoproj.io/background",
];
/// Argo CD's other finalizers begin with one of these; nobody but the bridge can take them off a bridged Application.
pub const HOOK_FINALIZER_PREFIXES: [&str; 2] =
    ["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];

/// Field manager of every write.
pub const FIELD_MANAGER: &str = "flux-subsystem";

/// The cluster that Argo CD and Flux run in, as Applications name it.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";
/// The same cluster by name (argo-cd `application_defaults.go`).
pub const IN_CLUSTER_NAME: &str = "in-cluster";

/// The largest label value, and so the largest name of a `HelmRelease` or Kustomization: Flux writes it into labels.
pub const MAX_LABEL_VALUE: usize = 63;
/// The largest Helm release name (Helm's own limit, `HelmRelease` CRD).
pub const MAX_RELEASE_NAME: usize = 53;

/// How often sources are polled unless argocd-cm says otherwise (`timeout.reconciliation`, argo-cd default).
pub const DEFAULT_POLL_SECONDS: u64 = 120;
/// How often a workload object is reconciled without a cause.
pub const WORKLOAD_INTERVAL: &str = "10m";
/// How soon Flux tries a failed workload object again.
pub const RETRY_INTERVAL: &str = "1m";

/// Where Flux fetches what the bridge serves, unless it is told otherwise.
pub fn artifact_address(control_namespace: &str) -> String {
    format!("{ARTIFACTS}.{control_namespace}.svc:{ARTIFACTS_PORT}")
}

/// `name` if it fits into `max` characters, else its beginning and a hash of the whole of it.
///
/// The hash keeps two long names with one beginning apart; a dash or dot before it is dropped so that the result
/// stays a valid DNS label.
pub fn shorten(name: &str, max: usize) -> String {
    const HASH: usize = 8;
    if name.len() <= max {
        return name.to_owned();
    }
    let digest = crate::digest::sha256_hex(name.as_bytes());
    let head: String = name.chars().take(max - HASH - 1).collect();
    format!("{}-{}", head.trim_end_matches(['-', '.', '_']), &digest[..HASH])
}

/// Name of a source object in Argo CD's namespace that fetches for objects called `name` in `namespace`. The hash keeps
/// `a-b` in `c` and `b` in `c-a` apart, and what is there already out of the way.
pub fn private_source(namespace: &str, name: &str) -> String {
    let digest = crate::digest::sha256_hex(format!("{namespace}/{name}").as_bytes());
    let head: String = format!("{namespace}-{name}").chars().take(MAX_LABEL_VALUE - 9).collect();
    format!("{}-{}", head.trim_end_matches(['-', '.']), &digest[..8])
}

/// What is left of `text` in a name of Kubernetes: lower-case letters, digits and single dashes between them; perhaps nothing.
pub fn dns_word(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_names() {
        for (text, word) in
            [("web", "web"), ("My  Web!", "my-web"), ("a.b_c", "a-b-c"), ("ß", ""), ("-1-", "1")]
        {
            assert_eq!(dns_word(text), word, "{text}");
        }
    }

    #[test]
    fn short_names_stay_and_long_ones_keep_apart() {
        assert_eq!(shorten("podinfo", 63), "podinfo");
        let (a, b) = (format!("{}a", "x".repeat(70)), format!("{}b", "x".repeat(70)));
        let (short_a, short_b) = (shorten(&a, 63), shorten(&b, 63));
        assert_eq!(short_a.len(), 63);
        assert_ne!(short_a, short_b);
        assert!(!shorten(&format!("{}-{}", "a".repeat(53), "b".repeat(30)), 63).contains("--"));
    }

    #[test]
    fn private_sources_keep_apart() {
        assert_ne!(private_source("a", "b-c"), private_source("a-b", "c"));
        assert!(private_source("apps", "demo").starts_with("apps-demo-"));
        let long = private_source(&"n".repeat(63), &"m".repeat(63));
        assert_eq!(long.len(), 63);
        assert_ne!(long, private_source(&"n".repeat(63), &"m".repeat(62)));
    }
}
