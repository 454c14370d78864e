//! What an operation that somebody asked for wants delivered: another source than the Application's own (a rollback), or
//! another revision than the source offers. While it runs, that is what counts; afterwards it is the spec again.
//!
//! A revision is pinned only where it has to be: a Sync of what the source offers anyway leaves the source object alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;

use super::marks::Marks;
use crate::argo::application::{Application, ApplicationSource};
use crate::argo::operation::SyncOperation;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::mirror::revision::{bare, chart_version};
use crate::mirror::{SourceState, patch, source, view, workload};
use crate::names;
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
    if let Some(source) = &sync.source {
        wished.spec.source_hydrator = None;
        wished.spec.source = Some(source.clone());
        wished.spec.sources.clear();
    } else if !sync.sources.is_empty() {
        wished.spec.source_hydrator = None;
        wished.spec.source = None;
        wished.spec.sources.clone_from(&sync.sources);
    }
    let is_own = patch::same(&wished.sources(), &app.sources());
    (!is_own).then_some(wished)
}

/// `wished` with the revision of its operation as `targetRevision`; `None` where there is nothing to pin.
pub fn pinned(wished: &Application) -> Option<(Application, When)> {
    let revision = revision(asked(wished)?).to_owned();
    let mut pinned = wished.clone();
    let [source] = pinned.sources_mut() else { return None };
    if revision.is_empty() || is_same(&revision, &source.target_revision) {
        return None;
    }
    let cannot_be_offered = is_exact_revision(source);
    source.target_revision = revision;
    // A name, such as a branch, stands for whatever the source offers under it.
    let is_resolved = is_exact_revision(source);
    let when = if cannot_be_offered || !is_resolved { When::Now } else { When::AfterFetch };
    Some((pinned, when))
}

/// The revision that the operation asks for; empty when it asks for none.
pub(super) fn revision(sync: &SyncOperation) -> &str {
    sync.revisions.first().unwrap_or(&sync.revision)
}

/// Whether the revision that is `wanted` is the one that is `offered`. Charts differ by a `v` in front, and by what Flux
/// appends to a version.
pub(super) fn is_same(wanted: &str, offered: &str) -> bool {
    let version = |text: &str| chart_version(text).trim_start_matches('v').to_owned();
    wanted == offered || version(wanted) == version(offered)
}

/// The source whose revision `source` could be pinned to has one revision and no other.
pub(super) fn is_resolved(source: Option<&ApplicationSource>, revision: &str) -> bool {
    let named =
        source.map(|source| ApplicationSource { target_revision: revision.to_owned(), ..source.clone() });
    named.is_some_and(|named| is_exact_revision(&named))
}

/// Whether the source, fetched for the operation of `app`, offers another revision than it asks for; or was pinned by it
/// already.
pub fn is_due(
    app: &Application,
    objects: &BTreeMap<ObjectKey, Arc<DynamicObject>>,
    free: &Translation,
    pinned: &Translation,
) -> bool {
    let Some(sync) = asked(app) else { return false };
    let state = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    let marks = state.filter(|state| !state.phase.is_completed()).map(Marks::of);
    let live = |key: &ObjectKey| objects.get(key).map(|object| Live { kind: key.kind, object });
    // The object that names the revision.
    let names_it = |manifest: &&Manifest| match manifest.key.kind {
        FluxKind::HelmRelease => manifest.spec.get("chart").is_some(),
        kind => matches!(kind, FluxKind::GitRepository | FluxKind::OciRepository),
    };
    let Some(wanted) = free.objects.iter().find(names_it) else { return false };
    let Some(found) = live(&wanted.key) else { return false };
    let digest = found.annotation(names::ANNOTATION_DIGEST);
    let pin = pinned.objects.iter().find(|manifest| manifest.key == wanted.key);
    if pin.is_some_and(|pin| digest == Some(pin.digest().as_str())) {
        return true;
    }
    if digest != Some(wanted.digest().as_str()) {
        return false;
    }
    let offers = match wanted.key.kind {
        FluxKind::HelmRelease => {
            let chart = view::chart_key(found).and_then(|key| live(&key));
            chart.filter(|chart| workload::is_chart_of(found, *chart))
        }
        _ => Some(found),
    };
    let Some(offers) = offers.filter(|offers| source::state(Some(*offers), None) == SourceState::Ready)
    else {
        return false;
    };
    let is_fetched = |marks: &Marks| marks.is_new(offers) || marks.is_new(found) || marks.is_handled(offers);
    // A dry run fetches nothing: it is about what is known.
    let is_known = sync.dry_run || marks.as_ref().is_some_and(is_fetched);
    is_known && !is_same(revision(sync), bare(offers.artifact_revision().unwrap_or_default()))
}
