//! The state of a workload object (`HelmRelease` or Kustomization), and what it has delivered.

use jiff::Timestamp;
use serde_json::Value;

use super::source::{self, SourceState};
use super::{lockdown, revision};
use crate::flux::fields::{self, Field};
use crate::flux::{FluxKind, Live};

/// What a workload object is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// It is not there.
    Missing,
    /// On its way out.
    Deleting(String),
    /// Somebody else suspended it (`flux suspend`).
    Suspended,
    /// Flux is at it, or about to be.
    Progressing(String),
    /// Delivered.
    Ready(String),
    /// The last attempt failed; Flux may try again.
    Failed(String),
}

/// Reasons of `Ready=False` that tell of something not there yet rather than of a failed delivery.
const WAITING: [&str; 4] = ["DependencyNotReady", "SourceNotReady", "Progressing", "HealthCheckCanceled"];

/// The state of `live`, whose source is in state `source`.
pub fn state(live: Option<Live<'_>>, source: &SourceState) -> WorkloadState {
    let Some(live) = live else { return WorkloadState::Missing };
    let ready = live.condition("Ready");
    let message = ready.map_or("", |ready| ready.message).to_owned();
    if live.is_deleting() {
        return WorkloadState::Deleting(message);
    }
    if live.is_suspended() && !live.is_suspended_by_bridge() {
        return WorkloadState::Suspended;
    }
    if let Some(note) = lockdown::silence(live).filter(|_| !matches!(source, SourceState::Failed(_))) {
        return WorkloadState::Progressing(note);
    }
    let Some(ready) = ready else {
        return unreconciled(live, source);
    };
    match ready.status {
        "True" if live.is_observed() || live.is_suspended_by_bridge() => WorkloadState::Ready(message),
        "False" => not_ready(live, source, message),
        _ => unknown(live, source, &message),
    }
}

/// `Ready=Unknown`: Flux is at it. A Kustomization says so at every look, also where there is nothing to do; one that
/// looks again at what it has delivered stays ready, or every interval would cost two writes.
fn unknown(live: Live<'_>, source: &SourceState, message: &str) -> WorkloadState {
    let applied = live.text(fields::LAST_APPLIED_REVISION);
    let looks_again = live.kind == FluxKind::Kustomization
        && live.is_observed()
        && applied.is_some()
        && applied == live.text(fields::LAST_ATTEMPTED_REVISION)
        && live.text(fields::KUSTOMIZATION_HISTORY_STATUS) == Some("ReconciliationSucceeded");
    match (looks_again, source, applied) {
        (true, _, Some(applied)) => WorkloadState::Ready(format!("Applied revision: {applied}")),
        (_, SourceState::Failed(why), _) => WorkloadState::Failed(why.clone()),
        _ => WorkloadState::Progressing(progress(live, message)),
    }
}

fn unreconciled(live: Live<'_>, source: &SourceState) -> WorkloadState {
    match source {
        SourceState::Failed(why) => WorkloadState::Failed(why.clone()),
        SourceState::Fetching(what) => WorkloadState::Progressing(what.clone()),
        _ => WorkloadState::Progressing(format!(
            "{} {} is waiting to be reconciled",
            live.kind.kind(),
            live.name()
        )),
    }
}

fn not_ready(live: Live<'_>, source: &SourceState, message: String) -> WorkloadState {
    if is_of_older_spec(live) && !live.is_suspended_by_bridge() {
        return unreconciled(live, source);
    }
    let at_work =
        live.condition("Reconciling").is_some_and(|c| c.status == "True" && c.reason == "Progressing");
    let waits = live.condition("Ready").is_some_and(|ready| {
        WAITING.contains(&ready.reason)
            // A Kustomization says "not found" of its source in the same words as of a path inside it.
            || (ready.reason == "ArtifactFailed" && *source != SourceState::Ready)
    });
    let has_delivered = live.text(fields::LAST_RELEASE_STATUS) == Some("deployed")
        || live.text(fields::LAST_APPLIED_REVISION).is_some();
    match source {
        // Terminated while it waited: nobody waits any more, and what was there before stands.
        _ if waits && live.is_suspended_by_bridge() && has_delivered => {
            WorkloadState::Ready("suspended until the next Sync".to_owned())
        }
        SourceState::Failed(why) if waits => WorkloadState::Failed(why.clone()),
        SourceState::Fetching(what) if waits => WorkloadState::Progressing(what.clone()),
        _ if waits || at_work => WorkloadState::Progressing(progress(live, &message)),
        _ => WorkloadState::Failed(lockdown::explained(live, message)),
    }
}

