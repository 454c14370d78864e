//! Sources that need credentials or trust of Argo CD's: they stand in Argo CD's namespace, beside the Secrets they read.
//!
//! The rule is in [`crate::credentials`]. This comes last, after the override annotations: what an Application's author says
//! about a source can never touch what the bridge adds here.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Source};
use super::{Problem, Translation};
use crate::credentials::{self, Access, Address, Fetcher, Repository, SecretManifest};
use crate::flux::{FluxKind, Manifest, ObjectKey, naming};
use crate::names;

/// What an override may say about a source that reads Argo CD's Secrets: what of it is fetched, and how often. Everything
/// else could send a credential elsewhere, or bring one of Argo CD's namespace into play that is not the Application's.
const HARMLESS: [&str; 9] = [
    "ignore",
    "interval",
    "layerSelector",
    "passCredentials",
    "recurseSubmodules",
    "ref",
    "sparseCheckout",
    "suspend",
    "timeout",
];

/// The objects as they were generated, before the overrides.
pub(super) struct Generated(Vec<(ObjectKey, Value)>);

impl Generated {
    pub(super) fn of(objects: &[Manifest]) -> Self {
        Self(objects.iter().map(|object| (object.key.clone(), object.spec.clone())).collect())
    }

    fn spec(&self, key: &ObjectKey) -> &Value {
        self.0.iter().find(|(known, _)| known == key).map_or(&Value::Null, |(_, spec)| spec)
    }

    /// The first field that an override set and that is not harmless.
    fn overridden(&self, object: &Manifest) -> Option<String> {
        let nothing = Map::new();
        let before = self.spec(&object.key).as_object().unwrap_or(&nothing);
        let after = object.spec.as_object().unwrap_or(&nothing);
        let mut fields =
            before.keys().chain(after.keys()).filter(|field| !HARMLESS.contains(&field.as_str()));
        fields.find(|field| before.get(*field) != after.get(*field)).cloned()
    }
}

/// Gives each source what it needs, and moves those that need Secrets.
pub(super) fn attach(draft: &mut Draft<'_>, generated: &Generated, translation: &mut Translation) {
    let mut moved = Vec::new();
    for index in 0..translation.objects.len() {
        let Some(found) = of_source(draft, &translation.objects[index], translation) else { continue };
        let Some(object) = translation.objects.get_mut(index) else { continue };
        let Some(access) = access(draft, generated, object, &found) else { continue };
        if let Some(spec) = object.spec.as_object_mut() {
            spec.extend(access.spec);
        }
        if access.parts.is_empty() {
            continue;
        }
        let before = object.key.clone();
        let key = private_key(draft, &before);
        for part in access.parts {
            let name = naming::secret(&key, part.role.word());
            if let Some(spec) = object.spec.as_object_mut() {
                spec.insert(part.role.field().to_owned(), json!({"name": name}));
            }
            translation.secrets.push(SecretManifest::owned_by(draft.app, name, part.kind, part.data));
        }
        object.key = key.clone();
        moved.push((before, key));
    }
    for (before, after) in &moved {
        follow(translation, before, after);
    }
    strangers(draft, &translation.objects, generated);
}

/// What is known of the source behind one source object.
struct Found {
    repository: Repository,
    field: String,
    fetcher: Fetcher,
}

/// The repository of the Application's source that `object` fetches; `None` where it fetches something else, nothing is
/// known of any repository, or what is known cannot be read, which is noted.
fn of_source(draft: &mut Draft<'_>, object: &Manifest, translation: &Translation) -> Option<Found> {
    let context = draft.context;
    let known = context.repositories.as_ref()?;
    let is_it = |key: &Option<ObjectKey>| key.as_ref() == Some(&object.key);
    let by_route = translation.routes.iter().position(|route| is_it(&route.origin));
    let index = by_route.or_else(|| translation.artifacts.iter().position(is_it))?;
    let app = draft.app;
    let source = Source::new(app, index, app.sources().get(index)?);
    if !is_same_place(text(object, "url"), &source.spec.repo_url) && !text(object, "url").is_empty() {
        // An override sends it elsewhere, or it is none that the Application names.
        return None;
    }
    let fetcher = match object.key.kind {
        FluxKind::GitRepository => Fetcher::Git,
        FluxKind::OciRepository => Fetcher::Oci,
        FluxKind::HelmRepository if text(object, "type") == "oci" => Fetcher::HelmOci,
        FluxKind::HelmRepository => Fetcher::HelmHttp,
        _ => return None,
    };
    let field = source.at("repoURL");
    match known.find(&source.spec.repo_url, app.project()) {
        Ok(mut repository) => {
            repository.take_user_of(&source.spec.repo_url);
            Some(Found { repository, field, fetcher })
        }
        Err(message) => draft.error(field, message, "correct the Secret: Argo CD cannot read it either"),
    }
}

