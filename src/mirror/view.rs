//! What the observed objects mean: relations, states, delivery.

use super::compare::{self, Relation};
use super::observed::Observed;
use super::source::{self, SourceState};
use super::workload::{self, Delivery, Parts, WorkloadState};
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::project::{self, Refused, RenderedObject, Violation};
use crate::translate::is_version;

/// One object of the Application: wanted or referenced, with its live counterpart.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    /// Which object.
    pub key: ObjectKey,
    /// What is wanted of it; `None` for a reference.
    pub manifest: Option<&'a Manifest>,
    /// The live object.
    pub live: Option<Live<'a>>,
    /// How the two stand to each other.
    pub relation: Relation,
}

/// What the observed objects mean.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Everything that was read.
    pub observed: &'a Observed,
    /// Wanted and referenced objects, sources first.
    pub resources: Vec<Resource<'a>>,
    /// Generated objects that are no longer wanted.
    pub stale: Vec<Live<'a>>,
    /// The objects that deliver.
    pub parts: Parts<'a>,
    /// State of the source object.
    pub source: SourceState,
    /// State of the `HelmChart`, where the workload object has one; else that of the source.
    pub chart: SourceState,
    /// State of the workload object.
    pub workload: WorkloadState,
    /// What is delivered beside what is offered.
    pub delivery: Delivery,
    /// What the Application may not do in its project.
    pub violations: Vec<Violation>,
    /// What would be delivered and may not.
    pub refusals: Vec<Refused>,
}

impl<'a> View<'a> {
    /// Reads the meaning of `observed`.
    pub fn of(observed: &'a Observed) -> Self {
        let resources = resources(observed);
        let parts = parts(observed, &resources);
        let source = source::state(parts.source, None);
        let chart = chart(parts, &source);
        let workload = workload::state(parts.workload, &chart);
        let mut delivery = workload::delivery(parts, wanted_version(&resources));
        if is_for_another_wish(&resources) {
            delivery.available.clear();
        }
        let stale = stale(observed, &resources);
        let project = observed.project.as_deref();
        let violations = project::violations(&observed.app, project, &observed.control_namespace);
        let refusals = refusals(observed, &resources);
        Self { observed, resources, stale, parts, source, chart, workload, delivery, violations, refusals }
    }

    /// The workload resource (wanted or referenced).
    pub fn workload_resource(&self) -> Option<&Resource<'a>> {
        self.resources.iter().find(|resource| resource.key.kind.is_workload())
    }

    /// The workload resources (wanted or referenced).
    pub fn workloads_wanted(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.resources.iter().filter(|resource| resource.key.kind.is_workload())
    }

    /// The live workload objects, those that are no longer wanted among them.
    pub fn workloads(&self) -> impl Iterator<Item = Live<'a>> {
        let wanted = self.resources.iter().filter_map(|resource| resource.live);
        wanted.chain(self.stale.iter().copied()).filter(|live| live.kind.is_workload())
    }

    /// The source resources.
    pub fn source_resources(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.resources.iter().filter(|resource| resource.key.kind.is_source())
    }

    /// Whether the bridge writes the Flux objects (as opposed to only mirroring existing ones).
    pub fn generates(&self) -> bool {
        self.observed.translation.references.is_empty()
    }

    /// Whether the objects that were found out so far are all there is to know.
    pub fn is_complete(&self) -> bool {
        self.observed.translation.is_complete()
            && self.observed.failures.is_empty()
            && self.absent().next().is_none()
    }

    /// Kinds that the Application needs and the API server does not serve.
    pub fn absent(&self) -> impl Iterator<Item = FluxKind> {
        let needed = |kind: &FluxKind| self.resources.iter().any(|resource| resource.key.kind == *kind);
        self.observed.absent_kinds.iter().copied().filter(needed)
    }

    /// Every wanted object is there as wanted.
    pub fn objects_match(&self) -> bool {
        self.resources.iter().all(|r| matches!(r.relation, Relation::Matches | Relation::Referenced))
    }

    /// What is wanted changed since it was last applied, or was never applied.
    pub fn is_outdated(&self) -> bool {
        self.resources.iter().any(|r| matches!(r.relation, Relation::Outdated | Relation::Missing))
    }

    /// The release differs from what Helm delivered (`Drifted`, helm-controller `internal/reconcile/atomic_release.go`).
    pub fn has_drifted(&self) -> bool {
        self.parts.workload.is_some_and(|workload| workload.is_true("Drifted"))
    }

    /// What stands in the cluster is what is wanted, from the newest revision of the source.
    pub fn is_synced(&self) -> bool {
        self.objects_match() && self.delivery.is_current && !self.has_drifted() && self.stale.is_empty()
    }
}

