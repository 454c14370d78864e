//! Other built-in kinds (gitops-engine `pkg/health`).

use serde_json::Value;

use super::super::object::{Condition, Object};
use super::verdict::health;
use crate::argo::status::HealthStatus;

fn is_balanced(object: Object<'_>) -> bool {
    object.list("/status/loadBalancer/ingress").next().is_some()
}

pub(super) fn service(object: Object<'_>) -> HealthStatus {
    let waits = object.text("/spec/type") == "LoadBalancer" && !is_balanced(object);
    health(if waits { "Progressing" } else { "Healthy" }, "")
}

pub(super) fn ingress(object: Object<'_>) -> HealthStatus {
    health(if is_balanced(object) { "Healthy" } else { "Progressing" }, "")
}

pub(super) fn claim(object: Object<'_>) -> HealthStatus {
    let status = match object.text("/status/phase") {
        "Lost" => "Degraded",
        "Pending" => "Progressing",
        "Bound" => "Healthy",
        _ => "Unknown",
    };
    health(status, "")
}

pub(super) fn job(object: Object<'_>) -> HealthStatus {
    let condition = |kind: &str| object.condition(kind);
    let suspended = condition("Suspended");
    if let Some(failed) = condition("Failed") {
        return health("Degraded", failed.message);
    }
    if suspended.is_some_and(|suspended| suspended.status == "True") {
        return health("Suspended", "");
    }
    let ended = object.conditions().filter(|c| matches!(c.kind, "Complete" | "Suspended")).last();
    ended.map_or_else(|| health("Progressing", ""), |ended| health("Healthy", ended.message))
}

pub(super) fn workflow(object: Object<'_>) -> HealthStatus {
    let status = match object.text("/status/phase") {
        "" | "Pending" | "Running" => "Progressing",
        "Succeeded" => "Healthy",
        "Failed" | "Error" => "Degraded",
        _ => "Unknown",
    };
    health(status, object.text("/status/message"))
}

pub(super) fn api_service(object: Object<'_>) -> HealthStatus {
    let Some(available) = object.condition("Available") else {
        return health("Progressing", "Waiting to be processed");
    };
    let status = if available.status == "True" { "Healthy" } else { "Progressing" };
    health(status, &format!("{}: {}", available.reason, available.message))
}

/// Conditions of an autoscaler, by type and reason, that tell that it cannot do its work.
const SCALING_FAILURES: [(&str, &str); 8] = [
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
];

/// Where `autoscaling/v1` keeps the conditions that it has no field for.
const SCALING_CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

pub(super) fn autoscaler(object: Object<'_>) -> HealthStatus {
    if object.version != "v1" {
        let conditions: Vec<_> = object.conditions().collect();
        return scaling(&conditions);
    }
    let annotated: Result<Value, _> =
        serde_json::from_str(object.annotation(SCALING_CONDITIONS).unwrap_or("[]"));
    match annotated {
        Ok(listed) => {
            let conditions: Vec<_> = listed.as_array().into_iter().flatten().map(Condition::of).collect();
            scaling(&conditions)
        }
        Err(error) => {
            let message = format!("failed to convert conditions annotation to typed: {error}");
            health("Unknown", &message)
        }
    }
}

fn scaling(conditions: &[Condition<'_>]) -> HealthStatus {
    let failure = conditions.iter().find(|c| SCALING_FAILURES.contains(&(c.kind, c.reason)));
    let works = |c: &&Condition<'_>| matches!(c.kind, "AbleToScale" | "ScalingLimited") && c.status == "True";
    match (failure, conditions.iter().find(works)) {
        (Some(failure), _) => health("Degraded", failure.message),
        (None, Some(works)) => health("Healthy", works.message),
        (None, None) => health("Progressing", "Waiting to Autoscale"),
    }
}
