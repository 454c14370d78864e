//! Argo CD's guard against an automated Sync that would delete everything (`automated.allowEmpty`), in Flux's words.
//!
//! Flux prunes whatever a Kustomization no longer builds, down to nothing. So a second Kustomization, the guard, builds the
//! same and applies none of it: its inventory says how much there is. The real one depends on it, and Flux itself holds
//! back what builds to nothing. The guard builds once a revision; nobody has to look in time.

use serde_json::{Map, Value, json};

use super::patches;
use crate::argo::Application;
use crate::argo::application::Automated;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::merge::deep_merge;
use crate::names;

/// What is ready once the guard has found something. Beside it stands a dependency without an expression: one with an
/// expression is not asked for its readiness and its revision (kustomize-controller `kustomization_controller.go`,
/// `checkDependencies`).
const BUILDS_SOMETHING: &str = "size(dep.status.inventory.entries) > 0";
/// Flux skips an object with this annotation, and takes it into the inventory (fluxcd/pkg `ssa/manager_apply.go`,
/// `shouldSkipApply`).
const SKIPPED: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// A group that nobody serves.
const NOWHERE: &str = "guard.flux-subsystem.dev/v1";
/// Its own source moves it; this is for a guard that lost its inventory.
const INTERVAL: &str = "24h";
/// Settings of the real one that say nothing of what is built, and those that would act.
const LEFT_OUT: [&str; 10] = [
    "commonMetadata",
    "deletionPolicy",
    "dependsOn",
    "force",
    "healthCheckExprs",
    "healthChecks",
    "ignore",
    "interval",
    "prune",
    "wait",
];

/// Whether an automated Sync of `app` must not delete everything.
fn is_due(app: &Application) -> bool {
    let guards = |automated: &Automated| automated.prune == Some(true) && automated.allow_empty != Some(true);
    app.automated().is_some_and(guards)
}

/// Makes every Kustomization among `objects` that prunes depend on a guard, where the Application asks for it: the guards.
pub(super) fn apply(app: &Application, objects: &mut [Manifest]) -> Vec<Manifest> {
    if !is_due(app) {
        return Vec::new();
    }
    let prunes = |object: &&mut Manifest| {
        object.key.kind == FluxKind::Kustomization && object.spec.get("prune") == Some(&Value::Bool(true))
    };
    objects
        .iter_mut()
        .filter(prunes)
        .map(|guarded| {
            let guard = guard(app, guarded);
            depend(&mut guarded.spec, &guard.key.name);
            guard
        })
        .collect()
}

/// The guard of a Kustomization, by that one's key.
pub(crate) fn key(guarded: &ObjectKey) -> ObjectKey {
    let name = names::shorten(&format!("{}-{}", guarded.name, names::ROLE_GUARD), names::MAX_LABEL_VALUE);
    ObjectKey { name, ..guarded.clone() }
}

fn depend(spec: &mut Value, name: &str) {
    let mut depends = spec.get("dependsOn").and_then(Value::as_array).cloned().unwrap_or_default();
    depends.push(json!({"name": name}));
    depends.push(json!({"name": name, "readyExpr": BUILDS_SOMETHING}));
    deep_merge(spec, json!({"dependsOn": depends}));
}

fn guard(app: &Application, guarded: &Manifest) -> Manifest {
    let mut spec: Map<String, Value> = guarded.spec.as_object().cloned().unwrap_or_default();
    spec.retain(|field, _| !LEFT_OUT.contains(&field.as_str()));
    spec.insert("interval".to_owned(), json!(INTERVAL));
    spec.insert("prune".to_owned(), json!(false));
    spec.insert("deletionPolicy".to_owned(), json!("Orphan"));
    spec.insert("commonMetadata".to_owned(), json!({"annotations": {SKIPPED: "disabled"}}));
    let mut patches = spec.get("patches").and_then(Value::as_array).cloned().unwrap_or_default();
    patches.push(disguise());
    spec.insert("patches".to_owned(), Value::Array(patches));
    let mut manifest = Manifest::owned_by(app, key(&guarded.key), Value::Object(spec));
    manifest.labels.insert(names::LABEL_ROLE.to_owned(), names::ROLE_GUARD.to_owned());
    manifest
}

/// The patch by which the guard counts definitions without Flux waiting for them to be there, as it does for namespaces,
/// CRDs, cluster roles and classes, skipped or not (fluxcd/pkg `ssa/manager_apply.go`, `ApplyAllStaged`).
///
/// They become objects of a group that nobody serves. Kind and name change places, since no two of one group may have the
/// same of both.
fn disguise() -> Value {
    let copy = |from: &str, path: &str| json!({"op": "copy", "from": from, "path": path});
    let operations = json!([
        {"op": "replace", "path": "/apiVersion", "value": NOWHERE},
        copy("/metadata/name", "/disguise"),
        copy("/kind", "/metadata/name"),
        copy("/disguise", "/kind"),
        {"op": "remove", "path": "/disguise"},
    ]);
    json!({
        "target": {"kind": "CustomResourceDefinition|Namespace|ClusterRole|.+Class"},
        "patch": patches::patch(&operations),
    })
}
