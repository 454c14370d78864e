//! `kustomize` of a chart → `postRenderers` of its `HelmRelease`: what is changed after Helm has rendered.
//!
//! Stock Argo CD has one or the other (`multiple application sources defined`). helm-controller runs kustomize on what Helm
//! renders, hooks included, with patches and images (helm-controller `internal/postrender/kustomize.go`). The rest of what
//! Argo CD tells kustomize (argo-cd `util/kustomize/kustomize.go`, `Build`) is written as patches where a patch means the
//! same, and refused where none does.
//!
//! The order is kustomize's own (`configureBuiltinTransformers`): patches, labels, annotations, replicas, images. A policy's
//! post-renderers come after the Application's. What a chart holds in `crds/` Helm does not render, so that nothing here
//! reaches it. `replicas` of a name that the chart does not render has no effect, where kustomize would stop.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft::{Draft, Source};
use super::env;
use super::kustomize::{image_overrides, patch_fields};
use super::patches::patch;
use crate::argo::ApplicationSource;
use crate::argo::zero::{is_empty, says};
use crate::{merge, names};

/// The kinds that kustomize sets replicas of (kustomize `builtinpluginconsts/replicas.go`).
const WITH_REPLICAS: &str = "Deployment|ReplicationController|ReplicaSet|StatefulSet";

/// The patches and images of one post-renderer, each in the order of application.
#[derive(Default)]
struct Changes {
    patches: Vec<Value>,
    labels: Vec<Value>,
    annotations: Vec<Value>,
    replicas: Vec<Value>,
    images: Vec<Value>,
}

impl Changes {
    /// A list of at most one post-renderer.
    fn into_renderers(self) -> Vec<Value> {
        let patches = [self.patches, self.labels, self.annotations, self.replicas].concat();
        let mut kustomize = Map::new();
        for (field, list) in [("patches", patches), ("images", self.images)] {
            if !list.is_empty() {
                kustomize.insert(field.to_owned(), Value::Array(list));
            }
        }
        if kustomize.is_empty() { Vec::new() } else { vec![json!({"kustomize": kustomize})] }
    }
}

/// Whether the Application names Helm for the source (argo-cd `types.go`, `ApplicationSourceHelm.IsZero`).
pub(super) fn says_helm(source: &ApplicationSource) -> bool {
    source.helm.as_ref().is_some_and(|helm| {
        // An empty object of values is a value; everything else is compared to nothing at all.
        helm.values_object.is_some() || serde_json::to_value(helm).is_ok_and(|helm| !is_empty(&helm))
    })
}

/// Whether the Application names Kustomize for the source.
pub(super) fn says_kustomize(source: &ApplicationSource) -> bool {
    says(source.kustomize.as_ref())
}

/// Whether the source is a chart that is changed after it was rendered, of which stock Argo CD knows nothing.
pub fn is_post_rendered(source: &ApplicationSource) -> bool {
    says_kustomize(source) && (!source.chart.is_empty() || says_helm(source))
}

