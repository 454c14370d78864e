use std::sync::Arc;

use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::of;
use crate::argo::status::HealthStatus;
use crate::mirror::fixtures::{Object, ago, app, helm_chart, helm_release, helm_repository, now};
use crate::mirror::health::health;
use crate::mirror::live::Node;
use crate::mirror::{Observed, Tree, View, patch};

const DEPLOYMENT: &str = "apps_web_apps_Deployment";

/// A release that delivered what `ids` say.
fn release(ids: &[&str]) -> Object {
    let entries: Vec<_> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
    helm_release().ready("6.3.5").with(json!({"status": {"inventory": {"entries": entries}}}))
}

fn beside(release: Object, live: &[Node]) -> Observed {
    let objects = [helm_repository().fetched("i"), helm_chart().fetched("6.3.5"), release];
    let mut observed = app("demo").chart("6.3.5").automated().beside(objects);
    for node in live {
        observed.live_objects.nodes.insert(node.key.clone(), Arc::new(node.clone()));
    }
    observed
}

fn told(observed: &Observed) -> String {
    told_after(observed, &HealthStatus::default())
}

/// `STATUS: MESSAGE`.
fn told_after(observed: &Observed, previous: &HealthStatus) -> String {
    let view = View::of(observed);
    let found = of(&view, &Tree::of(&view), previous, false);
    format!("{}: {}", found.status, found.message)
}

/// An object named after its UID, made by `owner` (kind and UID).
fn node(kind: (&str, &str), uid: &str, owner: Option<(&str, &str)>, content: &Value) -> Node {
    let owners: Vec<_> = owner
        .iter()
        .map(|(kind, uid)| json!({"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid}))
        .collect();
    let mut object =
        json!({"metadata": {"name": uid, "namespace": "apps", "uid": uid, "ownerReferences": owners}});
    patch::merge(&mut object, content);
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    Node::of(kind.0, "v1", kind.1, &object)
}

fn revision(number: u8) -> Value {
    json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": number.to_string()}}})
}

/// A Deployment at revision 2 that counts as available.
fn deployment(content: &Value) -> Node {
    let mut all = revision(2);
    patch::merge(&mut all, content);
    node(("apps", "Deployment"), "web", None, &all)
}

fn replica_set(number: u8) -> Node {
    node(("apps", "ReplicaSet"), &format!("web-{number}"), Some(("Deployment", "web")), &revision(number))
}

fn crash_looping(uid: &str, owner: (&str, &str)) -> Node {
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off"});
    let status = json!({"phase": "Running", "containerStatuses": [{"state": {"waiting": waiting}}]});
    node(("", "Pod"), uid, Some(owner), &json!({"spec": {"restartPolicy": "Always"}, "status": status}))
}

#[test]
fn a_crash_looping_pod_degrades_though_the_release_is_ready() {
    let pod = crash_looping("web-2-x", ("ReplicaSet", "web-2"));
    let observed = beside(release(&[DEPLOYMENT]), &[deployment(&json!({})), replica_set(2), pod]);
    assert_eq!(told(&observed), "Degraded: Pod apps/web-2-x: back-off");
}

#[rstest]
#[case::of_a_set("apps_db_apps_StatefulSet", ("apps", "StatefulSet"), "Degraded")]
#[case::of_a_daemon("apps_db_apps_DaemonSet", ("apps", "DaemonSet"), "Degraded")]
#[case::of_a_job("apps_db_batch_Job", ("batch", "Job"), "Healthy")]
#[case::of_an_operator("apps_db_example.org_Database", ("example.org", "Database"), "Healthy")]
fn pods_count_where_something_keeps_them_running(
    #[case] id: &str,
    #[case] kind: (&str, &str),
    #[case] expected: &str,
) {
    let status = json!({"observedGeneration": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    let owner = node(kind, "db", None, &json!({"status": status}));
    let pod = crash_looping("db-0", (kind.1, "db"));
    let observed = beside(release(&[id]), &[owner, pod]);
    assert!(told(&observed).starts_with(expected), "{}", told(&observed));
}

#[rstest]
#[case::being_replaced(vec![deployment(&json!({})), replica_set(1), crash_looping("x", ("ReplicaSet", "web-1"))])]
#[case::evicted(vec![deployment(&json!({})), replica_set(2), {
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"});
    node(("", "Pod"), "x", Some(("ReplicaSet", "web-2")), &json!({"status": status}))
}])]
#[case::deliberately_ignored(vec![
    deployment(&json!({"metadata": {"annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}}})),
    replica_set(2),
    crash_looping("x", ("ReplicaSet", "web-2")),
])]
#[case::of_nobody(vec![deployment(&json!({})), crash_looping("x", ("ReplicaSet", "elsewhere"))])]
fn other_pods_do_not_count(#[case] live: Vec<Node>) {
    assert_eq!(told(&beside(release(&[DEPLOYMENT]), &live)), "Healthy: ");
}

#[test]
fn what_was_delivered_counts_by_argo_cds_rules() {
    let waiting = deployment(&json!({"spec": {"replicas": 2}}));
    let observed = beside(release(&[DEPLOYMENT]), &[waiting]);
    // Without the words that change with every Pod.
    assert_eq!(told(&observed), "Progressing: Deployment apps/web is progressing");
    let paused = deployment(&json!({"spec": {"paused": true}}));
    assert_eq!(
        told(&beside(release(&[DEPLOYMENT]), &[paused])),
        "Suspended: Deployment apps/web: Deployment is paused"
    );
    let ignored = json!({"annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}});
    let ignored = deployment(&json!({"metadata": ignored, "spec": {"replicas": 2}}));
    assert_eq!(told(&beside(release(&[DEPLOYMENT]), &[ignored])), "Healthy: ");
}

/// As in Argo CD 3: what is missing shows as out of sync.
#[test]
fn what_is_missing_does_not_count_beside_what_is_there() {
    assert_eq!(told(&beside(release(&[DEPLOYMENT]), &[])), "Healthy: ");
    let mut without_source = beside(release(&[]), &[]);
    without_source.objects.retain(|key, _| key.kind.is_workload());
    assert!(!told(&without_source).starts_with("Missing"), "{}", told(&without_source));
}

#[test]
fn without_a_workload_object_nothing_is_there() {
    let fetched = app("demo").chart("6.3.5").beside([helm_repository().fetched("i")]);
    assert_eq!(told(&fetched), "Missing: HelmRelease apps/demo is missing");
}

#[rstest]
#[case::tests_passed(helm_release().ready("6.3.5").with(json!({"status": {"conditions": [
    {"type": "Ready", "status": "True"}, {"type": "Released", "status": "True"}, {"type": "TestSuccess", "status": "True"}]}})), "Healthy: ")]
