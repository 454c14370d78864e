//! The deletion of a bridged Application. Stock Argo CD does nothing for a skipped one, so its finalizers are answered here.
//!
//! With a cascade finalizer the workload objects go first and take with them what they delivered; then the sources
//! they need for that; then the finalizers. Without one, the Flux objects stay and go on delivering.

use serde_json::{Value, json};

use super::state::State;
use super::steps::{self, confirm_gone, guarded};
use super::{Plan, Step, kept, leave, secrets};
use crate::argo::Application;
use crate::argo::seconds;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, naming};
use crate::mirror::{Observed, Tree, View, conditions, inventory, patch};
use crate::names;

/// The steps towards the end of the Application.
pub fn plan(observed: &Observed) -> Plan {
    let app = &observed.app;
    let mut steps = if app.cascades() { cascade(observed) } else { Vec::new() };
    if steps.is_empty() && !is_waiting(observed) {
        steps.extend(finish(app));
    } else {
        let view = View::of(observed);
        steps.insert(0, Step::write_cache(&view, &Tree::of(&view), false));
        steps.extend(report(observed).map(Step::PatchApplication));
    }
    Plan { steps, state: State::Deleting, status: None }
}

fn workloads(observed: &Observed) -> impl Iterator<Item = Live<'_>> {
    observed.owned().filter(|live| live.kind.is_workload())
}

/// Something that a cascade has to see the end of is still there.
fn is_waiting(observed: &Observed) -> bool {
    let is_left = observed.owned().next().is_some() || !observed.secrets.is_empty();
    observed.app.cascades() && (is_left || charts(observed).next().is_some() || home_ends(observed))
}

/// The namespace that the Application has brought is on its way out. Its Flux objects do not wait for that, the Application
/// does, as with everything that it delivered (argo-cd `controller/appcontroller.go`, `finalizeApplicationDeletion`).
fn home_ends(observed: &Observed) -> bool {
    let namespace = &observed.translation.namespace;
    let bringer = observed.namespace.bringer(namespace).filter(|_| observed.namespace_ends);
    bringer.is_some_and(|bringer| is_named_after(&observed.app, bringer))
}

/// The name of a workload object is the Application's, or begins with it where there are several sources.
fn is_named_after(app: &Application, workload: &str) -> bool {
    let first = app.label(names::LABEL_WORKLOAD_NAME).unwrap_or(app.name());
    let rest = workload.strip_prefix(&names::shorten(first, names::MAX_LABEL_VALUE));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// `HelmChart`s that Flux removes together with their `HelmRelease`.
fn charts(observed: &Observed) -> impl Iterator<Item = Live<'_>> {
    let wanted =
        observed.translation.objects.iter().filter(|manifest| manifest.key.kind == FluxKind::HelmRelease);
    wanted.filter_map(|manifest| {
        let release = observed.live(&manifest.key);
        let is_ours = release.is_none_or(|release| observed.owns(release));
        let key = release.map_or_else(|| naming::wanted_chart_key(manifest), naming::chart_key);
        let key = key.filter(|_| is_ours)?;
        observed.live(&key)
    })
}

fn cascade(observed: &Observed) -> Vec<Step> {
    if workloads(observed).next().is_some() {
        let remaining = workloads(observed).filter(|live| !live.is_deleting());
        return if observed.app.has_sync_option(names::OPTION_NO_DELETE) {
            // What was delivered outlives the Application; its Flux objects do not.
            remaining.flat_map(|live| leave::leave(observed, live)).collect()
        } else {
            remaining
                .filter(|live| !is_last(observed, *live))
                .flat_map(|live| remove(observed, live))
                .collect()
        };
    }
    if charts(observed).next().is_some() {
        return Vec::new();
    }
    if observed.owned().next().is_none() {
        // What the sources read goes after them.
        return secrets::delete_all(observed);
    }
    observed.owned().filter(|live| !live.is_deleting()).map(steps::delete).collect()
}