/// The live objects are those of another wish (an older spec, a rollback): what they say of revisions is not about this
/// one, and what the source offers is unknown. The version of a chart may be told from the wish itself.
fn is_for_another_wish(resources: &[Resource<'_>]) -> bool {
    let outdated = resources.iter().filter(|resource| resource.relation == Relation::Outdated);
    outdated.filter_map(|resource| Some((resource.manifest?, resource.live?))).any(|(manifest, live)| {
        let field = match manifest.key.kind {
            FluxKind::HelmRelease => "/chart/spec/version",
            FluxKind::GitRepository | FluxKind::OciRepository => "/ref",
            _ => return false,
        };
        let wanted = manifest.spec.pointer(field);
        let is_told = wanted.and_then(serde_json::Value::as_str).is_some_and(is_version);
        !is_told && live.spec().pointer(field) != wanted
    })
}

/// What the project refuses of the objects that would be delivered, and of those that deliver them.
fn refusals(observed: &Observed, resources: &[Resource<'_>]) -> Vec<Refused> {
    let Some(project) = observed.project.as_deref() else { return Vec::new() };
    let means = resources.iter().filter(|resource| resource.manifest.is_some()).filter_map(|resource| {
        let kind = resource.key.kind;
        let message = project::refusal_of_means(project, kind.group(), kind.kind())?;
        let object = RenderedObject {
            group: kind.group().to_owned(),
            version: kind.version().to_owned(),
            kind: kind.kind().to_owned(),
            namespace: resource.key.namespace.clone(),
            name: resource.key.name.clone(),
            is_namespaced: Some(true),
        };
        Some(Refused { object, message })
    });
    means.chain(project::refusals(project, &observed.rendered, &observed.translation.namespace)).collect()
}

fn resources(observed: &Observed) -> Vec<Resource<'_>> {
    let identity = observed.app.identity();
    let wanted = observed.translation.objects.iter().map(|manifest| {
        let live = observed.live(&manifest.key);
        let relation = compare::relation(&identity, manifest, live);
        Resource { key: manifest.key.clone(), manifest: Some(manifest), live, relation }
    });
    let mut resources: Vec<_> = wanted.chain(references(observed)).collect();
    if !is_known(observed) {
        let unknown: Vec<_> =
            observed.owned().filter(|live| !is_among(&resources, *live)).map(unknown).collect();
        resources.extend(unknown);
    }
    resources
}

/// Everything that is wanted is known, so that what else is there is no longer wanted.
fn is_known(observed: &Observed) -> bool {
    observed.translation.is_complete() && observed.failures.is_empty()
}

fn is_among(resources: &[Resource<'_>], live: Live<'_>) -> bool {
    resources.iter().any(|resource| resource.key == live.key())
}

fn unknown(live: Live<'_>) -> Resource<'_> {
    Resource { key: live.key(), manifest: None, live: Some(live), relation: Relation::Unknown }
}

/// In reference mode: the first workload object that exists, behind the sources it names.
fn references(observed: &Observed) -> Vec<Resource<'_>> {
    let candidates = &observed.translation.references;
    let found = candidates.iter().find(|key| observed.objects.contains_key(*key)).or(candidates.first());
    let Some(key) = found else { return Vec::new() };
    let live = observed.live(key);
    let source = live.and_then(source_key).map(|key| reference(observed, &key));
    source.into_iter().chain([reference(observed, key)]).collect()
}

fn reference<'a>(observed: &'a Observed, key: &ObjectKey) -> Resource<'a> {
    let live = observed.live(key);
    let relation = if live.is_some() { Relation::Referenced } else { Relation::Missing };
    Resource { key: key.clone(), manifest: None, live, relation }
}

