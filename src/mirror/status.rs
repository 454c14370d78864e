//! The status that Argo CD's readers (server, UI, CLI, `ApplicationSets`, notifications) see of an Application.

use jiff::Timestamp;

use super::leftover::Leftover;
use super::object_health::{live_health, told_health};
use super::resource::Resource;
use super::sync_word::{resource_sync, sync_word};
use super::tree::Tree;
use super::view::View;
use super::{application_health, conditions, drift, ownership, summary};
use crate::argo::application::Application;
use crate::argo::operation::OperationState;
use crate::argo::status::{
    ApplicationStatus, ComparedTo, HealthStatus, ResourceStatus, RevisionHistory, SyncStatus,
};
use crate::flux::ObjectKey;

/// How many history entries Argo CD keeps unless told otherwise (types.go, `RevisionHistoryLimit`).
const HISTORY_LIMIT: usize = 10;

/// What an operation changes in the status, beside what is read off the cluster.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The current or last operation.
    pub operation_state: Option<OperationState>,
    /// The delivery that just succeeded.
    pub delivered: Option<RevisionHistory>,
    /// Why edits that are to be kept cannot be.
    pub unkept_edits: Option<String>,
}

/// The status that `view` amounts to. `reconciledAt` is carried over: whoever writes a change sets it.
pub fn desired(view: &View<'_>, tree: &Tree, record: Record) -> ApplicationStatus {
    let app = &view.observed.app;
    let previous = app.status.clone().unwrap_or_default();
    let conditions = conditions::found(view, record.operation_state.as_ref(), record.unkept_edits);
    let is_operating =
        record.operation_state.as_ref().is_some_and(|operation| !operation.phase.is_completed());
    let is_delivering = is_operating || record.delivered.is_some();
    let resources = resources(view, is_operating);
    let multiple = app.has_multiple_sources();
    let source_type = or_previous(&view.observed.translation.source_type, &previous.source_type);
    ApplicationStatus {
        sync: sync(view, &previous),
        health: application_health::of(view, tree, &previous.health, is_delivering),
        history: history(app, &previous, record.delivered),
        conditions: conditions::merged(&previous.conditions, conditions, view.observed.now),
        operation_state: record.operation_state,
        source_type: if multiple { String::new() } else { source_type },
        source_types: if multiple { source_types(view, &previous) } else { Vec::new() },
        controller_namespace: view.observed.control_namespace.clone(),
        summary: summary::of(view, tree, &previous.summary),
        resources,
        ..previous
    }
}

fn or_previous(found: &str, previous: &str) -> String {
    if found.is_empty() { previous.to_owned() } else { found.to_owned() }
}

/// A word for each source; none for one that others only refer to (argo-cd `controller/state.go`, `CompareAppState`).
fn source_types(view: &View<'_>, previous: &ApplicationStatus) -> Vec<String> {
    let number = view.observed.app.sources().len();
    let routes = &view.observed.translation.routes;
    let word = |index: usize| {
        let found = routes.get(index).map_or("", |route| &route.source_type);
        or_previous(found, previous.source_types.get(index).map_or("", String::as_str))
    };
    if routes.is_empty() && previous.source_types.len() != number {
        return Vec::new();
    }
    (0..number).map(word).collect()
}

fn sync(view: &View<'_>, previous: &ApplicationStatus) -> SyncStatus {
    let app = &view.observed.app;
    let multiple = app.has_multiple_sources();
    let before =
        if multiple { &previous.sync.revisions } else { std::slice::from_ref(&previous.sync.revision) };
    let revisions = view
        .revisions()
        .into_iter()
        .enumerate()
        .map(|(index, revision)| or_previous(&revision, before.get(index).map_or("", String::as_str)));
    let (revision, revisions) = one_or_several(multiple, revisions.collect());
    SyncStatus {
        status: sync_word(view).to_owned(),
        compared_to: Some(ComparedTo {
            source: app.single_source().cloned(),
            sources: app.multiple_sources().to_vec(),
            destination: app.spec.destination.clone(),
            ignore_differences: app.spec.ignore_differences.clone(),
        }),
        revision,
        revisions,
    }
}

