//! From the answer of the repo-server to the objects that are delivered. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::argo::Protection;
use crate::argo::protection::ANNOTATION_SYNC_OPTIONS;
use crate::flux::FluxKind;
use crate::mirror::warnings::{EXCLUDED_RESOURCE, REPEATED_RESOURCE, excluded_message, repeated_message};
use crate::project::ResourcesFilter;
use crate::translate::hook;
use crate::translate::keep::mark;

/// Why an answer of the repo-server cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no JSON.
    #[error("the repo-server answered something that is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that gets its name when it is created.
    #[error(
        "{kind} has metadata.generateName {prefix:?} in the place of a name: Flux keeps objects by their names and cannot \
         deliver it (give it a name)"
    )]
    GenerateName {
        /// Kind of the object.
        kind: String,
        /// Its `generateName`.
        prefix: String,
    },
}

/// Which object: group, kind, namespace, name.
type Key = [String; 4];

/// What becomes of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    /// The objects, each with its namespace, once and in a fixed order.
    pub objects: Vec<Value>,
    /// Types and messages of the conditions that Argo CD would show.
    pub warnings: Vec<(&'static str, String)>,
}

/// The objects of an answer as stock Argo CD would apply them (argo-cd `controller/state.go`, `NormalizeTargetObjects` and
/// `CompareAppState`; gitops-engine `sync_phase.go`): in their namespaces, each once, without what `filter` excludes and
/// without hooks that no Sync runs. Those that say that they stay have Flux's word for it beside their own.
///
/// `namespace` is for those that name none, `is_namespaced` says of a group and kind whether its objects are in namespaces;
/// what it does not know is taken for namespaced, as there. Of two objects with one name the last one counts. What becomes a
/// chart keeps its hooks: Helm runs them.
///
/// # Errors
/// A manifest that is no JSON, or an object without a name.
pub fn finish(
    manifests: &[String],
    namespace: &str,
    filter: &ResourcesFilter,
    is_chart: bool,
    is_namespaced: impl Fn(&str, &str) -> Option<bool>,
) -> Result<Finished, ManifestError> {
    let mut objects: BTreeMap<Key, Value> = BTreeMap::new();
    let mut times: BTreeMap<Key, usize> = BTreeMap::new();
    let mut excluded = BTreeSet::new();
    for manifest in manifests {
        let mut object: Value = serde_json::from_str(manifest)?;
        // The repo-server leaves an empty document in where a file is empty.
        let is_run = is_chart && hook::is_helms(&object) || hook::is_applied(&object);
        if object.is_null() || !is_run {
            continue;
        }
        let (group, kind) = group_kind(&object);
        place(&mut object, namespace, is_namespaced(&group, &kind).unwrap_or(true));
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (name, prefix) = (text("name"), text("generateName"));
        if filter.excludes(&group, &kind) {
            excluded.insert(excluded_message(&group, &kind, &name));
            continue;
        }
        if name.is_empty() && !prefix.is_empty() {
            return Err(ManifestError::GenerateName { kind, prefix });
        }
        let key = [group, kind, text("namespace"), name];
        keep(&mut object, is_chart);
        *times.entry(key.clone()).or_default() += 1;
        objects.insert(key, object);
    }
    let repeated =
        times.iter().filter(|(_, times)| **times > 1).map(|([group, kind, namespace, name], times)| {
            (REPEATED_RESOURCE, repeated_message(&format!("{group}/{kind}/{namespace}/{name}"), *times))
        });
    let excluded = excluded.into_iter().map(|message| (EXCLUDED_RESOURCE, message));
    Ok(Finished { warnings: repeated.chain(excluded).collect(), objects: objects.into_values().collect() })
}

fn group_kind(object: &Value) -> (String, String) {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let group = text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    (group.to_owned(), text("kind").to_owned())
}

