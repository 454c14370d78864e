//! Application → Flux objects. Pure: no `async`, client, clock, environment or file access.
//!
//! Translation never fails halfway: whatever cannot be expressed is a [`Problem`] with a field path, a severity, a
//! sentence and a hint. What it does not know yet (what a path holds, which refs a repository has) it asks for as a
//! [`Want`]; whoever calls it answers in the [`Context`] and calls again.

mod allowed;
mod assembly;
mod checked;
mod contents;
pub mod context;
mod delivery;
mod dependencies;
mod directory;
mod draft;
pub(crate) mod duplicates;
mod env;
mod field_types;
pub mod files;
mod glob;
#[cfg(test)]
mod goldens;
mod guard;
pub(crate) mod handover;
mod helm;
mod helm_layers;
mod helm_set;
mod helm_values;
pub(crate) mod hook;
mod hydrator;
mod ignore;
mod ignore_differences;
mod in_repository;
mod jq;
pub(crate) mod keep;
mod kustomization;
mod kustomize;
mod lfs;
mod links;
mod manifest;
mod newest;
mod overrides;
mod path;
mod placement;
mod policy;
mod pool;
mod post_render;
mod private;
pub mod problem;
#[cfg(test)]
mod properties;
mod references;
mod rendered;
mod rendering;
mod revision;
mod semver;
mod shape;
mod sources;
mod sync_options;
mod value_files;
pub(crate) mod waiting;

pub(crate) use duplicates::{DELETES, taken_out};

pub use checked::is_checked_only;
pub use context::{Contents, Context, Delivered, Form, PathKind, RemoteRefs, RenderedSource, Settings, Want};
pub use files::{File, FilePattern, Files};
pub(crate) use guard::key as guard_key;
pub(crate) use helm_set::{Segment, reads_as_text, target};
pub(crate) use ignore::leaves_out;
pub use ignore_differences::{IgnoreDifferences, customizations};
pub(crate) use kustomize::image_override;
pub use links::{GitAnswers, GitNames, GitPaths};
pub use overrides::{address as override_address, is_override};
pub use path::RepoPath;
pub use post_render::is_post_rendered;
pub use problem::{Problem, Severity};
pub(crate) use references::is_same_repository;
pub use rendered::{repository as rendered_repository, source as rendered_source};
pub use revision::is_exact_revision;
pub(crate) use semver::is_version;

pub(crate) use value_files::DEFAULT_SCHEMES;

use serde_json::{Map, Value};

use crate::argo::Application;
use crate::credentials::SecretManifest;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::names;
use crate::policy::Refused;

use draft::{Draft, Placement};

/// What an Application becomes.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Generated objects in the order of application; empty in reference mode, and when a problem forbids delivery.
    ///
    /// While [`Translation::wants`] is not empty the list may hold the source objects alone: enough to find out.
    pub objects: Vec<Manifest>,
    /// Generated objects that deliver nothing: guards of Kustomizations among `objects`, to be applied before them.
    pub guards: Vec<Manifest>,
    /// Secrets that the sources among them read; they stand in Argo CD's namespace.
    pub secrets: Vec<SecretManifest>,
    /// Reference mode (no `AutoCreateFluxResources=true`): the workload objects to look for, the likelier one first.
    pub references: Vec<ObjectKey>,
    /// What cannot be, or is not yet, expressed.
    pub problems: Vec<Problem>,
    /// What is worth knowing and no problem: path of a field in the Application, and a sentence.
    pub notes: Vec<(String, String)>,
    /// Those of the problems that a policy is the reason of.
    pub refused: Vec<Refused>,
    /// What has to be found out before the translation is complete.
    pub wants: Vec<Want>,
    /// The way of each source of the Application into the cluster, by its index there; as far as it is known.
    pub routes: Vec<Route>,
    /// The source object whose artifact holds all files of each source, by its index in the Application; `None` for a chart
    /// from a Helm repository.
    pub artifacts: Vec<Option<ObjectKey>>,
    /// Argo CD's word for what the first source is that delivers: `Helm`, `Kustomize`, `Directory` or `Plugin`; empty while unknown.
    pub source_type: String,
    /// Namespace the generated objects and their workloads live in.
    pub namespace: String,
    /// A source takes over what an earlier one still delivers: `objects` are those of a step on the way.
    pub is_handing_over: bool,
}

/// The way of one source of the Application into the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The Flux source object that it is fetched by; its revision is that of the source.
    pub origin: Option<ObjectKey>,
    /// The workload object that delivers it; `None` for a source that others only refer to.
    pub workload: Option<ObjectKey>,
    /// Argo CD's word for what the source is: `Helm`, `Kustomize`, `Directory` or `Plugin`; empty while unknown, and for a
    /// source that others only refer to.
    pub source_type: String,
}

