//! What the watches know of the cluster at the moment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::stream::{BoxStream, StreamExt as _, select_all};
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::kinds::resource;

/// Sources, then what reads them: the order in which an Application's objects come to be.
const FLUX: [&str; 6] =
    ["HelmRepository", "GitRepository", "OCIRepository", "HelmChart", "HelmRelease", "Kustomization"];
/// The annotation by which the bridge says whose an object is: its `names::ANNOTATION_APPLICATION`.
const OWNER: &str = "flux-subsystem.dev/application";

/// A kind and what happened to one object of it.
pub(super) type Change = (&'static str, Event<DynamicObject>);

fn kinds() -> impl Iterator<Item = &'static str> {
    FLUX.into_iter().chain(["Application", "Deployment"])
}

/// Changes of everything that the demonstration shows, from the present state on.
pub(super) fn changes(client: &Client) -> Result<BoxStream<'static, Change>> {
    let streams = kinds().map(|kind| {
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource(kind)?);
        // A watch that breaks starts again by itself.
        let events = watcher(api, Config::default()).filter_map(async |event| event.ok());
        Ok(events.map(move |event| (kind, event)).boxed())
    });
    Ok(select_all(streams.collect::<Result<Vec<_>>>()?).boxed())
}

/// The newest known state of every watched object, by kind, namespace and name.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    objects: BTreeMap<(&'static str, String, String), Value>,
    listed: BTreeSet<&'static str>,
}

impl Cluster {
    /// Takes in what a watch says.
    pub(super) fn observe(&mut self, (kind, event): Change) -> Result<()> {
        let key = |object: &DynamicObject| (kind, object.namespace().unwrap_or_default(), object.name_any());
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                self.objects.insert(key(&object), serde_json::to_value(object)?);
            }
            Event::Delete(object) => {
                self.objects.remove(&key(&object));
            }
            Event::Init => self.objects.retain(|(known, _, _), _| *known != kind),
            Event::InitDone => {
                self.listed.insert(kind);
            }
        }
        Ok(())
    }

    /// Whether the state before the first change is known.
    pub(super) fn is_listed(&self) -> bool {
        kinds().all(|kind| self.listed.contains(kind))
    }

    /// The Application of that name.
    pub(super) fn application(&self, name: &str) -> Option<&Value> {
        self.objects.get(&("Application", "argocd".to_owned(), name.to_owned()))
    }

    /// The Flux objects that the bridge generated for an Application, sources first.
    pub(super) fn generated(&self, application: &str) -> impl Iterator<Item = (&'static str, &Value)> {
        let owner = format!("argocd/{application}");
        FLUX.into_iter().flat_map(move |kind| {
            let owner = owner.clone();
            let of_kind = self.objects.iter().filter(move |((known, _, _), _)| *known == kind);
            of_kind
                .filter(move |(_, object)| object["metadata"]["annotations"][OWNER] == *owner)
                .map(move |(_, object)| (kind, object))
        })
    }

    /// Whether Flux objects or Deployments are left in a namespace.
    pub(super) fn has_anything_in(&self, namespace: &str) -> bool {
        self.objects.keys().any(|(kind, found, _)| *kind != "Application" && found == namespace)
    }
}

/// Whether Flux has delivered the newest spec of the object.
pub(super) fn is_ready(object: &Value) -> bool {
    let ready = ready(object);
    ready["status"] == "True" && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// The object's Ready condition; null when it has none.
pub(super) fn ready(object: &Value) -> &Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == "Ready").unwrap_or(&Value::Null)
}
