//! The annotations `flamingo/KIND-replace` and `flamingo/KIND-override`: what a person adds to a generated object.
//!
//! `-replace` sets the spec, `-override` merges into the object: maps key by key, lists and scalars as a whole; null takes a
//! field away, except in Helm values, where null is a value.
//!
//! Where there are several objects of the kind, `-override` reaches all of them, and `-override.SOURCE` those of one source by
//! its `name`, its `ref` or its position (counted from one, as the `argocd` CLI does); `-replace` has to name one. What is
//! said of one object comes after what is said of all, and `-override` after `-replace`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::draft::Draft;
use super::{Route, allowed, field_types, rendered};
use crate::argo::ApplicationSource;
use crate::flux::{FluxKind, Manifest};
use crate::{merge, names, yaml};

/// Prefix of the labels and annotations that nobody else may set.
const OWN_PREFIX: &str = "flux-subsystem.dev/";
/// Helm's values, where a null means something to Helm.
const VALUES: &str = "values";
/// One of the annotations, by its key.
struct Key<'a> {
    kind: FluxKind,
    /// `-replace`, else `-override`.
    replaces: bool,
    /// How it names a source; `None` for all of them.
    source: Option<&'a str>,
}

impl<'a> Key<'a> {
    fn read(key: &'a str) -> Option<Self> {
        let rest = key.strip_prefix(names::OVERRIDE_PREFIX)?;
        let (word, source) = rest.split_once('.').map_or((rest, None), |(word, source)| (word, Some(source)));
        let (kind, suffix) = word.rsplit_once('-')?;
        let kind = FluxKind::ALL.into_iter().find(|known| known.override_name() == Some(kind))?;
        let replaces = match suffix {
            "replace" => true,
            "override" => false,
            _ => return None,
        };
        Some(Self { kind, replaces, source })
    }

    /// In which order they count.
    const fn rank(&self) -> (bool, bool) {
        (!self.replaces, self.source.is_some())
    }
}

/// Whether an annotation of that key changes generated objects.
pub fn is_override(key: &str) -> bool {
    Key::read(key).is_some()
}

/// What follows `flamingo/KIND-override` in the key of the annotation that reaches the objects of the source with that index
/// alone, where there are others of their kind.
pub fn address(sources: &[ApplicationSource], index: usize) -> String {
    let is_clear = |word: &String| {
        let is_key = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && word.ends_with(|c: char| c.is_ascii_alphanumeric());
        is_key && word.len() <= 32 && position(sources, word) == Some(index)
    };
    let said = sources.get(index).map(|source| [source.name.clone(), source.reference.clone()]);
    let word = said.into_iter().flatten().find(is_clear).unwrap_or_else(|| (index + 1).to_string());
    format!(".{word}")
}

impl Route {
    /// Whether an object of that kind is on the way.
    fn has(&self, kind: FluxKind) -> bool {
        [&self.origin, &self.workload].into_iter().flatten().any(|key| key.kind == kind)
    }
}

/// The source that goes by that word: its `name`, else its `ref`, else its position.
fn position(sources: &[ApplicationSource], word: &str) -> Option<usize> {
    let by = |field: fn(&ApplicationSource) -> &str| {
        sources.iter().position(|source| !word.is_empty() && field(source) == word)
    };
    by(|source| &source.name)
        .or_else(|| by(|source| &source.reference))
        .or_else(|| word.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index < sources.len()))
}

/// Applies the Application's annotations to `objects`, which `routes` says the sources of. Unless `is_complete`, objects may
/// still be missing, and annotations for them are no mistake.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest], routes: &[Route], is_complete: bool) {
    let app = draft.app;
    let annotations = app.metadata.annotations.iter().flatten();
    let mut known: Vec<(Key<'_>, &String, &String)> =
        annotations.filter_map(|(key, text)| Some((Key::read(key)?, key, text))).collect();
    known.sort_by_key(|(key, name, _)| (key.rank(), *name));
    for (key, name, text) in known {
        let field = format!("metadata.annotations[{name}]");
        let Some(reached) = reached(draft, &key, &field, objects, routes, is_complete) else { continue };
        each(draft, &reached, objects, &key, &field, text);
        check_values(draft, &reached, objects, &field);
    }
}

/// Refuses values for a chart whose objects are finished: nothing would come of them.
fn check_values(draft: &mut Draft<'_>, reached: &[usize], objects: &[Manifest], field: &str) {
    let reason = reached.iter().find_map(|index| rendered::ignores_values(&objects[*index], objects));
    if let Some(reason) = reason {
        let message = format!(
            "values have no effect on a chart that Argo CD's repo-server renders, as it does this one: {reason}"
        );
        draft.error::<()>(field, message, "write them into helm.valuesObject of the Application");
    }
}

