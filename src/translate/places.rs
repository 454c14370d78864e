//! Which objects the sources of an Application hold, and where several hold the same.

use std::collections::BTreeMap;

use super::Context;
use crate::argo::Application;
use crate::project::RenderedObject;

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
pub(super) fn delivering(app: &Application) -> Vec<usize> {
    let sources = app.sources().iter().enumerate();
    sources.filter(|(_, source)| !source.is_only_referred_to()).map(|(index, _)| index).collect()
}

/// What a source holds; of one that cannot be rendered, nothing.
pub(super) fn held(context: &Context, source: usize) -> Option<&[RenderedObject]> {
    if let Some(rendered) = context.rendered.get(&source) {
        return Some(&rendered.objects);
    }
    context.objects.get(&source).map(|objects| objects.as_deref().unwrap_or_default())
}

/// Which object it is in Argo CD's eyes. `None` for one that gets its name when it is created, and for an empty document.
pub(super) fn identity(object: &RenderedObject, destination_namespace: &str) -> Option<Identity> {
    let RenderedObject { group, kind, namespace, name, .. } = object;
    let namespace = match (object.is_namespaced, namespace.as_str()) {
        (Some(false), _) => "",
        (_, "") => destination_namespace,
        (_, namespace) => namespace,
    };
    let is_named = !kind.is_empty() && !name.is_empty();
    is_named.then(|| [group.clone(), kind.clone(), namespace.to_owned(), name.clone()])
}
