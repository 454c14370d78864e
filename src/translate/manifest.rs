//! Manifests that kustomize, and so Flux, makes something else of than Argo CD.

use std::collections::BTreeSet;

use serde_json::Value;

use super::hook;
use crate::project::ResourcesFilter;
use crate::yaml;

/// Argo CD leaves a file that holds this out (argo-cd `repository.go`, `skipFileRenderingMarker`).
const SKIP_MARKER: &str = "+argocd:skip-file-rendering";

/// Annotations by which an object tells kustomize what to do with it (kyaml `kio/kioutil`, kustomize `konfig`).
const KUSTOMIZE_PREFIXES: [&str; 3] =
    ["config.kubernetes.io/", "internal.config.kubernetes.io/", "kustomize.config.k8s.io/"];

/// The first reason why Flux would not make the same objects of these files; `None` when it would.
pub(super) fn unlike_flux<'a>(
    texts: impl Iterator<Item = &'a str>,
    filter: &ResourcesFilter,
) -> Option<&'static str> {
    let mut known = BTreeSet::new();
    for text in texts {
        if text.contains(SKIP_MARKER) {
            return Some("files that are skipped by a marker");
        }
        let Ok(documents) = yaml::parse_all(text) else {
            return Some("files that are not Kubernetes objects");
        };
        for document in &documents {
            if let Some(reason) = one(document).or_else(|| unlike_a_sync(document, filter)) {
                return Some(reason);
            }
            if has_odd_keys(document, text) {
                return Some("keys that YAML 1.1 takes for something else than text");
            }
            if !known.insert(identity(document)) {
                return Some("an object that occurs twice");
            }
        }
    }
    None
}

fn one(document: &Value) -> Option<&'static str> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("/apiVersion"), text("/kind"));
    if version.is_empty() || kind.is_empty() {
        return Some("files that are not Kubernetes objects");
    }
    if text("/metadata/name").is_empty() {
        // A List has none either.
        return Some(if kind.ends_with("List") { "a list of objects" } else { "an object without a name" });
    }
    if kind.ends_with("List") && document.get("items").is_some() {
        return Some("a list of objects");
    }
    if version.starts_with("kustomize.config.k8s.io/") {
        return Some("kustomization files read as manifests");
    }
    if text("/metadata/namespace") == "default" {
        return Some(NAMES_DEFAULT);
    }
    let annotations = document.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut keys = annotations.into_iter().flat_map(|annotations| annotations.keys());
    let is_kustomizes = |key: &String| KUSTOMIZE_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    keys.any(is_kustomizes).then_some("annotations that speak to kustomize")
}

/// Why Argo CD would not apply the object at all.
pub(super) fn unlike_a_sync(document: &Value, filter: &ResourcesFilter) -> Option<&'static str> {
    let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    if filter.excludes(group, text("kind")) {
        return Some("kinds that the settings of Argo CD exclude");
    }
    (!hook::is_applied(document)).then_some("hooks that no Sync runs")
}

/// Whether a key was read as a boolean or a number, and spelled out differently from what stands in the file: kustomize
/// leaves every key as it is.
fn has_odd_keys(value: &Value, text: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let is_said = || ["", "'", "\""].iter().any(|quote| text.contains(&format!("{key}{quote}:")));
            let is_odd = matches!(key.as_str(), "true" | "false") || key.parse::<f64>().is_ok() && !is_said();
            is_odd || has_odd_keys(value, text)
        }),
        Value::Array(items) => items.iter().any(|item| has_odd_keys(item, text)),
        _ => false,
    }
}

/// To kustomize, an object in namespace `default` and one without a namespace are the same, so that Flux cannot be told to
/// give a namespace to the second alone.
pub(super) const NAMES_DEFAULT: &str = "an object that names the namespace default";

/// Whether something below `value` has metadata that name the namespace `default`.
pub(super) fn names_default(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            value.pointer("/metadata/namespace").and_then(Value::as_str) == Some("default")
                || fields.values().any(names_default)
        }
        Value::Array(items) => items.iter().any(names_default),
        _ => false,
    }
}

/// What makes two objects one to kustomize (kyaml `resid`): of the version it takes no notice.
fn identity(document: &Value) -> [String; 4] {
    let text =
        |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = text("/apiVersion");
    let group = version.rsplit_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default();
    [group, text("/kind"), text("/metadata/namespace"), text("/metadata/name")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

    #[rstest]
    #[case::plain(MAP, None)]
    #[case::several(&format!("{MAP}---\n# nothing\n---\n{}", MAP.replace("name: a", "name: b")), None)]
    #[case::elsewhere(&format!("{MAP}  namespace: other\n"), None)]
    #[case::default(&format!("{MAP}  namespace: default\n"), Some("an object that names the namespace default"))]
    #[case::twice(&format!("{MAP}---\n{MAP}"), Some("an object that occurs twice"))]
    #[case::skipped(&format!("# +argocd:skip-file-rendering\n{MAP}"), Some("files that are skipped by a marker"))]
    #[case::values("replicas: 1\n", Some("files that are not Kubernetes objects"))]
    #[case::template("a: {{ b }}\n---\n{{ c }}\n", Some("files that are not Kubernetes objects"))]
    #[case::list("apiVersion: v1\nkind: List\nitems: []\n", Some("a list of objects"))]
    #[case::nameless(
        "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
        Some("an object without a name")
    )]
    #[case::local(
        &format!("{MAP}  annotations: {{config.kubernetes.io/local-config: 'true'}}\n"),
        Some("annotations that speak to kustomize")
    )]
    #[case::kustomization(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n",
        Some("kustomization files read as manifests")
    )]
    #[case::odd_key(
        &format!("{MAP}data: {{yes: b}}\n"),
        Some("keys that YAML 1.1 takes for something else than text")
    )]
    #[case::odd_number(
        &format!("{MAP}data: {{0x10: b}}\n"),
        Some("keys that YAML 1.1 takes for something else than text")
    )]
    #[case::odd_float(
        &format!("{MAP}data: {{1.0: b}}\n"),
        Some("keys that YAML 1.1 takes for something else than text")
    )]
    #[case::plain_keys(&format!("{MAP}data: {{'yes': b, 8080: c, '1.0': d}}\n"), None)]
    #[case::failure(
        &format!("{MAP}  annotations: {{argocd.argoproj.io/hook: SyncFail}}\n"),
        Some("hooks that no Sync runs")
    )]
    #[case::before(&format!("{MAP}  annotations: {{argocd.argoproj.io/hook: PreSync}}\n"), None)]
    #[case::excluded(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: a}\n",
        Some("kinds that the settings of Argo CD exclude")
    )]
    fn reasons(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(unlike_flux(std::iter::once(text), &ResourcesFilter::default()), expected);
    }

    #[test]
    fn across_files() {
        let found = unlike_flux([MAP, MAP].into_iter(), &ResourcesFilter::default());
        assert_eq!(found, Some("an object that occurs twice"));
    }
}