impl Translation {
    /// Something is wrong with the Application itself: nothing of it may be applied.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The source object whose artifact holds all files of the source with that index.
    pub fn artifact_of(&self, source: usize) -> Option<&Manifest> {
        let key = self.artifacts.get(source)?.as_ref()?;
        self.objects.iter().find(|manifest| manifest.key == *key)
    }

    /// The guard of a workload object.
    pub fn guard_of(&self, workload: &ObjectKey) -> Option<&Manifest> {
        self.guards.iter().find(|manifest| manifest.key == guard::key(workload))
    }

    /// Everything generated, in the order of application.
    pub fn all_objects(&self) -> impl Iterator<Item = &Manifest> {
        let (sources, workloads): (Vec<_>, Vec<_>) =
            self.objects.iter().partition(|manifest| manifest.key.kind.is_source());
        sources.into_iter().chain(&self.guards).chain(workloads)
    }

    /// The source object that the source with that index is delivered from.
    pub fn origin_of(&self, source: usize) -> Option<&Manifest> {
        let key = self.routes.get(source)?.origin.as_ref()?;
        self.objects.iter().find(|manifest| manifest.key == *key)
    }

    /// Nothing is left to find out and nothing is wrong: `objects` is everything.
    pub fn is_complete(&self) -> bool {
        self.wants.is_empty() && !self.has_errors()
    }
}

/// What `app` becomes, as far as `context` tells.
///
/// The caller has made sure that the Application is bridged. The same input always gives the same output.
pub fn translate(app: &Application, context: &Context) -> Translation {
    let mut draft = Draft::new(app, context);
    let mut translation =
        Translation { namespace: app.flux_namespace().to_owned(), ..Translation::default() };
    unread(&mut draft);
    let placement = placement::place(&mut draft);
    if app.has_sync_option(names::OPTION_AUTO_CREATE) {
        policy::check(&mut draft);
        let assembly = assembly::assemble(&mut draft, placement.as_ref());
        translation.routes = assembly.routes;
        translation.artifacts = assembly.artifacts;
        translation.objects = assembly.objects;
        assembly.source_type.clone_into(&mut translation.source_type);
        sync_options::apply(&mut draft, &mut translation.objects);
        ignore_differences::apply(&mut draft, &mut translation.objects);
        delivery::apply(context, &mut translation.objects);
        waiting::apply(context, &mut translation.objects);
        let generated = private::Generated::of(&translation.objects);
        overrides::apply(&mut draft, &mut translation.objects, &translation.routes, assembly.is_complete);
        waiting::follow_overrides(&mut translation.objects);
        private::attach(&mut draft, &generated, &mut translation);
        keep::apply(&mut translation.objects);
        translation.is_handing_over =
            duplicates::apply(&mut draft, &mut translation.objects, &translation.routes);
        translation.guards = guard::apply(app, &mut translation.objects);
    } else if let Some(placement) = &placement {
        translation.references = references(app, placement);
    }
    translation.problems = draft.problems;
    translation.notes = draft.notes;
    translation.refused = draft.refused;
    translation.wants = draft.wants;
    if translation.has_errors() {
        translation.objects.clear();
        translation.guards.clear();
        translation.secrets.clear();
        translation.references.clear();
    }
    translation
}

/// What is not known whole is not delivered.
fn unread(draft: &mut Draft<'_>) {
    if let Some(why) = &draft.app.unread {
        let hint = "correct it; what was delivered keeps running";
        draft.error::<()>("spec", format!("cannot be read: {why}"), hint);
    }
}

/// Path of a field of the source with that index in the Application, as problems name it; of the source itself when `name`
/// is empty.
pub fn source_field(app: &Application, index: usize, name: &str) -> String {
    let spec = app.sources().get(index).cloned().unwrap_or_default();
    draft::Source::new(app, index, &spec).at(name).trim_end_matches('.').to_owned()
}

/// The workload objects that a reference may mean; what the source says of itself decides which is the likelier.
fn references(app: &Application, placement: &Placement) -> Vec<ObjectKey> {
    let is_helm = app.sources().iter().any(|source| !source.chart.is_empty() || source.helm.is_some());
    let mut kinds = [FluxKind::Kustomization, FluxKind::HelmRelease];
    if is_helm {
        kinds.reverse();
    }
    kinds.into_iter().map(|kind| placement.key(kind)).collect()
}

/// Whether settings of a source say anything, so that they name its type (argo-cd `types.go`, `IsZero` of each).
fn says(settings: Option<&Map<String, Value>>) -> bool {
    settings.is_some_and(|settings| !settings.values().all(is_empty))
}

/// Whether Go would leave the value out of its JSON (`omitempty`), through and through: an empty structure says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}
