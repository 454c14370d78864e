//! What the controllers of Kubernetes, and common operators, make below an object.
//!
//! Argo CD watches every kind of a cluster and follows owner references; this watches what is known to be worth it.

/// A kind of objects that are made by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildKind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version within the group.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
}

const fn child(group: &'static str, version: &'static str, kind: &'static str) -> ChildKind {
    ChildKind { group, version, kind }
}

const POD: ChildKind = child("", "v1", "Pod");
const CLAIM: ChildKind = child("", "v1", "PersistentVolumeClaim");
const SECRET: ChildKind = child("", "v1", "Secret");
const SERVICE: ChildKind = child("", "v1", "Service");
const DEPLOYMENT: ChildKind = child("apps", "v1", "Deployment");
const REPLICA_SET: ChildKind = child("apps", "v1", "ReplicaSet");
const STATEFUL_SET: ChildKind = child("apps", "v1", "StatefulSet");
const DAEMON_SET: ChildKind = child("apps", "v1", "DaemonSet");
const CONTROLLER_REVISION: ChildKind = child("apps", "v1", "ControllerRevision");
const JOB: ChildKind = child("batch", "v1", "Job");
const ENDPOINT_SLICE: ChildKind = child("discovery.k8s.io", "v1", "EndpointSlice");
const AUTOSCALER: ChildKind = child("autoscaling", "v2", "HorizontalPodAutoscaler");
const CERTIFICATE_REQUEST: ChildKind = child("cert-manager.io", "v1", "CertificateRequest");
const CERTIFICATE: ChildKind = child("cert-manager.io", "v1", "Certificate");
const ORDER: ChildKind = child("acme.cert-manager.io", "v1", "Order");
const CHALLENGE: ChildKind = child("acme.cert-manager.io", "v1", "Challenge");
const ANALYSIS_RUN: ChildKind = child("argoproj.io", "v1alpha1", "AnalysisRun");
const WORKFLOW: ChildKind = child("argoproj.io", "v1alpha1", "Workflow");
const APPLICATION: ChildKind = child("argoproj.io", "v1alpha1", "Application");

/// Kinds of the objects directly below one of `group` and `kind`.
pub fn children_of(group: &str, kind: &str) -> &'static [ChildKind] {
    match (group, kind) {
        ("apps", "Deployment") => &[REPLICA_SET],
        ("apps", "ReplicaSet")
        | ("", "ReplicationController")
        | ("batch", "Job")
        | ("argoproj.io", "Workflow") => &[POD],
        ("apps", "StatefulSet") => &[POD, CONTROLLER_REVISION, CLAIM],
        ("apps", "DaemonSet") => &[POD, CONTROLLER_REVISION],
        ("batch", "CronJob") | ("keda.sh", "ScaledJob") => &[JOB],
        ("", "Service") => &[ENDPOINT_SLICE],
        // ingress-shim and gateway-shim of cert-manager.
        ("networking.k8s.io", "Ingress") | ("gateway.networking.k8s.io", "Gateway") => &[CERTIFICATE],
        ("cert-manager.io", "Certificate") => &[CERTIFICATE_REQUEST],
        ("cert-manager.io", "CertificateRequest") => &[ORDER],
        ("acme.cert-manager.io", "Order") => &[CHALLENGE],
        ("external-secrets.io", "ExternalSecret") | ("bitnami.com", "SealedSecret") => &[SECRET],
        ("argoproj.io", "ApplicationSet") => &[APPLICATION],
        ("argoproj.io", "CronWorkflow") => &[WORKFLOW],
        ("argoproj.io", "Rollout") => &[REPLICA_SET, ANALYSIS_RUN],
        ("keda.sh", "ScaledObject") => &[AUTOSCALER],
        ("monitoring.coreos.com", "Prometheus" | "Alertmanager" | "ThanosRuler") => &[STATEFUL_SET],
        ("opentelemetry.io", "OpenTelemetryCollector") => &[DEPLOYMENT, STATEFUL_SET, DAEMON_SET, SERVICE],
        ("postgresql.cnpg.io", "Cluster") => &[POD, CLAIM, SERVICE],
        _ => &[],
    }
}

/// Kinds of the objects anywhere below one of `group` and `kind`, each once, nearest first; those for which `is_wanted` is
/// false, and what is below them alone, are left out.
pub fn descendants_of(group: &str, kind: &str, is_wanted: impl Fn(&ChildKind) -> bool) -> Vec<ChildKind> {
    let mut found: Vec<ChildKind> = Vec::new();
    let mut next = children_of(group, kind).to_vec();
    while !next.is_empty() {
        let mut deeper = Vec::new();
        for kind in next {
            if !found.contains(&kind) && is_wanted(&kind) {
                found.push(kind);
                deeper.extend(children_of(kind.group, kind.kind));
            }
        }
        next = deeper;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::deployment("apps", "Deployment", &["ReplicaSet", "Pod"])]
    #[case::stateful_set("apps", "StatefulSet", &["Pod", "ControllerRevision", "PersistentVolumeClaim"])]
    #[case::cron_job("batch", "CronJob", &["Job", "Pod"])]
    #[case::service("", "Service", &["EndpointSlice"])]
    #[case::certificate("cert-manager.io", "Certificate", &["CertificateRequest", "Order", "Challenge"])]
    #[case::another_group("example.org", "Deployment", &[])]
    #[case::config("", "ConfigMap", &[])]
    fn the_nearest_come_first(#[case] group: &str, #[case] kind: &str, #[case] below: &[&str]) {
        let found: Vec<_> =
            descendants_of(group, kind, |_| true).into_iter().map(|child| child.kind).collect();
        assert_eq!(found, below);
    }

    #[rstest]
    #[case::in_between("ReplicaSet", &[])]
    #[case::at_the_end("Pod", &["ReplicaSet"])]
    fn below_what_nobody_wants_nothing_is_looked_for(#[case] unwanted: &str, #[case] below: &[&str]) {
        let found = descendants_of("apps", "Deployment", |child| child.kind != unwanted);
        assert_eq!(found.into_iter().map(|child| child.kind).collect::<Vec<_>>(), below);
    }

    #[test]
    fn each_kind_is_named_once() {
        let found = descendants_of("opentelemetry.io", "OpenTelemetryCollector", |_| true);
        let pods = found.iter().filter(|child| child.kind == "Pod").count();
        assert_eq!(pods, 1);
    }
}
