//! Hand-made changes of generated Flux objects → the Application that wants them. Pure: no `async`, client, clock,
//! environment or file access.
//!
//! The way back of [`crate::translate`]: a changed Helm value goes into the parameter that has that path or else into
//! `valuesObject`, a version or reference into `targetRevision`, an image into `kustomize.images`, and what the
//! Application has no field for into the annotation `flamingo/KIND-override`. Each step is tried by translating anew, and
//! the result is only good when it becomes exactly what stands in the cluster.

pub mod assume;
mod changes;
mod edited;
mod fields;
mod overrides;
mod place;
mod set_text;
#[cfg(test)]
mod tests;
mod values;
mod wished;

pub use wished::wished;

use crate::argo::Application;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::mirror::{Relation, compare, patch};
use crate::translate::{Context, Translation, keep, translate};
use edited::Edited;
use place::Place;
use serde_json::{Value, json};

/// How often one object is looked at: parameters over values under an annotation are three layers.
const ROUNDS: usize = 4;

/// The Application with the hand-made changes in it.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// What it becomes.
    pub app: Application,
    /// The merge patch of `metadata.annotations` and `spec` that makes it that.
    pub patch: Value,
    /// The changed fields, such as `HelmRelease apps/demo spec.values.replicaCount`; never their values, which may be
    /// secret.
    pub edits: Vec<String>,
    /// What is worth knowing about the way it is written, a sentence each.
    pub notes: Vec<String>,
}

/// Why a hand-made change cannot be kept: a sentence with the object, the field and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// The Application that would want what stands in the cluster; `None` when nobody changed anything by hand.
///
/// `live` finds the live object. An object whose wish changed since it was applied (`Outdated`) is left out: nobody can
/// tell its edits from the older wish.
pub fn adopt<'a>(
    app: &Application,
    context: &Context,
    live: impl Fn(&ObjectKey) -> Option<Live<'a>>,
) -> Result<Option<Adoption>, Refusal> {
    let before = translate(app, context);
    let edited = edited(app, &before, live)?;
    if edited.is_empty() {
        return Ok(None);
    }
    let mut draft = Draft { app: app.clone(), context, before, notes: Vec::new() };
    for object in &edited {
        // What is written may uncover what lay beneath it.
        for _ in 0..ROUNDS {
            if draft.differs(object) {
                draft.keep(object)?;
            }
        }
    }
    draft.check(&edited)?;
    let mut edits = Vec::new();
    for object in &edited {
        let wanted = compare::comparable_wanted(&object.wanted);
        for change in changes::between(&wanted, &object.spec) {
            edits.push(format!("{} spec{}", object.key(), changes::text(&change.path)));
        }
        edits.extend(overrides::metadata_edits(object).map(|field| format!("{} {field}", object.key())));
    }
    let patch = patch::between(&written(app), &written(&draft.app)).unwrap_or_else(|| json!({}));
    Ok(Some(Adoption { app: draft.app, patch, edits, notes: draft.notes }))
}

/// The part of an Application that an adoption may change.
fn written(app: &Application) -> Value {
    json!({"metadata": {"annotations": app.metadata.annotations.clone().unwrap_or_default()}, "spec": app.spec})
}

fn edited<'a>(
    app: &Application,
    translation: &Translation,
    live: impl Fn(&ObjectKey) -> Option<Live<'a>>,
) -> Result<Vec<Edited<'a>>, Refusal> {
    if let Some(problem) = translation.problems.iter().find(|_| translation.has_errors()) {
        return Err(Refusal::new(format!("the Application itself has a problem: {problem}")));
    }
    if !translation.references.is_empty() {
        return Err(Refusal::new(
            "the Flux objects are only referred to, nothing of them comes from the Application: edits of them stay as they \
             are (the sync option AutoCreateFluxResources=true would generate them)",
        ));
    }
    if !translation.is_complete() {
        return Err(Refusal::new(
            "what the source holds is not known yet: try again once the source is fetched",
        ));
    }
    let identity = app.identity();
    let mut edited = Vec::new();
    for wanted in &translation.objects {
        let Some(live) = live(&wanted.key) else { continue };
        if compare::relation(&identity, wanted, Some(live)) == Relation::Edited {
            let Some(place) = Place::of(app, translation, &wanted.key) else {
                return Err(Refusal::new(format!(
                    "{} is of none of the sources alone, and an edit of it has no place in the Application (let a Sync \
                     bring back what was)",
                    wanted.key
                )));
            };
            let spec = compare::comparable_live(wanted, live);
            edited.push(Edited { wanted: wanted.clone(), live, spec, place });
        }
    }
    Ok(edited)
}

/// The Application at work.
struct Draft<'a> {
    app: Application,
    context: &'a Context,
    /// What it becomes at the moment.
    before: Translation,
    notes: Vec<String>,
}

