//! Which Flux objects a source becomes: one source object and one workload object.

use serde_json::{Map, Value};

use super::draft::{Draft, Placement, Source};
use super::helm::{self, ChartFrom};
use super::kustomization::{self, Manifests};
use super::rendered;
use super::sources::{self, Origin};
use super::{Contents, PathKind, Route, Want, ignore, is_empty};
use crate::flux::{FluxKind, Manifest};

/// What was generated, and how far it got.
#[derive(Default)]
pub(super) struct Shape {
    /// Source object first.
    pub(super) objects: Vec<Manifest>,
    /// Argo CD's word for the source; empty while unknown.
    pub(super) source_type: &'static str,
    /// Every object of the shape is there.
    pub(super) is_complete: bool,
}

impl Shape {
    /// The way of each source.
    pub(super) fn routes(&self) -> Vec<Route> {
        let key = |is: fn(FluxKind) -> bool| {
            self.objects.iter().map(|object| &object.key).find(|key| is(key.kind)).cloned()
        };
        let route = Route { origin: key(FluxKind::is_source), workload: key(FluxKind::is_workload) };
        if self.objects.is_empty() { Vec::new() } else { vec![route] }
    }
}

/// What Argo CD would do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rendering {
    Helm,
    Kustomize,
    Directory,
    /// What Flux has no word for: rendered by Argo CD's repo-server, delivered by Flux.
    Rendered {
        /// Argo CD's word for the source.
        word: &'static str,
        /// What it is that Flux has no word for; it stands on the generated `OCIRepository`.
        reason: &'static str,
    },
}

/// A config management plugin.
const PLUGIN: Rendering = Rendering::Rendered { word: "Plugin", reason: "config management plugin" };

impl Rendering {
    const fn word(self) -> &'static str {
        match self {
            Self::Helm => "Helm",
            Self::Kustomize => "Kustomize",
            Self::Directory => "Directory",
            Self::Rendered { word, .. } => word,
        }
    }
}

/// The objects of the Application's one source. Without a placement problems are still found, but nothing is generated.
pub(super) fn generate(draft: &mut Draft<'_>, placement: Option<&Placement>) -> Shape {
    let nowhere = Placement { namespace: String::new(), name: String::new() };
    let shape = only_source(draft).and_then(|source| {
        let placement = placement.unwrap_or(&nowhere);
        match sources::origin(draft, &source)? {
            origin @ (Origin::HelmHttp | Origin::HelmOci) => {
                Some(from_helm_repository(draft, placement, &source, origin))
            }
            Origin::Git => from_files(draft, placement, &source, FluxKind::GitRepository),
            Origin::Oci => from_files(draft, placement, &source, FluxKind::OciRepository),
        }
    });
    shape.unwrap_or_default()
}

fn only_source<'a>(draft: &mut Draft<'a>) -> Option<Source<'a>> {
    let app = draft.app;
    if app.spec.source_hydrator.as_ref().is_some_and(|hydrator| !is_empty(hydrator)) {
        draft.unsupported("spec.sourceHydrator", "the source hydrator is", "");
        return None;
    }
    let spec = match app.sources() {
        [] => return draft.error("spec.source", "the Application has no source", ""),
        [spec] => spec,
        _ => {
            draft.unsupported("spec.sources", "several sources are", "");
            return None;
        }
    };
    let source = Source::new(app, 0, spec);
    if !spec.reference.is_empty() {
        draft.unsupported(source.at("ref"), "a source that others refer to is", "leave it out");
    }
    if !spec.tag_prefix.is_empty() {
        draft.unsupported(source.at("tagPrefix"), "a prefix of tags is", "");
    }
    Some(source)
}

fn from_helm_repository(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    origin: Origin,
) -> Shape {
    if let Some(explicit) = explicit_type(draft, source)
        && explicit != Rendering::Helm
    {
        let field = if explicit == Rendering::Kustomize { "kustomize" } else { "directory" };
        draft.unsupported(source.at(field), "anything but Helm on a chart is", "leave it out");
    }
    let repository = sources::helm(draft, placement, source, origin);
    let from = ChartFrom::HelmRepository { oci: origin == Origin::HelmOci };
    let release = helm::release(draft, placement, source, from);
    complete(Rendering::Helm, Some(repository), release)
}