/// `postRenderers` of the release; `None` while something is wanted, and when a problem was noted.
pub(super) fn renderers(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Vec<Value>> {
    let none = Map::new();
    let settings = source.spec.kustomize.as_ref().unwrap_or(&none);
    let mut changes = Changes::default();
    let mut is_complete = true;
    for (name, value) in settings.iter().filter(|(_, value)| !is_empty(value)) {
        is_complete &= field(draft, source, settings, name, value, &mut changes).is_some();
    }
    is_complete.then(|| changes.into_renderers())
}

fn field(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    settings: &Map<String, Value>,
    name: &str,
    value: &Value,
    changes: &mut Changes,
) -> Option<()> {
    match (name, value) {
        ("images", Value::Array(list)) => changes.images = images(draft, source, list)?,
        ("patches", Value::Array(list)) => changes.patches = patches(draft, source, list)?,
        ("replicas", Value::Array(list)) => changes.replicas = with_replicas(draft, source, list)?,
        ("commonLabels", Value::Object(labels)) => {
            changes.labels = common_labels(draft, source, settings, labels)?;
        }
        ("commonAnnotations", Value::Object(annotations)) => {
            changes.annotations = common_annotations(draft, source, settings, annotations)?;
        }
        // They say how labels and annotations are added, and go with those; what they would overwrite is in a kustomization
        // file, and there is none. Components that may be missing are no components.
        (
            "forceCommonLabels"
            | "forceCommonAnnotations"
            | "labelWithoutSelector"
            | "labelIncludeTemplates"
            | "commonAnnotationsEnvsubst"
            | "ignoreMissingComponents",
            Value::Bool(_),
        )
        // For charts within kustomizations alone.
        | ("kubeVersion" | "apiVersions", _) => {}
        _ => {
            let (message, hint) = refusal(name);
            return draft.error(source.at(&format!("kustomize.{name}")), message, hint);
        }
    }
    Some(())
}

/// Why a field has no word in a `HelmRelease`, and what has.
fn refusal(name: &str) -> (&'static str, &'static str) {
    match name {
        "namePrefix" | "nameSuffix" => (
            "Flux patches what a chart renders, and renames nothing",
            "set helm.releaseName, or what the chart has for it (fullnameOverride)",
        ),
        "namespace" => (
            "Flux patches what a chart renders, and moves nothing to another namespace",
            "deliver to that namespace: destination.namespace",
        ),
        "components" => ("Flux reads no files beside a chart", "write their patches into kustomize.patches"),
        "version" => ("helm-controller has a kustomize of its own and no other", "leave it out"),
        _ => ("is nothing that Kustomize can be told", "leave it out"),
    }
}

/// The text with its variables replaced. Which version of a range is delivered is found out by Flux alone, and whoever else
/// renders the chart, this is written beforehand.
fn substituted(draft: &mut Draft<'_>, source: &Source<'_>, field: &str, text: &str) -> Option<String> {
    let substituted = env::substitute(draft, source, text);
    if substituted.is_none() && draft.unfaithful.take().is_some() {
        let message = "the revision of a range of versions is not known when this is written";
        return draft.error(field, message, "name the version in targetRevision");
    }
    substituted
}

/// Image overrides as `kustomize edit set image` writes them into an empty file.
fn images(draft: &mut Draft<'_>, source: &Source<'_>, list: &[Value]) -> Option<Vec<Value>> {
    let mut is_complete = true;
    let images = image_overrides(draft, source, list, |draft, field, text| {
        let text = substituted(draft, source, field, text);
        is_complete &= text.is_some();
        text
    })?;
    let without_wildcards = images.into_iter().map(|image| match image {
        // There is nothing that a wildcard could keep.
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| name == "name" || value != "*");
            Value::Object(kept.collect())
        }
        other => other,
    });
    is_complete.then(|| without_wildcards.collect())
}

/// Inline patches.
fn patches(draft: &mut Draft<'_>, source: &Source<'_>, list: &[Value]) -> Option<Vec<Value>> {
    let mut kept = Vec::new();
    let mut is_complete = true;
    for (index, value) in list.iter().enumerate() {
        let Some(fields) = patch_fields(draft, source, index, value) else {
            is_complete = false;
            continue;
        };
        let refused = if fields.contains_key("path") {
            Some(("path", "Flux reads no patch from a file beside a chart", "write it inline, as patch"))
        } else if fields.contains_key("options") {
            Some((
                "options",
                "Flux has no options for patches of a chart",
                "leave them out: names and kinds stay",
            ))
        } else {
            None
        };
        if let Some((name, message, hint)) = refused {
            draft.error::<()>(source.at(&format!("kustomize.patches[{index}].{name}")), message, hint);
            is_complete = false;
        }
        kept.push(Value::Object(fields));
    }
    is_complete.then_some(kept)
}