/// `Ready` was said of an older spec. Neither controller moves `status.observedGeneration` on after a failure that it
/// tries again, but each condition names its generation (fluxcd/pkg `runtime/conditions/setter.go`, `Set`).
fn is_of_older_spec(live: Live<'_>) -> bool {
    let said_of = live.condition("Ready").and_then(|ready| ready.observed_generation);
    said_of.is_some() && said_of != live.object.metadata.generation
}

/// What Flux says that it is doing now.
fn progress(live: Live<'_>, ready_message: &str) -> String {
    live.condition("Reconciling")
        .filter(|reconciling| reconciling.status == "True" && !reconciling.message.is_empty())
        .map_or(ready_message, |reconciling| reconciling.message)
        .to_owned()
}

/// What a workload object has delivered, beside what its source offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What the source offers: commit, chart version or digest; empty while unknown. The version of a chart that is
    /// asked for in full counts before Flux has looked for it.
    pub available: String,
    /// What is delivered; empty when nothing is.
    pub delivered: String,
    /// What is delivered is what the source offers.
    pub is_current: bool,
    /// Flux has tried what the source offers, well or not.
    pub is_attempted: bool,
    /// The artifact was rebuilt from the same revision (other ignore rules); Flux does not notice that by itself.
    pub is_rebuilt: bool,
}

/// The objects that a delivery is read off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    /// `HelmRelease` or Kustomization.
    pub workload: Option<Live<'a>>,
    /// The source that it, or its chart, is fetched from.
    pub source: Option<Live<'a>>,
    /// The `HelmChart` that Flux made for a `HelmRelease`.
    pub chart: Option<Live<'a>>,
    /// The source is not looked at, since it stands where the project permits nothing: what the workload object has tried
    /// last counts as what is offered.
    pub is_source_hidden: bool,
}

/// Compares what is delivered with what the source offers. `wanted`: the version of a chart that is asked for, be it in
/// a `HelmRelease` yet or not.
pub fn delivery(parts: Parts<'_>, wanted: Option<&str>) -> Delivery {
    let delivery = match parts.workload {
        Some(workload) if workload.kind == FluxKind::HelmRelease => release(workload, parts),
        Some(workload) => kustomization(workload, parts),
        None => Delivery { available: offered(parts), ..Delivery::default() },
    };
    match known_version(parts, wanted) {
        Some(version) => Delivery { available: revision::chart_version(version).to_owned(), ..delivery },
        None => delivery,
    }
}

/// A version of a Helm repository's chart that is asked for in full is what will be offered, also before Flux has looked
/// for it: it makes or changes the `HelmChart` only with the `HelmRelease`, which may wait for a Sync.
///
/// Argo CD takes such a version without looking, too (argo-cd `reposerver/repository/repository.go`,
/// `newHelmClientResolveRevision`), and a `RollingSync` begins when it sees a new one in the status
/// (`applicationset/progressivesync/progressive_sync.go`, `UpdateApplicationSetApplicationStatus`).
fn known_version<'a>(parts: Parts<'_>, wanted: Option<&'a str>) -> Option<&'a str> {
    let is_repository = parts.source.is_none_or(|source| source.kind == FluxKind::HelmRepository);
    wanted.filter(|version| is_repository && revision::is_full_version(version))
}

/// What the source offers, in Argo CD's words: a chart's version for a Helm repository, else commit or digest.
fn offered(parts: Parts<'_>) -> String {
    let source = parts.source.filter(|source| source.kind != FluxKind::HelmRepository);
    match (source, parts.chart) {
        (Some(source), _) => revision::offered(source).to_owned(),
        (None, Some(chart)) => {
            revision::chart_version(chart.artifact_revision().unwrap_or_default()).to_owned()
        }
        (None, None) => tried(parts).map(revision::bare).unwrap_or_default().to_owned(),
    }
}

/// What a workload object has tried last of a source that is not looked at, as Flux writes it.
fn tried(parts: Parts<'_>) -> Option<&str> {
    let workload = parts.workload.filter(|_| parts.is_source_hidden)?;
    let field = match workload.kind {
        FluxKind::HelmRelease => fields::LAST_ATTEMPTED_REVISION_DIGEST,
        _ => fields::LAST_ATTEMPTED_REVISION,
    };
    workload.text(field)
}

