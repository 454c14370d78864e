//! Kinds whose rule is a script in Argo CD (argo-cd `resource_customizations/GROUP/KIND/health.lua`): the common ones.

use serde_json::Value;

use super::super::object::{Condition, Object, text};
use super::gateways;
use super::verdict::{Rule, health};
use crate::argo::status::HealthStatus;

/// Kinds of which one condition tells all: `True` is healthy, `False` degraded; and the words for neither.
const TOLD_BY_ONE: [((&str, &str), &str, &str); 11] = [
    (("cert-manager.io", "Certificate"), "Ready", "Waiting for certificate"),
    (("cert-manager.io", "Issuer"), "Ready", "Initializing issuer"),
    (("cert-manager.io", "ClusterIssuer"), "Ready", "Initializing ClusterIssuer"),
    (("external-secrets.io", "ExternalSecret"), "Ready", "Waiting for ExternalSecret"),
    (("external-secrets.io", "SecretStore"), "Ready", "Waiting for SecretStore"),
    (("external-secrets.io", "ClusterSecretStore"), "Ready", "Waiting for ClusterSecretStore"),
    (("external-secrets.io", "PushSecret"), "Ready", "Waiting for PushSecret"),
    (("onepassword.com", "OnePasswordItem"), "Ready", "Waiting for controller to report status"),
    (("karpenter.sh", "NodePool"), "Ready", "Waiting for NodePool to be ready"),
    (("karpenter.k8s.aws", "EC2NodeClass"), "Ready", "Waiting for EC2NodeClass to be ready"),
    (("bitnami.com", "SealedSecret"), "Synced", "Waiting for Sealed Secret to be decrypted"),
];

/// Flux kinds beyond those that the bridge makes.
const OTHER_FLUX_KINDS: [(&str, &str); 6] = [
    ("source.toolkit.fluxcd.io", "Bucket"),
    ("source.toolkit.fluxcd.io", "ExternalArtifact"),
    ("image.toolkit.fluxcd.io", "ImageRepository"),
    ("image.toolkit.fluxcd.io", "ImagePolicy"),
    ("image.toolkit.fluxcd.io", "ImageUpdateAutomation"),
    ("notification.toolkit.fluxcd.io", "Receiver"),
];

/// The rule for that kind.
pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    let rule: Rule = match (group, kind) {
        ("batch", "CronJob") => cron_job,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition,
        ("policy", "PodDisruptionBudget") => disruption_budget,
        ("argoproj.io", "ApplicationSet") => application_set,
        ("argoproj.io", "AnalysisRun") => analysis_run,
        ("argoproj.io", "CronWorkflow") => cron_workflow,
        ("argoproj.io", "Rollout") => gateways::rollout,
        ("gateway.networking.k8s.io", "GatewayClass") => gateways::class,
        ("gateway.networking.k8s.io", "Gateway") => gateways::gateway,
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => gateways::route,
        ("keda.sh", "ScaledObject" | "ScaledJob") => scaled,
        ("monitoring.coreos.com", "Prometheus") => prometheus,
        ("snapshot.storage.k8s.io", "VolumeSnapshot") => snapshot,
        _ if OTHER_FLUX_KINDS.contains(&(group, kind)) => flux,
        _ if told_by_one(group, kind).is_some() => one_condition,
        _ => return None,
    };
    Some(rule)
}

fn told_by_one(group: &str, kind: &str) -> Option<(&'static str, &'static str)> {
    let mut all = TOLD_BY_ONE.into_iter();
    all.find(|(known, _, _)| *known == (group, kind)).map(|(_, condition, waiting)| (condition, waiting))
}

fn one_condition(object: Object<'_>) -> HealthStatus {
    let Some((kind, waiting)) = told_by_one(object.group, object.kind) else { return health("Unknown", "") };
    // A certificate that is renewed is still ready.
    let issuing = object.condition("Issuing").filter(|issuing| issuing.status == "True");
    if let Some(issuing) = issuing.filter(|_| object.kind == "Certificate") {
        return health("Progressing", issuing.message);
    }
    let is_stale =
        object.kind == "SealedSecret" && object.count("/status/observedGeneration") != object.generation();
    match object.condition(kind).filter(|_| !is_stale) {
        Some(found) if found.status == "True" => health("Healthy", found.message),
        Some(found) if found.status == "False" => health("Degraded", found.message),
        _ => health("Progressing", waiting),
    }
}

fn flux(object: Object<'_>) -> HealthStatus {
    if object.at("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return health("Suspended", &format!("{} is suspended", object.kind));
    }
    let is_at_work = object.condition("Reconciling").is_some_and(|reconciling| reconciling.status == "True");
    match object.condition("Ready") {
        Some(ready) if ready.status == "True" => health("Healthy", ready.message),
        Some(ready) if ready.status == "False" && !is_at_work => health("Degraded", ready.message),
        Some(ready) => health("Progressing", ready.message),
        None => health("Progressing", "waiting to be reconciled"),
    }
}

fn cron_job(object: Object<'_>) -> HealthStatus {
    if object.at("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return health("Healthy", "CronJob is Suspended");
    }
    if object.at("/status").is_none() {
        return health("Progressing", "Waiting for CronJob");
    }
    let (scheduled, succeeded) =
        (object.text("/status/lastScheduleTime"), object.text("/status/lastSuccessfulTime"));
    let is_active = object.list("/status/active").next().is_some();
    match (scheduled, succeeded) {
        ("", _) => health("Healthy", "CronJob has not been scheduled yet"),
        (_, "") => health("Healthy", "The CronJob never completed successfully. It may not be healthy"),
        _ if is_active => {
            health("Healthy", "The job is running. Its last execution may not have been successful")
        }
        _ if succeeded < scheduled => {
            health("Degraded", "CronJob has not completed its last execution successfully")
        }
        _ => health("Healthy", "CronJob has completed its last execution successfully"),
    }
}