/// `revision` and `revisions`, one of which is empty.
pub fn one_or_several(multiple: bool, revisions: Vec<String>) -> (String, Vec<String>) {
    if multiple {
        (String::new(), revisions)
    } else {
        (revisions.into_iter().next().unwrap_or_default(), Vec::new())
    }
}

fn resources(view: &View<'_>, is_operating: bool) -> Vec<ResourceStatus> {
    let known = view.resources.iter().map(|resource| resource_status(view, resource, is_operating));
    let stale = view.stale.iter().map(|live| to_be_pruned(&live.key(), Some(live_health(view, *live))));
    let drifted = view.legs.iter().filter_map(|leg| leg.parts.workload).flat_map(drift::resources);
    // The message that names them is the tenant's as much as the inventory.
    let drifted = drifted.filter(|r| view.permissions.object(&r.group, &r.kind, &r.namespace, &r.name));
    let left = view.leftovers.iter().map(Leftover::status);
    let mut all: Vec<_> = known.chain(stale).chain(guards_left(view)).chain(drifted).chain(left).collect();
    all.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    all
}

/// Guards in a former place: what is listed of it is all that tells whose they are. Where the Application stands now, they
/// are nothing that anybody has to see.
fn guards_left(view: &View<'_>) -> impl Iterator<Item = ResourceStatus> {
    let namespace = view.observed.app.flux_namespace();
    let left = view.observed.owned().filter(move |live| live.is_guard() && live.namespace() != namespace);
    left.map(|live| to_be_pruned(&live.key(), None))
}

fn to_be_pruned(key: &ObjectKey, health: Option<HealthStatus>) -> ResourceStatus {
    ResourceStatus { status: "OutOfSync".to_owned(), requires_pruning: true, ..identified(key, health) }
}

/// `resources` with those of `keys` that are missing there: an operation applies something else than the spec wants.
pub fn with_keys(mut resources: Vec<ResourceStatus>, keys: &[ObjectKey]) -> Vec<ResourceStatus> {
    let added = keys.iter().filter(|key| !ownership::is_among(&resources, key));
    let added: Vec<_> = added.map(|key| to_be_pruned(key, Some(missing()))).collect();
    resources.extend(added);
    resources.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    resources
}

fn missing() -> HealthStatus {
    HealthStatus { status: "Missing".to_owned(), ..HealthStatus::default() }
}

fn sort_key(resource: &ResourceStatus) -> [&str; 4] {
    [&resource.group, &resource.kind, &resource.namespace, &resource.name]
}

fn resource_status(view: &View<'_>, resource: &Resource<'_>, is_operating: bool) -> ResourceStatus {
    let health = match resource.live {
        Some(live) => told_health(view, live, is_operating),
        None => missing(),
    };
    ResourceStatus {
        status: resource_sync(view, resource).to_owned(),
        ..identified(&resource.key, Some(health))
    }
}

fn identified(key: &ObjectKey, health: Option<HealthStatus>) -> ResourceStatus {
    ResourceStatus {
        group: key.kind.group().to_owned(),
        version: key.kind.version().to_owned(),
        kind: key.kind.kind().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        health,
        ..ResourceStatus::default()
    }
}

fn history(
    app: &Application,
    previous: &ApplicationStatus,
    delivered: Option<RevisionHistory>,
) -> Vec<RevisionHistory> {
    let mut history = previous.history.clone();
    history.extend(delivered);
    let limit =
        app.spec.revision_history_limit.map_or(HISTORY_LIMIT, |limit| usize::try_from(limit).unwrap_or(0));
    let surplus = history.len().saturating_sub(limit);
    history.drain(..surplus);
    history
}