fn with_replicas(draft: &mut Draft<'_>, source: &Source<'_>, list: &[Value]) -> Option<Vec<Value>> {
    // Of two for one name the last one counts; kustomize sorts them.
    let mut counts = BTreeMap::new();
    for (index, replica) in list.iter().enumerate() {
        let field = source.at(&format!("kustomize.replicas[{index}]"));
        let name = replica.get("name").and_then(Value::as_str).unwrap_or_default();
        let count = replica.get("count").unwrap_or(&Value::Null);
        let Some(number) = count.as_i64().or_else(|| count.as_str()?.parse().ok()) else {
            let message = format!("expected integer value for count. Received: {}", text_of(count));
            return draft.error(format!("{field}.count"), message, "write a number");
        };
        if name.is_empty() || name.contains('=') {
            return draft.error(format!("{field}.name"), format!("{name:?} is no name of an object"), "");
        }
        counts.insert(name, number);
    }
    let patch = |(name, count): (&str, i64)| {
        let target = json!({"kind": WITH_REPLICAS, "name": regex::escape(name)});
        strategic(&target, &[&["spec", "replicas"]], &json!(count))
    };
    Some(counts.into_iter().map(patch).collect())
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Labels of the objects themselves. In selectors they would be refused by the API server for whatever runs already, and
/// kustomize writes them into places that no patch reaches (`volumeClaimTemplates`).
fn common_labels(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    settings: &Map<String, Value>,
    labels: &Map<String, Value>,
) -> Option<Vec<Value>> {
    let is_set = |name: &str| settings.get(name) == Some(&Value::Bool(true));
    if !is_set("labelWithoutSelector") || is_set("labelIncludeTemplates") {
        return draft.error(
            source.at("kustomize.commonLabels"),
            "Flux adds labels to the objects that a chart renders, not to their selectors and templates",
            "set kustomize.labelWithoutSelector: true alone, and write a patch for the templates",
        );
    }
    let labels = texts(draft, source, "commonLabels", labels, true)?;
    for (name, value) in &labels {
        if !value.as_str().is_some_and(is_label_value) {
            let field = source.at(&format!("kustomize.commonLabels[{name}]"));
            return draft.error(field, format!("{value} is not the value of a label"), "");
        }
    }
    Some(vec![strategic(&json!({}), &[&["metadata", "labels"]], &Value::Object(labels))])
}

/// Annotations of the objects and of what they make others from (kustomize `builtinpluginconsts/commonannotations.go`).
fn common_annotations(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    settings: &Map<String, Value>,
    annotations: &Map<String, Value>,
) -> Option<Vec<Value>> {
    let is_substituted = settings.get("commonAnnotationsEnvsubst") == Some(&Value::Bool(true));
    let annotations = Value::Object(texts(draft, source, "commonAnnotations", annotations, is_substituted)?);
    let template: &[&str] = &["spec", "template", "metadata", "annotations"];
    let of_cron_job: [&[&str]; 2] = [
        &["spec", "jobTemplate", "metadata", "annotations"],
        &["spec", "jobTemplate", "spec", "template", "metadata", "annotations"],
    ];
    let places: [(Value, &[&[&str]]); 5] = [
        (json!({}), &[&["metadata", "annotations"]]),
        (json!({"kind": "Deployment|ReplicaSet|DaemonSet|StatefulSet"}), &[template]),
        (json!({"version": "v1", "kind": "ReplicationController"}), &[template]),
        (json!({"group": "batch", "kind": "Job"}), &[template]),
        (json!({"group": "batch", "kind": "CronJob"}), &of_cron_job),
    ];
    Some(places.iter().map(|(target, paths)| strategic(target, paths, &annotations)).collect())
}

/// The texts of a map, with variables replaced where that is wished; quotes around one are dropped, as on kustomize's
/// command line (kustomize `commands/internal/util`, `ConvertSliceToMap`).
fn texts(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    name: &str,
    map: &Map<String, Value>,
    is_substituted: bool,
) -> Option<Map<String, Value>> {
    let mut texts = Map::new();
    for (key, value) in map {
        let field = source.at(&format!("kustomize.{name}[{key}]"));
        let Some(text) = value.as_str() else { return draft.error(field, "is not text", "quote it") };
        let text = if is_substituted { substituted(draft, source, &field, text)? } else { text.to_owned() };
        let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&text);
        texts.insert(key.clone(), json!(unquoted));
    }
    Some(texts)
}

/// A strategic merge patch that sets `value` at each of `paths` of every object that `target` selects. kustomize keeps their
/// kinds and names, so that those of the patch are any.
fn strategic(target: &Value, paths: &[&[&str]], value: &Value) -> Value {
    let mut whole = json!({"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}});
    for path in paths {
        merge::deep_merge(
            &mut whole,
            path.iter().rev().fold(value.clone(), |value, field| json!({*field: value})),
        );
    }
    json!({"target": target, "patch": patch(&whole)})
}

fn is_label_value(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    let is_inside = |c: char| is_end(c) || matches!(c, '-' | '_' | '.');
    text.is_empty()
        || text.len() <= names::MAX_LABEL_VALUE
            && text.starts_with(is_end)
            && text.ends_with(is_end)
            && text.chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(json!({"chart": "a", "kustomize": {"images": ["a:1"]}}), true)]
    #[case(json!({"path": "a", "helm": {"releaseName": "a"}, "kustomize": {"images": ["a:1"]}}), true)]
    #[case(json!({"path": "a", "helm": {"valuesObject": {}}, "kustomize": {"images": ["a:1"]}}), true)]
    #[case::kustomization(json!({"path": "a", "helm": {}, "kustomize": {"images": ["a:1"]}}), false)]
    #[case::nothing_to_change(json!({"chart": "a", "kustomize": {"images": [], "patches": null}}), false)]
    fn what_is_changed_after_rendering(#[case] source: Value, #[case] expected: bool) {
        assert_eq!(is_post_rendered(&serde_json::from_value(source).unwrap()), expected);
    }

    #[rstest]
    #[case("", true)]
    #[case("a", true)]
    #[case("a.b_c-1", true)]
    #[case("-a", false)]
    #[case("a b", false)]
    #[case("ä", false)]
    fn label_values(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_label_value(text), expected);
    }
}
