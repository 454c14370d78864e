//! One object in several sources: stock Argo CD takes it from the last one (argo-cd `controller/state.go`,
//! `NormalizeTargetObjects`), so that a source overrides what those before it hold.
//!
//! Each source has a workload object of its own here, and two of them with one object would take it from each other for
//! ever. So the workload object of an earlier source leaves out what a later one holds: by patches that delete, after
//! whatever else changes what it builds. What the sources hold Argo CD's repo-server says.
//!
//! In a kustomization the patches run before what renames and moves its objects (kustomize `kusttarget_configplugin.go`,
//! `configureBuiltinTransformers`), so that one with something to be left out is rendered first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::draft::{Draft, Source};
use super::handover::{self, Handover};
use super::kustomization::patch;
use super::shape::Leg;
use super::{Context, Route, Severity, Want};
use crate::argo::Application;
use crate::flux::{FluxKind, Manifest};
use crate::merge::deep_merge;
use crate::project::RenderedObject;
use crate::yaml;

/// What is said of a kustomization that is rendered because of it.
pub(super) const REASON: &str = "an object that a later source holds as well";
/// The namespace of an object that says none, in kustomize's eyes (kustomize `kyaml/resid/resid.go`,
/// `EffectiveNamespace`).
const NAMESPACE_OF_NONE: &str = "default";
/// A pattern of the core group alone: an empty one stands for any group.
const CORE_GROUP: &str = "^$";
/// What Helm installs without rendering it, where it lies in `crds/`.
const DEFINITION: &str = "CustomResourceDefinition";

/// What a patch of kustomize says that takes an object out.
pub(crate) const DELETES: &str = "$patch: delete";

/// Group, kind, namespace and name.
pub(crate) type Identity = [String; 4];

/// Everything that the sources hold.
pub(crate) type AllPlaces<'a> = BTreeMap<Identity, Places<'a>>;

/// Where the sources hold an object: each by its index, in their order, with how the object is written there.
#[derive(Debug)]
pub(crate) struct Places<'a>(Vec<(usize, &'a RenderedObject)>);

impl<'a> Places<'a> {
    /// How often the sources hold it.
    pub(crate) const fn times(&self) -> usize {
        self.0.len()
    }

    /// The source that delivers it.
    pub(crate) fn last(&self) -> Option<usize> {
        self.0.last().map(|(source, _)| *source)
    }

    /// Whether several sources hold it.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.first().map(|(source, _)| *source) != self.last()
    }

    /// Whether that source holds it.
    pub(super) fn is_in(&self, source: usize) -> bool {
        self.0.iter().any(|(index, _)| *index == source)
    }

    /// How it is written in that source.
    pub(super) fn of(&self, source: usize) -> impl Iterator<Item = &'a RenderedObject> {
        self.0.iter().filter(move |(index, _)| *index == source).map(|(_, object)| *object)
    }
}

/// Everything that the sources of `app` hold more than once; nothing where one alone delivers, `None` while it is not known
/// what each of them holds.
pub(crate) fn repeated<'a>(app: &Application, context: &'a Context) -> Option<AllPlaces<'a>> {
    let mut all = places(app, context)?;
    all.retain(|_, places| places.times() > 1);
    Some(all)
}

/// The same of everything that the sources hold.
pub(crate) fn places<'a>(app: &Application, context: &'a Context) -> Option<AllPlaces<'a>> {
    let mut all = AllPlaces::new();
    let delivering = delivering(app);
    if delivering.len() < 2 {
        return Some(all);
    }
    for source in delivering {
        for object in held(context, source)? {
            if let Some(identity) = identity(object, &app.spec.destination.namespace) {
                all.entry(identity).or_insert_with(|| Places(Vec::new())).0.push((source, object));
            }
        }
    }
    Some(all)
}

/// The sources that deliver something, by their index.
fn delivering(app: &Application) -> Vec<usize> {
    let sources = app.sources().iter().enumerate();
    sources.filter(|(_, source)| !source.is_only_referred_to()).map(|(index, _)| index).collect()
}

/// What a source holds; of one that cannot be rendered, nothing.
fn held(context: &Context, source: usize) -> Option<&[RenderedObject]> {
    if let Some(rendered) = context.rendered.get(&source) {
        return Some(&rendered.objects);
    }
    context.objects.get(&source).map(|objects| objects.as_deref().unwrap_or_default())
}

