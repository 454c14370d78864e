//! `kustomize` of a source → the fields of a Flux Kustomization that mean the same, or the reason why there are none.
//!
//! Argo CD edits the kustomization file before it builds (argo-cd `util/kustomize/kustomize.go`, `Build`); Flux merges what
//! the Kustomization says into the same file (fluxcd/pkg `kustomize/kustomize_generator.go`). Where both come to the same
//! for certain, Flux does it; what it has no field for, or merges in another way, is rendered.

mod images;
mod tree;

pub(crate) use images::image_override;
pub(super) use images::overrides as image_overrides;

use serde_json::{Map, Value, json};

use super::directory::Way;
use super::draft::{Draft, Source};
use super::env::Environment;
use super::{Contents, PathKind};
use crate::argo::zero::is_empty;

/// Build options that change nothing for Flux, which builds without restrictions inside of an artifact.
const HARMLESS_OPTIONS: [&str; 3] =
    ["--load-restrictor", "LoadRestrictionsNone", "--load-restrictor=LoadRestrictionsNone"];

/// Fields of the Kustomization's spec, or why there are none.
type Fields = Result<Map<String, Value>, &'static str>;

/// The way of a kustomization; `None` while something is wanted, and when a problem was noted.
pub(super) fn way(draft: &mut Draft<'_>, source: &Source<'_>, contents: Option<&Contents>) -> Option<Way> {
    let fields = match fields(draft, source)? {
        Ok(fields) => fields,
        Err(reason) => return Some(Way::Rendered(reason)),
    };
    let settings = &draft.context.settings;
    let has_options =
        settings.kustomize_build_options.split_whitespace().any(|option| !HARMLESS_OPTIONS.contains(&option));
    if has_options {
        return Some(Way::Rendered("kustomize.buildOptions in argocd-cm"));
    }
    let Some(contents) = contents else { return draft.want(super::Want::Contents { source: source.index }) };
    if contents.kind == PathKind::Kustomization && contents.kustomizations.is_empty() {
        // Known by hearsay: its files are not.
        return Some(Way::Native);
    }
    if contents.kustomizations.iter().filter(|file| !file.contains('/')).count() != 1 {
        // The repo-server says what is wrong with none or with several.
        return Some(Way::Rendered("not one kustomization file"));
    }
    let reason = tree::unlike_flux(draft, source, &fields)?;
    Some(reason.map_or(Way::Native, Way::Rendered))
}

