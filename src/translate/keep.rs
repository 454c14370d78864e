//! Objects that say in their sync options that they stay (`Prune=false`, `Delete=false`, `…=confirm`): Flux has an annotation of
//! its own for that, which counts when an object leaves the source and when the workload object goes.
//!
//! Nobody looks at a revision before Flux applies it. So every workload object puts that annotation on whatever has sync
//! options at all: kustomize selects by the presence of an annotation, and by values that are label values, which these are
//! not. What the repo-server renders has the annotation exactly where it belongs ([`crate::registry`]); there the patch is
//! needed only where others add sync options afterwards.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::patches::{add, patch};
use crate::argo::protection::ANNOTATION_SYNC_OPTIONS;
use crate::argo::{Protection, Stays};
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::{names, yaml};

/// In whatever way a patch writes the annotation: as a key, or in a JSON pointer.
const WORD: &str = "sync-options";

/// The annotation by which Flux keeps what a workload object of that kind applies, and its value.
pub(crate) const fn mark(kind: FluxKind) -> (&'static str, &'static str) {
    match kind {
        FluxKind::HelmRelease => names::KEPT_BY_HELM,
        _ => names::KEPT_BY_KUSTOMIZATIONS,
    }
}

/// Has each workload object keep what says that it stays. Called after everybody who may add sync options.
pub(super) fn apply(objects: &mut [Manifest]) {
    let rendered =
        objects.iter().filter(|object| object.annotations.contains_key(names::ANNOTATION_RENDERED));
    let rendered: BTreeSet<ObjectKey> = rendered.map(|object| object.key.clone()).collect();
    for object in objects.iter_mut().filter(|object| object.key.kind.is_workload()) {
        let is_exact = origin(object).is_some_and(|origin| rendered.contains(&origin));
        if !is_exact || patches(&object.spec).any(speaks) {
            protect(object);
        }
        common_metadata(object);
    }
}

/// Adds the patch, unless it is there and nobody adds sync options after it; whether it was added.
fn protect(workload: &mut Manifest) -> bool {
    let net = net(workload.key.kind);
    let all: Vec<&Value> = patches(&workload.spec).collect();
    let is_there = all.iter().rposition(|patch| **patch == net);
    let is_last = is_there.is_some_and(|index| !all[index + 1..].iter().any(|patch| speaks(patch)));
    if !is_last {
        add(workload, vec![net]);
    }
    !is_last
}

/// The same, where `wanted` has the patch.
pub(crate) fn protect_like(wanted: &Manifest, spec: Value) -> (Value, bool) {
    let net = net(wanted.key.kind);
    let mut standing = Manifest { spec, ..wanted.clone() };
    let is_added = patches(&wanted.spec).any(|patch| *patch == net) && protect(&mut standing);
    (standing.spec, is_added)
}

/// Takes the patch from the end of the lists in `spec`, or in a merge patch of it, of a workload object of that kind: it comes
/// back by itself.
pub(crate) fn without_the_last(kind: FluxKind, spec: &mut Value) {
    let net = net(kind);
    let renderer = json!({"kustomize": {"patches": [net]}});
    for (field, last) in [("patches", net), ("postRenderers", renderer)] {
        if let Some(list) = spec.get_mut(field).and_then(Value::as_array_mut)
            && list.last() == Some(&last)
        {
            list.pop();
        }
    }
}

/// The patch by which a workload object of that kind keeps what has sync options. kustomize leaves kind and name of what it
/// selects as they are, so that those of the patch are any.
///
/// No JSON patch: on its way through one, an integer beyond 2^53 becomes another.
fn net(kind: FluxKind) -> Value {
    let (name, value) = mark(kind);
    let any =
        json!({"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any", "annotations": {name: value}}});
    json!({"target": {"annotationSelector": ANNOTATION_SYNC_OPTIONS}, "patch": patch(&any)})
}

