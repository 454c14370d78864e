//! Patches by which a workload object changes what it builds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::flux::{FluxKind, Manifest};
use crate::merge::deep_merge;
use crate::project::RenderedObject;
use crate::yaml;

/// A patch as text; YAML, since people read it.
pub(super) fn patch(value: &Value) -> String {
    yaml::write(value).unwrap_or_else(|_| value.to_string())
}

/// The namespace of an object that says none, in kustomize's eyes (kustomize `kyaml/resid/resid.go`,
/// `EffectiveNamespace`).
pub(super) const NAMESPACE_OF_NONE: &str = "default";

/// A pattern of the core group alone: an empty one stands for any group.
pub(super) const CORE_GROUP: &str = "^$";

/// What a patch of kustomize says that takes an object out.
pub(crate) const DELETES: &str = "$patch: delete";

/// Has a workload object change by `patches` what it builds.
pub(super) fn add(workload: &mut Manifest, patches: Vec<Value>) {
    if workload.key.kind == FluxKind::HelmRelease {
        append(&mut workload.spec, "postRenderers", vec![json!({"kustomize": {"patches": patches}})]);
    } else {
        append(&mut workload.spec, "patches", patches);
    }
}

pub(super) fn append(spec: &mut Value, field: &str, mut items: Vec<Value>) {
    if let Some(list) = spec.get_mut(field).and_then(Value::as_array_mut) {
        list.append(&mut items);
    } else {
        deep_merge(spec, json!({field: items}));
    }
}

/// One patch for each of the objects, to be made by a workload object of that kind: `change` is what it says beside which
/// object it is.
pub(super) fn patches(
    objects: &[&RenderedObject],
    kind: FluxKind,
    destination_namespace: &str,
    change: fn(&mut Value),
) -> Vec<Value> {
    // Helm's own patches run before anything has a namespace, those of a Kustomization after.
    let default = if kind == FluxKind::HelmRelease { NAMESPACE_OF_NONE } else { destination_namespace };
    let mut told = BTreeSet::new();
    let mut patches = Vec::new();
    for object in objects {
        let RenderedObject { group, version, kind, name, .. } = object;
        let namespace = if object.namespace.is_empty() { default } else { &object.namespace };
        let namespace =
            Some(namespace).filter(|namespace| !namespace.is_empty() && object.is_namespaced != Some(false));
        if !told.insert((group, kind, namespace, name)) {
            continue;
        }
        let mut target = json!({
            "group": if group.is_empty() { CORE_GROUP.to_owned() } else { exactly(group) },
            "kind": kind,
            "name": exactly(name),
        });
        if let Some(namespace) = namespace {
            deep_merge(&mut target, json!({"namespace": exactly(namespace)}));
        }
        let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
        let mut changed = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
        change(&mut changed);
        patches.push(json!({"target": target, "patch": patch(&changed)}));
    }
    patches
}

pub(super) fn deletion(object: &mut Value) {
    deep_merge(object, json!({"$patch": "delete"}));
}

/// The objects that `patches` of a workload object take out, as [`patches`] writes them.
pub(crate) fn taken_out(patches: &[Value], kind: FluxKind) -> Vec<RenderedObject> {
    let one = |written: &Value| -> Option<RenderedObject> {
        let deletion = written["patch"].as_str().filter(|text| text.contains(DELETES))?;
        let deletion = yaml::parse(deletion).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let api_version = deletion["apiVersion"].as_str()?;
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let namespace = text(&written["target"]["namespace"]);
        let is_none = |namespace: &String| kind == FluxKind::HelmRelease && namespace == NAMESPACE_OF_NONE;
        Some(RenderedObject {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: text(&deletion["kind"])?,
            name: text(&deletion["metadata"]["name"])?,
            is_namespaced: Some(namespace.is_some()),
            namespace: namespace.filter(|namespace| !is_none(namespace)).unwrap_or_default(),
        })
    };
    patches.iter().filter_map(one).collect()
}

/// The pattern of one text, which kustomize takes for the whole of it. A hyphen means something between brackets alone.
pub(super) fn exactly(text: &str) -> String {
    regex::escape(text).replace("\\-", "-")
}
