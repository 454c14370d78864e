//! A failed operation is tried again as Argo CD would, while Flux goes on by itself.

use super::cluster::Cluster;
use crate::argo::operation::{OperationState, Phase};
use crate::mirror::fixtures::{App, app};
use rstest::rstest;
use serde_json::{Value, json};

fn state(cluster: &Cluster) -> OperationState {
    cluster.status().operation_state.expect("an operation")
}

/// An Application whose delivery fails.
fn failing(app: &App) -> Cluster {
    let mut cluster = Cluster::with(app);
    cluster.flux.failure = Some(("", "timed out".into()));
    cluster
}

/// The messages of the operation within so many seconds, each once.
fn messages(cluster: &mut Cluster, seconds: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for _ in 0..seconds {
        cluster.run(1);
        let message = state(cluster).message;
        if found.last() != Some(&message) {
            found.push(message);
        }
    }
    found
}

#[rstest]
#[case::chart(app("demo").chart("6.3.5"))]
#[case::git(app("demo").git())]
fn a_sync_that_fails_is_tried_again_and_then_has_failed(#[case] app: App) {
    let mut cluster = failing(&app);
    let retry = json!({"limit": 2, "backoff": {"duration": "20s", "factor": 2}});
    cluster.edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
    let said = messages(&mut cluster, 120);
    let announced: Vec<_> = said.iter().filter(|message| message.contains("Retrying attempt")).collect();
    assert_eq!(announced.len(), 2, "{said:#?}");
    assert!(announced[0].starts_with("timed out. Retrying attempt #1 at 12:1"), "{announced:?}");
    assert!(said.iter().any(|message| message == "Retrying operation. Attempt #1"), "{said:#?}");
    assert_eq!(state(&cluster).phase, Phase::Failed);
    assert_eq!(state(&cluster).message, "timed out (retried 2 times).");
    assert_eq!((state(&cluster).retry_count, cluster.app().operation), (2, None));
    assert_eq!(cluster.count("EmitEvent OperationCompleted"), 1);
    cluster.assert_silent();
}

#[test]
fn every_attempt_asks_flux_anew() {
    let mut cluster = failing(&app("demo").chart("6.3.5"));
    let retry = json!({"limit": 3, "backoff": {"duration": "20s", "factor": 1}});
    cluster.edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
    cluster.run(10);
    cluster.log.clear();
    cluster.run(70);
    assert!(cluster.count("PatchObject HelmRelease") >= 2, "{:?}", cluster.log);
}

#[test]
fn flux_may_get_there_before_the_next_attempt() {
    for app in [app("demo").chart("6.3.5"), app("demo").git()] {
        let mut cluster = failing(&app);
        let retry = json!({"limit": 1, "backoff": {"duration": "10m", "maxDuration": "10m"}});
        cluster
            .edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
        cluster.run(10);
        assert_eq!((state(&cluster).phase, state(&cluster).retry_count), (Phase::Running, 1));
        cluster.flux.failure = None;
        cluster.settle();
        assert_eq!(state(&cluster).message, "successfully synced (all tasks run)");
        assert_eq!((cluster.words().as_str(), cluster.history().len()), ("Synced/Healthy", 1));
        cluster.assert_silent();
    }
}

#[test]
fn an_automated_sync_is_tried_five_times_unless_told_otherwise() {
    for app in [app("demo").chart("6.3.5"), app("demo").git()] {
        let mut cluster = failing(&app.clone().automated().retrying(&Value::Null));
        cluster.run(400);
        assert_eq!(state(&cluster).message, "timed out (retried 5 times).");
        let condition = &cluster.status().conditions[0];
        assert_eq!(condition.kind, "SyncError");
        assert!(condition.message.ends_with("timed out (retried 5 times)."), "{}", condition.message);
        cluster.assert_silent();

        let mut cluster = failing(&app.automated().retrying(&json!({"limit": 1})));
        cluster.run(400);
        assert_eq!(state(&cluster).message, "timed out (retried 1 times).");
    }
}

#[test]
fn a_retry_that_waits_is_told_as_an_error_and_costs_nothing() {
    let mut cluster = failing(&app("demo").chart("6.3.5").automated().retrying(&json!({
        "limit": 5, "backoff": {"duration": "2m", "maxDuration": "2m"},
    })));
    cluster.run(30);
    assert!(
        cluster.status().conditions[0].message.contains("timed out"),
        "{:?}",
        cluster.status().conditions
    );
    cluster.log.clear();
    cluster.run(60);
    assert_eq!(cluster.log, Vec::<String>::new());
}

