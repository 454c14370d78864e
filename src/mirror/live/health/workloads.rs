//! Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet` (gitops-engine `pkg/health/health_{deployment,…}.go`).

use super::super::object::Object;
use super::verdict::health;
use crate::argo::status::HealthStatus;

/// The controller has not looked at the present spec.
fn is_unobserved(object: Object<'_>) -> bool {
    object.generation() > object.count("/status/observedGeneration")
}

pub(super) fn deployment(object: Object<'_>) -> HealthStatus {
    if object.at("/spec/paused").and_then(serde_json::Value::as_bool) == Some(true) {
        return health("Suspended", "Deployment is paused");
    }
    if is_unobserved(object) {
        let message =
            "Waiting for rollout to finish: observed deployment generation less than desired generation";
        return health("Progressing", message);
    }
    let count = |field: &str| object.count(&format!("/status/{field}"));
    let (all, updated, available) = (count("replicas"), count("updatedReplicas"), count("availableReplicas"));
    let waiting = |what: String| health("Progressing", &format!("Waiting for rollout to finish: {what}..."));
    if object.condition("Progressing").is_some_and(|condition| condition.reason == "ProgressDeadlineExceeded")
    {
        let message = format!("Deployment \"{}\" exceeded its progress deadline", object.name());
        return health("Degraded", &message);
    }
    match object.number("/spec/replicas") {
        Some(wanted) if updated < wanted => {
            waiting(format!("{updated} out of {wanted} new replicas have been updated"))
        }
        _ if all > updated => waiting(format!("{} old replicas are pending termination", all - updated)),
        _ if available < updated => {
            waiting(format!("{available} of {updated} updated replicas are available"))
        }
        _ => health("Healthy", ""),
    }
}

pub(super) fn replica_set(object: Object<'_>) -> HealthStatus {
    if is_unobserved(object) {
        let message =
            "Waiting for rollout to finish: observed replica set generation less than desired generation";
        return health("Progressing", message);
    }
    if let Some(failure) = object.condition("ReplicaFailure").filter(|failure| failure.status == "True") {
        return health("Degraded", failure.message);
    }
    let available = object.count("/status/availableReplicas");
    match object.number("/spec/replicas") {
        Some(wanted) if available < wanted => {
            let message = format!(
                "Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
            );
            health("Progressing", &message)
        }
        _ => health("Healthy", ""),
    }
}

pub(super) fn stateful_set(object: Object<'_>) -> HealthStatus {
    if object.count("/status/observedGeneration") == 0 || is_unobserved(object) {
        return health("Progressing", "Waiting for statefulset spec update to be observed...");
    }
    let wanted = object.number("/spec/replicas");
    let ready = object.count("/status/readyReplicas");
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return health("Progressing", &format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let updated = object.count("/status/updatedReplicas");
    let strategy = object.text("/spec/updateStrategy/type");
    if strategy == "RollingUpdate" && object.at("/spec/updateStrategy/rollingUpdate").is_some() {
        return partitioned(object, wanted, updated);
    }
    if strategy == "OnDelete" {
        return health("Healthy", &format!("statefulset has {ready} ready pods"));
    }
    let (current, update) = (object.text("/status/currentRevision"), object.text("/status/updateRevision"));
    if update == current {
        let pods = object.count("/status/currentReplicas");
        let message = format!("statefulset rolling update complete {pods} pods at revision {current}...");
        return health("Healthy", &message);
    }
    let message =
        format!("waiting for statefulset rolling update to complete {updated} pods at revision {update}...");
    health("Progressing", &message)
}

fn partitioned(object: Object<'_>, wanted: Option<i64>, updated: i64) -> HealthStatus {
    let partition = object.number("/spec/updateStrategy/rollingUpdate/partition");
    let wanted = wanted.zip(partition).map(|(wanted, partition)| wanted - partition);
    match wanted {
        Some(wanted) if updated < wanted => {
            let message = format!(
                "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated..."
            );
            health("Progressing", &message)
        }
        _ => {
            let message = format!("partitioned roll out complete: {updated} new pods have been updated...");
            health("Healthy", &message)
        }
    }
}

pub(super) fn daemon_set(object: Object<'_>) -> HealthStatus {
    if is_unobserved(object) {
        let message =
            "Waiting for rollout to finish: observed daemon set generation less than desired generation";
        return health("Progressing", message);
    }
    let count = |field: &str| object.count(&format!("/status/{field}"));
    let (updated, desired) = (count("updatedNumberScheduled"), count("desiredNumberScheduled"));
    let available = count("numberAvailable");
    let waiting = |what: String| {
        let name = object.name();
        health("Progressing", &format!("Waiting for daemon set \"{name}\" rollout to finish: {what}..."))
    };
    if object.text("/spec/updateStrategy/type") == "OnDelete" {
        let message = format!("daemon set {updated} out of {desired} new pods have been updated");
        return health("Healthy", &message);
    }
    if updated < desired {
        return waiting(format!("{updated} out of {desired} new pods have been updated"));
    }
    if available < desired {
        return waiting(format!("{available} of {desired} updated pods are available"));
    }
    health("Healthy", "")
}
