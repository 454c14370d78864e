//! What Flux keeps in the cluster, remembered and said.

use serde_json::{Value, json};

use super::Step;
use crate::flux::Live;
use crate::mirror::{Observed, View, leftover};
use crate::names;

/// The steps by which the workload objects remember what Flux keeps of what they deliver: from before it leaves the source, of
/// which nobody is told.
pub(super) fn remember(view: &View<'_>) -> Vec<Step> {
    let is_due = |live: &Live<'_>| view.observed.owns(*live) && !live.is_deleting() && !live.is_guard();
    view.workloads()
        .filter(is_due)
        .filter_map(|live| {
            let wanted = leftover::to_remember(live, &view.observed.live_objects);
            let known = live.annotation(names::ANNOTATION_KEPT).unwrap_or_default();
            let wanted = if wanted == known { return None } else { wanted };
            let value = if wanted.is_empty() { Value::Null } else { json!(wanted) };
            let patch = json!({"metadata": {"annotations": {names::ANNOTATION_KEPT: value}}});
            Some(Step::PatchObject { key: live.key(), patch })
        })
        .collect()
}

/// What is said of objects that the end of a workload object leaves behind, though they do not ask for that.
pub(super) fn outliving(observed: &Observed, live: Live<'_>) -> Option<Step> {
    let names = leftover::outliving(live, &observed.live_objects)?;
    let message = format!(
        "{} goes and these stay, since Flux has one word for all sync options of an object: {names} (delete them where they \
         are not needed)",
        live.key()
    );
    Some(Step::EmitEvent { is_warning: true, reason: "ObjectsLeft", message })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::argo::ApplicationStatus;
    use crate::argo::protection::ANNOTATION_SYNC_OPTIONS;
    use crate::mirror::fixtures::{App, NAMESPACE, app, git_repository, kustomization};
    use crate::mirror::{Node, Tree};
    use crate::plan::{Plan, plan};

    const REVISION: &str = "main@sha1:1";
    const A: &str = "apps_a__ConfigMap";

    fn automated() -> App {
        app("demo").git().automated().pruning().delivered("1")
    }

    /// A Kustomization that remembers `kept` and delivers `ids`, and the live ConfigMap `a` with those sync options.
    fn observed(app: &App, kept: &str, ids: &[&str], options: Option<&str>) -> Observed {
        let entries: Vec<Value> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
        let kept = if kept.is_empty() { json!({}) } else { json!({names::ANNOTATION_KEPT: kept}) };
        let kustomization = kustomization().ready(REVISION).with(json!({
            "metadata": {"annotations": kept}, "status": {"inventory": {"entries": entries}},
        }));
        let mut observed = app.beside([git_repository().fetched(REVISION), kustomization]);
        if let Some(options) = options {
            let metadata = json!({
                "name": "a", "namespace": NAMESPACE, "uid": "u",
                "labels": {
                    names::LABEL_KUSTOMIZATION_NAME: "demo", names::LABEL_KUSTOMIZATION_NAMESPACE: NAMESPACE,
                },
                "annotations": {
                    ANNOTATION_SYNC_OPTIONS: options, "kustomize.toolkit.fluxcd.io/prune": "disabled",
                },
            });
            let object = serde_json::from_value(json!({"metadata": metadata})).unwrap();
            let node = Node::of("", "v1", "ConfigMap", &object);
            observed.live_objects.nodes.insert(node.key.clone(), Arc::new(node));
        }
        observed
    }

    fn remembered(observed: &Observed) -> Vec<Value> {
        let patches = remember(&View::of(observed)).into_iter().filter_map(|step| match step {
            Step::PatchObject { patch, .. } => {
                Some(patch["metadata"]["annotations"][names::ANNOTATION_KEPT].clone())
            }
            _ => None,
        });
        patches.collect()
    }

    #[rstest]
    #[case::seen("", &[A], Some("Prune=false"), &[json!(A)])]
    #[case::known(A, &[A], Some("Prune=false"), &[])]
    #[case::left(A, &[], Some("Prune=false"), &[])]
    #[case::gone(A, &[], None, &[Value::Null])]
    #[case::never_there("", &[], None, &[])]
    fn it_is_written_when_it_changes(
        #[case] kept: &str,
        #[case] ids: &[&str],
        #[case] options: Option<&str>,
        #[case] expected: &[Value],
    ) {
        assert_eq!(remembered(&observed(&automated(), kept, ids, options)), expected);
    }

    fn status(observed: &Observed) -> ApplicationStatus {
        plan(observed).status.unwrap()
    }

    #[test]
    fn what_left_and_stays_is_shown_as_stock_argo_cd_does() {
        let observed = observed(&automated(), A, &[], Some("Prune=false"));
        let status = status(&observed);
        assert_eq!((&*status.sync.status, &*status.health.status), ("OutOfSync", "Healthy"));
        let waiting: Vec<_> = status.resources.iter().filter(|resource| resource.requires_pruning).collect();
        let expected = json!([{
            "version": "v1", "kind": "ConfigMap", "namespace": "apps", "name": "a", "status": "OutOfSync",
            "requiresPruning": true,
        }]);
        assert_eq!(json!(waiting), expected);
        assert!(status.conditions.is_empty(), "{:?}", status.conditions);
        let tree = Tree::of(&View::of(&observed));
        let node = tree.delivered().find(|node| node.node.key.name == "a").unwrap();
        assert_eq!(node.parents[0].key.kind, "Kustomization");
        assert!(
            status.operation_state.is_none_or(|operation| operation.phase.is_completed()),
            "nobody tries again"
        );
    }

    #[test]
    fn what_stays_unasked_is_a_warning() {
        let said = |options: &str| {
            let status = status(&observed(&automated(), A, &[], Some(options)));
            status.conditions.iter().map(|condition| condition.message.clone()).collect::<Vec<_>>().join("\n")
        };
        assert!(said("Replace=true").contains("ConfigMap apps/a (delete it"), "{}", said("Replace=true"));
        assert!(said("Prune=confirm").contains("ConfigMap apps/a (Prune=confirm)"));
    }

    #[rstest]
    #[case::pruning(true, "ignored (no prune)")]
    #[case::not_pruning(false, "ignored (requires pruning)")]
    fn a_sync_says_what_it_does_not_prune(#[case] prunes: bool, #[case] expected: &str) {
        let operation =
            json!({"sync": {"prune": prunes, "syncOptions": []}, "initiatedBy": {"username": "a"}});
        let state =
            json!({"phase": "Running", "startedAt": crate::mirror::fixtures::ago(5), "operation": operation});
        let app = automated();
        let observed = observed(&app, A, &[], Some("Prune=false"));
        let state = serde_json::from_value(state).unwrap();
        let result = super::super::result::of(
            &View::of(&observed),
            &state,
            Some(&super::super::sync::Outcome::succeeded()),
        );
        let lines: Vec<_> = result.resources.iter().filter(|line| line.status == "PruneSkipped").collect();
        let [line] = lines.as_slice() else { panic!("{:?}", result.resources) };
        assert_eq!((&*line.name, &*line.message, &*line.hook_phase), ("a", expected, "Succeeded"));
    }

    fn events(plan: &Plan) -> Vec<String> {
        let events = plan.steps.iter().filter_map(|step| match step {
            Step::EmitEvent { message, .. } => Some(message.clone()),
            _ => None,
        });
        events.collect()
    }

    #[rstest]
    #[case::unasked("Prune=false", 1)]
    #[case::asked("Delete=false", 0)]
    fn what_outlives_the_application_unasked_is_told(#[case] options: &str, #[case] expected: usize) {
        let app = automated().cascading().deleting();
        let events = events(&plan(&observed(&app, "", &[A], Some(options))));
        assert_eq!(events.len(), expected, "{events:?}");
        assert!(events.iter().all(|event| event.contains("ConfigMap apps/a (Prune=false)")), "{events:?}");
    }
}
