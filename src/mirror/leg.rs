//! The ways of an Application's sources into the cluster, one leg each: source object, chart, workload object, delivery.
//!
//! Which objects a leg goes through is what `translate` says ([`crate::translate::Route`]).

use std::collections::BTreeMap;

use serde_json::Value;

use super::guard::{self, GuardState};
use super::observed::Observed;
use super::resource::Resource;
use super::source::{self, SourceState};
use super::workload::{self, Delivery, Parts, WorkloadState};
use super::{Relation, sight};
use crate::argo::ApplicationSource;
use crate::flux::naming::{chart_key, source_key};
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::names;
use crate::project::Permissions;
use crate::translate::{Route, is_version};

/// The way of one source.
#[derive(Clone, Debug)]
pub struct Leg<'a> {
    /// The workload object (wanted, referenced or owned); `None` while it is unknown, and for what others only refer to.
    pub resource: Option<Resource<'a>>,
    /// The source object that is wanted, or referenced.
    pub origin: Option<Resource<'a>>,
    /// Nothing of the source is delivered as it is: others take their values from it.
    pub is_reference: bool,
    /// The live objects that deliver.
    pub parts: Parts<'a>,
    /// State of the source object.
    pub source: SourceState,
    /// State of the `HelmChart`, where the workload object has one; else that of the source.
    pub chart: SourceState,
    /// State of the workload object.
    pub workload: WorkloadState,
    /// What the guard of the workload object says, where it has one.
    pub guard: Option<GuardState>,
    /// What is delivered beside what is offered.
    pub delivery: Delivery,
}

impl<'a> Leg<'a> {
    fn new(observed: &'a Observed, permissions: &Permissions<'_>, index: usize, way: Way<'a>) -> Self {
        let Way { resource, origin, is_reference } = way;
        let live = resource.as_ref().and_then(|resource| resource.live);
        let wanted = origin.as_ref().and_then(|origin| origin.live);
        let named = live.and_then(source_key);
        // The workload object may name any source, and what the bridge wants of it is another one.
        let is_source_hidden = origin.is_none()
            && named.as_ref().is_some_and(|key| {
                !permissions.namespace(&key.namespace) && sight::seen(observed, permissions, key).is_none()
            });
        let named = named.and_then(|key| sight::seen(observed, permissions, &key));
        let is_outdated = resource.as_ref().is_some_and(|r| r.relation == Relation::Outdated);
        // An older wish may have named another one.
        let source = if is_outdated { wanted.or(named) } else { named.or(wanted) };
        let chart = live.and_then(|workload| sight::chart(observed, permissions, workload));
        let parts = Parts { workload: live, source, chart, is_source_hidden };
        // What is wrong with it, the workload object tells.
        let state = if is_source_hidden { SourceState::Ready } else { source::state(parts.source, None) };
        let chart = chart_state(parts, &state);
        let manifest = resource.as_ref().and_then(|resource| resource.manifest);
        let mut delivery = workload::delivery(parts, manifest.and_then(wanted_version));
        if resource.iter().chain(&origin).any(is_for_another_wish) {
            delivery.available.clear();
        }
        if is_reference {
            delivery = referred_to(observed, index, delivery.available);
        }
        let guard = resource.as_ref().and_then(|resource| {
            let key = &observed.translation.guard_of(&resource.key)?.key;
            Some(guard::state(key, observed.live(key), parts.source, &state))
        });
        let workload = workload::state(live, &chart);
        let workload = guard::speaking(workload, live, guard.as_ref(), delivery.is_current);
        // Flux itself does not come as far as to try.
        delivery.is_attempted |= matches!(guard, Some(GuardState::Empty | GuardState::Failed(_)));
        Self { resource, origin, is_reference, parts, source: state, chart, workload, guard, delivery }
    }