/// Fields of the Kustomization's spec that mean what the Application says; empty where it says nothing.
pub(super) fn settings(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Map<String, Value>> {
    fields(draft, source)?.ok()
}

fn fields(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Fields> {
    let mut spec = Map::new();
    let mut reason = None;
    let mut is_complete = true;
    let none = Map::new();
    let settings = source.spec.kustomize.as_ref().unwrap_or(&none);
    for (name, value) in settings.iter().filter(|(_, value)| !is_empty(value)) {
        match field(draft, source, settings, name, value) {
            Some(Ok(Some((name, value)))) => {
                spec.insert(name.to_owned(), value);
            }
            Some(Ok(None)) => {}
            Some(Err(other)) => reason = reason.or(Some(other)),
            None => is_complete = false,
        }
    }
    is_complete.then(|| reason.map_or(Ok(spec), Err))
}

/// One field: in the Kustomization's words, without any, or the reason why it is rendered; `None` with a problem.
type Field = Option<Result<Option<(&'static str, Value)>, &'static str>>;

fn field(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    settings: &Map<String, Value>,
    name: &str,
    value: &Value,
) -> Field {
    let as_it_is = |field| Some(Ok(Some((field, value.clone()))));
    let rendered = |reason| Some(Err(reason));
    let is_set = |name: &str| settings.get(name) == Some(&Value::Bool(true));
    match (name, value) {
        ("namePrefix", Value::String(_)) => as_it_is("namePrefix"),
        ("nameSuffix", Value::String(_)) => as_it_is("nameSuffix"),
        ("namespace", Value::String(_)) => as_it_is("targetNamespace"),
        ("ignoreMissingComponents", Value::Bool(_)) => as_it_is("ignoreMissingComponents"),
        ("components", Value::Array(list)) => Some(components(list).map(|list| Some(("components", list)))),
        ("images", Value::Array(list)) => {
            images::images(draft, source, list).map(|images| images.map(|images| Some(("images", images))))
        }
        ("patches", Value::Array(list)) => {
            patches(draft, source, list).map(|patches| patches.map(|patches| Some(("patches", patches))))
        }
        ("commonLabels", Value::Object(labels)) if is_set("labelWithoutSelector") && !is_set("labelIncludeTemplates") => {
            Some(metadata_labels(draft, source, labels).map(|labels| Some(("commonMetadata", labels))))
        }
        ("commonLabels", Value::Object(_)) => rendered("kustomize.commonLabels"),
        ("commonAnnotations", Value::Object(_)) => rendered("kustomize.commonAnnotations"),
        ("replicas", Value::Array(_)) => rendered("kustomize.replicas"),
        ("version", Value::String(_)) => rendered("kustomize.version"),
        // They say how labels and annotations are added, and go with those.
        (
            "forceCommonLabels" | "forceCommonAnnotations" | "labelWithoutSelector" | "labelIncludeTemplates"
            | "commonAnnotationsEnvsubst",
            Value::Bool(_),
        )
        // For charts within kustomizations alone, which take a build option (argo-cd `parseKustomizeBuildOptions`).
        | ("kubeVersion" | "apiVersions", _) => Some(Ok(None)),
        _ => {
            let field = source.at(&format!("kustomize.{name}"));
            draft.error(field, format!("{value} is nothing that Kustomize can be told"), "leave it out")
        }
    }
}

/// Folders of the repository, each once. `kustomize edit add component` takes patterns, and addresses.
fn components(list: &[Value]) -> Result<Value, &'static str> {
    let mut components: Vec<Value> = Vec::new();
    for component in list {
        let is_folder = component.as_str().is_some_and(|path| {
            !path.starts_with('/')
                && !path.contains(['*', '?', '[', '\\', ':', '@'])
                && !path.contains("github.com")
        });
        if !is_folder {
            return Err("components by pattern or address");
        }
        if !components.contains(component) {
            components.push(component.clone());
        }
    }
    Ok(Value::Array(components))
}

/// Labels that reach no selector and no template: what Flux calls common metadata.
fn metadata_labels(
    draft: &Draft<'_>,
    source: &Source<'_>,
    labels: &Map<String, Value>,
) -> Result<Value, &'static str> {
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let mut common = Map::new();
    for (name, value) in labels {
        let Some(Ok(value)) = value.as_str().map(|value| environment.substitute(value)) else {
            return Err("kustomize.commonLabels");
        };
        // What is no label value, kustomize refuses in its own words.
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if value.is_empty() || !value.chars().all(is_word) {
            return Err("kustomize.commonLabels");
        }
        common.insert(name.clone(), Value::String(value));
    }
    Ok(json!({"labels": common}))
}

/// Inline patches. One in a file changes with the revision, and Flux has no way to name it.
fn patches(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    list: &[Value],
) -> Option<Result<Value, &'static str>> {
    let mut kept = Vec::new();
    let mut reason = None;
    for (index, patch) in list.iter().enumerate() {
        let fields = patch_fields(draft, source, index, patch)?;
        if fields.contains_key("options") {
            reason = Some("a patch that may change names or kinds");
        }
        if fields.contains_key("path") {
            reason = Some("a patch in a file");
        }
        kept.push(Value::Object(fields));
    }
    Some(reason.map_or(Ok(Value::Array(kept)), Err))
}

/// What is set of the patch with that index; `None` when a problem was noted.
pub(super) fn patch_fields(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    index: usize,
    patch: &Value,
) -> Option<Map<String, Value>> {
    let fields: Map<String, Value> =
        patch.as_object().into_iter().flatten().filter(|(_, value)| !is_empty(value)).map(owned).collect();
    let at = |name: &str| source.at(&format!("kustomize.patches[{index}].{name}"));
    let unknown = |name: &&String| !matches!(name.as_str(), "patch" | "target" | "path" | "options");
    if let Some(name) = fields.keys().find(unknown) {
        return draft.error(at(name), "is nothing that a patch has", "leave it out");
    }
    if !fields.contains_key("path") && !fields.get("patch").is_some_and(Value::is_string) {
        return draft.error(at("patch"), "the patch is missing", "write it inline, or name its file in path");
    }
    Some(fields)
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}