/// All patches of a workload object, in the order of application.
fn patches(spec: &Value) -> impl Iterator<Item = &Value> {
    let renderers = spec.get("postRenderers").and_then(Value::as_array).into_iter().flatten();
    let of_renderers = renderers.filter_map(|renderer| renderer.pointer("/kustomize/patches"));
    of_renderers.chain(spec.get("patches")).filter_map(Value::as_array).flatten()
}

/// It may add sync options.
fn speaks(patch: &Value) -> bool {
    patch.get("patch").and_then(Value::as_str).is_some_and(|text| text.contains(WORD))
}

/// The source object that a workload object is fed by.
fn origin(workload: &Manifest) -> Option<ObjectKey> {
    let reference = workload.spec.get("sourceRef").or_else(|| workload.spec.get("chartRef"))?;
    let text = |field: &str| reference.get(field).and_then(Value::as_str);
    let namespace = text("namespace").unwrap_or(&workload.key.namespace);
    Some(ObjectKey::new(FluxKind::parse(text("kind")?)?, namespace, text("name")?))
}

/// Metadata that Flux adds to everything, after all patches: an override may say sync options there.
fn common_metadata(workload: &mut Manifest) {
    let (name, value) = mark(workload.key.kind);
    let common = workload.spec.pointer_mut("/commonMetadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = common else { return };
    let options = annotations.get(ANNOTATION_SYNC_OPTIONS).and_then(Value::as_str);
    if options.is_some_and(|options| Protection::read(options).is_any()) {
        annotations.insert(name.to_owned(), json!(value));
    }
}

/// Whether a kustomization adds sync options after the patches that Flux adds to it (kustomize
/// `kusttarget_configplugin.go`, `configureBuiltinTransformers`): where no patch reaches them. A JSON patch in a file is taken
/// for one that does.
pub(super) fn is_added_last(kustomization: &Map<String, Value>) -> bool {
    let common = kustomization.get("commonAnnotations").and_then(Value::as_object);
    let is_common = common.is_some_and(|annotations| annotations.contains_key(ANNOTATION_SYNC_OPTIONS));
    let listed = kustomization.get("patchesJson6902").and_then(Value::as_array);
    let may_add = |patch: &Value| patch.get("path").is_some() || speaks(patch);
    is_common || listed.is_some_and(|patches| patches.iter().any(may_add))
}

/// Notes which objects of a file that is read anyway stay, and where that is more than they ask for.
pub(super) fn note(draft: &mut Draft<'_>, field: &str, text: &str) {
    for object in yaml::parse_all(text).unwrap_or_default() {
        let Some(note) = sentence(&object).map(|sentence| (field.to_owned(), sentence)) else { continue };
        // Several kustomizations may name one file.
        if !draft.notes.contains(&note) {
            draft.notes.push(note);
        }
    }
}

fn sentence(object: &Value) -> Option<String> {
    let annotations = object.pointer("/metadata/annotations")?;
    let options = annotations.get(ANNOTATION_SYNC_OPTIONS)?.as_str()?;
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let kept = format!(
        "{kind} {name} says {options}: it stays when it leaves the source, and when the Application goes"
    );
    let protection = Protection::read(options);
    Some(match (protection.prune, protection.delete) {
        (Stays::Yes, Stays::Yes) => kept,
        (Stays::No, Stays::No) => {
            format!(
                "{kept}, though it does not ask for that (Flux tells objects with sync options from those without)"
            )
        }
        _ => format!("{kept} (Flux has one word for both, and none for a confirmation)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use rstest::rstest;

    fn workload(kind: FluxKind, spec: &Value) -> Manifest {
        Manifest::owned_by(&Application::default(), ObjectKey::new(kind, "apps", "demo"), spec.clone())
    }

    fn protected(kind: FluxKind, spec: &Value) -> Value {
        let mut objects = [workload(kind, spec)];
        apply(&mut objects);
        objects[0].spec.clone()
    }

    fn added(name: &str) -> Value {
        json!({"patch": format!("metadata: {{annotations: {{{name}: a}}}}")})
    }

    #[test]
    fn flux_keeps_what_has_sync_options_by_its_own_word() {
        let kustomization = protected(FluxKind::Kustomization, &json!({}));
        let release = protected(FluxKind::HelmRelease, &json!({}));
        let patch = &kustomization["patches"][0];
        assert_eq!(patch["target"], json!({"annotationSelector": "argocd.argoproj.io/sync-options"}));
        assert!(patch["patch"].as_str().unwrap().contains("kustomize.toolkit.fluxcd.io/prune: disabled"));
        let patch = &release["postRenderers"][0]["kustomize"]["patches"][0];
        assert!(patch["patch"].as_str().unwrap().contains("helm.sh/resource-policy: keep"));
    }

    #[rstest]
    #[case::key(added(ANNOTATION_SYNC_OPTIONS))]
    #[case::pointer(json!({"patch": "[{op: add, path: /metadata/annotations/argocd.argoproj.io~1sync-options, value: a}]"}))]
    fn it_comes_after_whoever_adds_sync_options(#[case] patch: Value) {
        let net = net(FluxKind::Kustomization);
        let spec = protected(FluxKind::Kustomization, &json!({"patches": [net, patch]}));
        assert_eq!(spec["patches"], json!([net, patch, net]));
        let net = super::net(FluxKind::HelmRelease);
        let renderer = |patch: &Value| json!({"kustomize": {"patches": [patch]}});
        let release = protected(FluxKind::HelmRelease, &json!({"postRenderers": [renderer(&patch)]}));
        assert_eq!(release["postRenderers"], json!([renderer(&patch), renderer(&net)]));
    }

    /// An edit of the list that was written back into an override holds the patch already.
    #[test]
    fn it_is_there_once() {
        let net = net(FluxKind::Kustomization);
        let spec = json!({"patches": [net, added("other")]});
        assert_eq!(protected(FluxKind::Kustomization, &spec), spec);
    }

    #[rstest]
    #[case::alone(json!([]), false)]
    #[case::patched(json!([added("other")]), false)]
    #[case::options_added(json!([added(ANNOTATION_SYNC_OPTIONS)]), true)]
    fn what_is_rendered_needs_it_where_options_are_added_afterwards(
        #[case] patches: Value,
        #[case] expected: bool,
    ) {
        let mut source = workload(FluxKind::OciRepository, &json!({}));
        source.annotations.insert(names::ANNOTATION_RENDERED.to_owned(), "jsonnet".to_owned());
        let reference = json!({"kind": "OCIRepository", "name": "demo"});
        let kustomization =
            workload(FluxKind::Kustomization, &json!({"sourceRef": reference, "patches": patches}));
        let mut objects = [source, kustomization];
        apply(&mut objects);
        let is_there = super::patches(&objects[1].spec).any(|patch| *patch == net(FluxKind::Kustomization));
        assert_eq!(is_there, expected);
    }

    #[rstest]
    #[case::protecting("Prune=false", true)]
    #[case::others("Replace=true", false)]
    fn common_metadata_may_protect_everything(#[case] options: &str, #[case] expected: bool) {
        let spec = json!({"commonMetadata": {"annotations": {ANNOTATION_SYNC_OPTIONS: options}}});
        let spec = protected(FluxKind::Kustomization, &spec);
        let annotations = &spec["commonMetadata"]["annotations"];
        assert_eq!(annotations.get("kustomize.toolkit.fluxcd.io/prune").is_some(), expected);
    }

    #[rstest]
    #[case::both("Prune=false, Delete=false", "the Application goes")]
    #[case::one("Prune=false", "none for a confirmation)")]
    #[case::confirmation("Delete=confirm", "none for a confirmation)")]
    #[case::neither("Replace=true", "from those without)")]
    fn what_stays_is_said(#[case] options: &str, #[case] end: &str) {
        let object = json!({"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {ANNOTATION_SYNC_OPTIONS: options}}});
        let said = sentence(&object).unwrap();
        assert!(said.starts_with(&format!("ConfigMap a says {options}: it stays")), "{said}");
        assert!(said.ends_with(end), "{said}");
        assert_eq!(sentence(&json!({"kind": "ConfigMap", "metadata": {"name": "a"}})), None);
    }
}
