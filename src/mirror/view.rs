//! What the observed objects mean: relations, states, delivery.

#[cfg(test)]
mod tests;

use super::compare::{self, Relation};
use super::guard::{self, WAY_OUT, WIPES_OUT};
use super::leftover::{self, Leftover};
use super::leg::{self, Leg};
use super::observed::Observed;
use super::resource::Resource;
use super::sight::seen;
use super::source::SourceState;
use crate::flux::naming::source_key;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::project::{self, Permissions, Refused, Rendered, RenderedObject, Violation, this_cluster};

/// What the observed objects mean.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Everything that was read.
    pub observed: &'a Observed,
    /// What the project permits of this cluster.
    pub permissions: Permissions<'a>,
    /// Wanted and referenced objects, sources first.
    pub resources: Vec<Resource<'a>>,
    /// Generated objects that are no longer wanted.
    pub stale: Vec<Live<'a>>,
    /// The ways of the sources into the cluster, in the order of the sources; at least one.
    pub legs: Vec<Leg<'a>>,
    /// What left a source and stays in the cluster.
    pub leftovers: Vec<Leftover>,
    /// What the Application may not do in its project.
    pub violations: Vec<Violation>,
    /// What would be delivered and may not.
    pub refusals: Vec<Refused>,
}

impl<'a> View<'a> {
    /// Reads the meaning of `observed`.
    pub fn of(observed: &'a Observed) -> Self {
        let permissions = observed.permissions();
        let project = observed.project.as_deref();
        let violations = project::violations(&observed.app, project, &observed.control_namespace);
        let resources = resources(observed, &permissions, !violations.is_empty());
        let legs = leg::all(observed, &permissions, &resources);
        let stale = stale(observed, &resources);
        let refusals = refusals(observed, &resources);
        let live = resources.iter().filter_map(|resource| resource.live).chain(stale.iter().copied());
        let workloads: Vec<Live<'_>> = live.filter(|live| live.kind.is_workload()).collect();
        let leftovers = leftover::all(observed, &permissions, &workloads);
        Self { observed, permissions, resources, stale, legs, leftovers, violations, refusals }
    }