fn release(workload: Live<'_>, parts: Parts<'_>) -> Delivery {
    let last = workload.at(fields::LAST_RELEASE);
    let text =
        |field: &str| last.and_then(|last| last.get(field)).and_then(Value::as_str).unwrap_or_default();
    let is_deployed = text("status") == "deployed" && holds_attempted_values(workload, text("configDigest"));
    let available = offered(parts);
    let source = parts.source.filter(|source| is_of_its_spec(*source));
    let chart = parts.chart.filter(|chart| is_of_its_spec(*chart) && is_chart_of(workload, *chart));
    let offers = match (chart, source) {
        (Some(chart), Some(source)) if chart_follows(chart, source) => chart.artifact_revision(),
        (Some(chart), None) if parts.source.is_none() => chart.artifact_revision(),
        (None, Some(source)) if source.kind == FluxKind::OciRepository => {
            source.artifact_revision().map(revision::bare)
        }
        (None, None) => tried(parts),
        _ => None,
    };
    let (delivered, attempted) = if parts.chart.is_some() {
        (text("chartVersion"), workload.text(fields::LAST_ATTEMPTED_REVISION))
    } else {
        (text("ociDigest"), workload.text(fields::LAST_ATTEMPTED_REVISION_DIGEST))
    };
    let is_current = is_deployed && offers == Some(delivered);
    Delivery {
        is_current,
        is_attempted: offers.is_some() && offers == attempted,
        is_rebuilt: false,
        delivered: if is_current {
            available.clone()
        } else {
            revision::chart_version(text("chartVersion")).to_owned()
        },
        available,
    }
}

/// The release holds the values that Flux last tried: an upgrade that fails before Helm stores it (values that the
/// chart's schema refuses, a template that does not render) leaves the one before it as `deployed`.
fn holds_attempted_values(workload: Live<'_>, released: &str) -> bool {
    let attempted = workload.text(fields::LAST_ATTEMPTED_CONFIG_DIGEST);
    attempted.is_none_or(|attempted| attempted == released)
}

/// The artifact is that of the present spec: a new branch or version is not delivered by what was fetched before it.
fn is_of_its_spec(source: Live<'_>) -> bool {
    source.is_static() || source.is_observed() || source.is_suspended()
}

/// The `HelmChart` is what the `HelmRelease` asks for now: Flux changes it only when it comes to the release.
pub fn is_chart_of(workload: Live<'_>, chart: Live<'_>) -> bool {
    const FIELDS: [(Field, Field, &str); 5] = [
        (fields::CHART_TEMPLATE_CHART, fields::CHART, ""),
        (fields::CHART_TEMPLATE_VERSION, fields::CHART_VERSION, "*"),
        (fields::CHART_TEMPLATE_SOURCE_KIND, fields::CHART_SOURCE_KIND, ""),
        (fields::CHART_TEMPLATE_SOURCE_NAME, fields::CHART_SOURCE_NAME, ""),
        (fields::CHART_TEMPLATE_RECONCILE_STRATEGY, fields::RECONCILE_STRATEGY, "ChartVersion"),
    ];
    let text =
        |value: Option<&Value>, default: &str| value.and_then(Value::as_str).unwrap_or(default).to_owned();
    let is_alike = |(wanted, found, default): (Field, Field, &str)| {
        text(workload.at(wanted), default) == text(chart.at(found), default)
    };
    FIELDS.into_iter().all(is_alike)
        && workload.at(fields::CHART_TEMPLATE_VALUES_FILES) == chart.at(fields::CHART_VALUES_FILES)
}

/// The chart was built from what its source offers now; a Helm repository's index changes without touching the chart.
///
/// source-controller says that it has seen a new revision of the source before it has built the chart of it
/// (`internal/controller/helmchart_controller.go`, `buildFromSource` and `observeChartBuild`): until then the artifact is the
/// chart of the revision before. With `reconcileStrategy: Revision` the version names the commit, and tells that by itself.
fn chart_follows(chart: Live<'_>, source: Live<'_>) -> bool {
    if source.kind == FluxKind::HelmRepository {
        return true;
    }
    let has_seen = chart.text(fields::OBSERVED_SOURCE_ARTIFACT_REVISION) == source.artifact_revision();
    has_seen
        && match chart.text(fields::RECONCILE_STRATEGY) {
            Some("Revision") => names_revision(chart, source),
            _ => source::state(Some(chart), None) == SourceState::Ready,
        }
}