/// Which object it is in Argo CD's eyes. `None` for one that gets its name when it is created, and for an empty document.
fn identity(object: &RenderedObject, destination_namespace: &str) -> Option<Identity> {
    let RenderedObject { group, kind, namespace, name, .. } = object;
    let namespace = match (object.is_namespaced, namespace.as_str()) {
        (Some(false), _) => "",
        (_, "") => destination_namespace,
        (_, namespace) => namespace,
    };
    let is_named = !kind.is_empty() && !name.is_empty();
    is_named.then(|| [group.clone(), kind.clone(), namespace.to_owned(), name.clone()])
}

/// Whether source number `source` holds something that a later one holds as well, as far as that is known.
pub(super) fn is_overridden(draft: &Draft<'_>, source: usize) -> bool {
    let repeated = repeated(draft.app, draft.context).unwrap_or_default();
    repeated.values().any(|places| places.is_in(source) && places.last() != Some(source))
}

/// Asks what the sources hold, where several deliver and everything else is known.
pub(super) fn look_up(draft: &mut Draft<'_>, sources: &[Source<'_>], legs: &[Leg]) {
    let delivering = delivering(draft.app);
    let is_known = |index: &usize| legs.get(*index).is_some_and(|leg| leg.workload.is_some());
    let has_errors = draft.problems.iter().any(|problem| problem.severity == Severity::Error);
    if delivering.len() < 2 || has_errors || !draft.wants.is_empty() || !delivering.iter().all(is_known) {
        return;
    }
    for index in delivering {
        if held(draft.context, index).is_none() {
            draft.want::<()>(Want::Objects { source: index });
        }
        if let (Some(Err(why)), Some(source)) = (draft.context.objects.get(&index), sources.get(index)) {
            draft.warn(
                source.at("").trim_end_matches('.'),
                format!("what it holds is not known, nor whether other sources hold the same: {why}"),
                "",
            );
        }
    }
}

/// Takes out of each workload object what a later source delivers; whether that is still to be taken over. Called after
/// everybody else had a say in what it is.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest], routes: &[Route]) -> bool {
    let mut is_handing_over = false;
    let places = places(draft.app, draft.context).unwrap_or_default();
    let namespace = &draft.app.spec.destination.namespace;
    let handover = Handover::new(draft.context, routes, &places, namespace);
    for (index, route) in routes.iter().enumerate() {
        let workload = objects.iter_mut().find(|object| Some(&object.key) == route.workload.as_ref());
        let Some(workload) = workload else { continue };
        let kept = handover.taken(index);
        if !kept.is_empty() {
            handover::mark(workload, &kept, namespace);
            is_handing_over = true;
        }
        let taken = handover.left_out(index);
        if !taken.is_empty() {
            take_out(draft, workload, index, &taken);
        }
    }
    is_handing_over
}

fn take_out(draft: &mut Draft<'_>, workload: &mut Manifest, source: usize, taken: &[&RenderedObject]) {
    let patches = patches(taken, workload.key.kind, &draft.app.spec.destination.namespace, deletion);
    add(workload, patches);
    let crds = ["/install/crds", "/upgrade/crds"].map(|field| workload.spec.pointer(field));
    let installs = crds.iter().any(|policy| policy.and_then(Value::as_str) != Some("Skip"));
    let is_chart =
        workload.key.kind == FluxKind::HelmRelease && !draft.context.rendered.contains_key(&source);
    if is_chart && installs {
        warn_of_definitions(draft, source, taken);
    }
}

/// Has a workload object change by `patches` what it builds.
pub(super) fn add(workload: &mut Manifest, patches: Vec<Value>) {
    if workload.key.kind == FluxKind::HelmRelease {
        append(&mut workload.spec, "postRenderers", vec![json!({"kustomize": {"patches": patches}})]);
    } else {
        append(&mut workload.spec, "patches", patches);
    }
}

fn append(spec: &mut Value, field: &str, mut items: Vec<Value>) {
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
fn exactly(text: &str) -> String {
    regex::escape(text).replace("\\-", "-")
}

/// Helm installs what a chart holds in `crds/` before it renders anything.
fn warn_of_definitions(draft: &mut Draft<'_>, index: usize, taken: &[&RenderedObject]) {
    let names = taken.iter().filter(|object| object.kind == DEFINITION).map(|object| object.name.as_str());
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() {
        return;
    }
    let list = names.into_iter().collect::<Vec<_>>().join(", ");
    draft.warn(
        super::source_field(draft.app, index, "helm.skipCrds"),
        format!("a later source holds {list} as well, and what lies in the chart's crds/ Helm installs all the same"),
        "set skipCrds: true, and deliver its other definitions from the later source",
    );
}

#[cfg(test)]
pub(super) mod tests;
