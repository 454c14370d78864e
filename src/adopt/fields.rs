//! Fields of Flux objects that the Application has a field for.

use serde_json::{Map, Value, json};

use super::place::{self, Place};
use crate::argo::{Application, ApplicationSource};
use crate::flux::FluxKind;
use crate::translate::{Segment, image_override};

/// The sources that the object comes from; several where they share a repository. A hydrator's branch belongs to the
/// hydrator: there the annotation will do.
pub(super) fn sources<'a>(
    app: &'a mut Application,
    place: &'a Place,
) -> impl Iterator<Item = &'a mut ApplicationSource> {
    let is_hydrated = app.spec.source_hydrator.is_some();
    let sources = app.sources_mut().iter_mut().enumerate();
    sources.filter(move |(index, _)| !is_hydrated && place.sources.contains(index)).map(|(_, source)| source)
}

/// Writes a live value into the source; nothing where the Application has no way to say it: the annotation will do.
type Write = fn(&mut ApplicationSource, Option<&Value>);

/// One field of a kind, and where it comes from.
pub(super) struct Field {
    kind: FluxKind,
    /// Keys below `spec`.
    path: &'static [&'static str],
    write: Write,
}

/// The fields of a kind.
pub(super) fn of(kind: FluxKind) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |field| field.kind == kind)
}

const FIELDS: [Field; 13] = [
    Field { kind: FluxKind::HelmRelease, path: &["chart", "spec", "version"], write: version },
    Field { kind: FluxKind::HelmRelease, path: &["chart", "spec", "chart"], write: chart },
    Field { kind: FluxKind::HelmRelease, path: &["releaseName"], write: release_name },
    Field { kind: FluxKind::HelmRepository, path: &["url"], write: url },
    Field { kind: FluxKind::GitRepository, path: &["url"], write: url },
    Field { kind: FluxKind::GitRepository, path: &["ref"], write: reference },
    Field { kind: FluxKind::OciRepository, path: &["url"], write: url },
    Field { kind: FluxKind::OciRepository, path: &["ref"], write: reference },
    Field { kind: FluxKind::Kustomization, path: &["images"], write: images },
    Field {
        kind: FluxKind::Kustomization,
        path: &["namePrefix"],
        write: |s, v| kustomize(s, "namePrefix", v),
    },
    Field {
        kind: FluxKind::Kustomization,
        path: &["nameSuffix"],
        write: |s, v| kustomize(s, "nameSuffix", v),
    },
    Field {
        kind: FluxKind::Kustomization,
        path: &["components"],
        write: |s, v| kustomize(s, "components", v),
    },
    Field {
        kind: FluxKind::Kustomization,
        path: &["targetNamespace"],
        write: |s, v| kustomize(s, "namespace", v),
    },
];

impl Field {
    /// Writes the field into the source where it differs, unless an annotation sets it.
    pub(super) fn keep(&self, app: &mut Application, place: &Place, wanted: &Value, live: &Value) {
        let pointer = format!("/{}", self.path.join("/"));
        let value = live.pointer(&pointer);
        let Some((first, rest)) = self.path.split_first() else { return };
        let rest: Vec<Segment> = rest.iter().map(|key| Segment::Key((*key).to_owned())).collect();
        if wanted.pointer(&pointer) == value || place::sets(app, place, first, &rest) {
            return;
        }
        for source in sources(app, place) {
            (self.write)(source, value);
        }
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// A chart in git has no version to ask for.
fn version(source: &mut ApplicationSource, value: Option<&Value>) {
    if let Some(value) = text(value).filter(|_| !source.chart.is_empty()) {
        value.clone_into(&mut source.target_revision);
    }
}

fn chart(source: &mut ApplicationSource, value: Option<&Value>) {
    if let Some(value) = text(value).filter(|_| !source.chart.is_empty()) {
        value.clone_into(&mut source.chart);
    }
}

fn release_name(source: &mut ApplicationSource, value: Option<&Value>) {
    if let Some(value) = text(value) {
        value.clone_into(&mut source.helm.get_or_insert_default().release_name);
    }
}

/// A registry that is named without a scheme goes on so.
fn url(source: &mut ApplicationSource, value: Option<&Value>) {
    if let Some(value) = text(value) {
        let bare = value.strip_prefix("oci://").filter(|_| !source.repo_url.contains("://"));
        bare.unwrap_or(value).clone_into(&mut source.repo_url);
    }
}

/// A reference of one word; several (a commit of a branch) have no place in `targetRevision`.
fn reference(source: &mut ApplicationSource, value: Option<&Value>) {
    let fields = value.and_then(Value::as_object).filter(|fields| fields.len() == 1);
    if let Some(revision) = fields.and_then(|fields| fields.values().next()?.as_str()) {
        revision.clone_into(&mut source.target_revision);
    }
}

fn images(source: &mut ApplicationSource, value: Option<&Value>) {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Option<Vec<String>> = list.iter().map(image_override).collect();
    if let Some(texts) = texts {
        kustomize(source, "images", (!texts.is_empty()).then(|| json!(texts)).as_ref());
    }
}

fn kustomize(source: &mut ApplicationSource, field: &str, value: Option<&Value>) {
    let settings = source.kustomize.get_or_insert_with(Map::new);
    match value {
        Some(value) => settings.insert(field.to_owned(), value.clone()),
        None => settings.remove(field),
    };
}
