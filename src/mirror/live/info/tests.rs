use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Object, pod, revision};
use crate::mirror::patch;

/// `Status Reason`, `Containers` and `Restart Count` of a Pod with two containers, as kubectl prints them.
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn printed(content: Value) -> String {
    let mut object = json!({
        "metadata": {"name": "x", "namespace": "apps"},
        "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]},
    });
    patch::merge(&mut object, &content);
    let whole: DynamicObject = serde_json::from_value(object).unwrap();
    let found = pod(Object { group: "", version: "v1", kind: "Pod", whole: &whole });
    let chip =
        |wanted: &str| found.chips.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    [chip("Status Reason"), chip("Containers"), chip("Restart Count")]
        .map(|chip| chip.unwrap_or("-"))
        .join(" ")
}

fn running() -> Value {
    json!({"ready": true, "restartCount": 0, "state": {"running": {}}})
}

fn waiting(reason: &str) -> Value {
    json!({"ready": false, "restartCount": 2, "state": {"waiting": {"reason": reason}}})
}

fn terminated(end: &Value) -> Value {
    json!({"ready": false, "restartCount": 1, "state": {"terminated": end}})
}

#[rstest]
#[case::pending(json!({"phase": "Pending"}), "Pending 0/2 -")]
#[case::running(json!({"phase": "Running", "containerStatuses": [running(), running()]}), "Running 2/2 -")]
#[case::evicted(json!({"phase": "Failed", "reason": "Evicted"}), "Evicted 0/2 -")]
#[case::crash_loop(json!({"phase": "Running", "containerStatuses": [running(), waiting("CrashLoopBackOff")]}), "CrashLoopBackOff 1/2 2")]
#[case::the_first_speaks_last(json!({"phase": "Running", "containerStatuses": [waiting("ErrImagePull"), waiting("CrashLoopBackOff")]}), "ErrImagePull 0/2 4")]
#[case::completed(json!({"phase": "Running", "containerStatuses": [terminated(&json!({"reason": "Completed"})), running()]}), "Running 1/2 1")]
#[case::all_completed(json!({"phase": "Succeeded", "containerStatuses": [terminated(&json!({"reason": "Completed"}))]}), "Completed 0/2 1")]
#[case::exit_code(json!({"phase": "Failed", "containerStatuses": [terminated(&json!({"exitCode": 3}))]}), "ExitCode:3 0/2 1")]
#[case::signal(json!({"phase": "Failed", "containerStatuses": [terminated(&json!({"signal": 9, "exitCode": 137}))]}), "Signal:9 0/2 1")]
#[case::gated(json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}), "SchedulingGated 0/2 -")]
fn what_containers_do(#[case] status: Value, #[case] expected: &str) {
    assert_eq!(printed(json!({"status": status})), expected);
}

#[rstest]
#[case::first_of_two(json!([{"state": {"running": {}}}]), "Init:0/2 0/2 -")]
#[case::second_of_two(json!([terminated(&json!({"exitCode": 0})), {"state": {"waiting": {"reason": "PodInitializing"}}}]), "Init:1/2 0/2 1")]
#[case::failed(json!([terminated(&json!({"exitCode": 1, "reason": "Error"}))]), "Init:Error 0/2 1")]
#[case::failed_without_a_reason(json!([terminated(&json!({"exitCode": 4}))]), "Init:ExitCode:4 0/2 1")]
#[case::no_image(json!([waiting("ImagePullBackOff")]), "Init:ImagePullBackOff 0/2 2")]
fn what_init_containers_do(#[case] statuses: Value, #[case] expected: &str) {
    let spec = json!({"initContainers": [{"name": "i"}, {"name": "j"}]});
    let status = json!({"phase": "Pending", "initContainerStatuses": statuses});
    assert_eq!(printed(json!({"spec": spec, "status": status})), expected);
}

/// A sidecar counts among the containers, and does not hold up the others.
#[test]
fn a_sidecar_is_a_container() {
    let spec = json!({"initContainers": [{"name": "s", "restartPolicy": "Always"}]});
    let sidecar =
        json!([{"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}]);
    let status = json!({"phase": "Running", "initContainerStatuses": sidecar, "containerStatuses": [running(), running()]});
    assert_eq!(printed(json!({"spec": spec, "status": status})), "Running 3/3 1");
}

#[rstest]
#[case::leaving("Running", "", "Terminating")]
#[case::lost("Running", "NodeLost", "Unknown")]
#[case::ended("Succeeded", "", "Succeeded")]
fn a_pod_on_its_way_out(#[case] phase: &str, #[case] reason: &str, #[case] expected: &str) {
    let metadata = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    let told = printed(json!({"metadata": metadata, "status": {"phase": phase, "reason": reason}}));
    assert_eq!(told, format!("{expected} 0/2 -"));
}

#[rstest]
#[case::deployment(json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "3"}}}), Some("Rev:3"))]
#[case::rollout(json!({"metadata": {"annotations": {"rollout.argoproj.io/revision": "4"}}}), Some("Rev:4"))]
#[case::controller_revision(json!({"revision": 5}), Some("Rev:5"))]
#[case::no_number(json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "x"}}}), None)]
#[case::none(json!({}), None)]
fn revisions(#[case] content: Value, #[case] expected: Option<&str>) {
    let mut object = json!({"metadata": {"name": "x"}});
    patch::merge(&mut object, &content);
    let whole: DynamicObject = serde_json::from_value(object).unwrap();
    let found = revision(Object { group: "apps", version: "v1", kind: "ReplicaSet", whole: &whole });
    assert_eq!(found.map(|(_, value)| value).as_deref(), expected);
}
