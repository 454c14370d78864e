//! The chips of a node in Argo CD's tree, and what is read off a Pod (argo-cd `controller/cache/info.go`, `populatePodInfo`).

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

use super::object::{Object, list, text};
use super::requests::{self, is_sidecar};

/// What is read off a Pod; nothing of other kinds.
#[derive(Debug, Default)]
pub(super) struct Pod {
    pub(super) chips: Vec<(String, String)>,
    pub(super) images: BTreeSet<String>,
    pub(super) has_ended: bool,
}

/// Kinds that chips are read off, beyond annotations.
pub(super) fn reads_body(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("", "Pod") | ("apps", "StatefulSet" | "ControllerRevision"))
}

/// `Rev:N` of what a rollout makes (argo-cd `util/resource/revision.go`).
pub(super) fn revision(object: Object<'_>) -> Option<(String, String)> {
    let annotations = ["deployment.kubernetes.io/revision", "rollout.argoproj.io/revision"];
    let annotated = annotations.into_iter().find_map(|key| object.annotation(key));
    let revision = match annotated {
        Some(text) => text.parse().unwrap_or(0),
        None => object.count("/revision"),
    };
    (revision > 0).then(|| ("Revision".to_owned(), format!("Rev:{revision}")))
}

/// What is read off a Pod.
pub(super) fn pod(pod: Object<'_>) -> Pod {
    if pod.group_kind() != ("", "Pod") {
        return Pod::default();
    }
    let has_ended = matches!(pod.text("/status/phase"), "Failed" | "Succeeded");
    let count = Count::of(pod);
    let chip = |name: &str, value: String| (name.to_owned(), value);
    let mut chips = Vec::new();
    let reason = final_reason(pod, count.reason, has_ended);
    chips.extend((!reason.is_empty()).then(|| chip("Status Reason", reason)));
    chips.push(chip("Node", pod.text("/spec/nodeName").to_owned()));
    chips.push(chip("Containers", format!("{}/{}", count.ready, count.total)));
    chips.extend((count.restarts > 0).then(|| chip("Restart Count", count.restarts.to_string())));
    if !has_ended {
        chips.extend(requests::chips(pod));
    }
    let containers =
        ["/spec/initContainers", "/spec/containers"].into_iter().flat_map(|field| pod.list(field));
    let images = containers.map(|container| text(container, "/image").to_owned()).collect();
    Pod { chips, images, has_ended }
}

/// What kubectl prints beside the containers of a Pod.
struct Count {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
}

impl Count {
    fn of(pod: Object<'_>) -> Self {
        let sidecars = pod.list("/spec/initContainers").filter(|container| is_sidecar(container)).count();
        let mut count = Self {
            reason: first_reason(pod),
            ready: 0,
            total: pod.list("/spec/containers").count() + sidecars,
            restarts: 0,
        };
        let is_initializing = count.add_init_containers(pod);
        if !is_initializing
            || pod.condition("Initialized").is_some_and(|initialized| initialized.status == "True")
        {
            count.add_containers(pod);
        }
        count
    }

    /// Whether one of the init containers is not through.
    fn add_init_containers(&mut self, pod: Object<'_>) -> bool {
        for (index, status) in pod.list("/status/initContainerStatuses").enumerate() {
            self.restarts += restarts(status);
            if let Some(terminated) = state(status, "terminated") {
                if exit_code(terminated) == 0 {
                    continue;
                }
                self.reason = format!("Init:{}", end(terminated));
            } else if is_running_sidecar(pod, status) {
                self.ready += usize::from(is_ready(status));
                continue;
            } else {
                let waits_for = state(status, "waiting").map_or("", |waiting| text(waiting, "/reason"));
                self.reason = match waits_for {
                    "" | "PodInitializing" => {
                        format!("Init:{index}/{}", pod.list("/spec/initContainers").count())
                    }
                    reason => format!("Init:{reason}"),
                };
            }
            return true;
        }
        false
    }

    fn add_containers(&mut self, pod: Object<'_>) {
        let mut is_running = false;
        let statuses: Vec<_> = pod.list("/status/containerStatuses").collect();
        for status in statuses.into_iter().rev() {
            self.restarts += restarts(status);
            let waits_for = state(status, "waiting").map_or("", |waiting| text(waiting, "/reason"));
            if !waits_for.is_empty() {
                waits_for.clone_into(&mut self.reason);
            } else if let Some(terminated) = state(status, "terminated") {
                self.reason = end(terminated);
            } else if is_ready(status) && state(status, "running").is_some() {
                is_running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && is_running {
            "Running".clone_into(&mut self.reason);
        }
    }
}

fn first_reason(pod: Object<'_>) -> String {
    let is_gated = |reason: &str| reason == "SchedulingGated";
    if pod.conditions().any(|condition| condition.kind == "PodScheduled" && is_gated(condition.reason)) {
        return "SchedulingGated".to_owned();
    }
    let reason = pod.text("/status/reason");
    if reason.is_empty() { pod.text("/status/phase").to_owned() } else { reason.to_owned() }
}

fn final_reason(pod: Object<'_>, reason: String, has_ended: bool) -> String {
    match (pod.is_deleting(), pod.text("/status/reason"), has_ended) {
        (true, "NodeLost", _) => "Unknown".to_owned(),
        (true, _, false) => "Terminating".to_owned(),
        _ => reason,
    }
}

fn state<'a>(status: &'a Value, state: &str) -> Option<&'a Value> {
    status.pointer("/state")?.get(state).filter(|state| !state.is_null())
}

fn restarts(status: &Value) -> i64 {
    status.get("restartCount").and_then(Value::as_i64).unwrap_or_default()
}

fn is_ready(status: &Value) -> bool {
    status.get("ready").and_then(Value::as_bool).unwrap_or_default()
}

fn exit_code(terminated: &Value) -> i64 {
    terminated.get("exitCode").and_then(Value::as_i64).unwrap_or_default()
}

/// Why a container ended.
fn end(terminated: &Value) -> String {
    let signal = terminated.get("signal").and_then(Value::as_i64).unwrap_or_default();
    match (text(terminated, "/reason"), signal) {
        ("", 0) => format!("ExitCode:{}", exit_code(terminated)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn is_running_sidecar(pod: Object<'_>, status: &Value) -> bool {
    let name = text(status, "/name");
    let mut containers = list(&pod.whole.data, "/spec/initContainers");
    let is_started = status.get("started").and_then(Value::as_bool).unwrap_or_default();
    is_started && containers.any(|container| text(container, "/name") == name && is_sidecar(container))
}