/// A folder of a git repository or of an OCI artifact.
fn from_files(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    kind: FluxKind,
) -> Option<Shape> {
    source.folder(draft)?;
    let before = draft.problems.len();
    let explicit = explicit_type(draft, source);
    if draft.problems.len() > before {
        return None;
    }
    let Some(rendering) = rendering(draft, source, explicit) else {
        // The bare source object is enough to fetch the artifact that tells.
        let probe = source_object(draft, placement, source, kind, None);
        return Some(Shape { objects: probe.into_iter().collect(), ..Shape::default() });
    };
    if let Rendering::Rendered { reason, .. } = rendering {
        return Some(from_repo_server(draft, placement, source, kind, rendering, reason));
    }
    let object = source_object(draft, placement, source, kind, Some(rendering));
    let workload = match rendering {
        Rendering::Helm if kind == FluxKind::GitRepository => {
            helm::release(draft, placement, source, ChartFrom::Git)
        }
        Rendering::Helm => helm::release(draft, placement, source, ChartFrom::Artifact),
        Rendering::Rendered { .. } => None,
        Rendering::Kustomize => {
            kustomization::kustomization(draft, placement, source, kind, Manifests::Kustomized)
        }
        Rendering::Directory => {
            // Flux builds kustomizations that it finds on its way down.
            let manifests = if recurses(source) { Manifests::Kustomized } else { Manifests::Flat };
            kustomization::kustomization(draft, placement, source, kind, manifests)
        }
    };
    Some(complete(rendering, object, workload))
}

/// What the repo-server renders, served by the bridge. Where the contents of the path tell that, their source object stays:
/// they may tell something else one day.
fn from_repo_server(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    kind: FluxKind,
    rendering: Rendering,
    reason: &str,
) -> Shape {
    let is_told_by_contents = draft.context.contents.contains_key(&source.index);
    let probe = if is_told_by_contents { source_object(draft, placement, source, kind, None) } else { None };
    let artifact = rendered::artifact(draft, placement, source, reason);
    let workload =
        artifact.as_ref().map(|artifact| kustomization::of_rendered(draft, placement, &artifact.key));
    let is_complete = artifact.is_some();
    let objects = artifact.into_iter().chain(probe).chain(workload).collect();
    Shape { objects, source_type: rendering.word(), is_complete }
}

fn complete(rendering: Rendering, source: Option<Manifest>, workload: Option<Manifest>) -> Shape {
    let is_complete = source.is_some() && workload.is_some();
    // A workload object without its source would only report that it is missing.
    let workload = workload.filter(|_| source.is_some());
    Shape {
        objects: source.into_iter().chain(workload).collect(),
        source_type: rendering.word(),
        is_complete,
    }
}

fn source_object(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    kind: FluxKind,
    rendering: Option<Rendering>,
) -> Option<Manifest> {
    // Narrowed whether or not there are subfolders now: the artifact that was narrowed shows none, and a translation that
    // depended on them would go back and forth.
    let narrowed = rendering == Some(Rendering::Directory) && !recurses(source);
    let ignore = if narrowed { Some(ignore::only_files_in(&source.folder(draft)?)) } else { None };
    match (kind, rendering) {
        (FluxKind::GitRepository, _) => sources::git(draft, placement, source, ignore),
        (_, Some(Rendering::Helm)) => Some(sources::oci_chart(draft, placement, source)),
        _ => Some(sources::oci(draft, placement, source, ignore)),
    }
}