    /// The workload object.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.resource.as_ref().map(|resource| &resource.key)
    }

    /// How the workload object stands to what is wanted of it.
    pub fn relation(&self) -> Option<&Relation> {
        self.resource.as_ref().map(|resource| &resource.relation)
    }

    /// The workload object was applied from another wish.
    pub fn is_outdated(&self) -> bool {
        self.relation() == Some(&Relation::Outdated)
    }

    /// The release differs from what Helm delivered (`Drifted`, helm-controller `internal/reconcile/atomic_release.go`).
    pub fn has_drifted(&self) -> bool {
        self.parts.workload.is_some_and(|workload| workload.is_true("Drifted"))
    }

    /// What it delivers stands in the cluster, from the newest revision of its source.
    pub fn is_delivered(&self) -> bool {
        self.delivery.is_current && !self.has_drifted()
    }
}

/// The legs of `observed`, those of the routes first and in their order; there is always one.
pub(super) fn all<'a>(
    observed: &'a Observed,
    permissions: &Permissions<'_>,
    resources: &[Resource<'a>],
) -> Vec<Leg<'a>> {
    let routes = &observed.translation.routes;
    let find = |key: &Option<ObjectKey>| {
        key.as_ref().and_then(|key| resources.iter().find(|resource| resource.key == *key)).cloned()
    };
    let claimed: Vec<&ObjectKey> = routes.iter().filter_map(|route| route.workload.as_ref()).collect();
    // What stands there from before, as long as it is unknown what takes its place.
    let mut rest: Vec<&Resource<'a>> = resources
        .iter()
        .filter(|resource| resource.key.kind.is_workload() && !claimed.contains(&&resource.key))
        .filter(|resource| routes.is_empty() || resource.relation == Relation::Unknown)
        .collect();
    let mut ways: Vec<Way<'a>> = routes
        .iter()
        .enumerate()
        .map(|(index, route)| {
            let is_reference = is_reference(observed, index, route);
            let known = find(&route.workload);
            let resource = match known {
                None if !is_reference => take_successor(&mut rest, route.origin.as_ref()),
                known => known,
            };
            Way { resource, origin: find(&route.origin), is_reference }
        })
        .collect();
    let first_source = || resources.iter().find(|resource| resource.key.kind.is_source()).cloned();
    ways.extend(rest.into_iter().map(|resource| Way {
        resource: Some(resource.clone()),
        origin: if routes.is_empty() { first_source() } else { None },
        is_reference: false,
    }));
    if ways.is_empty() {
        ways.push(Way { resource: None, origin: first_source(), is_reference: false });
    }
    ways.into_iter().enumerate().map(|(index, way)| Leg::new(observed, permissions, index, way)).collect()
}

/// The objects of a leg.
struct Way<'a> {
    resource: Option<Resource<'a>>,
    origin: Option<Resource<'a>>,
    is_reference: bool,
}

fn is_reference(observed: &Observed, index: usize, route: &Route) -> bool {
    let source = observed.app.sources().get(index);
    route.workload.is_none() && source.is_some_and(ApplicationSource::is_only_referred_to)
}

/// The delivery of source number `index`, from which others take values: it offers `available`, and the workload objects
/// name the revision that they have taken. Where nobody takes anything, there is nothing to deliver.
fn referred_to(observed: &Observed, index: usize, available: String) -> Delivery {
    let taken = observed.owned().filter_map(|live| value_revision(live, index));
    let older = taken.filter(|taken| *taken != available).last();
    let is_current = !available.is_empty() && older.is_none();
    let delivered = older.unwrap_or_else(|| available.clone());
    Delivery { is_current, is_attempted: is_current, is_rebuilt: false, delivered, available }
}

/// The revision of source number `index` that the values of a workload object are from.
pub fn value_revision(workload: Live<'_>, index: usize) -> Option<String> {
    value_revisions(workload).remove(&index)
}

