//! Gateways and routes of the Gateway API (argo-cd `resource_customizations/gateway.networking.k8s.io`), and Rollouts,
//! which lead traffic too (`resource_customizations/argoproj.io/Rollout`).

use serde_json::Value;

use super::super::object::{Condition, Object, list, text};
use super::verdict::health;
use crate::argo::status::HealthStatus;

pub(super) fn gateway(object: Object<'_>) -> HealthStatus {
    let own: Vec<_> = object.list("/status/conditions").collect();
    let listeners: Vec<_> = object.list("/status/listeners").collect();
    let of_listeners = listeners.iter().find_map(|listener| {
        let conditions: Vec<_> = list(listener, "/conditions").collect();
        problem(&conditions, "Listener: ", "Listener is still being programmed")
    });
    let found = problem(&own, "", "Gateway is still being programmed").or(of_listeners);
    found.unwrap_or_else(|| {
        if own.is_empty() && listeners.is_empty() {
            health("Progressing", "Waiting for Gateway status")
        } else {
            health("Healthy", "Gateway is healthy")
        }
    })
}

/// A route, of which each parent tells whether it takes it; what was said of an older spec does not count.
pub(super) fn route(object: Object<'_>) -> HealthStatus {
    let parents: Vec<_> = object
        .list("/status/parents")
        .map(|parent| (text(parent, "/parentRef/name"), list(parent, "/conditions").collect::<Vec<_>>()))
        .filter(|(_, conditions)| !conditions.is_empty() && is_of_present_spec(object, conditions))
        .collect();
    let found = parents.iter().find_map(|(name, conditions)| {
        problem(conditions, &format!("Parent {name}: "), "Route is still being programmed")
    });
    found.unwrap_or_else(|| {
        if parents.is_empty() {
            health("Progressing", &format!("Waiting for {} status", object.kind))
        } else {
            health("Healthy", &format!("{} is healthy", object.kind))
        }
    })
}

fn is_of_present_spec(object: Object<'_>, conditions: &[&Value]) -> bool {
    let generation = object.whole.metadata.generation;
    let mut said_of = conditions.iter().filter_map(|c| c.get("observedGeneration").and_then(Value::as_i64));
    generation.is_none() || said_of.all(|said_of| Some(said_of) == generation)
}

fn problem(conditions: &[&Value], prefix: &str, unprogrammed: &str) -> Option<HealthStatus> {
    let conditions: Vec<_> = conditions.iter().map(|condition| Condition::of(condition)).collect();
    let refused = ["ResolvedRefs", "Accepted"]
        .into_iter()
        .find_map(|kind| conditions.iter().find(|c| c.kind == kind && c.status == "False"));
    let pending = conditions.iter().find(|c| c.kind == "Programmed" && c.status != "True");
    let or = |message: &str, default: String| if message.is_empty() { default } else { message.to_owned() };
    if let Some(refused) = refused {
        let message = or(refused.message, format!("Failed condition: {}", refused.kind));
        return Some(health("Degraded", &format!("{prefix}{message}")));
    }
    pending.map(|pending| {
        let message = or(pending.message, unprogrammed.to_owned());
        health("Progressing", &format!("{prefix}{message}"))
    })
}

/// A `GatewayClass`; what was said of an older spec does not count.
pub(super) fn class(object: Object<'_>) -> HealthStatus {
    let mut conditions = object.list("/status/conditions");
    let accepted = conditions.find(|c| text(c, "/type") == "Accepted" && is_of_present_spec(object, &[c]));
    let status = match accepted.map(|accepted| text(accepted, "/status")) {
        Some("True") => "Healthy",
        Some("False") => "Degraded",
        _ => "Progressing",
    };
    let message = accepted.map(|accepted| text(accepted, "/message")).filter(|message| !message.is_empty());
    health(status, message.unwrap_or("Waiting for GatewayClass status"))
}

/// A Rollout of Argo Rollouts 1.0 and later, which tells its phase.
pub(super) fn rollout(object: Object<'_>) -> HealthStatus {
    if !is_observed(object) {
        return health("Progressing", "Waiting for rollout spec update to be observed");
    }
    match object.text("/status/phase") {
        "" => health("Progressing", "Waiting for rollout to finish: status has not been reconciled."),
        "Paused" => health("Suspended", object.text("/status/message")),
        phase => health(phase, object.text("/status/message")),
    }
}

/// It has looked at its present spec, and at that of the Deployment it may refer to; before Rollouts 0.10, what it has
/// looked at is no number that could be compared.
fn is_observed(object: Object<'_>) -> bool {
    let number = |pointer: &str| match object.at(pointer)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let workload =
        object.annotation("rollout.argoproj.io/workload-generation").and_then(|text| text.parse().ok());
    let is_workload_observed =
        object.at("/spec/workloadRef").is_none() || workload == number("/status/workloadObservedGeneration");
    object.at("/status").is_some()
        && number("/status/observedGeneration").is_none_or(|observed: i64| observed >= object.generation())
        && is_workload_observed
}