/// The indices of the objects that the annotation reaches; `None` when there is nothing to do.
fn reached(
    draft: &mut Draft<'_>,
    key: &Key<'_>,
    field: &str,
    objects: &[Manifest],
    routes: &[Route],
    is_complete: bool,
) -> Option<Vec<usize>> {
    let kind = key.kind.kind();
    let of_kind = objects.iter().enumerate().filter(|(_, object)| object.key.kind == key.kind);
    let mut found: Vec<usize> = of_kind.map(|(index, _)| index).collect();
    if let Some(word) = key.source {
        let Some(source) = position(draft.app.sources(), word) else {
            let hint = "name it by its name, its ref or its position, counted from one";
            draft.warn(field, format!("has no effect: no source is called {word:?}"), hint);
            return None;
        };
        let route = routes.get(source);
        let is_of_source = |index: &usize| {
            let key = &objects[*index].key;
            route.is_some_and(|route| {
                route.origin.as_ref() == Some(key) || route.workload.as_ref() == Some(key)
            })
        };
        found.retain(is_of_source);
    } else if key.replaces && found.len() > 1 {
        let count = found.len();
        let message =
            format!("{count} objects of kind {kind} are generated, and one spec cannot be that of all");
        let name = field.trim_start_matches("metadata.annotations[").trim_end_matches(']');
        let first = address(draft.app.sources(), routes.iter().position(|route| route.has(key.kind))?);
        return draft.error(field, message, format!("name a source, as in {name}{first}"));
    }
    if found.is_empty() {
        if is_complete {
            draft.warn(field, format!("has no effect: no {kind} is generated"), "");
        }
        return None;
    }
    Some(found)
}

/// Changes each of the objects that are `reached`; what is wrong with the annotation is said once.
fn each(
    draft: &mut Draft<'_>,
    reached: &[usize],
    objects: &mut [Manifest],
    key: &Key<'_>,
    field: &str,
    text: &str,
) {
    let change = if key.replaces { replace as Change } else { merge_into as Change };
    let parsed = yaml::parse(text);
    // One that names an object is about that one.
    let name = parsed.as_ref().ok().and_then(|map| map.pointer("/metadata/name")?.as_str());
    let is_named = |index: &&usize| name.is_none_or(|name| objects[**index].key.name == name);
    let named: Vec<usize> = reached.iter().filter(is_named).copied().collect();
    for index in if named.is_empty() { reached } else { named.as_slice() } {
        let before = draft.problems.len();
        let Some(object) = objects.get_mut(*index) else { continue };
        one(draft, object, field, &parsed, change);
        if draft.problems.len() > before {
            return;
        }
    }
}

type Change = fn(&mut Manifest, Map<String, Value>) -> Result<(), String>;

fn one(
    draft: &mut Draft<'_>,
    object: &mut Manifest,
    field: &str,
    parsed: &Result<Value, yaml::Error>,
    change: Change,
) {
    let hint = format!("write YAML of the {} as kubectl would apply it", object.key.kind.kind());
    let before = object.clone();
    let result = match parsed {
        Err(error) => Err(format!("is not valid YAML: {error}")),
        Ok(Value::Object(map)) => change(object, map.clone()),
        Ok(_) => Err("is not a map".to_owned()),
    };
    if let Err(message) = result {
        draft.error::<()>(field, message, hint);
    } else if let Some(message) = field_types::mistake(object) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("flamingo/helmrelease-override", true)]
    #[case("flamingo/kustomize-replace.values", true)]
    #[case("flamingo/helmchart-override", false)]
    #[case("flamingo/helmrelease-something", false)]
    #[case("helmrelease-override", false)]
    fn keys(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_override(key), expected);
    }

    #[rstest]
    #[case::name(0, ".web")]
    #[case::reference(1, ".values")]
    #[case::position(2, ".3")]
    #[case::no_word_of_a_key(3, ".4")]
    #[case::taken(4, ".5")]
    fn sources_are_addressed(#[case] index: usize, #[case] expected: &str) {
        let sources: Vec<ApplicationSource> = serde_json::from_value(json!([
            {"name": "web"}, {"ref": "values"}, {}, {"name": "a b"}, {"name": "web"},
        ]))
        .unwrap();
        assert_eq!(address(&sources, index), expected);
        assert_eq!(position(&sources, &expected[1..]), Some(index));
    }
}
