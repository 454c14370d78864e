//! Everything that one decision is made from, as one value with the time in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;

use super::live::LiveObjects;
use super::namespace::NamespaceMetadata;
use super::ownership;
use crate::argo::Application;
use crate::argo::tracking::Tracking;
use crate::credentials::LiveSecret;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::project::{AppProject, Permissions, Rendered};
use crate::translate::{Context, Translation};

/// What was read for one Application.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment of the reading.
    pub now: Timestamp,
    /// The Application.
    pub app: Arc<Application>,
    /// What it becomes.
    pub translation: Translation,
    /// What that rests on beside the Application.
    pub context: Context,
    /// What the requested or running operation wants delivered; `None` when that is what the spec says.
    pub wish: Option<Wish>,
    /// Live Flux objects: wanted, referenced, owned, and the `HelmChart`s and sources behind them.
    pub objects: BTreeMap<ObjectKey, Arc<DynamicObject>>,
    /// Secrets of Argo CD's namespace that the bridge made for this Application.
    pub secrets: Vec<Arc<LiveSecret>>,
    /// Whether the destination namespace is there.
    pub namespace_exists: bool,
    /// It is there, and on its way out.
    pub namespace_ends: bool,
    /// It is not there, and a source holds it, so that a Sync makes it before everything else.
    pub brings_namespace: bool,
    /// What its metadata says; nothing where it is not there.
    pub namespace: NamespaceMetadata,
    /// Kinds that the API server does not serve.
    pub absent_kinds: BTreeSet<FluxKind>,
    /// What could not be found out, a sentence each.
    pub failures: Vec<String>,
    /// The API server's last refusal of a step; kept until a step of that kind succeeds.
    pub refusal: Option<Refusal>,
    /// A refresh in flight.
    pub refresh: Option<Refresh>,
    /// What was delivered, live, down to Pods.
    pub live_objects: LiveObjects,
    /// Its project with what global projects add to it; `None`: there is no such project.
    pub project: Option<Arc<AppProject>>,
    /// What its source would deliver, where the project restricts that.
    pub rendered: Rendered,
    /// How Argo CD marks what it tracks.
    pub tracking: Tracking,
    /// How many Applications are syncing at the moment.
    pub syncing: usize,
    /// Argo CD's own namespace.
    pub control_namespace: String,
}

/// What an operation wants delivered instead of what the spec says (a rollback, another revision).
#[derive(Clone, Debug)]
pub struct Wish {
    /// The Application with that source and that revision.
    pub app: Arc<Application>,
    /// What it becomes.
    pub translation: Translation,
    /// What that rests on.
    pub context: Context,
    /// What could not be found out about it, a sentence each.
    pub failures: Vec<String>,
}

/// A refresh in flight. Only its token lives in memory: after a restart the sources are simply asked once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// What the sources are asked with.
    pub token: String,
    /// When it was first seen.
    pub since: Timestamp,
}

/// The API server refused a step (as opposed to: it did not answer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The object and the API server's words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

impl Observed {
    /// The same, with the operation's wish in the place of the spec's; `None` when they are one.
    pub fn as_wished(&self) -> Option<Self> {
        let Wish { app, translation, context, failures } = self.wish.clone()?;
        Some(Self { app, translation, context, failures, wish: None, ..self.clone() })
    }

    /// What the project permits of this cluster.
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions::of(&self.app, self.project.as_deref(), &self.control_namespace)
    }

    /// A live object.
    pub fn live(&self, key: &ObjectKey) -> Option<Live<'_>> {
        self.objects.get(key).map(|object| Live { kind: key.kind, object })
    }

    /// All live objects that the bridge generated for this Application.
    pub fn owned(&self) -> impl Iterator<Item = Live<'_>> {
        let objects = self.objects.iter().map(|(key, object)| Live { kind: key.kind, object });
        objects.filter(|live| self.owns(*live))
    }

    /// Whether the bridge generated that object for this Application.
    pub fn owns(&self, live: Live<'_>) -> bool {
        ownership::owns(&self.app, &self.control_namespace, live)
    }
}
