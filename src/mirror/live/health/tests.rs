use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Object, has_rule, of};
use crate::mirror::patch;

/// Health of an object named `x`, at generation 1, as `STATUS: MESSAGE`.
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn told(kind: (&str, &str, &str), content: Value) -> String {
    let (group, version, kind) = kind;
    let mut object = json!({"metadata": {"name": "x", "namespace": "apps", "generation": 1}});
    patch::merge(&mut object, &content);
    let whole: DynamicObject = serde_json::from_value(object).unwrap();
    let health = of(Object { group, version, kind, whole: &whole });
    health.map(|health| format!("{}: {}", health.status, health.message)).unwrap_or_default()
}

const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");
const REPLICA_SET: (&str, &str, &str) = ("apps", "v1", "ReplicaSet");
const STATEFUL_SET: (&str, &str, &str) = ("apps", "v1", "StatefulSet");
const DAEMON_SET: (&str, &str, &str) = ("apps", "v1", "DaemonSet");
const POD: (&str, &str, &str) = ("", "v1", "Pod");

#[rstest]
#[case::there(2, json!({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), "Healthy: ")]
#[case::none_wanted(0, json!({}), "Healthy: ")]
#[case::unobserved(2, json!({"observedGeneration": 0}), "Progressing: Waiting for rollout to finish: observed deployment generation less than desired generation")]
#[case::updating(2, json!({"updatedReplicas": 1}), "Progressing: Waiting for rollout to finish: 1 out of 2 new replicas have been updated...")]
#[case::old_ones(2, json!({"replicas": 3, "updatedReplicas": 2}), "Progressing: Waiting for rollout to finish: 1 old replicas are pending termination...")]
#[case::unavailable(2, json!({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}), "Progressing: Waiting for rollout to finish: 1 of 2 updated replicas are available...")]
#[case::too_late(2, json!({"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}), "Degraded: Deployment \"x\" exceeded its progress deadline")]
fn deployments(#[case] replicas: i64, #[case] status: Value, #[case] expected: &str) {
    let mut content = json!({"spec": {"replicas": replicas}, "status": {"observedGeneration": 1}});
    patch::merge(&mut content, &json!({"status": status}));
    assert_eq!(told(DEPLOYMENT, content), expected);
}

#[test]
fn a_paused_deployment_is_suspended() {
    assert_eq!(told(DEPLOYMENT, json!({"spec": {"paused": true}})), "Suspended: Deployment is paused");
}

#[rstest]
#[case::available(json!({"availableReplicas": 1}), "Healthy: ")]
#[case::waiting(json!({}), "Progressing: Waiting for rollout to finish: 0 out of 1 new replicas are available...")]
#[case::refused(json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]}), "Degraded: quota")]
#[case::unobserved(json!({"observedGeneration": 0}), "Progressing: Waiting for rollout to finish: observed replica set generation less than desired generation")]
fn replica_sets(#[case] status: Value, #[case] expected: &str) {
    let mut content = json!({"spec": {"replicas": 1}, "status": {"observedGeneration": 1}});
    patch::merge(&mut content, &json!({"status": status}));
    assert_eq!(told(REPLICA_SET, content), expected);
}