/// The history entry of a delivery of `revisions`, one a source, that ended at `now`.
pub fn entry(
    app: &Application,
    operation: &OperationState,
    revisions: Vec<String>,
    now: Timestamp,
) -> RevisionHistory {
    let last = app.status.as_ref().and_then(|status| status.history.last()).map(|last| last.id);
    let sync = operation.operation.sync.clone().unwrap_or_default();
    let multiple = sync.has_multiple_sources(app.has_multiple_sources());
    let (revision, revisions) = one_or_several(multiple, revisions);
    RevisionHistory {
        id: last.map_or(0, |id| id.saturating_add(1)),
        revision,
        revisions,
        deployed_at: now,
        deploy_started_at: Some(operation.started_at),
        source: sync.only_source().or(app.single_source()).cloned().filter(|_| !multiple),
        sources: match (multiple, sync.sources.is_empty()) {
            (false, _) => Vec::new(),
            (true, false) => sync.sources,
            (true, true) => app.multiple_sources().to_vec(),
        },
        initiated_by: operation.operation.initiated_by.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{App, Object, ago, app, helm_chart, helm_release, helm_repository, now};
    use super::super::{Observed, Tree, patch};
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn beside(app: &App) -> Observed {
        app.beside([
            helm_repository().fetched("i"),
            helm_chart().fetched("6.3.5"),
            helm_release().ready("6.3.5"),
        ])
    }

    fn kept(observed: &Observed) -> Record {
        let status = observed.app.status.clone().unwrap_or_default();
        Record { operation_state: status.operation_state, ..Record::default() }
    }

    fn desired_with(observed: &Observed, record: Record) -> ApplicationStatus {
        let view = View::of(observed);
        desired(&view, &Tree::of(&view), record)
    }

    fn desired_of(observed: &Observed) -> ApplicationStatus {
        desired_with(observed, kept(observed))
    }

    /// What is written of `app`, as the merge patch of its status.
    fn change(app: &App) -> Option<Value> {
        let observed = beside(app);
        patch::between(&json!(observed.app.status), &json!(desired_of(&observed)))
    }

    fn settled() -> App {
        let app = app("demo").chart("6.3.5").automated().delivered("6.3.5");
        let status = json!(desired_of(&beside(&app)));
        app.with(&json!({"status": status}))
    }

    #[test]
    fn only_what_changed_is_written() {
        assert_eq!(change(&settled()), None);
        let known = json!({"status": {"sync": {"status": "OutOfSync"}, "health": {"status": "Healthy"}}});
        assert_eq!(change(&settled().with(&known)), Some(json!({"sync": {"status": "Synced"}})));
    }

    #[test]
    fn fields_of_others_are_not_written() {
        let others = json!({"status": {"sourceHydrator": {"x": 1}, "observedAt": ago(9)}});
        assert_eq!(change(&settled().with(&others)), None);
    }

    #[test]
    fn conditions_of_others_stay_and_ours_go_when_they_are_over() {
        let conditions = json!([
            {"type": "InvalidSpecError", "message": "no such project", "lastTransitionTime": ago(50)},
            {"type": "OrphanedResourceWarning", "message": "1 orphan", "lastTransitionTime": ago(50)},
            {"type": "SyncError", "message": "over", "lastTransitionTime": ago(50)},
        ]);
        let status = desired_of(&beside(&settled().with(&json!({"status": {"conditions": conditions}}))));
        let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.kind.as_str()).collect();
        assert_eq!(kinds, ["InvalidSpecError", "OrphanedResourceWarning"]);
    }

    #[test]
    fn what_failed_before_is_not_told_of_the_operation_that_mends_it() {
        let app = app("demo").chart("6.3.5").automated();
        let health = |app: &App, release: Object| {
            desired_of(&app.beside([helm_repository().fetched("i"), release])).health.status
        };
        let failed = || helm_release().failed("6.3.4", "UpgradeFailed", "timed out");
        let running = app.clone().running_by_itself();
        assert_eq!(health(&running, failed().outdated()), "Progressing");
        assert_eq!(health(&running, failed()), "Degraded");
        assert_eq!(health(&app.ended("Failed", "timed out", "6.3.4"), failed().outdated()), "Degraded");
    }

    #[test]
    fn the_time_of_health_moves_only_with_the_word() {
        let since = |app: &App| desired_of(&beside(app)).health.last_transition_time.unwrap();
        let known = json!({"status": {"health": {"status": "Healthy", "lastTransitionTime": ago(500)}}});
        assert_eq!(since(&settled().with(&known)).to_string(), ago(500));
        assert_eq!(since(&settled().with(&json!({"status": {"health": {"status": "Degraded"}}}))), now());
    }

    #[rstest]
    #[case::unset(None, 10, Some(12))]
    #[case::three(Some(3), 3, Some(12))]
    #[case::none(Some(0), 0, None)]
    #[case::negative(Some(-1), 0, None)]
    fn history_is_as_long_as_the_application_says(
        #[case] limit: Option<i64>,
        #[case] length: usize,
        #[case] last: Option<i64>,
    ) {
        let entries: Vec<Value> =
            (0..12).map(|id| json!({"id": id, "revision": "6.3.4", "deployedAt": ago(900)})).collect();
        let app =
            settled().with(&json!({"status": {"history": entries}, "spec": {"revisionHistoryLimit": limit}}));
        let observed = beside(&app);
        let operation = kept(&observed).operation_state.unwrap();
        let delivered = entry(&observed.app, &operation, vec!["6.3.5".into()], now());
        assert_eq!(delivered.id, 12);
        let record =
            Record { operation_state: Some(operation), delivered: Some(delivered), ..Record::default() };
        let history = desired_with(&observed, record).history;
        assert_eq!((history.len(), history.last().map(|entry| entry.id)), (length, last));
    }

    #[test]
    fn several_sources_have_lists_even_where_there_is_one() {
        let source =
            json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"});
        let app = app("demo").automated().with(&json!({"spec": {"sources": [source]}}));
        let observed = beside(&app);
        let status = desired_of(&observed);
        assert_eq!(
            (status.sync.revision.as_str(), status.sync.revisions.as_slice()),
            ("", &["6.3.5".to_owned()][..])
        );
        let compared = status.sync.compared_to.unwrap();
        assert_eq!((compared.source, compared.sources.len()), (None, 1));
        let operation = serde_json::from_value(json!({"phase": "Running", "startedAt": ago(5)})).unwrap();
        let entry = entry(&observed.app, &operation, vec!["6.3.5".into()], now());
        assert_eq!((entry.revision.as_str(), entry.revisions.len(), entry.sources.len()), ("", 1, 1));
        assert_eq!(entry.source, None);
    }

    #[test]
    fn the_summary_is_written_when_all_is_known() {
        let known = json!({"summary": {"images": ["a:1"], "externalURLs": ["https://a.org"]}});
        let links = json!({"annotations": {"link.argocd.argoproj.io/b": "https://b.org"}});
        let mut observed = beside(&settled().with(&json!({"status": known, "metadata": links})));
        assert_eq!(json!(desired_of(&observed).summary), json!({"externalURLs": ["https://b.org"]}));
        observed.live_objects.is_complete = false;
        assert_eq!(json!(desired_of(&observed).summary), known["summary"]);
    }

    #[test]
    fn objects_are_sorted_and_complete() {
        let status = desired_of(&beside(&app("demo").chart("6.3.5")));
        let found: Vec<_> =
            status.resources.iter().map(|r| (r.group.as_str(), r.kind.as_str(), r.status.as_str())).collect();
        assert_eq!(
            found,
            [
                ("helm.toolkit.fluxcd.io", "HelmRelease", "Synced"),
                ("source.toolkit.fluxcd.io", "HelmRepository", "Synced"),
            ]
        );
    }
}
