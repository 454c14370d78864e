//! Health of one live object by Argo CD's rules (gitops-engine `pkg/health/health.go`, `GetResourceHealth`; argo-cd
//! `resource_customizations` for kinds whose rule is a script), and by the bridge's own for Flux kinds.

mod customized;
mod gateways;
mod others;
mod pod;
mod verdict;
mod workloads;

#[cfg(test)]
mod tests;

use super::object::Object;
use crate::argo::status::HealthStatus;
use crate::flux::{FluxKind, Live};
use crate::mirror::{SourceState, health, source, workload};
use verdict::Rule;

/// Health of a live object; `None` for kinds that have no rule.
pub(super) fn of(object: Object<'_>) -> Option<HealthStatus> {
    if object.is_deleting() {
        return Some(verdict::health("Progressing", "Pending deletion"));
    }
    rule(object.group, object.kind).map(|rule| rule(object))
}

/// Whether there is a rule for that kind.
pub(super) fn has_rule(group: &str, kind: &str) -> bool {
    rule(group, kind).is_some()
}

fn rule(group: &str, kind: &str) -> Option<Rule> {
    let rule: Rule = match (group, kind) {
        ("apps", "Deployment") => workloads::deployment,
        ("apps", "ReplicaSet") => workloads::replica_set,
        ("apps", "StatefulSet") => workloads::stateful_set,
        ("apps", "DaemonSet") => workloads::daemon_set,
        ("", "Pod") => pod::pod,
        ("", "Service") => others::service,
        ("", "PersistentVolumeClaim") => others::claim,
        ("extensions" | "networking.k8s.io", "Ingress") => others::ingress,
        ("batch", "Job") => others::job,
        ("autoscaling", "HorizontalPodAutoscaler") => others::autoscaler,
        ("apiregistration.k8s.io", "APIService") => others::api_service,
        ("argoproj.io", "Workflow") => others::workflow,
        _ if is_flux(group, kind) => flux,
        _ => return customized::rule(group, kind),
    };
    Some(rule)
}

fn is_flux(group: &str, kind: &str) -> bool {
    FluxKind::parse(kind).is_some_and(|known| known.group() == group)
}

/// Flux objects that were delivered, as those of the Application itself; what they are built from is not looked at.
fn flux(object: Object<'_>) -> HealthStatus {
    let Some(kind) = FluxKind::parse(object.kind) else { return verdict::health("Unknown", "") };
    let live = Some(Live { kind, object: object.whole });
    if kind.is_workload() {
        health::of_workload(&workload::state(live, &SourceState::Ready))
    } else {
        health::of_source(&source::state(live, None))
    }
}
