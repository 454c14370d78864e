//! The Flux Kustomization: kustomizations and plain directories of manifests.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Placement, Source};
use super::kustomize;
use super::patches::patch;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::names;

/// How long Flux may take to apply, and to wait for what it is told to wait for.
const TIMEOUT: &str = "5m";

/// Label that marks, during the build alone, objects whose namespace is settled.
const PLACED: &str = "flux-subsystem.dev/placed";

/// What the path of a Kustomization holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manifests {
    /// Kustomizations, perhaps on top of each other.
    Kustomized,
    /// Plain files in one folder; Flux writes the kustomization file.
    Flat,
}

/// The Kustomization of what the source object `origin` fetches; `None` when a problem was noted.
pub(super) fn kustomization(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    origin: &ObjectKey,
    manifests: Manifests,
) -> Option<Manifest> {
    let folder = source.folder(draft);
    let settings = kustomize::settings(draft, source)?;
    let mut spec = common(draft);
    spec.insert("sourceRef".to_owned(), placement.reference(origin));
    spec.insert("path".to_owned(), json!(folder?.dotted()));
    spec.extend(settings);
    // Where the Application names none, every object has to say its own.
    if !spec.contains_key("targetNamespace") && !draft.app.spec.destination.namespace.is_empty() {
        let fill = fill_namespace(&placement.namespace, manifests);
        match spec.entry("patches").or_insert_with(|| json!([])) {
            Value::Array(patches) => patches.extend(fill),
            patches => *patches = Value::Array(fill),
        }
    }
    Some(placement.object(draft.app, FluxKind::Kustomization, Value::Object(spec)))
}

/// The Kustomization of what the repo-server rendered into the artifact of `source`: finished objects, each with its
/// namespace.
pub(super) fn of_rendered(draft: &Draft<'_>, placement: &Placement, source: &ObjectKey) -> Manifest {
    let mut spec = common(draft);
    spec.insert("sourceRef".to_owned(), placement.reference(source));
    spec.insert("path".to_owned(), json!("./"));
    placement.object(draft.app, FluxKind::Kustomization, Value::Object(spec))
}

/// What holds for any Kustomization of the Application.
fn common(draft: &Draft<'_>) -> Map<String, Value> {
    let replaces = draft.app.has_sync_option("Replace=true");
    let mut spec = Map::new();
    spec.insert("interval".to_owned(), json!(names::WORKLOAD_INTERVAL));
    spec.insert("retryInterval".to_owned(), json!(names::RETRY_INTERVAL));
    spec.insert("timeout".to_owned(), json!(TIMEOUT));
    spec.insert("prune".to_owned(), json!(draft.app.prunes()));
    // Argo CD's cascade deletes everything it manages, whatever `prune` says, and ends when all of it is gone. Flux's
    // default would leave the objects of an unpruned Kustomization behind.
    spec.insert("deletionPolicy".to_owned(), json!("WaitForTermination"));
    if replaces {
        spec.insert("force".to_owned(), json!(true));
    }
    spec
}

/// Patches that give objects without a namespace the Application's, as Argo CD does (gitops-engine, `sync_context.go`).
///
/// To kustomize, an object without a namespace is one in `default`, so that is what the target says; what kustomize knows
/// to be cluster-wide never matches. An object that names `default` itself cannot be told apart, and moves too.
///
/// A target matches the namespace that an object had in its file as well as the one that it has now. Where kustomizations
/// build on each other, one below may have set a namespace, which has to stay: such objects are marked first, and the mark
/// is taken off in the end.
fn fill_namespace(namespace: &str, manifests: Manifests) -> Vec<Value> {
    let add = patch(&json!([{"op": "add", "path": "/metadata/namespace", "value": namespace}]));
    if manifests == Manifests::Flat {
        return vec![json!({"target": {"namespace": "default"}, "patch": add})];
    }
    let pointer = format!("/metadata/labels/{}", PLACED.replace('/', "~1"));
    let remove = patch(&json!([{"op": "remove", "path": pointer}]));
    let any =
        json!({"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any", "labels": {PLACED: "true"}}});
    vec![
        json!({"target": {"namespace": not("default")}, "patch": patch(&any)}),
        json!({"target": {"namespace": "default", "labelSelector": format!("!{PLACED}")}, "patch": add}),
        json!({"target": {"labelSelector": PLACED}, "patch": remove}),
    ]
}

/// A regular expression for every text but `word`. Go's expressions have no negation, so it goes letter by letter.
fn not(word: &str) -> String {
    let mut alternatives = Vec::new();
    for (index, letter) in word.char_indices() {
        let before = &word[..index];
        // The empty text never occurs: kustomize calls it `default`.
        if index == 0 {
            alternatives.push(format!("[^{letter}].*"));
        } else {
            alternatives.push(format!("{before}([^{letter}].*)?"));
        }
    }
    alternatives.push(format!("{word}.+"));
    alternatives.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn everything_but_the_word() {
        let pattern = Regex::new(&format!("^(?:{})$", not("default"))).unwrap();
        for other in ["a", "d", "de", "defaul", "defaults", "default-x", "xdefault", "prod", "dafault", "d3"]
        {
            assert!(pattern.is_match(other), "{other}");
        }
        assert!(!pattern.is_match("default"));
    }
}
