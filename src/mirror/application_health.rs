//! Health of the Application: the worst of its Flux objects, of what they delivered, and of the Pods below that.
//!
//! Argo CD's aggregation (argo-cd `controller/health.go`, `setApplicationHealth`), which knows of top-level objects
//! alone, and one thing more: a Pod that does not get up degrades the Application, though Helm has long stopped waiting
//! for it and its Deployment counts it as merely not available yet.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::live::{Node, NodeKey};
use super::tree::{Tree, TreeNode};
use super::view::View;
use super::{health, object_health};
use crate::argo::status::HealthStatus;

/// What keeps Pods running. Pods of others, such as Jobs, may fail and be tried again.
const KEEPERS: [(&str, &str); 4] =
    [("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("", "ReplicationController")];

/// The worst that is found; its time moves only when the word does (argo-cd `controller/appcontroller.go`,
/// `persistAppStatus`). `is_operating`: an operation runs, or has just ended with a delivery.
pub fn of(view: &View<'_>, tree: &Tree, previous: &HealthStatus, is_operating: bool) -> HealthStatus {
    let mut found = worst(view, tree, previous, is_operating);
    if found.status == "Healthy" {
        found.message.clear();
    }
    let is_unchanged = found.status == previous.status && previous.last_transition_time.is_some();
    found.last_transition_time =
        if is_unchanged { previous.last_transition_time } else { Some(view.observed.now) };
    found
}

fn worst(view: &View<'_>, tree: &Tree, previous: &HealthStatus, is_operating: bool) -> HealthStatus {
    // What the project refuses is not looked at (appcontroller.go, `processAppRefreshQueueItem`).
    if !view.violations.is_empty() {
        return health::health("Unknown", "");
    }
    let own = flux_objects(view, is_operating);
    let below = delivered(tree).chain(pods(tree)).chain(unknown(view, tree, &own, previous, is_operating));
    health::worst(own.iter().cloned().chain(below).collect::<Vec<_>>().iter())
}

/// The Flux objects. One that is missing shows as out of sync, and does not count beside live ones; without a live
/// workload object there is nothing to be healthy.
fn flux_objects(view: &View<'_>, is_operating: bool) -> Vec<HealthStatus> {
    if view.resources.is_empty() && view.observed.translation.has_errors() {
        return vec![health::health("Unknown", "")];
    }
    if view.workload_resources().all(|resource| resource.live.is_none()) {
        let missing = view.workload_resources().map(|resource| format!("{} is missing", resource.key)).next();
        return vec![health::health("Missing", &missing.unwrap_or_default())];
    }
    let live = view.resources.iter().filter_map(|resource| resource.live);
    live.map(|live| named(&live.key().to_string(), &object_health::told_health(view, live, is_operating)))
        .collect()
}

/// What was delivered: the live ones that have a health, and whose health counts.
fn delivered(tree: &Tree) -> impl Iterator<Item = HealthStatus> + '_ {
    let counting = tree.delivered().filter(|node| !node.node.ignores_health);
    counting.filter_map(|node| {
        let found = node.node.health.as_ref().filter(|health| health.status != "Missing")?;
        // Words of progress change with every Pod, and the tree shows them.
        Some(match found.status.as_str() {
            "Progressing" => health::health("Progressing", &format!("{} is progressing", node.node.key)),
            _ => named(&node.node.key.to_string(), found),
        })
    })
}

/// Pods that do not get up, and that something keeps running.
fn pods(tree: &Tree) -> impl Iterator<Item = HealthStatus> + '_ {
    let by_key: HashMap<&NodeKey, &TreeNode> = tree.nodes.iter().map(|node| (&node.node.key, node)).collect();
    let degraded = tree.nodes.iter().filter(|node| {
        let pod = &node.node;
        (&*pod.key.group, &*pod.key.kind) == ("", "Pod")
            && !pod.ignores_health
            && !pod.has_ended
            && pod.health.as_ref().is_some_and(|health| health.status == "Degraded")
    });
    let counting = degraded.filter(move |pod| is_kept(pod, &by_key));
    counting.filter_map(|pod| Some(named(&pod.node.key.to_string(), pod.node.health.as_ref()?)))
}

fn is_kept(pod: &TreeNode, by_key: &HashMap<&NodeKey, &TreeNode>) -> bool {
    let keeper = pod.parents.iter().filter_map(|parent| by_key.get(&parent.key)).find(|parent| {
        KEEPERS.contains(&(&*parent.node.key.group, &*parent.node.key.kind)) && !parent.node.ignores_health
    });
    keeper.is_some_and(|keeper| {
        let mut makers = keeper.parents.iter().filter_map(|parent| by_key.get(&parent.key));
        makers.all(|maker| !maker.node.ignores_health && is_present_revision(&keeper.node, &maker.node))
    })
}

/// The `ReplicaSet` is not one that its Deployment is about to scale down.
fn is_present_revision(replica_set: &Node, maker: &Node) -> bool {
    let revision =
        |node: &Node| node.info.iter().find(|(name, _)| name == "Revision").map(|(_, value)| value.clone());
    let present = revision(maker);
    present.is_none() || present == revision(replica_set)
}

/// As long as not everything that was delivered has been looked at, a Flux object that is well says little: what was
/// found of the rest before stands. What an operation has added is nothing that anybody has found well.
fn unknown(
    view: &View<'_>,
    tree: &Tree,
    own: &[HealthStatus],
    previous: &HealthStatus,
    is_operating: bool,
) -> Option<HealthStatus> {
    let is_unknown =
        !view.observed.live_objects.is_complete && tree.delivered().any(|node| node.node.health.is_none());
    let was_about_own = || {
        let mut own = view.resources.iter().map(|resource| resource.key.to_string());
        previous.message.is_empty() || own.any(|key| previous.message.starts_with(&key))
    };
    match previous.status.as_str() {
        _ if !is_unknown || own.is_empty() => None,
        "Healthy" if !is_operating => None,
        "Suspended" | "Progressing" | "Degraded" if !was_about_own() => {
            Some(health::health(&previous.status, &previous.message))
        }
        _ => Some(health::health("Progressing", "looking at what was delivered")),
    }
}

/// `health` with the object it is of in front of its message.
fn named(object: &str, found: &HealthStatus) -> HealthStatus {
    match found.message.as_str() {
        "" => health::health(&found.status, object),
        message => health::health(&found.status, &format!("{object}: {message}")),
    }
}