#[case::retrying(helm_release().ready("6.3.5").with(json!({"status": {"conditions": [
    {"type": "Ready", "status": "False", "reason": "UpgradeFailed", "message": "timed out"},
    {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "Running 'upgrade'"}]}})),
    "Progressing: HelmRelease apps/demo: Running 'upgrade'")]
#[case::failed(helm_release().failed("6.3.5", "UpgradeFailed", "timed out"), "Degraded: HelmRelease apps/demo: timed out")]
#[case::suspended(helm_release().ready("6.3.5").suspended(),
    "Suspended: HelmRelease apps/demo: suspended by somebody else, such as `flux suspend`")]
#[case::waiting(helm_release().ready("6.3.5").waiting(), "Healthy: ")]
fn flux_objects_count_by_the_bridges_own_tables(#[case] release: Object, #[case] expected: &str) {
    assert_eq!(told(&beside(release, &[])), expected);
}

#[test]
fn a_failing_source_speaks_for_the_workload_that_has_something_older() {
    let failing = helm_repository().unfetched("Failed", "no such host");
    let observed = app("demo").chart("6.3.5").beside([failing, helm_chart().fetched("6.3.5"), release(&[])]);
    assert!(told(&observed).starts_with("Degraded: HelmRepository apps/demo: "), "{}", told(&observed));
}

/// A bridge that has just started has not seen everything yet.
#[rstest]
#[case::nothing_known("", "", "Progressing: looking at what was delivered")]
#[case::was_well("Healthy", "", "Healthy: ")]
#[case::was_on_its_way(
    "Progressing",
    "HelmRelease apps/demo: Running 'install'",
    "Progressing: looking at what was delivered"
)]
#[case::was_not_well("Degraded", "Pod apps/web-2-x: back-off", "Degraded: Pod apps/web-2-x: back-off")]
#[case::flux_was_not_well(
    "Degraded",
    "HelmRelease apps/demo: timed out",
    "Progressing: looking at what was delivered"
)]
#[case::was_missing(
    "Missing",
    "HelmRelease apps/demo is missing",
    "Progressing: looking at what was delivered"
)]
fn what_was_found_before_stands_until_all_is_known(
    #[case] status: &str,
    #[case] message: &str,
    #[case] expected: &str,
) {
    let mut observed = beside(release(&[DEPLOYMENT]), &[]);
    observed.live_objects.is_complete = false;
    assert_eq!(told_after(&observed, &health(status, message)), expected);
    // Something else was found out in the meantime.
    let mut failed = beside(release(&[DEPLOYMENT]).failed("6.3.5", "UpgradeFailed", "timed out"), &[]);
    failed.live_objects.is_complete = false;
    assert!(told_after(&failed, &health(status, message)).starts_with("Degraded: "));
}

/// Whoever waits for the end of an operation and a good health must not see both before anybody has looked.
#[test]
fn what_an_operation_adds_is_not_well_before_it_is_looked_at() {
    let mut observed = beside(release(&[DEPLOYMENT]), &[]);
    observed.live_objects.is_complete = false;
    let view = View::of(&observed);
    let found = |is_operating| of(&view, &Tree::of(&view), &health("Healthy", ""), is_operating).status;
    assert_eq!((found(false), found(true)), ("Healthy".to_owned(), "Progressing".to_owned()));
}

#[test]
fn the_time_moves_with_the_word_alone() {
    let observed = beside(release(&[]), &[]);
    let view = View::of(&observed);
    let before =
        HealthStatus { last_transition_time: Some(ago(500).parse().unwrap()), ..health("Healthy", "") };
    assert_eq!(of(&view, &Tree::of(&view), &before, false).last_transition_time, before.last_transition_time);
    let degraded = HealthStatus { status: "Degraded".into(), ..before };
    assert_eq!(of(&view, &Tree::of(&view), &degraded, false).last_transition_time, Some(now()));
}