fn place(object: &mut Value, namespace: &str, is_namespaced: bool) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let is_absent = metadata.get("namespace").and_then(Value::as_str).is_none_or(str::is_empty);
    if !is_namespaced {
        metadata.remove("namespace");
    } else if is_absent {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

/// Flux's own word on an object whose sync options say that it stays.
fn keep(object: &mut Value, is_chart: bool) {
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    let options = annotations.get(ANNOTATION_SYNC_OPTIONS).and_then(Value::as_str).unwrap_or_default();
    if Protection::read(options).is_any() {
        let kind = if is_chart { FluxKind::HelmRelease } else { FluxKind::Kustomization };
        let (name, value) = mark(kind);
        annotations.insert(name.to_owned(), value.into());
    }
}

/// The objects as one file of YAML documents. Each is written as JSON, which every reader of YAML takes for the same thing.
pub(super) fn documents(objects: &[Value]) -> String {
    let documents: Vec<String> =
        objects.iter().map(|object| for_yaml(&format!("{object:#}")) + "\n").collect();
    documents.join("---\n")
}

/// Letters that JSON allows and YAML does not (YAML 1.2, `c-printable`), escaped. They stand in texts alone.
fn for_yaml(json: &str) -> String {
    let is_printable = |c: char| !matches!(c, '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        if is_printable(c) {
            text.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(manifests: &[Value]) -> Result<Finished, ManifestError> {
        let texts: Vec<String> = manifests.iter().map(ToString::to_string).collect();
        finish(&texts, "apps", &ResourcesFilter::default(), false, |group, kind| match (group, kind) {
            ("", "ConfigMap") => Some(true),
            ("", "Namespace") => Some(false),
            _ => None,
        })
    }

    fn finished(manifests: &[Value]) -> Result<Vec<Value>, ManifestError> {
        whole(manifests).map(|finished| finished.objects)
    }

    fn object(kind: &str, metadata: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": metadata})
    }

    #[test]
    fn namespaces_are_filled_in_only_where_they_are_absent() {
        let objects = finished(&[
            object("ConfigMap", &json!({"name": "a"})),
            object("ConfigMap", &json!({"name": "b", "namespace": "default"})),
            object("Namespace", &json!({"name": "c", "namespace": "odd"})),
            json!({"apiVersion": "x.org/v1", "kind": "Unknown", "metadata": {"name": "d"}}),
        ])
        .unwrap();
        let found: Vec<_> = objects.iter().map(|object| &object["metadata"]).collect();
        assert_eq!(
            found,
            [
                &json!({"name": "a", "namespace": "apps"}),
                &json!({"name": "b", "namespace": "default"}),
                &json!({"name": "c"}),
                &json!({"name": "d", "namespace": "apps"}),
            ]
        );
    }

    #[test]
    fn the_order_is_fixed_and_the_last_of_two_counts() {
        let first = object("ConfigMap", &json!({"name": "b", "labels": {"n": "1"}}));
        let last = object("ConfigMap", &json!({"name": "b", "namespace": "apps", "labels": {"n": "2"}}));
        let other = object("ConfigMap", &json!({"name": "a"}));
        let objects = finished(&[first.clone(), last.clone(), other.clone()]).unwrap();
        assert_eq!(objects, finished(&[other, first, last]).unwrap());
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[1]["metadata"]["labels"]["n"], "2");
    }

    #[test]
    fn what_argo_cd_would_not_apply_is_left_out_and_told() {
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
        let map = object("ConfigMap", &json!({"name": "a"}));
        let failure = object(
            "Job",
            &json!({"generateName": "f-", "annotations": {"argocd.argoproj.io/hook": "SyncFail"}}),
        );
        let finished = whole(&[lease, map.clone(), failure, map]).unwrap();
        assert_eq!(finished.objects.len(), 1);
        let warnings = [
            (REPEATED_RESOURCE, "Resource /ConfigMap/apps/a appeared 2 times among application resources."),
            (EXCLUDED_RESOURCE, "Resource coordination.k8s.io/Lease l is excluded in the settings"),
        ];
        assert_eq!(finished.warnings, warnings.map(|(kind, message)| (kind, message.to_owned())));
    }

    #[test]
    fn what_has_no_name_is_refused_by_name() {
        let error = finished(&[object("Job", &json!({"generateName": "migrate-"}))]).unwrap_err();
        assert!(error.to_string().contains("Job has metadata.generateName \"migrate-\""), "{error}");
        let filter = ResourcesFilter::default();
        assert!(finish(&["{".to_owned()], "apps", &filter, false, |_, _| None).is_err());
        let nothing = finish(&["null".to_owned()], "apps", &filter, false, |_, _| None).unwrap();
        assert_eq!(nothing, Finished::default());
    }

    #[test]
    fn what_stays_says_so_to_flux() {
        let annotated = |options: &str| {
            object("ConfigMap", &json!({"name": "a", "annotations": {ANNOTATION_SYNC_OPTIONS: options}}))
        };
        let marks = |options: &str, is_chart: bool| {
            let texts = [annotated(options).to_string()];
            let finished =
                finish(&texts, "apps", &ResourcesFilter::default(), is_chart, |_, _| None).unwrap();
            let annotations = finished.objects[0]["metadata"]["annotations"].clone();
            ["kustomize.toolkit.fluxcd.io/prune", "helm.sh/resource-policy"]
                .map(|name| annotations.get(name).and_then(Value::as_str).unwrap_or_default().to_owned())
        };
        assert_eq!(marks("Replace=true, Prune=false", false), ["disabled", ""]);
        assert_eq!(marks("Delete=confirm", true), ["", "keep"]);
        assert_eq!(marks("ServerSideApply=true", false), ["", ""]);
    }

    #[test]
    fn documents_read_back_as_they_were() {
        let objects = [
            json!({"kind": "A", "data": {"n": "yes", "del": "\u{7f}\u{85}\u{feff}", "text": "a\n---\nb", "x": "\u{1b}[0m"}}),
            json!({"kind": "B", "number": 1.5, "list": [1, true, null]}),
        ];
        let text = documents(&objects);
        assert!(!text.contains('\u{7f}'));
        let parts: Vec<Value> =
            text.split("\n---\n").map(|part| serde_json::from_str(part).unwrap()).collect();
        assert_eq!(parts, objects);
    }
}
