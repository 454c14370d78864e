//! What Argo CD says of objects that it leaves out or meets more than once (argo-cd `controller/state.go`).

use super::inventory::{self, Entry};
use super::leg::Leg;
use super::view::View;
use crate::flux::FluxKind;
use crate::flux::fields;
use crate::translate::places;

/// One object comes from several places.
pub const REPEATED_RESOURCE: &str = "RepeatedResourceWarning";
/// An object of a kind that Argo CD's settings exclude.
pub const EXCLUDED_RESOURCE: &str = "ExcludedResourceWarning";

/// `object` is `GROUP/KIND/NAMESPACE/NAME`.
pub fn repeated_message(object: &str, times: usize) -> String {
    format!("Resource {object} appeared {times} times among application resources.")
}

/// An object that is left out.
pub fn excluded_message(group: &str, kind: &str, name: &str) -> String {
    format!("Resource {group}/{kind} {name} is excluded in the settings")
}

/// The warnings that `view` gives rise to.
pub(super) fn found(view: &View<'_>) -> Vec<(&'static str, String)> {
    let context = &view.observed.context;
    let rendered = context.rendered.values().flat_map(|rendered| rendered.warnings.clone());
    // Where several sources deliver, what is counted over all of them is what counts.
    let is_told = |(kind, _): &(&str, String)| view.legs.len() > 1 && *kind == REPEATED_RESOURCE;
    let mut all: Vec<_> =
        rendered.filter(|warning| !is_told(warning)).chain(repeated(view)).chain(excluded(view)).collect();
    all.sort();
    all.dedup();
    all
}

/// What a workload object has put into this cluster.
fn delivered<'a>(leg: &'a Leg<'_>) -> impl Iterator<Item = Entry> + 'a {
    let local = leg.parts.workload.filter(|workload| workload.at(fields::KUBE_CONFIG).is_none());
    local.into_iter().flat_map(inventory::entries)
}

/// Objects that the sources hold more than once. Of one source alone Argo CD's repo-server, kustomize and Helm have said so
/// before.
fn repeated(view: &View<'_>) -> Vec<(&'static str, String)> {
    let observed = view.observed;
    if view.legs.len() < 2 || !view.generates() {
        return Vec::new();
    }
    let repeated = places::repeated(&observed.app, &observed.context).unwrap_or_default();
    let message = |(object, repeated): (places::Identity, places::Places<'_>)| {
        (REPEATED_RESOURCE, repeated_message(&object.join("/"), repeated.times()))
    };
    repeated.into_iter().map(message).collect()
}

/// Objects of charts, which are installed whole: everywhere else the excluded ones are left out.
fn excluded(view: &View<'_>) -> Vec<(&'static str, String)> {
    let Ok(filter) = &view.observed.context.settings.resources else { return Vec::new() };
    let is_release = |leg: &&Leg<'_>| {
        leg.parts.workload.is_some_and(|workload| workload.kind == FluxKind::HelmRelease) && view.generates()
    };
    let entries = view.legs.iter().filter(is_release).flat_map(delivered);
    let excluded = entries.filter(|entry| filter.excludes(&entry.group, &entry.kind));
    let message = |entry: Entry| {
        let message = excluded_message(&entry.group, &entry.kind, &entry.name);
        format!("{message}, and Flux delivers it all the same: a chart is installed whole")
    };
    excluded.map(|entry| (EXCLUDED_RESOURCE, message(entry))).collect()
}

#[cfg(test)]
mod tests;
