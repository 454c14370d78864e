//! The annotations `flamingo/KIND-replace` and `flamingo/KIND-override`: what a person adds to a generated object.
//!
//! `-replace` sets the spec, `-override` merges into the object: maps key by key, lists and scalars as a whole; null takes a
//! field away, except in Helm values, where null is a value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::allowed;
use super::draft::Draft;
use crate::flux::{FluxKind, Manifest};
use crate::{merge, names, yaml};

/// Prefix of the labels and annotations that nobody else may set.
const OWN_PREFIX: &str = "flux-subsystem.dev/";
/// Helm's values, where a null means something to Helm.
const VALUES: &str = "values";

/// Applies the Application's annotations to `objects`. Unless `is_complete`, objects may still be missing, and annotations
/// for them are no mistake.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest], is_complete: bool) {
    for kind in FluxKind::ALL {
        let Some(word) = kind.override_name() else { continue };
        for (suffix, change) in [("replace", replace as Change), ("override", merge_into as Change)] {
            let key = format!("{}{word}-{suffix}", names::OVERRIDE_PREFIX);
            let Some(text) = draft.app.annotation(&key) else { continue };
            let field = format!("metadata.annotations[{key}]");
            match objects.iter_mut().find(|object| object.key.kind == kind) {
                Some(object) => one(draft, object, &field, text, change),
                None if is_complete => {
                    let kind = kind.kind();
                    draft.warn(field, format!("has no effect: no {kind} is generated"), "");
                }
                None => {}
            }
        }
    }
}

type Change = fn(&mut Manifest, Map<String, Value>) -> Result<(), String>;

fn one(draft: &mut Draft<'_>, object: &mut Manifest, field: &str, text: &str, change: Change) {
    let hint = format!("write YAML of the {} as kubectl would apply it", object.key.kind.kind());
    let before = object.clone();
    let result = match yaml::parse(text) {
        Err(error) => Err(format!("is not valid YAML: {error}")),
        Ok(Value::Object(map)) => change(object, map),
        Ok(_) => Err("is not a map".to_owned()),
    };
    if let Err(message) = result {
        draft.error::<()>(field, message, hint);
    } else if let Some(message) = allowed::trespass(&draft.context.control_namespace, &before, object) {
        draft.error::<()>(field, message, "take it out");
    } else if let Some(message) = allowed::disguise(&draft.context.impersonation, &before, object) {
        draft.error::<()>(field, message, "take it out");
    } else if let Some(refusal) = allowed::refusal(&draft.context.policy, &before, object) {
        draft.refuse(field, refusal.policy, refusal.message);
    }
}

fn replace(object: &mut Manifest, mut map: Map<String, Value>) -> Result<(), String> {
    // No Flux kind has a field `spec` inside its spec: the key tells an object from a bare spec.
    let mut spec = match map.remove("spec") {
        Some(spec) => {
            metadata(object, &map)?;
            spec
        }
        None => Value::Object(map),
    };
    if !spec.is_object() {
        return Err("spec is not a map".to_owned());
    }
    merge::remove_nulls(&mut spec, VALUES);
    object.spec = spec;
    Ok(())
}

fn merge_into(object: &mut Manifest, mut map: Map<String, Value>) -> Result<(), String> {
    let spec = map.remove("spec").unwrap_or_else(|| Value::Object(Map::new()));
    if !spec.is_object() {
        return Err("spec is not a map".to_owned());
    }
    metadata(object, &map)?;
    merge::deep_merge(&mut object.spec, spec);
    merge::remove_nulls(&mut object.spec, VALUES);
    Ok(())
}

/// Everything but the spec: identity must be the object's own; labels and annotations are added.
fn metadata(object: &mut Manifest, map: &Map<String, Value>) -> Result<(), String> {
    let kind = object.key.kind;
    for (key, value) in map {
        match key.as_str() {
            "apiVersion" => same("apiVersion", value, &kind.api_version())?,
            "kind" => same("kind", value, kind.kind())?,
            "metadata" => {}
            other => return Err(format!("{other} cannot be set: only metadata and spec can")),
        }
    }
    let Some(metadata) = map.get("metadata") else { return Ok(()) };
    let Value::Object(metadata) = metadata else { return Err("metadata is not a map".to_owned()) };
    for (key, value) in metadata {
        match key.as_str() {
            "name" => same("metadata.name", value, &object.key.name)?,
            "namespace" => same("metadata.namespace", value, &object.key.namespace)?,
            "labels" => add("metadata.labels", value, &mut object.labels)?,
            "annotations" => add("metadata.annotations", value, &mut object.annotations)?,
            other => return Err(format!("metadata.{other} cannot be set: only labels and annotations can")),
        }
    }
    Ok(())
}

fn same(field: &str, value: &Value, expected: &str) -> Result<(), String> {
    if value == expected {
        Ok(())
    } else {
        Err(format!("{field} is {value}, the generated object's is {expected:?}"))
    }
}

/// Adds entries; those that say whose the object is stay as they are.
fn add(field: &str, value: &Value, existing: &mut BTreeMap<String, String>) -> Result<(), String> {
    let Value::Object(entries) = value else { return Err(format!("{field} is not a map")) };
    for (key, value) in entries {
        let Value::String(text) = value else { return Err(format!("{field}[{key}] is not text")) };
        if existing.get(key).is_some_and(|existing| existing != text) || key.starts_with(OWN_PREFIX) {
            return Err(format!("{field}[{key}] belongs to the bridge"));
        }
        existing.insert(key.clone(), text.clone());
    }
    Ok(())
}