#[test]
fn a_repair_does_not_wait_for_the_next_attempt() {
    let mut cluster = failing(&app("demo").chart("6.3.5").automated().retrying(&json!({
        "limit": 5, "backoff": {"duration": "10m", "maxDuration": "10m"},
    })));
    cluster.flux.failure = Some(("\"bad\":true", "timed out".into()));
    let values = |bad: bool| json!({"spec": {"source": {"helm": {"valuesObject": {"bad": bad}}}}});
    cluster.settle().edit(&values(true)).run(20);
    assert_eq!((state(&cluster).phase, state(&cluster).retry_count), (Phase::Running, 1));
    cluster.edit(&values(false)).settle();
    assert_eq!((cluster.words().as_str(), state(&cluster).retry_count), ("Synced/Healthy", 0));
    assert_eq!(cluster.history().len(), 2);
    assert_eq!(cluster.app().operation, None);
    cluster.assert_silent();
}

#[test]
fn an_operation_is_terminated_while_it_waits() {
    let mut cluster = failing(&app("demo").chart("6.3.5"));
    let retry = json!({"limit": 5, "backoff": {"duration": "10m", "maxDuration": "10m"}});
    cluster.edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
    cluster.run(10);
    cluster.edit(&json!({"status": {"operationState": {"phase": "Terminating"}}})).settle();
    assert_eq!(state(&cluster).phase, Phase::Failed);
    assert_eq!(state(&cluster).message, "Operation terminated (retried 1 times).");
    assert_eq!(cluster.app().operation, None);
    cluster.assert_silent();
}

#[test]
fn a_retry_takes_the_newest_revision_where_that_is_wished() {
    let mut cluster = failing(&app("demo").git());
    let revision = cluster.flux.commit.clone();
    let retry = json!({"limit": 1, "refresh": true, "backoff": {"duration": "20s"}});
    let sync = json!({"revision": revision, "source": json!(cluster.app().spec.source)});
    cluster.edit(&json!({"operation": {"sync": sync, "retry": retry, "initiatedBy": {"username": "admin"}}}));
    cluster.run(15);
    cluster.flux.commit = "2f5c000000000000000000000000000000000002".into();
    cluster.flux.failure = None;
    let said = messages(&mut cluster, 30);
    assert!(
        said.iter().any(|message| message == "Retrying operation with latest revisions. Attempt #1")
            || state(&cluster).phase == Phase::Succeeded
    );
    assert_eq!(cluster.history(), ["2f5c000000000000000000000000000000000002"]);
    assert_eq!(cluster.words(), "Synced/Healthy");
}

#[test]
fn a_backoff_that_is_none_is_said() {
    let mut cluster = failing(&app("demo").chart("6.3.5"));
    let retry = json!({"limit": 1, "backoff": {"duration": "soon"}});
    cluster.edit(&json!({"operation": {"sync": {}, "retry": retry, "initiatedBy": {"username": "admin"}}}));
    cluster.settle();
    assert_eq!(state(&cluster).phase, Phase::Error);
    assert_eq!(state(&cluster).message, "timed out (failed to retry: unable to parse soon as a duration)");
    cluster.assert_silent();
}

#[test]
fn what_cannot_be_had_is_not_tried_again() {
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5"));
    let sync = json!({"manifests": ["kind: Pod"]});
    cluster.edit(&json!({"operation": {"sync": sync, "retry": {"limit": 5}}})).settle();
    assert_eq!((state(&cluster).phase, state(&cluster).retry_count), (Phase::Failed, 0));
}

#[test]
fn an_automated_sync_of_what_is_refused_since_is_not_tried_again() {
    let mut cluster = failing(&app("demo").chart("6.3.5").automated().retrying(&Value::Null));
    cluster.run(20);
    assert_eq!(state(&cluster).phase, Phase::Running);
    let set = |version: Value| json!({"spec": {"source": {"helm": {"version": version}}}});
    cluster.edit(&set(json!("v2"))).run(300);
    assert_eq!(state(&cluster).phase, Phase::Error);
    assert!(state(&cluster).message.starts_with("ComparisonError: spec.source.helm.version"));
    assert!(!cluster.status().conditions.is_empty());
    cluster.log.clear();
    cluster.run(300);
    assert_eq!((cluster.log.as_slice(), cluster.app().operation), (&[][..], None));
    cluster.flux.failure = None;
    cluster.edit(&set(Value::Null)).settle();
    assert_eq!(cluster.words(), "Synced/Healthy");
}

#[test]
fn nothing_begins_by_itself_for_what_is_refused() {
    let refused = json!({"spec": {"source": {"helm": {"version": "v2"}}}});
    let mut cluster = Cluster::with(&app("demo").chart("6.3.5").automated().with(&refused));
    cluster.run(300);
    assert_eq!(cluster.status().operation_state, None);
    assert_eq!(cluster.words(), "Unknown/Unknown");
}
