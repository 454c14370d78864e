//! Application conditions: which ones the bridge owns, and how they are merged with those of others.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::guard::{GuardState, WAY_OUT, WIPES_OUT};
use super::leg::Leg;
use super::namespace::Dispute;
use super::resource::Resource;
use super::source::SourceState;
use super::view::View;
use super::warnings::{self, EXCLUDED_RESOURCE, REPEATED_RESOURCE};
use super::{Relation, leftover};
use crate::argo::operation::{OperationState, Phase, SyncResult};
use crate::argo::status::Condition;
use crate::translate::{Problem, Severity};
use crate::{adopt, names, project};

/// The source cannot be compared with what is there.
pub const COMPARISON_ERROR: &str = "ComparisonError";
/// The last automated sync failed.
pub const SYNC_ERROR: &str = "SyncError";
/// The deletion does not get on.
pub const DELETION_ERROR: &str = "DeletionError";
/// A field has no effect; Argo CD's readers classify a condition by the end of its type.
pub const TRANSLATION_WARNING: &str = "TranslationWarning";

/// The way back to stock Argo CD does not get on.
pub const HAND_BACK_WARNING: &str = "HandBackWarning";
/// An edit that the Application asks to be kept has no place in it.
pub const ADOPTION_WARNING: &str = "AdoptionWarning";

/// The types that the bridge alone writes; conditions of any other type are somebody else's and stay, but for what
/// [`crate::project`] says in stock Argo CD's words.
const OWNED: [&str; 8] = [
    COMPARISON_ERROR,
    SYNC_ERROR,
    DELETION_ERROR,
    TRANSLATION_WARNING,
    HAND_BACK_WARNING,
    ADOPTION_WARNING,
    REPEATED_RESOURCE,
    EXCLUDED_RESOURCE,
];

/// `previous` with the owned conditions replaced by `found`; an unchanged one keeps its time (types.go, `SetConditions`).
pub fn merged(previous: &[Condition], found: Vec<(&str, String)>, now: Timestamp) -> Vec<Condition> {
    let is_ours = |condition: &&Condition| {
        OWNED.contains(&condition.kind.as_str()) || project::is_verdict(&condition.kind, &condition.message)
    };
    let foreign = previous.iter().filter(|condition| !is_ours(condition)).cloned();
    let ours = found.into_iter().map(|(kind, message)| {
        let same = previous.iter().find(|old| old.kind == kind && old.message == message);
        let since = same.and_then(|old| old.last_transition_time).unwrap_or(now);
        Condition { kind: kind.to_owned(), message, last_transition_time: Some(since) }
    });
    let mut all: Vec<_> = foreign.chain(ours).collect();
    all.sort_by(|a, b| (&a.kind, &a.message).cmp(&(&b.kind, &b.message)));
    all
}

/// What is wrong, or worth knowing, by `view`; `operation` is the last one.
pub fn found(view: &View<'_>, operation: Option<&OperationState>) -> Vec<(&'static str, String)> {
    let problems = &view.observed.translation.problems;
    let mut found: Vec<_> = problems.iter().map(|problem| (kind_of(problem), problem.to_string())).collect();
    found.extend(view.violations.iter().map(|violation| (violation.kind, violation.message.clone())));
    found.extend(comparison_errors(view).into_iter().map(|message| (COMPARISON_ERROR, message)));
    found.extend(warnings::found(view));
    found.extend(overprotected(view).map(|message| (TRANSLATION_WARNING, message)));
    found.extend(disputes(view).into_iter().map(|message| (TRANSLATION_WARNING, message)));
    let sync_errors =
        [wiped_out(view), sync_error(view, operation), refusal(view, operation), homeless(view)];
    found.extend(sync_errors.into_iter().flatten().take(1).map(|message| (SYNC_ERROR, message)));
    let refusal = adopt::wished(view).and_then(Result::err);
    found.extend(refusal.map(|refusal| (ADOPTION_WARNING, refusal.to_string())));
    found
}

/// What left a source and stays, though stock Argo CD would prune it, or ask.
fn overprotected(view: &View<'_>) -> Option<String> {
    let names = leftover::overprotected(&view.leftovers)?;
    Some(format!(
        "no source holds this any more, and Flux keeps whatever has sync options: {names} (delete it where it is not needed)"
    ))
}

/// Labels and annotations of the namespace that another Application keeps.
fn disputes(view: &View<'_>) -> Vec<String> {
    let (observed, app) = (view.observed, &view.observed.app);
    let wanted = app.managed_namespace_metadata().filter(|_| view.generates());
    let disputes = wanted.map(|wanted| observed.namespace.disputes(app, wanted)).unwrap_or_default();
    let sentence = |dispute: &Dispute| {
        let Dispute { map, key, owner } = dispute;
        format!(
            "spec.syncPolicy.managedNamespaceMetadata.{map}[{key}]: has no effect: Application {owner} keeps it at another \
             value (take it out of one of them; where that Application is gone, out of the namespace)"
        )
    };
    disputes.iter().map(sentence).collect()
}