impl Draft<'_> {
    /// Something of the object is not in the Application yet.
    fn differs(&self, object: &Edited<'_>) -> bool {
        let Some(wanted) = find(&self.before, object.key()) else { return false };
        patch::between(&compare::comparable_wanted(wanted), &object.spec).is_some()
            || overrides::metadata_differs(wanted, object.live)
    }

    /// Takes over what was changed of one object.
    fn keep(&mut self, object: &Edited<'_>) -> Result<(), Refusal> {
        self.try_step(object, |app, wanted| {
            overrides::forget_removed(app, &object.place, wanted, &object.spec);
            Vec::new()
        });
        self.try_step(object, |app, _| {
            overrides::keep_metadata(app, object);
            Vec::new()
        });
        for field in fields::of(object.key().kind) {
            self.try_step(object, |app, wanted| {
                field.keep(app, &object.place, wanted, &object.spec);
                Vec::new()
            });
        }
        if object.key().kind == FluxKind::HelmRelease {
            self.try_step(object, |app, wanted| values::keep(app, &object.place, wanted, &object.spec));
        }
        self.keep_rest(object)
    }

    /// Tries a change of the Application; it stays when it changes nothing but this object, and leads to a translation.
    /// The step is told what is wanted of the object at the moment, and answers with notes.
    fn try_step(&mut self, object: &Edited<'_>, step: impl FnOnce(&mut Application, &Value) -> Vec<String>) {
        let Some(wanted) = find(&self.before, object.key()) else { return };
        let spec = compare::comparable_wanted(wanted);
        let mut app = self.app.clone();
        let notes = step(&mut app, &spec);
        if written(&app) == written(&self.app) {
            return;
        }
        let after = translate(&app, self.context);
        if after.is_complete()
            && is_same_but(&self.before, &after, object.key())
            && is_closer(&spec, &after, object)
        {
            (self.app, self.before) = (app, after);
            self.notes.extend(notes);
        }
    }

    /// What the Application has no field for goes into the annotation.
    fn keep_rest(&mut self, object: &Edited<'_>) -> Result<(), Refusal> {
        let Some(wanted) = find(&self.before, object.key()) else { return Ok(()) };
        let Some(mut rest) = patch::between(&compare::comparable_wanted(wanted), &object.spec) else {
            return Ok(());
        };
        keep::without_the_last(object.key().kind, &mut rest);
        if let Some(path) = changes::null_in_values(object.key().kind, &rest) {
            return Err(Refusal::new(format!(
                "{} spec.values{path} was removed by hand, and what sets it in the Application cannot be told apart \
                 (remove it there, or let a Sync bring it back)",
                object.key()
            )));
        }
        overrides::merge(&mut self.app, &object.place, rest);
        self.before = translate(&self.app, self.context);
        Ok(())
    }

    /// Nothing counts but the end: what the Application becomes now is what stands in the cluster.
    fn check(&self, edited: &[Edited<'_>]) -> Result<(), Refusal> {
        if let Some(problem) = self.before.problems.iter().find(|_| self.before.has_errors()) {
            return Err(Refusal::new(format!("the edit cannot be written into the Application: {problem}")));
        }
        for object in edited {
            let wanted = find(&self.before, object.key());
            let rest = wanted.map(|wanted| patch::between(&compare::comparable_wanted(wanted), &object.spec));
            if rest != Some(None) {
                return Err(Refusal::new(format!(
                    "the edit of {} has no place in the Application (write it into the annotation flamingo/…-override \
                     yourself, or let a Sync bring back what was)",
                    object.key()
                )));
            }
            if let Some(own) = overrides::own_metadata(object) {
                let key = object.key();
                return Err(Refusal::new(format!(
                    "{key} {own} belongs to the bridge and cannot be kept (a Sync brings it back)"
                )));
            }
        }
        Ok(())
    }
}

fn find<'a>(translation: &'a Translation, key: &ObjectKey) -> Option<&'a Manifest> {
    translation.objects.iter().find(|manifest| manifest.key == *key)
}

/// Both have the same objects, and all but one of them are the same.
fn is_same_but(before: &Translation, after: &Translation, key: &ObjectKey) -> bool {
    let pairs = before.objects.iter().zip(&after.objects);
    before.objects.len() == after.objects.len()
        && pairs.into_iter().all(|(a, b)| a.key == b.key && (a.key == *key || a == b))
}

/// Nothing that was as it should be became different: the fields that differ from the live ones are among those that
/// differed before.
fn is_closer(before: &Value, after: &Translation, object: &Edited<'_>) -> bool {
    let Some(after) = find(after, object.key()).map(compare::comparable_wanted) else { return false };
    let differing = |spec: &Value| changes::between(spec, &object.spec);
    let known = differing(before);
    differing(&after).iter().all(|change| known.iter().any(|old| change.path.starts_with(&old.path)))
}