    /// The legs that deliver: all but those that others only refer to.
    pub fn deliveries(&self) -> impl Iterator<Item = &Leg<'a>> {
        self.legs.iter().filter(|leg| !leg.is_reference)
    }

    /// The leg that the workload object of that key is of.
    pub fn leg_of(&self, key: &ObjectKey) -> Option<&Leg<'a>> {
        self.legs.iter().find(|leg| leg.key() == Some(key))
    }

    /// The workload resources that deliver (wanted, referenced or owned).
    pub fn workload_resources(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.legs.iter().filter_map(|leg| leg.resource.as_ref())
    }

    /// What each source of the Application offers, in their order: commit, chart version or digest; empty while unknown.
    pub fn revisions(&self) -> Vec<String> {
        let legs = self.legs.iter().map(|leg| leg.delivery.available.clone());
        legs.chain(std::iter::repeat(String::new())).take(self.observed.app.sources().len().max(1)).collect()
    }

    /// The source objects with their states, each once, and those of the charts behind them.
    pub fn fetched(&self) -> Vec<(Option<Live<'a>>, &SourceState)> {
        let sources = self.legs.iter().map(|leg| (leg.parts.source, &leg.source));
        let charts = self.legs.iter().filter(|leg| leg.parts.chart.is_some());
        let mut all: Vec<(Option<Live<'a>>, &SourceState)> = Vec::new();
        for (live, state) in sources.chain(charts.map(|leg| (leg.parts.chart, &leg.chart))) {
            let is_same = |known: &(Option<Live<'a>>, &SourceState)| {
                live.is_some_and(|live| known.0.is_some_and(|known| known.key() == live.key()))
            };
            if !all.iter().any(is_same) {
                all.push((live, state));
            }
        }
        all
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

    /// Wanted objects that another Application owns, and its identity.
    pub fn foreign(&self) -> impl Iterator<Item = (ObjectKey, String)> {
        let identity = self.observed.app.identity();
        let guards = self.observed.translation.guards.iter().map(move |manifest| {
            let live = self.observed.live(&manifest.key);
            (manifest.key.clone(), compare::relation(&identity, manifest, live))
        });
        let resources =
            self.resources.iter().map(|resource| (resource.key.clone(), resource.relation.clone()));
        resources.chain(guards).filter_map(|(key, relation)| match relation {
            Relation::Foreign(owner) => Some((key, owner)),
            _ => None,
        })
    }

    /// Every wanted object is there as wanted.
    pub fn objects_match(&self) -> bool {
        self.resources.iter().all(|r| matches!(r.relation, Relation::Matches | Relation::Referenced))
    }

    /// What is wanted changed since it was last applied, or was never applied.
    pub fn is_outdated(&self) -> bool {
        self.resources.iter().any(|r| matches!(r.relation, Relation::Outdated | Relation::Missing))
    }

    /// Everything that the sources offer is delivered.
    pub fn is_current(&self) -> bool {
        self.legs.iter().all(|leg| leg.delivery.is_current)
    }

    /// A release differs from what Helm delivered.
    pub fn has_drifted(&self) -> bool {
        self.legs.iter().any(Leg::has_drifted)
    }

    /// What stands in the cluster is what is wanted, from the newest revisions of the sources.
    pub fn is_synced(&self) -> bool {
        self.objects_match() && self.is_current() && !self.has_drifted() && self.stale.is_empty()
    }
}

/// What the project refuses of the objects that would be delivered, and of those that deliver them.
fn refusals(observed: &Observed, resources: &[Resource<'_>]) -> Vec<Refused> {
    let Some(project) = observed.project.as_deref() else { return Vec::new() };
    let means = resources.iter().filter(|resource| resource.manifest.is_some()).filter_map(|resource| {
        let kind = resource.key.kind;
        let message = project::refusal_of_means(project, kind.group(), kind.kind())?;
        Some(Refused { object: rendered_object(&resource.key), message })
    });
    let delivered = if project.restricts_objects(&this_cluster()) {
        project::refusals(project, &observed.rendered, &observed.app.spec.destination.namespace)
    } else {
        Vec::new()
    };
    means.chain(delivered).chain(emptied(observed, resources)).collect()
}

/// A chart that renders to nothing, where that is looked at.
fn emptied(observed: &Observed, resources: &[Resource<'_>]) -> Option<Refused> {
    let is_empty = observed.rendered == Rendered::Objects(Vec::new());
    let release = resources.iter().find(|resource| resource.key.kind == FluxKind::HelmRelease)?;
    (is_empty && guard::is_looked_at(observed)).then(|| Refused {
        object: rendered_object(&release.key),
        message: format!("{WIPES_OUT} ({WAY_OUT})"),
    })
}

/// A Flux object as one of those that would be delivered.
fn rendered_object(key: &ObjectKey) -> RenderedObject {
    RenderedObject {
        group: key.kind.group().to_owned(),
        version: key.kind.version().to_owned(),
        kind: key.kind.kind().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        is_namespaced: Some(true),
    }
}

/// `is_barred`: the project does not permit the Application as it is.
fn resources<'a>(
    observed: &'a Observed,
    permissions: &Permissions<'_>,
    is_barred: bool,
) -> Vec<Resource<'a>> {
    let identity = observed.app.identity();
    let wanted = observed.translation.objects.iter().map(|manifest| {
        let key = &manifest.key;
        let live = seen(observed, permissions, key);
        // The same whether there is one or not: that is nobody's business here.
        let is_others = live.is_none() && !permissions.namespace(&key.namespace);
        let relation = if is_others && (is_barred || observed.live(key).is_some()) {
            Relation::Unknown
        } else {
            compare::relation(&identity, manifest, live)
        };
        Resource { key: key.clone(), manifest: Some(manifest), live, relation }
    });
    let mut resources: Vec<_> = wanted.chain(references(observed, permissions)).collect();
    if !is_known(observed) {
        let unknown: Vec<_> =
            delivering(observed).filter(|live| !is_among(&resources, *live)).map(unknown).collect();
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

/// In reference mode: the first workload object that exists, behind the sources it names. A source where the project lets the
/// Application deliver nothing is left out: the workload object may name any.
fn references<'a>(observed: &'a Observed, permissions: &Permissions<'_>) -> Vec<Resource<'a>> {
    let candidates = &observed.translation.references;
    let is_there = |key: &&ObjectKey| seen(observed, permissions, key).is_some();
    let Some(key) = candidates.iter().find(is_there).or(candidates.first()) else { return Vec::new() };
    let workload = reference(observed, permissions, key);
    let source = workload.live.and_then(source_key).filter(|key| permissions.namespace(&key.namespace));
    let source = source.map(|key| reference(observed, permissions, &key));
    source.into_iter().chain([workload]).collect()
}

fn reference<'a>(observed: &'a Observed, permissions: &Permissions<'_>, key: &ObjectKey) -> Resource<'a> {
    let live = seen(observed, permissions, key);
    let relation = match live {
        Some(_) => Relation::Referenced,
        None if permissions.namespace(&key.namespace) => Relation::Missing,
        None => Relation::Unknown,
    };
    Resource { key: key.clone(), manifest: None, live, relation }
}

/// Generated objects that are no longer wanted.
fn stale<'a>(observed: &'a Observed, resources: &[Resource<'_>]) -> Vec<Live<'a>> {
    if !is_known(observed) {
        return Vec::new();
    }
    delivering(observed).filter(|live| !is_among(resources, *live)).collect()
}

/// Generated objects, without those that only guard others.
fn delivering(observed: &Observed) -> impl Iterator<Item = Live<'_>> {
    observed.owned().filter(|live| !live.is_guard())
}
