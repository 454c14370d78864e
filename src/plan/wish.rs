//! What an operation that somebody asked for wants delivered: another source than the Application's own (a rollback), or
//! another revision than the source offers. While it runs, that is what counts; afterwards it is the spec again.
//!
//! A revision is pinned only where it has to be: a Sync of what the source offers anyway leaves the source object alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::Value;

use super::marks::Marks;
use crate::argo::application::Application;
use crate::argo::operation::SyncOperation;
use crate::argo::source::ApplicationSource;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::mirror::revision::{chart_version, offered};
use crate::mirror::{SourceState, patch, source, workload};
use crate::translate::{Translation, is_exact_revision};

/// When a revision is to be pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once: the source cannot offer it.
    Now,
    /// When the source was fetched for this operation and offers another one; see [`is_due`].
    AfterFetch,
}

/// The Sync that decides what is delivered: one that somebody asked for. What the policy starts is about the spec.
fn asked(app: &Application) -> Option<&SyncOperation> {
    let status = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    let running = status.filter(|state| !state.phase.is_completed()).map(|state| &state.operation);
    let requested = app.operation.as_ref()?;
    let operation = running.unwrap_or(requested);
    operation.sync.as_ref().filter(|sync| !operation.initiated_by.automated && sync.manifests.is_empty())
}

/// The Application with the source that the operation wants; `None` where that is its own, or nothing is asked.
pub fn with_its_source(app: &Application) -> Option<Application> {
    let sync = asked(app)?;
    let mut wished = app.clone();
    if !sync.sources.is_empty() {
        wished.spec.source_hydrator = None;
        wished.spec.source = None;
        wished.spec.sources.clone_from(&sync.sources);
    } else if let Some(source) = sync.only_source() {
        wished.spec.source_hydrator = None;
        wished.spec.source = Some(source.clone());
        wished.spec.sources.clear();
    }
    let is_own = patch::same(&wished.sources(), &app.sources());
    (!is_own).then_some(wished)
}

/// `wished` with the revision that its operation asks for of source number `index` as `targetRevision`; `None` where there
/// is nothing to pin.
///
/// Sources that follow the same of one repository, and are asked for the same, are pinned as one: for a moment they would
/// contradict each other.
pub fn pinned(wished: &Application, index: usize) -> Option<(Application, When)> {
    let sync = asked(wished)?;
    let revision = sync.revision_of(index);
    let source = wished.sources().get(index)?;
    if revision.is_empty() || is_same(revision, &source.target_revision) {
        return None;
    }
    let cannot_be_offered = is_exact_revision(source);
    // A name, such as a branch, stands for whatever the source offers under it.
    let is_resolved = is_resolved(source, revision);
    let when = if cannot_be_offered || !is_resolved { When::Now } else { When::AfterFetch };
    let followed = |source: &ApplicationSource| {
        (source.repo_url.clone(), source.chart.clone(), source.target_revision.clone())
    };
    let group = followed(source);
    let mut pinned = wished.clone();
    for (other, source) in pinned.sources_mut().iter_mut().enumerate() {
        if followed(source) == group && sync.revision_of(other) == revision {
            revision.clone_into(&mut source.target_revision);
        }
    }
    Some((pinned, when))
}

/// The Application as it was delivered last, as far as that concerns source number `index`; `None` where nothing was.
pub fn delivered(app: &Application, index: usize) -> Option<Application> {
    let last = app.status.as_ref()?.history.last()?;
    let revision = last.revisions.get(index).or_else(|| (index == 0).then_some(&last.revision))?;
    let mut delivered = app.clone();
    let source = delivered.sources_mut().get_mut(index).filter(|_| !revision.is_empty())?;
    if let Some(before) = last.sources.get(index).or_else(|| last.source.as_ref().filter(|_| index == 0)) {
        source.clone_from(before);
    }
    source.target_revision.clone_from(revision);
    Some(delivered)
}

/// Whether the revision that is `wanted` is the one that is `offered`. Charts differ by a `v` in front, and by what Flux
/// appends to a version.
pub(super) fn is_same(wanted: &str, offered: &str) -> bool {
    let version = |text: &str| chart_version(text).trim_start_matches('v').to_owned();
    wanted == offered || version(wanted) == version(offered)
}

/// The source whose revision `source` could be pinned to has one revision and no other.
pub(super) fn is_resolved(source: &ApplicationSource, revision: &str) -> bool {
    is_exact_revision(&ApplicationSource { target_revision: revision.to_owned(), ..source.clone() })
}

/// Whether source number `index`, fetched for the operation of `app`, offers another revision than it asks for; or was
/// pinned by it already.
///
/// `free`: what the Application becomes without this pin, and without any; sources that share a repository may share an
/// object in the one and not in the other.
pub fn is_due(
    app: &Application,
    index: usize,
    objects: &BTreeMap<ObjectKey, Arc<DynamicObject>>,
    free: [&Translation; 2],
    pinned: &Translation,
) -> bool {
    let Some(sync) = asked(app) else { return false };
    let live = |key: &ObjectKey| objects.get(key).map(|object| Live { kind: key.kind, object });
    let stands = |manifest: &Manifest| {
        live(&manifest.key)
            .filter(|live| named(manifest.key.kind, live.spec()) == named(manifest.key.kind, &manifest.spec))
    };
    if naming(pinned, index).and_then(stands).is_some() {
        return true;
    }
    let state = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    let marks = state.filter(|state| !state.phase.is_completed()).map(Marks::of);
    free.into_iter().filter_map(|free| naming(free, index).and_then(stands)).any(|found| {
        let offers = match found.kind {
            FluxKind::HelmRelease => {
                let chart = crate::flux::naming::chart_key(found).and_then(|key| live(&key));
                chart.filter(|chart| workload::is_chart_of(found, *chart))
            }
            _ => Some(found),
        };
        let Some(offers) = offers.filter(|offers| source::state(Some(*offers), None) == SourceState::Ready)
        else {
            return false;
        };
        let is_fetched =
            |marks: &Marks| marks.is_new(offers) || marks.is_new(found) || marks.is_handled(offers);
        // A dry run fetches nothing: it is about what is known.
        let is_known = sync.dry_run || marks.as_ref().is_some_and(is_fetched);
        is_known && !is_same(sync.revision_of(index), offered(offers))
    })
}

/// The object that names the revision of source number `index`.
fn naming(translation: &Translation, index: usize) -> Option<&Manifest> {
    let route = translation.routes.get(index)?;
    let is_repository = route.origin.as_ref().is_some_and(|key| key.kind == FluxKind::HelmRepository);
    let key = if is_repository { &route.workload } else { &route.origin };
    translation.objects.iter().find(|manifest| Some(&manifest.key) == key.as_ref())
}

/// The fields that name it.
fn named(kind: FluxKind, spec: &Value) -> [Option<&Value>; 3] {
    let fields = match kind {
        FluxKind::HelmRelease => ["/chart/spec/sourceRef", "/chart/spec/chart", "/chart/spec/version"],
        _ => ["/url", "/ref", "/ref"],
    };
    fields.map(|field| spec.pointer(field))
}