fn definition(object: Object<'_>) -> HealthStatus {
    if object.conditions().next().is_none() {
        return health("Progressing", "Status conditions not found");
    }
    if let Some(found) = object.conditions().find_map(definition_problem) {
        return found;
    }
    match object.condition("Established") {
        Some(established) if established.status == "True" => health("Healthy", "CRD is healthy"),
        _ => health("Progressing", "CRD is not established"),
    }
}

fn definition_problem(condition: Condition<'_>) -> Option<HealthStatus> {
    let message = condition.message;
    match (condition.kind, condition.status, condition.reason) {
        ("Terminating", "True", _) => Some(health("Progressing", &format!("CRD is terminating: {message}"))),
        ("NamesAccepted", "False", _) => {
            Some(health("Degraded", &format!("CRD names have not been accepted: {message}")))
        }
        ("NonStructuralSchema", "True", _) => {
            Some(health("Degraded", &format!("Schema violations found: {message}")))
        }
        ("Established", "True", _) => None,
        ("Established", _, "InvalidCABundle") => {
            Some(health("Degraded", &format!("CRD is not established: {message}")))
        }
        ("Established", _, "Installing") => Some(health("Progressing", "CRD is being installed")),
        _ => None,
    }
}

fn disruption_budget(object: Object<'_>) -> HealthStatus {
    let is_failed = |c: &Condition<'_>| c.status == "False" && c.reason != "InsufficientPods";
    let message = |condition: Condition<'_>| format!("PodDisruptionBudget has {}", condition.reason);
    match (object.conditions().find(is_failed), object.conditions().last()) {
        (Some(failed), _) => health("Degraded", &message(failed)),
        (None, Some(last)) => health("Healthy", &message(last)),
        (None, None) => health("Progressing", "Waiting for status"),
    }
}

fn application_set(object: Object<'_>) -> HealthStatus {
    const RULES: [(&str, &str, &str); 4] = [
        ("ErrorOccurred", "True", "Degraded"),
        ("ResourcesUpToDate", "False", "Degraded"),
        ("RolloutProgressing", "True", "Progressing"),
        ("ResourcesUpToDate", "True", "Healthy"),
    ];
    let found = RULES.into_iter().find_map(|(kind, status, word)| {
        let condition = object.conditions().find(|c| c.kind == kind && c.status == status)?;
        Some(health(word, condition.message))
    });
    found.unwrap_or_else(|| health("Progressing", "Waiting for the status to be reported"))
}

fn analysis_run(object: Object<'_>) -> HealthStatus {
    let message = object.text("/status/message");
    let or = |default: &'static str| if message.is_empty() { default.to_owned() } else { message.to_owned() };
    match object.text("/status/phase") {
        "Pending" | "Running" => health("Progressing", "Analysis run is running"),
        "Successful" => health("Healthy", &or("Analysis run completed successfully")),
        "Failed" => health("Degraded", &or("Analysis run failed")),
        "Error" => health("Degraded", &or("Analysis run had an error")),
        "Inconclusive" => health("Unknown", &or("Analysis run was inconclusive")),
        _ => health("Progressing", "Waiting for analysis run to finish: status has not been reconciled."),
    }
}

fn cron_workflow(object: Object<'_>) -> HealthStatus {
    let told = object
        .conditions()
        .find(|c| c.status == "True" && matches!(c.kind, "SpecError" | "SubmissionError" | "Completed"));
    match told {
        Some(told) if told.kind == "Completed" => health("Healthy", told.message),
        Some(told) => health("Degraded", told.message),
        None => health("Healthy", "CronWorkflow is healthy."),
    }
}

/// An autoscaler of KEDA: the last of its telling conditions has the word.
fn scaled(object: Object<'_>) -> HealthStatus {
    let is_job = object.kind == "ScaledJob";
    let tells = |c: &Condition<'_>| match (c.kind, c.status) {
        ("Ready", "True" | "False") | ("Paused", "True") => true,
        ("Ready", "Unknown") => is_job,
        ("Fallback", "True") => !is_job,
        _ => false,
    };
    let telling: Vec<_> = object.conditions().filter(tells).collect();
    let has = |kind: &str, status: &str| telling.iter().any(|c| c.kind == kind && c.status == status);
    let message = telling.last().map_or("", |last| last.message);
    if has("Ready", "False") || has("Ready", "Unknown") || has("Fallback", "True") {
        health("Degraded", message)
    } else if has("Ready", "True") {
        health(if has("Paused", "True") { "Suspended" } else { "Healthy" }, message)
    } else if is_job {
        health("Progressing", "Waiting for ScaledJob")
    } else {
        health("Progressing", "Creating HorizontalPodAutoscaler Object")
    }
}

fn prometheus(object: Object<'_>) -> HealthStatus {
    let Some(available) = object.condition("Available") else {
        return health("Progressing", "Waiting for initialization");
    };
    let message = if available.message.is_empty() { available.reason } else { available.message };
    match (available.status, available.reason) {
        ("True", _) => health("Healthy", "All instances are available"),
        (_, "SomePodsNotReady") => health("Progressing", message),
        _ => health("Degraded", message),
    }
}

fn snapshot(object: Object<'_>) -> HealthStatus {
    if object.at("/status/readyToUse").and_then(Value::as_bool) == Some(true) {
        return health("Healthy", "Ready to use");
    }
    match object.at("/status/error") {
        Some(error) => health("Degraded", text(error, "/message")),
        None => health("Progressing", "Waiting for status"),
    }
}
