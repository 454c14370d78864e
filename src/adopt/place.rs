//! The annotations of an Application that change one object, and what they say.

use serde_json::{Map, Value};

use crate::argo::Application;
use crate::flux::{FluxKind, ObjectKey};
use crate::translate::{Route, Segment, Translation, override_address};
use crate::{names, yaml};

pub(super) const OVERRIDE: &str = "override";

pub(super) const REPLACE: &str = "replace";

/// The annotations of one object, and the sources that it is of.
#[derive(Clone, Debug)]
pub(super) struct Place {
    kind: FluxKind,
    /// What the annotations of this object alone are called after, where others are of its kind.
    address: Option<String>,
    /// Indices in the Application; several where these share a repository.
    pub(super) sources: Vec<usize>,
}

impl Place {
    /// The place of the object with that key; `None` where there are others of its kind, and none of the sources is its.
    pub(super) fn of(app: &Application, translation: &Translation, key: &ObjectKey) -> Option<Self> {
        let is_its =
            |route: &Route| route.origin.as_ref() == Some(key) || route.workload.as_ref() == Some(key);
        let routes = translation.routes.iter().enumerate();
        let sources: Vec<usize> = routes.filter(|(_, route)| is_its(route)).map(|(index, _)| index).collect();
        let is_alone = translation.objects.iter().filter(|object| object.key.kind == key.kind).count() < 2;
        let address = sources.first().map(|source| override_address(app.sources(), *source));
        if !is_alone && address.is_none() {
            return None;
        }
        Some(Self { kind: key.kind, address: address.filter(|_| !is_alone), sources })
    }

    fn annotation(&self, suffix: &str, address: &str) -> Option<String> {
        self.kind.override_name().map(|word| format!("{}{word}-{suffix}{address}", names::OVERRIDE_PREFIX))
    }

    /// What the annotations that reach the object are called after: those of all of its kind come first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once("").chain(self.address.as_deref())
    }

    /// What the annotation of this object alone is called after.
    pub(super) fn own(&self) -> &str {
        self.address.as_deref().unwrap_or_default()
    }

    /// The map that the annotation holds; the Application was translated, so it can be read.
    pub(super) fn read(&self, app: &Application, suffix: &str, address: &str) -> Option<Map<String, Value>> {
        let text = app.annotation(&self.annotation(suffix, address)?)?;
        match yaml::parse(text) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        }
    }

    /// Writes the map unless it is what stands there already; an empty one takes the annotation away.
    pub(super) fn write(&self, app: &mut Application, suffix: &str, address: &str, map: Map<String, Value>) {
        let Some(key) = self.annotation(suffix, address) else { return };
        if self.read(app, suffix, address).is_some_and(|known| known == map) {
            return;
        }
        let annotations = app.metadata.annotations.get_or_insert_default();
        if map.is_empty() {
            annotations.remove(&key);
        } else if let Ok(text) = yaml::write(&Value::Object(map)) {
            annotations.insert(key, text);
        }
    }
}

/// The spec in an annotation; that of `-replace` may stand alone.
pub(super) fn spec_of<'a>(map: &'a mut Map<String, Value>, suffix: &str) -> Option<&'a mut Value> {
    if map.contains_key("spec") || suffix == OVERRIDE {
        return map.get_mut("spec");
    }
    None
}

/// Whether an annotation has a word about the field at `path` below `spec.FIRST`: then the Application's own fields have
/// none.
pub(super) fn sets(app: &Application, place: &Place, first: &str, path: &[Segment]) -> bool {
    place.addresses().any(|address| {
        if place.read(app, REPLACE, address).is_some() {
            return true;
        }
        let map = place.read(app, OVERRIDE, address);
        map.as_ref().and_then(|map| map.get("spec")?.get(first)).is_some_and(|field| holds(field, path))
    })
}

/// Whether there is a word about what is at `path` below.
pub(super) fn holds(mut place: &Value, path: &[Segment]) -> bool {
    for segment in path {
        let Value::Object(fields) = place else { return true };
        let Segment::Key(key) = segment else { return true };
        match fields.get(key) {
            Some(inner) => place = inner,
            None => return false,
        }
    }
    true
}