/// The type that the Application itself names (argo-cd `types.go`, `ExplicitType`). More than one is an error.
fn explicit_type(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Rendering> {
    let spec = source.spec;
    let says = |settings: &Option<Map<String, Value>>| {
        settings.as_ref().is_some_and(|settings| !settings.values().all(is_empty))
    };
    let is_helm = spec.helm.as_ref().is_some_and(|helm| {
        // An empty object of values is a value; everything else is compared to nothing at all.
        helm.values_object.is_some() || serde_json::to_value(helm).is_ok_and(|helm| !is_empty(&helm))
    });
    let named = [
        (says(&spec.kustomize), "Kustomize", Rendering::Kustomize),
        (is_helm, "Helm", Rendering::Helm),
        (says(&spec.directory), "Directory", Rendering::Directory),
        // Even an empty plugin asks for one, to be discovered.
        (spec.plugin.is_some(), "Plugin", PLUGIN),
    ];
    let named: Vec<_> = named.into_iter().filter(|(is_named, ..)| *is_named).collect();
    match named.as_slice() {
        [] => None,
        [(_, _, rendering)] => Some(*rendering),
        _ => {
            let words: Vec<&str> = named.iter().map(|(_, word, _)| *word).collect();
            let message = format!("multiple application sources defined: {}", words.join(","));
            draft.error(source.at("").trim_end_matches('.'), message, "keep one of them")
        }
    }
}

/// What becomes of the path; `None` while its contents are wanted, or when they cannot be delivered.
fn rendering(draft: &mut Draft<'_>, source: &Source<'_>, explicit: Option<Rendering>) -> Option<Rendering> {
    let context = draft.context;
    let contents = context.contents.get(&source.index);
    if explicit == Some(Rendering::Directory) {
        check_directory(draft, source);
    }
    let Some(contents) = contents else {
        return match explicit {
            // Nothing that the contents could say changes these.
            Some(rendering @ (Rendering::Helm | Rendering::Kustomize | Rendering::Rendered { .. })) => {
                Some(rendering)
            }
            _ => draft.want(Want::Contents { source: source.index }),
        };
    };
    check_source_overrides(draft, source, contents);
    let found = match contents.kind {
        PathKind::Missing => {
            let path = &source.spec.path;
            return draft.error(source.at("path"), format!("{path}: app path does not exist"), "");
        }
        PathKind::Chart => Rendering::Helm,
        PathKind::Kustomization => Rendering::Kustomize,
        PathKind::Directory => Rendering::Directory,
    };
    let rendering = explicit.unwrap_or(found);
    if rendering == Rendering::Directory {
        check_files(draft, source, contents)?;
    }
    Some(rendering)
}

fn recurses(source: &Source<'_>) -> bool {
    let directory = source.spec.directory.as_ref();
    directory.and_then(|directory| directory.get("recurse")) == Some(&Value::Bool(true))
}

fn check_directory(draft: &mut Draft<'_>, source: &Source<'_>) {
    for (name, value) in source.spec.directory.iter().flatten() {
        if name != "recurse" && !is_empty(value) {
            draft.unsupported(source.at(&format!("directory.{name}")), "this setting is", "");
        }
    }
}

/// Files that Argo CD would deliver and Flux would not, or would build in another way.
fn check_files(draft: &mut Draft<'_>, source: &Source<'_>, contents: &Contents) -> Option<()> {
    if contents.kind == PathKind::Kustomization {
        let hint = "leave directory out";
        return draft.error(
            source.at("directory"),
            "the path holds a kustomization file, which Flux always builds",
            hint,
        );
    }
    let nested: &[String] = if recurses(source) { &contents.nested_unreadable } else { &[] };
    let unreadable: Vec<&str> = contents.unreadable.iter().chain(nested).map(String::as_str).collect();
    if unreadable.is_empty() {
        return Some(());
    }
    draft.error(
        source.at("path"),
        format!("Flux does not read {}", unreadable.join(", ")),
        "rename JSON manifests to .yaml: JSON is YAML",
    )
}

/// Files in the repository that would change the source (argo-cd `repository.go`, `mergeSourceParameters`).
fn check_source_overrides(draft: &mut Draft<'_>, source: &Source<'_>, contents: &Contents) {
    let instance = draft.app.instance_name(&draft.context.control_namespace);
    let own = format!(".argocd-source-{instance}.yaml");
    for file in
        contents.source_overrides.iter().filter(|file| *file == ".argocd-source.yaml" || **file == own)
    {
        draft.unsupported(
            source.at("path"),
            &format!("{file} in the repository is"),
            "move its settings into the Application",
        );
    }
}