/// A suspended object would leave what it delivered behind (helm-controller `helmrelease_controller.go`,
/// kustomize-controller `kustomization_controller.go`, both `finalize`), and a Kustomization has to wait for the end, unless
/// that is its own.
fn remove(observed: &Observed, live: Live<'_>) -> Vec<Step> {
    if live.is_guard() {
        return vec![steps::delete(live)];
    }
    let mut change = if live.is_suspended() { steps::resume() } else { json!({}) };
    let is_own_home = deletes_its_home(observed, live);
    let policy = if is_own_home { "Delete" } else { "WaitForTermination" };
    if live.kind == FluxKind::Kustomization && live.text(fields::DELETION_POLICY) != Some(policy) {
        patch::merge(&mut change, &json!({"spec": {"deletionPolicy": policy}}));
    }
    let waits = live.at(fields::UNINSTALL_DISABLE_WAIT) != Some(&Value::Bool(true));
    if live.kind == FluxKind::HelmRelease && is_own_home && waits {
        patch::merge(&mut change, &json!({"spec": {"uninstall": {"disableWait": true}}}));
    }
    let before = (change != json!({})).then(|| Step::PatchObject { key: live.key(), patch: change });
    let left = kept::outliving(observed, live);
    before.into_iter().chain([steps::delete(live)]).chain(left).collect()
}

/// With the namespace goes what the others need to take away what they delivered elsewhere: Helm's records, accounts.
fn is_last(observed: &Observed, live: Live<'_>) -> bool {
    deletes_its_home(observed, live) && workloads(observed).any(|other| !deletes_its_home(observed, other))
}

/// Its end is the end of the namespace that it stands in, and with that of everything in there: to wait for it would be to
/// wait for itself.
fn deletes_its_home(observed: &Observed, live: Live<'_>) -> bool {
    let home = ("", "Namespace", live.namespace());
    let mut entries = inventory::entries(live);
    !observed.namespace.is_kept()
        && entries.any(|entry| (entry.group.as_str(), entry.kind.as_str(), entry.name.as_str()) == home)
}

/// The finalizers that only the bridge can take off a skipped Application.
fn is_ours(finalizer: &str) -> bool {
    names::CASCADE_FINALIZERS.contains(&finalizer)
        || names::HOOK_FINALIZER_PREFIXES.iter().any(|prefix| finalizer.starts_with(prefix))
}

fn finish(app: &Application) -> Vec<Step> {
    if !app.finalizers().any(is_ours) {
        return Vec::new();
    }
    let others: Vec<&str> = app.finalizers().filter(|finalizer| !is_ours(finalizer)).collect();
    let confirm = app.cascades().then(|| confirm_gone(app));
    let release = Step::PatchApplication(guarded(app, json!({"metadata": {"finalizers": others}})));
    confirm.into_iter().chain([Step::DropCache, release]).collect()
}

/// What hinders the deletion, in Flux's words, as a `DeletionError`; the patch of the Application if that is news.
fn report(observed: &Observed) -> Option<Value> {
    let found = workloads(observed).filter(Live::is_deleting).filter_map(obstacle);
    let found: Vec<_> = found.map(|message| (conditions::DELETION_ERROR, message)).collect();
    let status = observed.app.status.clone().unwrap_or_default();
    let kept = status.conditions.iter().filter(|c| c.kind != conditions::DELETION_ERROR);
    let others: Vec<_> =
        kept.filter(|c| is_kept(&c.kind)).map(|c| (c.kind.as_str(), c.message.clone())).collect();
    let desired = conditions::merged(&status.conditions, [others, found].concat(), observed.now);
    (desired != status.conditions).then(|| {
        guarded(
            &observed.app,
            json!({"status": {"conditions": desired, "reconciledAt": seconds::text(observed.now)}}),
        )
    })
}

fn is_kept(kind: &str) -> bool {
    [conditions::COMPARISON_ERROR, conditions::SYNC_ERROR, conditions::TRANSLATION_WARNING].contains(&kind)
}

fn obstacle(live: Live<'_>) -> Option<String> {
    let ready = live.condition("Ready")?;
    let failed = ready.status == "False" && ready.reason != "Progressing";
    let is_about_deletion =
        ["UninstallFailed", "PruneFailed", "ReconciliationFailed"].contains(&ready.reason);
    (failed && is_about_deletion).then(|| format!("{}: {}", live.key(), ready.message))
}