#[rstest]
#[case::unobserved(json!({}), json!({"observedGeneration": 0}), "Progressing: Waiting for statefulset spec update to be observed...")]
#[case::not_ready(json!({}), json!({"readyReplicas": 1}), "Progressing: Waiting for 1 pods to be ready...")]
#[case::partitioned(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}), json!({"updatedReplicas": 1}), "Healthy: partitioned roll out complete: 1 new pods have been updated...")]
#[case::partitioning(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}), json!({"updatedReplicas": 1}), "Progressing: Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...")]
#[case::by_hand(json!({"type": "OnDelete"}), json!({}), "Healthy: statefulset has 2 ready pods")]
#[case::rolling(json!({"type": "RollingUpdate"}), json!({"updatedReplicas": 1, "updateRevision": "b"}), "Progressing: waiting for statefulset rolling update to complete 1 pods at revision b...")]
#[case::rolled_out(json!({"type": "RollingUpdate"}), json!({"currentReplicas": 2}), "Healthy: statefulset rolling update complete 2 pods at revision a...")]
fn stateful_sets(#[case] strategy: Value, #[case] status: Value, #[case] expected: &str) {
    let known =
        json!({"observedGeneration": 1, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"});
    let mut content = json!({"spec": {"replicas": 2, "updateStrategy": strategy}, "status": known});
    patch::merge(&mut content, &json!({"status": status}));
    assert_eq!(told(STATEFUL_SET, content), expected);
}

#[rstest]
#[case::unobserved("", json!({"observedGeneration": 0}), "Progressing: Waiting for rollout to finish: observed daemon set generation less than desired generation")]
#[case::by_hand("OnDelete", json!({"updatedNumberScheduled": 1}), "Healthy: daemon set 1 out of 3 new pods have been updated")]
#[case::updating("", json!({"updatedNumberScheduled": 1}), "Progressing: Waiting for daemon set \"x\" rollout to finish: 1 out of 3 new pods have been updated...")]
#[case::unavailable("", json!({"updatedNumberScheduled": 3, "numberAvailable": 2}), "Progressing: Waiting for daemon set \"x\" rollout to finish: 2 of 3 updated pods are available...")]
#[case::there("", json!({"updatedNumberScheduled": 3, "numberAvailable": 3}), "Healthy: ")]
fn daemon_sets(#[case] strategy: &str, #[case] status: Value, #[case] expected: &str) {
    let known = json!({"observedGeneration": 1, "desiredNumberScheduled": 3});
    let mut content = json!({"spec": {"updateStrategy": {"type": strategy}}, "status": known});
    patch::merge(&mut content, &json!({"status": status}));
    assert_eq!(told(DAEMON_SET, content), expected);
}

fn waiting(reason: &str) -> Value {
    json!([{"name": "a", "state": {"waiting": {"reason": reason, "message": "back-off"}}}])
}

#[rstest]
#[case::ready("Always", json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}), "Healthy: ")]
#[case::starting("Always", json!({"phase": "Running", "message": "m"}), "Progressing: m")]
#[case::restarted("Always", json!({"phase": "Running", "containerStatuses": [{"lastState": {"terminated": {}}}]}), "Degraded: ")]
#[case::crash_loop("Always", json!({"phase": "Running", "containerStatuses": waiting("CrashLoopBackOff")}), "Degraded: back-off")]
#[case::no_image("Always", json!({"phase": "Pending", "containerStatuses": waiting("ErrImagePull")}), "Degraded: back-off")]
#[case::no_config("Always", json!({"phase": "Pending", "containerStatuses": waiting("CreateContainerConfigError")}), "Degraded: back-off")]
#[case::creating("Always", json!({"phase": "Pending", "containerStatuses": waiting("ContainerCreating")}), "Progressing: ")]
#[case::hook_without_image("Never", json!({"phase": "Pending", "containerStatuses": waiting("ErrImagePull")}), "Progressing: ")]
#[case::hook("Never", json!({"phase": "Running"}), "Progressing: ")]
#[case::done("Never", json!({"phase": "Succeeded"}), "Healthy: ")]
#[case::evicted("Always", json!({"phase": "Failed", "message": "low on disk"}), "Degraded: low on disk")]
#[case::killed("Never", json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}), "Degraded: OOMKilled")]
#[case::ended("Never", json!({"phase": "Failed", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 3}}}]}), "Degraded: container \"i\" failed with exit code 3")]
#[case::ended_with_a_word("Never", json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"message": "no such file", "exitCode": 3}}}]}), "Degraded: no such file")]
#[case::failed("Never", json!({"phase": "Failed"}), "Degraded: ")]
#[case::unknown("Always", json!({"phase": "Unknown"}), "Unknown: ")]
fn pods(#[case] restarts: &str, #[case] status: Value, #[case] expected: &str) {
    assert_eq!(told(POD, json!({"spec": {"restartPolicy": restarts}, "status": status})), expected);
}

#[rstest]
#[case::service(("", "v1", "Service"), json!({}), "Healthy: ")]
#[case::unbalanced(("", "v1", "Service"), json!({"spec": {"type": "LoadBalancer"}}), "Progressing: ")]
#[case::balanced(("", "v1", "Service"), json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{}]}}}), "Healthy: ")]
#[case::ingress(("networking.k8s.io", "v1", "Ingress"), json!({}), "Progressing: ")]
#[case::led_ingress(("networking.k8s.io", "v1", "Ingress"), json!({"status": {"loadBalancer": {"ingress": [{}]}}}), "Healthy: ")]
#[case::bound(("", "v1", "PersistentVolumeClaim"), json!({"status": {"phase": "Bound"}}), "Healthy: ")]
#[case::unbound(("", "v1", "PersistentVolumeClaim"), json!({"status": {"phase": "Pending"}}), "Progressing: ")]
#[case::lost(("", "v1", "PersistentVolumeClaim"), json!({"status": {"phase": "Lost"}}), "Degraded: ")]
#[case::strange(("", "v1", "PersistentVolumeClaim"), json!({}), "Unknown: ")]
#[case::job(("batch", "v1", "Job"), json!({}), "Progressing: ")]
#[case::complete(("batch", "v1", "Job"), json!({"status": {"conditions": [{"type": "Complete", "status": "True", "message": "done"}]}}), "Healthy: done")]
#[case::failed(("batch", "v1", "Job"), json!({"status": {"conditions": [{"type": "Failed", "status": "True", "message": "limit"}]}}), "Degraded: limit")]
#[case::suspended(("batch", "v1", "Job"), json!({"status": {"conditions": [{"type": "Suspended", "status": "True"}]}}), "Suspended: ")]
#[case::workflow(("argoproj.io", "v1alpha1", "Workflow"), json!({"status": {"phase": "Error", "message": "m"}}), "Degraded: m")]
#[case::served(("apiregistration.k8s.io", "v1", "APIService"), json!({"status": {"conditions": [{"type": "Available", "status": "True", "reason": "Passed", "message": "all"}]}}), "Healthy: Passed: all")]
#[case::unserved(("apiregistration.k8s.io", "v1", "APIService"), json!({"status": {"conditions": [{"type": "Available", "status": "False", "reason": "No", "message": "not"}]}}), "Progressing: No: not")]
#[case::autoscaler(("autoscaling", "v2", "HorizontalPodAutoscaler"), json!({}), "Progressing: Waiting to Autoscale")]
#[case::scales(("autoscaling", "v2", "HorizontalPodAutoscaler"), json!({"status": {"conditions": [{"type": "AbleToScale", "status": "True", "message": "ok"}]}}), "Healthy: ok")]
#[case::no_metrics(("autoscaling", "v2", "HorizontalPodAutoscaler"), json!({"status": {"conditions": [{"type": "AbleToScale", "status": "True"}, {"type": "ScalingActive", "reason": "FailedGetResourceMetric", "message": "no"}]}}), "Degraded: no")]
#[case::old_autoscaler(("autoscaling", "v1", "HorizontalPodAutoscaler"), json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": "[{\"type\": \"ScalingLimited\", \"status\": \"True\", \"message\": \"max\"}]"}}}), "Healthy: max")]
#[case::config(("", "v1", "ConfigMap"), json!({}), "")]
#[case::another_group(("example.org", "v1", "Deployment"), json!({}), "")]
#[case::leaving(("", "v1", "ConfigMap"), json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), "Progressing: Pending deletion")]
fn other_kinds(#[case] kind: (&str, &str, &str), #[case] content: Value, #[case] expected: &str) {
    assert_eq!(told(kind, content), expected);
}

const RELEASE: (&str, &str, &str) = ("helm.toolkit.fluxcd.io", "v2", "HelmRelease");
const REPOSITORY: (&str, &str, &str) = ("source.toolkit.fluxcd.io", "v1", "GitRepository");

fn conditions(of: &[(&str, &str)]) -> Value {
    let listed = of.iter().map(|(kind, status)| json!({"type": kind, "status": status, "message": kind}));
    json!({"observedGeneration": 1, "conditions": listed.collect::<Vec<_>>()})
}

/// Where Argo CD's own scripts would be mistaken, or see less.
#[rstest]
#[case::tests_passed(RELEASE, json!({}), conditions(&[("Ready", "True"), ("Released", "True"), ("TestSuccess", "True")]), "Healthy: Ready")]
#[case::suspended(RELEASE, json!({"suspend": true}), conditions(&[("Ready", "True")]), "Suspended: suspended by somebody else, such as `flux suspend`")]
#[case::failed(RELEASE, json!({}), conditions(&[("Ready", "False")]), "Degraded: Ready")]
#[case::fetched(REPOSITORY, json!({}), conditions(&[("Ready", "True"), ("ArtifactInStorage", "True")]), "Healthy: ")]
#[case::unfetched(REPOSITORY, json!({}), conditions(&[("Ready", "Unknown"), ("FetchFailed", "True")]), "Degraded: GitRepository x: FetchFailed")]
#[case::image(("image.toolkit.fluxcd.io", "v1", "ImagePolicy"), json!({}), conditions(&[("Ready", "False"), ("Reconciling", "True")]), "Progressing: Ready")]
fn flux_kinds(
    #[case] kind: (&str, &str, &str),
    #[case] spec: Value,
    #[case] status: Value,
    #[case] expected: &str,
) {
    assert_eq!(told(kind, json!({"spec": spec, "status": status})), expected);
}

/// A retry in flight is progressing: Flux runs an action, though the one before it failed.
#[test]
fn a_retry_in_flight_is_progressing() {
    let conditions = json!([
        {"type": "Ready", "status": "False", "reason": "InstallFailed", "message": "timed out"},
        {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "Running 'upgrade' action"},
    ]);
    let status = json!({"observedGeneration": 1, "conditions": conditions});
    assert_eq!(told(RELEASE, json!({"spec": {}, "status": status})), "Progressing: Running 'upgrade' action");
}

#[test]
fn kinds_without_a_rule_are_known_beforehand() {
    assert!(has_rule("apps", "Deployment") && has_rule("cert-manager.io", "Certificate"));
    assert!(
        !has_rule("", "Secret")
            && !has_rule("", "ConfigMap")
            && !has_rule("rbac.authorization.k8s.io", "Role")
    );
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"observedGeneration": 1, "conditions": [{"type": kind, "status": status, "reason": reason, "message": "m"}]})
}