/// The revisions that the values of a workload object are from, by the index of their source.
pub fn value_revisions(workload: Live<'_>) -> BTreeMap<usize, String> {
    revisions_in(workload.annotation(names::ANNOTATION_VALUE_REVISIONS).unwrap_or_default())
}

/// What the text of [`names::ANNOTATION_VALUE_REVISIONS`] says.
fn revisions_in(text: &str) -> BTreeMap<usize, String> {
    let found: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let one = |(index, revision): (String, Value)| Some((index.parse().ok()?, revision.as_str()?.to_owned()));
    found.into_iter().filter_map(one).collect()
}

/// Of the workload objects that are there, the one that reads the source object `origin`; else any.
fn take_successor<'a>(rest: &mut Vec<&Resource<'a>>, origin: Option<&ObjectKey>) -> Option<Resource<'a>> {
    let reads = |resource: &&Resource<'a>| resource.live.and_then(source_key).as_ref() == origin;
    let found = rest.iter().position(reads).or(if rest.is_empty() { None } else { Some(0) })?;
    Some(rest.remove(found).clone())
}

/// The version of a chart that the wanted `HelmRelease` asks for.
fn wanted_version(manifest: &Manifest) -> Option<&str> {
    manifest.spec.pointer("/chart/spec/version").and_then(serde_json::Value::as_str)
}

/// The live object is that of another wish (an older spec, a rollback): what it says of revisions is not about this one,
/// and what the source offers is unknown. The version of a chart may be told from the wish itself.
fn is_for_another_wish(resource: &Resource<'_>) -> bool {
    let (Some(manifest), Some(live), Relation::Outdated) =
        (resource.manifest, resource.live, &resource.relation)
    else {
        return false;
    };
    let field = match manifest.key.kind {
        FluxKind::HelmRelease => "/chart/spec/version",
        FluxKind::GitRepository | FluxKind::OciRepository => "/ref",
        _ => return false,
    };
    let wanted = manifest.spec.pointer(field);
    let is_told = wanted.and_then(serde_json::Value::as_str).is_some_and(is_version);
    !is_told && live.spec().pointer(field) != wanted
}

