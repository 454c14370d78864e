//! Pods (gitops-engine `pkg/health/health_pod.go`).

use serde_json::Value;

use super::super::object::{Object, text};
use super::verdict::health;
use crate::argo::status::HealthStatus;

pub(super) fn pod(pod: Object<'_>) -> HealthStatus {
    let restarts_always = pod.text("/spec/restartPolicy") == "Always";
    // Pods that end by themselves may be hooks: those fail by their own word alone.
    let stuck: Vec<&str> =
        pod.list("/status/containerStatuses").filter(|_| restarts_always).filter_map(stuck).collect();
    if !stuck.is_empty() {
        return health("Degraded", &stuck.join(", "));
    }
    let message = pod.text("/status/message");
    let status = match pod.text("/status/phase") {
        "Succeeded" => "Healthy",
        "Failed" => return health("Degraded", &failure(pod)),
        "Running" if restarts_always => running(pod),
        "Pending" => "Progressing",
        "Running" if matches!(pod.text("/spec/restartPolicy"), "OnFailure" | "Never") => "Progressing",
        _ => "Unknown",
    };
    health(status, message)
}

/// The message of a container that does not get started: `ErrImagePull`, `CreateContainerConfigError`,
/// `CrashLoopBackOff`, ….
fn stuck(status: &Value) -> Option<&str> {
    let waiting = status.pointer("/state/waiting")?;
    let reason = text(waiting, "/reason");
    let is_stuck = reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff");
    is_stuck.then(|| text(waiting, "/message"))
}

/// A Pod that has ended badly: its own word, or that of the first container that has one.
fn failure(pod: Object<'_>) -> String {
    let message = pod.text("/status/message");
    if !message.is_empty() {
        return message.to_owned();
    }
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    statuses.into_iter().flat_map(|field| pod.list(field)).find_map(end).unwrap_or_default()
}

fn end(status: &Value) -> Option<String> {
    let terminated = status.pointer("/state/terminated")?;
    let code = terminated.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    match (text(terminated, "/message"), text(terminated, "/reason")) {
        ("", "OOMKilled") => Some("OOMKilled".to_owned()),
        ("", _) => (code != 0)
            .then(|| format!("container \"{}\" failed with exit code {code}", text(status, "/name"))),
        (message, _) => Some(message.to_owned()),
    }
}

/// A Pod that is not ready, and of which a container has ended before, is not on its way up.
fn running(pod: Object<'_>) -> &'static str {
    let mut statuses = pod.list("/status/containerStatuses");
    if pod.condition("Ready").is_some_and(|ready| ready.status == "True") {
        "Healthy"
    } else if statuses.any(|status| status.pointer("/lastState/terminated").is_some()) {
        "Degraded"
    } else {
        "Progressing"
    }
}