/// Where Argo CD has a script.
#[rstest]
#[case::ready("cert-manager.io/Certificate", condition("Ready", "True", ""), "Healthy: m")]
#[case::renewed("cert-manager.io/Certificate", condition("Issuing", "True", ""), "Progressing: m")]
#[case::refused("cert-manager.io/Issuer", condition("Ready", "False", ""), "Degraded: m")]
#[case::new("cert-manager.io/ClusterIssuer", json!({}), "Progressing: Initializing ClusterIssuer")]
#[case::secret("external-secrets.io/ExternalSecret", condition("Ready", "False", ""), "Degraded: m")]
#[case::sealed("bitnami.com/SealedSecret", condition("Synced", "True", ""), "Healthy: m")]
#[case::sealed_anew("bitnami.com/SealedSecret", json!({"observedGeneration": 0, "conditions": [{"type": "Synced", "status": "True"}]}), "Progressing: Waiting for Sealed Secret to be decrypted")]
#[case::unscheduled("batch/CronJob", json!({"x": 1}), "Healthy: CronJob has not been scheduled yet")]
#[case::in_time("batch/CronJob", json!({"lastScheduleTime": "2026-01-01T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}), "Healthy: CronJob has completed its last execution successfully")]
#[case::missed("batch/CronJob", json!({"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}), "Degraded: CronJob has not completed its last execution successfully")]
#[case::at_it("batch/CronJob", json!({"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z", "active": [{}]}), "Healthy: The job is running. Its last execution may not have been successful")]
#[case::established(
    "apiextensions.k8s.io/CustomResourceDefinition",
    condition("Established", "True", ""),
    "Healthy: CRD is healthy"
)]
#[case::names_taken(
    "apiextensions.k8s.io/CustomResourceDefinition",
    condition("NamesAccepted", "False", ""),
    "Degraded: CRD names have not been accepted: m"
)]
#[case::installing(
    "apiextensions.k8s.io/CustomResourceDefinition",
    condition("Established", "False", "Installing"),
    "Progressing: CRD is being installed"
)]
#[case::too_few_pods(
    "policy/PodDisruptionBudget",
    condition("DisruptionAllowed", "False", "InsufficientPods"),
    "Healthy: PodDisruptionBudget has InsufficientPods"
)]
#[case::failed_budget(
    "policy/PodDisruptionBudget",
    condition("DisruptionAllowed", "False", "SyncFailed"),
    "Degraded: PodDisruptionBudget has SyncFailed"
)]
#[case::set_error("argoproj.io/ApplicationSet", condition("ErrorOccurred", "True", ""), "Degraded: m")]
#[case::set_rolling(
    "argoproj.io/ApplicationSet",
    condition("RolloutProgressing", "True", ""),
    "Progressing: m"
)]
#[case::paused("argoproj.io/Rollout", json!({"observedGeneration": "1", "phase": "Paused", "message": "m"}), "Suspended: m")]
#[case::unobserved("argoproj.io/Rollout", json!({"observedGeneration": "0", "phase": "Healthy"}), "Progressing: Waiting for rollout spec update to be observed")]
#[case::analysed("argoproj.io/AnalysisRun", json!({"phase": "Inconclusive"}), "Unknown: Analysis run was inconclusive")]
#[case::not_submitted("argoproj.io/CronWorkflow", condition("SubmissionError", "True", ""), "Degraded: m")]
#[case::falls_back("keda.sh/ScaledObject", json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "Fallback", "status": "True", "message": "m"}]}), "Degraded: m")]
#[case::held("keda.sh/ScaledObject", json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "Paused", "status": "True", "message": "m"}]}), "Suspended: m")]
#[case::jobs_unknown("keda.sh/ScaledJob", condition("Ready", "Unknown", ""), "Degraded: m")]
#[case::starting(
    "monitoring.coreos.com/Prometheus",
    condition("Available", "False", "SomePodsNotReady"),
    "Progressing: m"
)]
#[case::snapshot("snapshot.storage.k8s.io/VolumeSnapshot", json!({"readyToUse": false, "error": {"message": "m"}}), "Degraded: m")]
#[case::gateway(
    "gateway.networking.k8s.io/Gateway",
    condition("Programmed", "Unknown", ""),
    "Progressing: m"
)]
#[case::class("gateway.networking.k8s.io/GatewayClass", json!({"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 0}]}), "Progressing: Waiting for GatewayClass status")]
#[case::route("gateway.networking.k8s.io/HTTPRoute", json!({"parents": [{"parentRef": {"name": "p"}, "conditions": [{"type": "Accepted", "status": "False", "message": "m"}]}]}), "Degraded: Parent p: m")]
#[case::taken("gateway.networking.k8s.io/GRPCRoute", json!({"parents": [{"parentRef": {"name": "p"}, "conditions": [{"type": "Accepted", "status": "True"}]}]}), "Healthy: GRPCRoute is healthy")]
fn customized_kinds(#[case] kind: &str, #[case] status: Value, #[case] expected: &str) {
    let (group, kind) = kind.split_once('/').unwrap();
    let content = if status == json!({}) { json!({}) } else { json!({"status": status}) };
    assert_eq!(told((group, "v1", kind), content), expected);
}