/// The state of the chart that the workload object runs; that of its source where there is no `HelmChart` between them.
fn chart_state(parts: Parts<'_>, source: &SourceState) -> SourceState {
    let Some(key) = parts.workload.and_then(chart_key) else { return source.clone() };
    let is_wanted =
        |chart: &Live<'_>| parts.workload.is_some_and(|workload| workload::is_chart_of(workload, *chart));
    match parts.chart {
        Some(chart) if is_wanted(&chart) => source::state(Some(chart), Some(source)),
        // Not the one that is asked for now: what it says was said of another version.
        Some(_) if *source == SourceState::Ready => {
            SourceState::Fetching(format!("{key} is about to change"))
        }
        None if *source == SourceState::Ready => SourceState::Fetching(format!("{key} is not there yet")),
        _ => source.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::mirror::View;
    use crate::mirror::fixtures::{
        App, Object, app, chart_source, git_repository, git_source, kustomization,
    };
    use rstest::rstest;
    use serde_json::json;
    use std::sync::Arc;

    #[rstest]
    #[case::some(r#"{"1":"0123","2":"4567"}"#, &[(1, "0123"), (2, "4567")])]
    #[case::edited_by_hand("no map", &[])]
    fn revisions_that_were_rendered_with(#[case] text: &str, #[case] expected: &[(usize, &str)]) {
        let expected = expected.iter().map(|(index, revision)| (*index, (*revision).to_owned())).collect();
        assert_eq!(revisions_in(text), expected);
    }

    /// Two paths of one repository, and files of another.
    fn three() -> App {
        let values = json!({"repoURL": "https://git.example.org/values.git", "targetRevision": "main", "ref": "values"});
        app("demo").sources(&[git_source("demo", "web"), values, git_source("demo", "worker")])
    }

    fn beside(objects: impl IntoIterator<Item = (Object, &'static str)>) -> Observed {
        let mut observed = three().observed();
        for (object, name) in objects {
            let (key, live) = object.named(name, &observed.translation.objects);
            observed.objects.insert(key, Arc::new(live));
        }
        observed
    }

    fn whole(values: &str, taken: &str) -> Observed {
        let annotation = json!({"metadata": {"annotations": {names::ANNOTATION_VALUE_REVISIONS: taken}}});
        beside([
            (git_repository().fetched("main@sha1:1"), "demo"),
            (git_repository().fetched(values), "demo-values"),
            (kustomization().ready("main@sha1:1").with(annotation), "demo"),
            (kustomization().ready("main@sha1:0"), "demo-3"),
        ])
    }

    #[test]
    fn each_source_has_a_leg_with_its_own_objects() {
        let observed = whole("main@sha1:7", "{}");
        let view = View::of(&observed);
        assert_eq!(view.revisions(), ["1", "7", "1"]);
        let found: Vec<_> = view
            .legs
            .iter()
            .map(|leg| {
                let name = |resource: &Option<Resource<'_>>| resource.as_ref().map(|r| r.key.name.clone());
                (leg.is_reference, name(&leg.origin), name(&leg.resource), leg.delivery.is_current)
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                (false, text("demo"), text("demo"), true),
                (true, text("demo-values"), None, true),
                (false, text("demo"), text("demo-3"), false),
            ]
        );
        assert_eq!(view.deliveries().count(), 2);
        assert_eq!(view.fetched().len(), 2, "what two share is fetched once");
        assert!(!view.is_current() && !view.is_synced());
    }

    #[rstest]
    #[case::taken(r#"{"1": "7"}"#, true, "7")]
    #[case::older(r#"{"1": "6"}"#, false, "6")]
    #[case::nobody_takes_any(r#"{"0": "6"}"#, true, "7")]
    #[case::unreadable("7", true, "7")]
    fn files_are_delivered_when_the_values_are_from_them(
        #[case] taken: &str,
        #[case] is_current: bool,
        #[case] delivered: &str,
    ) {
        let observed = whole("main@sha1:7", taken);
        let view = View::of(&observed);
        let delivery = &view.legs[1].delivery;
        assert_eq!(
            (delivery.is_current, delivery.delivered.as_str(), delivery.available.as_str()),
            (is_current, delivered, "7")
        );
    }

    /// What stands there from before is held, asked and shown as long as it is unknown what takes its place.
    #[test]
    fn with_errors_what_is_there_has_legs() {
        let mut observed = whole("main@sha1:7", "{}");
        observed.translation.objects.clear();
        observed.translation.routes.clear();
        observed.failures.push("the sources cannot be read".to_owned());
        let view = View::of(&observed);
        let names: Vec<_> = view.workload_resources().map(|resource| resource.key.name.as_str()).collect();
        assert_eq!(names, ["demo", "demo-3"]);
        assert_eq!(view.revisions().len(), 3);
    }

    #[test]
    fn without_anything_there_is_a_leg_still() {
        let observed = three().reference().observed();
        let view = View::of(&observed);
        assert_eq!((view.legs.len(), &view.legs[0].workload), (1, &WorkloadState::Missing));
        assert!(!view.is_current());
    }

    #[rstest]
    #[case::files(json!({"ref": "a"}), true)]
    #[case::files_and_a_path(json!({"ref": "a", "path": "x"}), false)]
    #[case::a_path(json!({"path": "x"}), false)]
    #[case::a_chart(chart_source("6.3.5"), false)]
    fn others_refer_to_a_source_without_path(#[case] source: Value, #[case] expected: bool) {
        let app: Application =
            serde_json::from_value(json!({"metadata": {}, "spec": {"sources": [source]}})).unwrap();
        assert_eq!(app.sources()[0].is_only_referred_to(), expected);
    }
}