fn parts<'a>(observed: &'a Observed, resources: &[Resource<'a>]) -> Parts<'a> {
    let workload = resources.iter().find(|resource| resource.key.kind.is_workload()).and_then(|r| r.live);
    let wanted = resources.iter().find(|resource| resource.key.kind.is_source()).and_then(|r| r.live);
    let source = workload.and_then(source_key).and_then(|key| observed.live(&key)).or(wanted);
    let chart = workload.and_then(chart_key).and_then(|key| observed.live(&key));
    Parts { workload, source, chart }
}

/// The version of a chart that the wanted `HelmRelease` asks for.
fn wanted_version<'a>(resources: &[Resource<'a>]) -> Option<&'a str> {
    let wanted = resources.iter().filter_map(|resource| resource.manifest);
    let mut versions = wanted.filter_map(|manifest| manifest.spec.pointer("/chart/spec/version"));
    versions.next().and_then(serde_json::Value::as_str)
}

/// The state of the chart that the workload object runs; that of its source where there is no `HelmChart` between them.
fn chart(parts: Parts<'_>, source: &SourceState) -> SourceState {
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

/// The source object that a workload object names.
pub fn source_key(workload: Live<'_>) -> Option<ObjectKey> {
    let reference = ["/spec/sourceRef", "/spec/chart/spec/sourceRef", "/spec/chartRef"]
        .into_iter()
        .find_map(|pointer| workload.at(pointer))?;
    let text = |field: &str| reference.get(field).and_then(serde_json::Value::as_str);
    let kind = FluxKind::parse(text("kind")?)?;
    Some(ObjectKey::new(kind, text("namespace").unwrap_or(workload.namespace()), text("name")?))
}

/// The `HelmChart` that Flux makes for a `HelmRelease` with `spec.chart` (helm-controller
/// `internal/reconcile/helmchart_template.go`: `NAMESPACE-NAME`, in the namespace of its source).
pub fn chart_key(workload: Live<'_>) -> Option<ObjectKey> {
    workload.at("/spec/chart/spec")?;
    let namespace = workload.text("/spec/chart/spec/sourceRef/namespace").unwrap_or(workload.namespace());
    let name = format!("{}-{}", workload.namespace(), workload.name());
    Some(ObjectKey::new(FluxKind::HelmChart, namespace, &name))
}

/// The same for a `HelmRelease` that is wanted, and may be gone: its `HelmChart` may outlive it for a moment.
pub fn wanted_chart_key(wanted: &Manifest) -> Option<ObjectKey> {
    let chart = wanted.spec.pointer("/chart/spec")?;
    let namespace = chart.pointer("/sourceRef/namespace").and_then(serde_json::Value::as_str);
    let (own, name) = (wanted.key.namespace.as_str(), wanted.key.name.as_str());
    Some(ObjectKey::new(FluxKind::HelmChart, namespace.unwrap_or(own), &format!("{own}-{name}")))
}

/// Generated objects that are no longer wanted.
fn stale<'a>(observed: &'a Observed, resources: &[Resource<'_>]) -> Vec<Live<'a>> {
    if !is_known(observed) {
        return Vec::new();
    }
    observed.owned().filter(|live| !is_among(resources, *live)).collect()
}