fn text<'a>(object: &'a Manifest, field: &str) -> &'a str {
    object.spec.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Both name the same host, port and path, whatever the writing.
fn is_same_place(url: &str, repo_url: &str) -> bool {
    let place = |url: &str| {
        let address = Address::of(url);
        let path = address.path.trim_end_matches('/').to_owned();
        (address.authority(), path)
    };
    place(url) == place(repo_url)
}

fn access(draft: &mut Draft<'_>, generated: &Generated, object: &Manifest, found: &Found) -> Option<Access> {
    let Found { repository, field, fetcher } = found;
    let known = draft.context.repositories.as_ref()?;
    let access = credentials::access(*fetcher, text(object, "url"), repository, known);
    if let Some(own) = generated.overridden(object) {
        if access != Access::default() {
            let message =
                format!("what Argo CD knows of this repository is not used: an override sets {own}");
            draft.warn(
                field,
                message,
                "the Secrets that it refers to are read from the destination namespace",
            );
        }
        return None;
    }
    let complaints = access.complaints.iter().map(|complaint| Problem {
        severity: complaint.severity,
        ..Problem::error(field, &complaint.message, complaint.hint)
    });
    draft.problems.extend(complaints);
    Some(access)
}

/// The same object in Argo CD's namespace, where other Applications have theirs.
fn private_key(draft: &Draft<'_>, key: &ObjectKey) -> ObjectKey {
    let control = &draft.context.control_namespace;
    if key.namespace == *control {
        return key.clone();
    }
    ObjectKey::new(key.kind, control, &names::private_source(&key.namespace, &key.name))
}

/// Everything that refers to the object goes on doing so.
fn follow(translation: &mut Translation, before: &ObjectKey, after: &ObjectKey) {
    for object in &mut translation.objects {
        for pointer in REFERENCES {
            if reference(object, pointer).as_ref() == Some(before)
                && let Some(Value::Object(reference)) = object.spec.pointer_mut(pointer)
            {
                reference.insert("name".to_owned(), json!(after.name));
                if before.namespace != after.namespace {
                    reference.insert("namespace".to_owned(), json!(after.namespace));
                }
            }
        }
    }
    let origins = translation.routes.iter_mut().map(|route| &mut route.origin);
    for key in origins.chain(&mut translation.artifacts).flatten().filter(|key| *key == before) {
        key.clone_from(after);
    }
}

/// Where workload objects name their source.
const REFERENCES: [&str; 3] = ["/sourceRef", "/chart/spec/sourceRef", "/chartRef"];

fn reference(object: &Manifest, pointer: &str) -> Option<ObjectKey> {
    let reference = object.spec.pointer(pointer)?;
    let text = |field: &str| reference.get(field).and_then(Value::as_str);
    let kind = FluxKind::parse(text("kind")?)?;
    Some(ObjectKey::new(kind, text("namespace").unwrap_or(&object.key.namespace), text("name")?))
}

/// The sources of Argo CD's namespace carry credentials of whoever their Applications belong to: no other Application gets
/// at what they fetch.
fn strangers(draft: &mut Draft<'_>, objects: &[Manifest], generated: &Generated) {
    let control = &draft.context.control_namespace;
    for object in objects.iter().filter(|object| object.key.kind.is_workload()) {
        for pointer in REFERENCES {
            let Some(named) = reference(object, pointer) else { continue };
            let is_own = objects.iter().any(|own| own.key == named);
            let is_generated = generated.spec(&object.key).pointer(pointer) == object.spec.pointer(pointer);
            if named.namespace == *control && object.key.namespace != *control && !is_own && !is_generated {
                let kind = object.key.kind.override_name().unwrap_or_default();
                draft.error::<()>(
                    format!("metadata.annotations[{}{kind}-override]", names::OVERRIDE_PREFIX),
                    format!("{named} is not this Application's own"),
                    "refer to a source outside of Argo CD's namespace",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