/// The version of the chart ends with the beginning of the commit, and a generation where it has value files (`1.0.0+COMMIT.2`).
fn names_revision(chart: Live<'_>, source: Live<'_>) -> bool {
    let metadata = chart.artifact_revision().and_then(|version| version.split_once('+'));
    let commit = metadata.and_then(|(_, metadata)| metadata.split('.').next()).unwrap_or_default();
    let offered = revision::bare(source.artifact_revision().unwrap_or_default());
    !commit.is_empty() && offered.starts_with(commit)
}

/// The end of what Helm says of objects whose kinds the API server does not serve (k8s.io/cli-runtime
/// `pkg/resource/mapper.go`).
const UNKNOWN_KIND: &str = "ensure CRDs are installed first";

/// Whether a release failed for kinds that nobody serves. Those that its chart defines are there a moment after it has
/// failed: a Helm that does not wait is done with them before the API server is (helm-controller
/// `internal/action/crds.go`, `applyCRDs`).
pub fn lacks_kinds(live: Live<'_>) -> bool {
    let ready = live.condition("Ready").filter(|ready| ready.status == "False");
    live.kind == FluxKind::HelmRelease && ready.is_some_and(|ready| ready.message.contains(UNKNOWN_KIND))
}

fn kustomization(workload: Live<'_>, parts: Parts<'_>) -> Delivery {
    let source = parts.source.filter(|source| is_of_its_spec(*source));
    let offers = source.and_then(|source| source.artifact_revision()).or_else(|| tried(parts));
    let applied = workload.text(fields::LAST_APPLIED_REVISION);
    let is_rebuilt = offers.is_some() && offers == applied && is_older_than_artifact(workload, parts);
    Delivery {
        available: offered(parts),
        delivered: revision::delivered(workload, parts.source).to_owned(),
        is_current: offers.is_some() && offers == applied && !is_rebuilt,
        is_attempted: offers.is_some() && offers == workload.text(fields::LAST_ATTEMPTED_REVISION),
        is_rebuilt,
    }
}