/// What the source offers would delete everything; in Argo CD's words (argo-cd `controller/appcontroller.go`, `autoSync`).
fn wiped_out(view: &View<'_>) -> Option<String> {
    let is_held = |leg: &Leg<'_>| leg.guard == Some(GuardState::Empty) && !leg.delivery.is_current;
    let revision = view.revisions().join(" ");
    view.legs
        .iter()
        .any(is_held)
        .then(|| format!("Skipping sync attempt to [{revision}]: {WIPES_OUT} ({WAY_OUT})"))
}

/// What the API server refused outside of an operation.
fn refusal(view: &View<'_>, operation: Option<&OperationState>) -> Option<String> {
    let refusal = view.observed.refusal.as_ref()?;
    let is_told = operation.is_some_and(|operation| operation.message == refusal.message);
    (!is_told).then(|| refusal.message.clone())
}

/// The destination namespace is missing and nobody wishes for it; in the API server's words.
pub fn homeless(view: &View<'_>) -> Option<String> {
    let observed = view.observed;
    // Not `is_complete`: what a path holds is only found out with the help of a source object in that namespace.
    let is_homeless = view.generates()
        && !observed.translation.has_errors()
        && !observed.namespace_exists
        && !observed.brings_namespace
        && !observed.app.has_sync_option(names::OPTION_CREATE_NAMESPACE);
    is_homeless.then(|| {
        format!(
            "namespaces \"{}\" not found (create it, or add the sync option {})",
            observed.translation.namespace,
            names::OPTION_CREATE_NAMESPACE
        )
    })
}

fn kind_of(problem: &Problem) -> &'static str {
    match problem.severity {
        Severity::Error => COMPARISON_ERROR,
        Severity::Warning => TRANSLATION_WARNING,
    }
}

/// Why the comparison of what is wanted with what is there is not to be had.
pub fn comparison_errors(view: &View<'_>) -> Vec<String> {
    let absent = view.absent().map(|kind| {
        format!(
            "the API server does not serve {}.{} (install Flux, or its missing controller)",
            kind.plural(),
            kind.group()
        )
    });
    let foreign = view.foreign().map(|(key, owner)| {
        format!("{key} already belongs to Application {owner} (set the label flamingo/workload-name to another name)")
    });
    let is_missing = |r: &&Resource<'_>| !view.generates() && r.relation == Relation::Missing;
    let missing_reference = view.resources.iter().filter(is_missing).map(|resource| {
        format!(
            "{} does not exist (create it, or let the bridge do so: sync option AutoCreateFluxResources=true)",
            resource.key
        )
    });
    // What failed for an older wish says nothing about this one, and must not keep it from being applied.
    let is_outdated = |resource: &Resource<'_>| resource.relation == Relation::Outdated;
    let states = view
        .legs
        .iter()
        .flat_map(|leg| [(&leg.source, leg.origin.as_ref()), (&leg.chart, leg.resource.as_ref())]);
    let failed = states.filter_map(|(state, resource)| match state {
        SourceState::Failed(why) if !resource.is_some_and(is_outdated) => Some(why.clone()),
        _ => None,
    });
    let mut all: Vec<String> = absent
        .chain(view.observed.failures.iter().cloned())
        .chain(foreign)
        .chain(missing_reference)
        .chain(failed)
        .collect();
    let mut told = BTreeSet::new();
    all.retain(|message| told.insert(message.clone()));
    all
}

/// Stock's words for an automated sync that failed and is not tried again by Argo CD (appcontroller.go, `autoSync`).
fn sync_error(view: &View<'_>, operation: Option<&OperationState>) -> Option<String> {
    let operation = operation?;
    // One that has failed and waits for its next attempt runs on, and still has something to tell.
    let failed = matches!(operation.phase, Phase::Failed | Phase::Error)
        || (operation.phase == Phase::Running && operation.finished_at.is_some());
    (failed && operation.operation.initiated_by.automated && !view.is_synced()).then(|| {
        let result = operation.sync_result.as_ref();
        let revisions = result.map(SyncResult::revisions).unwrap_or_default().join(" ");
        format!("Failed last sync attempt to [{revisions}]: {}", operation.message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_others_stay_and_unchanged_ones_keep_their_time() {
        let early = Timestamp::UNIX_EPOCH;
        let late = early + jiff::SignedDuration::from_secs(60);
        let condition = |kind: &str, message: &str, time| Condition {
            kind: kind.into(),
            message: message.into(),
            last_transition_time: Some(time),
        };
        let previous = vec![
            condition("InvalidSpecError", "no such project", early),
            condition(COMPARISON_ERROR, "old", early),
            condition(COMPARISON_ERROR, "gone", early),
        ];
        let merged =
            merged(&previous, vec![(COMPARISON_ERROR, "old".into()), (SYNC_ERROR, "new".into())], late);
        assert_eq!(
            merged,
            vec![
                condition(COMPARISON_ERROR, "old", early),
                condition("InvalidSpecError", "no such project", early),
                condition(SYNC_ERROR, "new", late),
            ]
        );
    }
}
