//! Application → Flux objects. Pure: no `async`, client, clock, environment or file access.
//!
//! Translation never fails halfway: whatever cannot be expressed is a [`Problem`] with a field path, a severity, a
//! sentence and a hint. What it does not know yet (what a path holds, which refs a repository has) it asks for as a
//! [`Want`]; whoever calls it answers in the [`Context`] and calls again.

mod allowed;
mod assembly;
mod checked;
mod commit;
mod contents;
pub mod context;
mod customizations;
mod delivery;
mod dependencies;
mod directory;
mod draft;
pub(crate) mod duplicates;
mod env;
mod field_types;
pub mod files;
mod git_names;
mod glob;
#[cfg(test)]
mod goldens;
mod guard;
pub(crate) mod handover;
mod helm;
mod helm_documents;
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
mod leg;
mod lfs;
mod links;
mod manifest;
mod newest;
mod overrides;
pub(crate) mod patches;
mod path;
mod placement;
pub(crate) mod places;
mod policy;
mod pool;
mod post_render;
mod private;
#[cfg(test)]
mod properties;
mod references;
mod rendered;
mod rendering;
mod revision;
mod semver;
mod shape;
mod sources;
mod ssh_address;
mod sync_options;
mod translation;
mod value_files;
pub(crate) mod waiting;
mod want;

pub(crate) use patches::{DELETES, taken_out};

pub use crate::problem::{Problem, Severity};
pub use checked::is_checked_only;
pub use context::{Contents, Context, Delivered, PathKind, RemoteRefs, RenderedSource, Settings};
pub use customizations::{IgnoreDifferences, customizations};
pub use draft::source_field;
pub use files::{File, FilePattern, Files};
pub use git_names::{GitAnswers, GitNames, GitPaths};
pub(crate) use guard::key as guard_key;
pub(crate) use helm_set::{Segment, reads_as_text, target};
pub(crate) use ignore::leaves_out;
pub(crate) use kustomize::image_override;
pub use overrides::{address as override_address, is_override};
pub use path::RepoPath;
pub use post_render::is_post_rendered;
pub(crate) use references::is_same_repository;
pub use rendered::{repository as rendered_repository, source as rendered_source};
pub use revision::is_exact_revision;
pub(crate) use semver::is_version;
pub use translation::{Route, Translation};
pub use want::{Form, Want};

pub(crate) use value_files::DEFAULT_SCHEMES;

use crate::argo::Application;
use crate::flux::{FluxKind, ObjectKey};
use crate::names;
use draft::{Draft, Placement};

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

/// The workload objects that a reference may mean; what the source says of itself decides which is the likelier.
fn references(app: &Application, placement: &Placement) -> Vec<ObjectKey> {
    let is_helm = app.sources().iter().any(|source| !source.chart.is_empty() || source.helm.is_some());
    let mut kinds = [FluxKind::Kustomization, FluxKind::HelmRelease];
    if is_helm {
        kinds.reverse();
    }
    kinds.into_iter().map(|kind| placement.key(kind)).collect()
}