fn is_older_than_artifact(workload: Live<'_>, parts: Parts<'_>) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let applied = workload.text(fields::KUSTOMIZATION_HISTORY_TIME).and_then(time);
    let stored =
        parts.source.and_then(|source| source.text(fields::ARTIFACT_LAST_UPDATE_TIME)).and_then(time);
    matches!((applied, stored), (Some(applied), Some(stored)) if applied < stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::live::tests::object;
    use rstest::rstest;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn workload(kind: FluxKind, spec: Value, status: Value, source: &SourceState) -> WorkloadState {
        let object = object(kind, &json!({"spec": spec, "status": status}));
        state(Some(Live { kind, object: &object }), source)
    }

    #[test]
    fn a_failing_source_speaks_for_the_workload_that_waits_for_it() {
        let status = json!({"observedGeneration": 1, "conditions": [
            {"type": "Ready", "status": "False", "reason": "SourceNotReady", "message": "chart not ready"}]});
        let failed = SourceState::Failed("HelmChart x: no such chart".into());
        assert_eq!(
            workload(FluxKind::HelmRelease, json!({}), status.clone(), &failed),
            WorkloadState::Failed("HelmChart x: no such chart".into())
        );
        assert!(matches!(
            workload(FluxKind::HelmRelease, json!({}), status, &SourceState::Ready),
            WorkloadState::Progressing(_)
        ));
    }

    #[test]
    fn a_failed_attempt_is_failed_while_flux_waits_and_progressing_while_it_retries() {
        let conditions = |ready: &str, reconciling: &str| {
            json!({"observedGeneration": 1, "conditions": [
                {"type": "Ready", "status": ready, "reason": "InstallFailed", "message": "timed out"},
                {"type": "Reconciling", "status": "True", "reason": reconciling, "message": "running"}]})
        };
        let state = |ready, reason| {
            workload(FluxKind::HelmRelease, json!({}), conditions(ready, reason), &SourceState::Ready)
        };
        assert_eq!(state("False", "ProgressingWithRetry"), WorkloadState::Failed("timed out".into()));
        assert_eq!(state("False", "Progressing"), WorkloadState::Progressing("running".into()));
        assert_eq!(state("Unknown", "Progressing"), WorkloadState::Progressing("running".into()));
    }

    #[test]
    fn a_kustomization_that_looks_again_at_what_it_delivered_stays_ready() {
        let status = |last: &str| {
            json!({"observedGeneration": 1, "lastAppliedRevision": "main@sha1:1", "lastAttemptedRevision": "main@sha1:1",
                "history": [{"lastReconciledStatus": last}],
                "conditions": [{"type": "Ready", "status": "Unknown", "message": "Reconciliation in progress"}]})
        };
        let state = |last| workload(FluxKind::Kustomization, json!({}), status(last), &SourceState::Ready);
        assert_eq!(
            state("ReconciliationSucceeded"),
            WorkloadState::Ready("Applied revision: main@sha1:1".into())
        );
        assert!(matches!(state("HealthCheckFailed"), WorkloadState::Progressing(_)));
    }

    #[test]
    fn only_a_suspension_by_somebody_else_counts() {
        let ready = json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "message": "ok"}]});
        let suspended =
            workload(FluxKind::Kustomization, json!({"suspend": true}), ready, &SourceState::Ready);
        assert_eq!(suspended, WorkloadState::Suspended);
    }

    #[test]
    fn a_release_is_current_when_the_chart_it_runs_is_the_one_offered() {
        let release = object(
            FluxKind::HelmRelease,
            &json!({"spec": {}, "status": {"lastAttemptedRevision": "6.4.0",
                "history": [{"chartVersion": "6.3.5", "status": "deployed"}]}}),
        );
        let chart = object(
            FluxKind::HelmChart,
            &json!({"status": {"observedGeneration": 1, "artifact": {"revision": "6.4.0"}}}),
        );
        let parts = Parts {
            workload: Some(Live { kind: FluxKind::HelmRelease, object: &release }),
            chart: Some(Live { kind: FluxKind::HelmChart, object: &chart }),
            ..Parts::default()
        };
        let found = delivery(parts, None);
        assert_eq!((found.available.as_str(), found.delivered.as_str()), ("6.4.0", "6.3.5"));
        assert!(found.is_attempted && !found.is_current);
    }

    /// source-controller writes the new `observedSourceArtifactRevision` a moment before the new artifact.
    #[rstest]
    #[case::the_commit_before("Revision", "1.0.0+0123456789ab", "True", false)]
    #[case::its_commit("Revision", "1.0.0+abcdefabcdef", "True", true)]
    #[case::its_commit_with_value_files("Revision", "1.0.0+abcdefabcdef.2", "True", true)]
    #[case::its_commit_though_a_later_look_failed("Revision", "1.0.0+abcdefabcdef", "False", true)]
    #[case::a_version_while_it_is_built("ChartVersion", "1.0.0", "Unknown", false)]
    #[case::a_version_that_is_built("ChartVersion", "1.0.0", "True", true)]
    fn a_release_is_current_when_its_chart_is_of_the_commit(
        #[case] strategy: &str,
        #[case] version: &str,
        #[case] ready: &str,
        #[case] expected: bool,
    ) {
        let commit = "abcdef".repeat(6) + "abcd";
        let revision = format!("main@sha1:{commit}");
        let git = object(
            FluxKind::GitRepository,
            &json!({"status": {"observedGeneration": 1, "artifact": {"revision": revision}}}),
        );
        let chart = object(
            FluxKind::HelmChart,
            &json!({"spec": {"reconcileStrategy": strategy}, "status": {
                "observedGeneration": 1, "observedSourceArtifactRevision": revision,
                "artifact": {"revision": version}, "conditions": [{"type": "Ready", "status": ready}],
            }}),
        );
        let release = object(
            FluxKind::HelmRelease,
            &json!({"spec": {"chart": {"spec": {"reconcileStrategy": strategy}}}, "status": {
                "lastAttemptedRevision": version, "history": [{"chartVersion": version, "status": "deployed"}],
            }}),
        );
        let live = |kind, object| Some(Live { kind, object });
        let parts = Parts {
            workload: live(FluxKind::HelmRelease, &release),
            source: live(FluxKind::GitRepository, &git),
            chart: live(FluxKind::HelmChart, &chart),
            ..Parts::default()
        };
        let found = delivery(parts, None);
        assert_eq!((found.is_current, found.is_attempted), (expected, expected));
        assert_eq!(found.available, commit);
    }

    #[test]
    fn a_chart_version_asked_for_in_full_is_known_before_flux_looks_for_it() {
        let chart = object(FluxKind::HelmChart, &json!({"status": {"artifact": {"revision": "6.3.5"}}}));
        let git =
            object(FluxKind::GitRepository, &json!({"status": {"artifact": {"revision": "main@sha1:1"}}}));
        let parts =
            Parts { chart: Some(Live { kind: FluxKind::HelmChart, object: &chart }), ..Parts::default() };
        let of_git = Parts { source: Some(Live { kind: FluxKind::GitRepository, object: &git }), ..parts };
        let available = |parts, wanted| delivery(parts, wanted).available;
        assert_eq!(available(Parts::default(), Some("6.4.0")), "6.4.0");
        assert_eq!(available(parts, Some("6.4.0")), "6.4.0");
        assert_eq!(available(parts, Some("6.x")), "6.3.5");
        assert_eq!(available(parts, None), "6.3.5");
        assert_eq!(available(of_git, Some("6.4.0")), "1");
    }

    #[test]
    fn a_release_with_the_values_before_the_refused_ones_is_not_current() {
        let delivery = |attempted: &str| {
            let release = object(
                FluxKind::HelmRelease,
                &json!({"spec": {}, "status": {"lastAttemptedRevision": "6.3.5",
                    "lastAttemptedConfigDigest": attempted,
                    "history": [{"chartVersion": "6.3.5", "status": "deployed", "configDigest": "sha256:old"}]}}),
            );
            let status = json!({"observedGeneration": 1, "artifact": {"revision": "6.3.5"}});
            let chart = object(FluxKind::HelmChart, &json!({"spec": {}, "status": status}));
            let parts = Parts {
                workload: Some(Live { kind: FluxKind::HelmRelease, object: &release }),
                chart: Some(Live { kind: FluxKind::HelmChart, object: &chart }),
                ..Parts::default()
            };
            super::delivery(parts, None)
        };
        assert!(delivery("sha256:old").is_current);
        assert!(!delivery("sha256:refused").is_current);
    }

    #[test]
    fn an_artifact_rebuilt_from_the_same_revision_is_noticed() {
        let kustomization = object(
            FluxKind::Kustomization,
            &json!({"status": {"lastAppliedRevision": "main@sha1:1", "lastAttemptedRevision": "main@sha1:1",
                "history": [{"lastReconciled": "2026-01-01T00:00:00Z"}]}}),
        );
        let git = object(
            FluxKind::GitRepository,
            &json!({"status": {"observedGeneration": 1, "artifact": {"revision": "main@sha1:1", "lastUpdateTime": "2026-01-01T00:00:05Z"}}}),
        );
        let parts = Parts {
            workload: Some(Live { kind: FluxKind::Kustomization, object: &kustomization }),
            source: Some(Live { kind: FluxKind::GitRepository, object: &git }),
            ..Parts::default()
        };
        let found = delivery(parts, None);
        assert!(found.is_rebuilt && !found.is_current);
        assert_eq!(found.available, "1");
    }

    #[rstest]
    #[case::delivered(
        FluxKind::Kustomization,
        json!({"lastAppliedRevision": "main@sha1:1", "lastAttemptedRevision": "main@sha1:1"}),
        ("1", "1", true)
    )]
    #[case::tried(
        FluxKind::Kustomization,
        json!({"lastAppliedRevision": "main@sha1:0", "lastAttemptedRevision": "main@sha1:1"}),
        ("1", "0", false)
    )]
    #[case::not_tried(FluxKind::Kustomization, json!({}), ("", "", false))]
    #[case::chart_of_an_artifact(
        FluxKind::HelmRelease,
        json!({"lastAttemptedRevisionDigest": "sha256:1",
               "history": [{"chartVersion": "1.0.0", "ociDigest": "sha256:1", "status": "deployed"}]}),
        ("sha256:1", "sha256:1", true)
    )]
    fn what_was_tried_of_a_source_that_is_not_looked_at_is_what_it_offers(
        #[case] kind: FluxKind,
        #[case] status: Value,
        #[case] expected: (&str, &str, bool),
    ) {
        let object = object(kind, &json!({"spec": {}, "status": status}));
        let workload = Some(Live { kind, object: &object });
        let found = delivery(Parts { workload, is_source_hidden: true, ..Parts::default() }, None);
        assert_eq!((found.available.as_str(), found.delivered.as_str(), found.is_current), expected);
        let seen = delivery(Parts { workload, ..Parts::default() }, None);
        assert!(!seen.is_current && seen.available.is_empty());
    }
}
