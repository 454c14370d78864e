//! The proof that an Application with auto-create becomes what stands in the cluster.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use super::{Found, Proven, Refusal};
use crate::adopt::adopt;
use crate::argo::Application;
use crate::flux::fields::{self, Field};
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::translate::keep::protect_like;
use crate::translate::{Context, PathKind, translate};

/// Where a source object names Secrets, which are read in its own namespace alone.
const SECRETS: [Field; 4] =
    [fields::SECRET_REFERENCE, fields::CERTIFICATE_REFERENCE, fields::PROXY_REFERENCE, fields::VERIFICATION];

/// Completes `draft` until its translation under `context` has the specs that stand in the cluster.
///
/// The objects are looked at as if they had been edited by hand, so that the way of [`crate::adopt`] brings every
/// difference into a field of the Application or into an annotation `flamingo/KIND-override`. `context` has to answer
/// what the translation wants to know.
pub fn prove(draft: &Application, found: Found<'_>, context: &Context) -> Result<Proven, Refusal> {
    let mut app = draft.clone();
    // Flux reads a folder without a kustomization file all the way down.
    let is_directory = context.contents.get(&0).is_some_and(|contents| contents.kind == PathKind::Directory);
    if let Some(source) = app.spec.source.as_mut()
        && is_directory
        && found.workload.kind == FluxKind::Kustomization
    {
        source.directory = Some(Map::from_iter([("recurse".to_owned(), json!(true))]));
    }
    let first = translate(&app, context);
    if let Some(problem) = first.problems.iter().find(|_| first.has_errors()) {
        return Err(Refusal::new(format!(
            "{} has no Application that generates it: {problem} (without --auto-create one refers to it as it is)",
            found.workload.key()
        )));
    }
    if !first.is_complete() {
        return Err(Refusal::new(format!(
            "what the source of {} holds is not known (pass --source-dir with its contents)",
            found.workload.key()
        )));
    }
    let mut notes = Vec::new();
    let standing = standing(&first.objects, found, &mut notes)?;
    let live = |key: &ObjectKey| standing.get(key).map(|object| Live { kind: key.kind, object });
    let adoption = adopt(&app, context, live).map_err(|refusal| {
        Refusal::new(format!("{} has no Application that generates it: {refusal}", found.workload.key()))
    })?;
    if let Some(adoption) = adoption {
        app = adoption.app;
        // Which layer says it is of interest to who edits an Application, not to who gets a new one.
    }
    let objects = translate(&app, context).objects;
    let exists = |key: &ObjectKey| {
        *key == found.workload.key() || found.source.is_some_and(|source| *key == source.key())
    };
    let existing = objects.iter().map(|object| object.key.clone()).filter(exists).collect();
    Ok(Proven { app, objects, existing, notes })
}

/// For each wanted object what stands in the cluster, marked as if the bridge had applied it.
fn standing(
    wanted: &[Manifest],
    found: Found<'_>,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<ObjectKey, DynamicObject>, Refusal> {
    let lives: Vec<Live<'_>> = found.source.into_iter().chain([found.workload]).collect();
    let mut standing = BTreeMap::new();
    for manifest in wanted {
        let Some(live) = lives.iter().find(|live| live.kind == manifest.key.kind) else {
            return Err(Refusal::new(format!(
                "an Application would generate {} beside {}, which is delivered in another way (without --auto-create \
                 an Application refers to it as it is)",
                manifest.key,
                found.workload.key()
            )));
        };
        let spec = if live.kind.is_source() {
            source_spec(manifest, *live, notes)?
        } else {
            workload_spec(manifest, *live, notes)
        };
        let mut object = manifest.to_value();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("spec".to_owned(), spec);
        }
        let object = serde_json::from_value(object).map_err(|error| Refusal::new(error.to_string()))?;
        standing.insert(manifest.key.clone(), object);
    }
    Ok(standing)
}

/// The live spec; where the Application's own source object has another name, it is a copy.
fn source_spec(manifest: &Manifest, live: Live<'_>, notes: &mut Vec<String>) -> Result<Value, Refusal> {
    let (own, key) = (&manifest.key, live.key());
    if *own != key {
        let uses_secrets = SECRETS.iter().any(|field| live.at(*field).is_some());
        if own.namespace != key.namespace && uses_secrets {
            return Err(Refusal::new(format!(
                "{key} reads Secrets of its namespace, which a copy of it in namespace {} could not (without \
                 --auto-create an Application refers to it as it is)",
                own.namespace
            )));
        }
        notes.push(format!("{own} is made as a copy of {key}, which stays for whoever else uses it"));
    }
    let mut spec = live.spec().clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("suspend");
    }
    Ok(spec)
}

/// The live spec, fed by the Application's own source object, with the names written out that Helm's release goes by, and with
/// what every workload object has: the patch by which objects stay that say so.
fn workload_spec(manifest: &Manifest, live: Live<'_>, notes: &mut Vec<String>) -> Value {
    let mut spec = live.spec().clone();
    for pointer in ["/sourceRef", "/chart/spec/sourceRef", "/chartRef"] {
        if let (Some(place), Some(own)) = (spec.pointer_mut(pointer), manifest.spec.pointer(pointer)) {
            *place = own.clone();
        }
    }
    if live.kind == FluxKind::HelmRelease
        && let Some(fields) = spec.as_object_mut()
    {
        let release = match live.text(fields::TARGET_NAMESPACE) {
            Some(target) => format!("{target}-{}", live.name()),
            None => live.name().to_owned(),
        };
        // helm-controller `api/v2/helmrelease_types.go`, `GetReleaseName`, `GetReleaseNamespace`, `GetStorageNamespace`.
        let defaults = [
            ("releaseName", release.as_str()),
            ("targetNamespace", live.namespace()),
            ("storageNamespace", live.namespace()),
        ];
        for (field, default) in defaults {
            fields.entry(field).or_insert_with(|| json!(default));
        }
    }
    let (spec, is_added) = protect_like(manifest, spec);
    if is_added {
        let revision =
            if live.kind == FluxKind::HelmRelease { ", for which Helm counts one more revision" } else { "" };
        notes.push(format!(
            "{} gets a patch by which objects stay whose sync options say so{revision}",
            manifest.key
        ));
    }
    spec
}
