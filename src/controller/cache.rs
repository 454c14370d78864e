//! What the watches delivered, and who is interested in what.
//!
//! A write's answer is laid over the watched object until the watch has caught up, so that a decision is never made on
//! a state that the bridge itself has already left behind.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::watch;

use super::dependents::Dependents;
use crate::argo::Application;
use crate::credentials::Repositories;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::mirror::namespace::NamespaceMetadata;
use crate::mirror::ownership;
use crate::policy::FluxDeliveryPolicy;
use crate::project::{self, AppProject};
use crate::translate::{IgnoreDifferences, customizations, waiting};

/// How long an answer may lie over a watched object; a watch that is slower than this is down, and says so itself.
const OVERLAY_LIFE: Duration = Duration::from_secs(30);

/// Key of argocd-cm: which projects add to which others.
const GLOBAL_PROJECTS: &str = "globalProjects";

/// The stores that the watches fill.
pub(super) struct Stores {
    pub(super) applications: Store<Application>,
    pub(super) flux: BTreeMap<FluxKind, Store<DynamicObject>>,
    pub(super) namespaces: Store<PartialObjectMeta<Namespace>>,
    pub(super) settings: Store<ConfigMap>,
    pub(super) projects: Store<AppProject>,
    pub(super) policies: Store<FluxDeliveryPolicy>,
}

#[derive(Default)]
struct Index {
    /// `NAMESPACE/NAME` of an Application → objects that name it as their owner; anybody may have written that.
    marked: HashMap<String, BTreeSet<ObjectKey>>,
    /// Object → Applications that asked for it.
    interested: HashMap<ObjectKey, HashSet<String>>,
    /// Application → what it asked for.
    interests: HashMap<String, (BTreeSet<ObjectKey>, String)>,
    dependents: Dependents,
}

struct Written<T> {
    object: Arc<T>,
    at: Instant,
}

/// See the module.
pub(super) struct Cache {
    stores: Stores,
    index: Mutex<Index>,
    flux_overlay: Mutex<HashMap<ObjectKey, Written<DynamicObject>>>,
    application_overlay: Mutex<HashMap<String, Written<Application>>>,
    absent: RwLock<BTreeSet<FluxKind>>,
    customized: Mutex<Customized>,
    filled: watch::Receiver<bool>,
}

/// What `argocd-cm` ignores for everybody, and the resourceVersion of the ConfigMap that it was read from: each look of each
/// Application asks.
type Customized = (Option<String>, Vec<IgnoreDifferences>);

/// Nothing is left half changed under these locks: a panic elsewhere does not spoil what they hold.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// resourceVersions rise with each write; Kubernetes allows comparing those of one kind as numbers.
fn is_newer(a: Option<&String>, b: Option<&String>) -> bool {
    let number = |version: Option<&String>| version.and_then(|version| version.parse::<u64>().ok());
    number(a) > number(b)
}

impl Cache {
    pub(super) fn new(stores: Stores, filled: watch::Receiver<bool>) -> Self {
        Self {
            stores,
            index: Mutex::default(),
            flux_overlay: Mutex::default(),
            application_overlay: Mutex::default(),
            absent: RwLock::default(),
            customized: Mutex::default(),
            filled,
        }
    }

    /// Waits until everything that is served has been listed once.
    pub(super) async fn filled(&self) {
        // The sender lives as long as the watches; without them nothing is decided any more.
        let _ = self.filled.clone().wait_for(|filled| *filled).await;
    }

    pub(super) fn applications(&self) -> &Store<Application> {
        &self.stores.applications
    }

    /// The newest known state of the Application.
    pub(super) fn application(&self, watched: Arc<Application>) -> Arc<Application> {
        let mut overlay = lock(&self.application_overlay);
        let identity = watched.identity();
        let Some(written) = overlay.get(&identity) else { return watched };
        let is_same = written.object.metadata.uid == watched.metadata.uid;
        let versions = (&written.object.metadata.resource_version, &watched.metadata.resource_version);
        if is_same
            && written.at.elapsed() < OVERLAY_LIFE
            && is_newer(versions.0.as_ref(), versions.1.as_ref())
        {
            return Arc::clone(&written.object);
        }
        overlay.remove(&identity);
        watched
    }

    /// The newest known state of the Application that was `watched` a moment ago.
    pub(super) fn newest(&self, watched: &Arc<Application>) -> Arc<Application> {
        let there = self.stores.applications.get(&ObjectRef::from_obj(&**watched));
        self.application(there.unwrap_or_else(|| Arc::clone(watched)))
    }

    /// It was deleted, and no other one has its name.
    pub(super) fn is_gone(&self, app: &Application) -> bool {
        self.stores.applications.get(&ObjectRef::from_obj(app)).is_none()
    }

    pub(super) fn wrote_application(&self, app: Application) {
        let written = Written { object: Arc::new(app), at: Instant::now() };
        lock(&self.application_overlay).insert(written.object.identity(), written);
    }

    /// The newest known state of a Flux object.
    pub(super) fn object(&self, key: &ObjectKey) -> Option<Arc<DynamicObject>> {
        let reference = ObjectRef::new_with(&key.name, key.kind.api_resource()).within(&key.namespace);
        let watched = self.stores.flux.get(&key.kind).and_then(|store| store.get(&reference));
        let mut overlay = lock(&self.flux_overlay);
        let Some(written) = overlay.get(key) else { return watched };
        let version = |object: &Arc<DynamicObject>| object.metadata.resource_version.clone();
        let watched_version = watched.as_ref().and_then(version);
        let is_ahead = is_newer(version(&written.object).as_ref(), watched_version.as_ref());
        if written.at.elapsed() < OVERLAY_LIFE && is_ahead {
            return Some(Arc::clone(&written.object));
        }
        overlay.remove(key);
        watched
    }

    pub(super) fn wrote_object(&self, key: &ObjectKey, object: DynamicObject) {
        let live = Live { kind: key.kind, object: &object };
        if let Some(owner) = live.owner().filter(|_| live.is_generated()) {
            lock(&self.index).marked.entry(owner.to_owned()).or_default().insert(key.clone());
        }
        let written = Written { object: Arc::new(object), at: Instant::now() };
        lock(&self.flux_overlay).insert(key.clone(), written);
    }

    /// The watch saw the object, or its end.
    pub(super) fn observed(&self, kind: FluxKind, object: &DynamicObject, is_gone: bool) {
        let live = Live { kind, object };
        let key = live.key();
        if is_gone {
            lock(&self.flux_overlay).remove(&key);
        }
        lock(&self.index).dependents.note(live, is_gone);
        let Some(owner) = live.owner().filter(|_| live.is_generated()) else { return };
        let mut index = lock(&self.index);
        if !is_gone {
            index.marked.entry(owner.to_owned()).or_default().insert(key);
        } else if let Some(keys) = index.marked.get_mut(owner) {
            keys.remove(&key);
            if keys.is_empty() {
                index.marked.remove(owner);
            }
        }
    }

    /// Objects that name the Application as their owner, and stand where it can have objects.
    pub(super) fn owned(&self, app: &Application, control_namespace: &str) -> BTreeSet<ObjectKey> {
        let marked = lock(&self.index).marked.get(&app.identity()).cloned().unwrap_or_default();
        marked.into_iter().filter(|key| ownership::may_own(app, control_namespace, key)).collect()
    }

    /// The objects where `app` delivers to that others wait for, as far as these have a say there: they stand in the same
    /// namespace, or are of an Application of the same project. Its own are left out: what they want is in its translation.
    pub(super) fn awaited(&self, app: &Application, control_namespace: &str) -> BTreeSet<ObjectKey> {
        let awaited = lock(&self.index).dependents.awaited(app.flux_namespace());
        let has_a_say = |(target, dependent): &(ObjectKey, ObjectKey)| {
            let object = self.object(dependent);
            let live = object.as_ref().map(|object| Live { kind: dependent.kind, object });
            match live.and_then(|live| live.owner().filter(|_| live.is_generated())) {
                Some(owner) if *owner == app.identity() => false,
                Some(owner) if target.namespace != dependent.namespace => {
                    let owner = reference(owner).and_then(|owner| self.stores.applications.get(&owner));
                    owner.is_some_and(|owner| {
                        owner.project() == app.project()
                            && self.owned(&owner, control_namespace).contains(dependent)
                    })
                }
                _ => target.namespace == dependent.namespace,
            }
        };
        awaited.into_iter().filter(has_a_say).map(|(target, _)| target).collect()
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        let namespace = self.stores.namespaces.get(&ObjectRef::new(name));
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
    }

    /// The namespace is there, and being deleted.
    pub(super) fn is_namespace_ending(&self, name: &str) -> bool {
        let namespace = self.stores.namespaces.get(&ObjectRef::new(name));
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some())
    }

    /// What a namespace's metadata says.
    pub(super) fn namespace(&self, name: &str) -> NamespaceMetadata {
        let namespace = self.stores.namespaces.get(&ObjectRef::new(name));
        namespace.map(|namespace| NamespaceMetadata::of(&namespace.metadata)).unwrap_or_default()
    }

    /// A value of `argocd-cm`.
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        let map = self.stores.settings.state().first().cloned()?;
        map.data.as_ref()?.get(key).cloned()
    }

    /// Everything in `argocd-cm`.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let map = self.stores.settings.state().first().cloned();
        map.and_then(|map| map.data.clone()).unwrap_or_default()
    }

    /// Differences that `argocd-cm` ignores for everybody.
    pub(super) fn ignored_differences(&self) -> Vec<IgnoreDifferences> {
        let Some(map) = self.stores.settings.state().first().cloned() else { return Vec::new() };
        let version = &map.metadata.resource_version;
        let mut customized = lock(&self.customized);
        if version.is_none() || customized.0 != *version {
            *customized = (version.clone(), customizations(map.data.as_ref().unwrap_or(&BTreeMap::new())));
        }
        customized.1.clone()
    }

    /// All policies.
    pub(super) fn policies(&self) -> Vec<Arc<FluxDeliveryPolicy>> {
        self.stores.policies.state()
    }

    /// The Application's project, with the repositories that are its own and with what global projects add to it (argo-cd
    /// `util/argo/argo.go`, `GetAppProjectByName`).
    pub(super) fn project(&self, app: &Application, known: &Repositories) -> Option<Arc<AppProject>> {
        let mut project = self.named_project(app.project())?;
        let mut own = known.of_project(app.project()).peekable();
        if own.peek().is_some() {
            Arc::make_mut(&mut project).spec.source_repos.extend(own.map(str::to_owned));
        }
        let globals = self.setting(GLOBAL_PROJECTS).unwrap_or_default();
        if globals.is_empty() {
            return Some(project);
        }
        let find = |name: &str| self.named_project(name).map(|project| AppProject::clone(&project));
        Some(Arc::new(project::virtual_project(&project, &globals, find)))
    }

    fn named_project(&self, name: &str) -> Option<Arc<AppProject>> {
        self.stores.projects.find(|project| project.name() == name)
    }

    /// The Applications that an event of this project concerns: all of them, where it is a global one.
    pub(super) fn interested_in_project(&self, project: &AppProject) -> Vec<ObjectRef<Application>> {
        let globals = project::global_project_names(&self.setting(GLOBAL_PROJECTS).unwrap_or_default());
        let is_global = globals.iter().any(|global| global == project.name());
        let applications = self.stores.applications.state();
        let concerned = applications.iter().filter(|app| app.is_bridged());
        let concerned = concerned.filter(|app| is_global || app.project() == project.name());
        concerned.filter_map(|app| reference(&app.identity())).collect()
    }

    pub(super) fn absent_kinds(&self) -> BTreeSet<FluxKind> {
        self.absent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The API server serves the kind, or does not; whether that is news.
    pub(super) fn set_absent(&self, kind: FluxKind, is_absent: bool) -> bool {
        let mut absent = self.absent.write().unwrap_or_else(PoisonError::into_inner);
        if is_absent { absent.insert(kind) } else { absent.remove(&kind) }
    }

    /// Remembers what an Application asked for, so that events of it wake it.
    pub(super) fn subscribe(&self, identity: &str, keys: BTreeSet<ObjectKey>, namespace: &str) {
        let mut index = lock(&self.index);
        let index = &mut *index;
        let before = index.interests.insert(identity.to_owned(), (keys.clone(), namespace.to_owned()));
        for key in before.iter().flat_map(|(before, _)| before.difference(&keys)) {
            unsubscribe(&mut index.interested, key, identity);
        }
        for key in keys {
            index.interested.entry(key).or_default().insert(identity.to_owned());
        }
    }

    pub(super) fn forget(&self, identity: &str) {
        lock(&self.application_overlay).remove(identity);
        let mut index = lock(&self.index);
        let index = &mut *index;
        let keys = index.interests.remove(identity).map(|(keys, _)| keys).unwrap_or_default();
        for key in keys {
            unsubscribe(&mut index.interested, &key, identity);
        }
    }

    /// The Applications that an event of this object concerns.
    pub(super) fn interested(&self, kind: FluxKind, object: &DynamicObject) -> Vec<ObjectRef<Application>> {
        let live = Live { kind, object };
        let index = lock(&self.index);
        // What somebody begins to wait for is told to wait itself.
        let keys = std::iter::once(live.key()).chain(waiting::dependencies_of(live));
        let asked = keys.filter_map(|key| index.interested.get(&key)).flatten().map(String::as_str);
        let all: BTreeSet<&str> = asked.chain(live.owner()).collect();
        all.into_iter().filter_map(reference).collect()
    }

    pub(super) fn interested_in_namespace(&self, name: &str) -> Vec<ObjectRef<Application>> {
        let index = lock(&self.index);
        let concerned = index.interests.iter().filter(|(_, (_, namespace))| namespace == name);
        concerned.filter_map(|(identity, _)| reference(identity)).collect()
    }
}

fn unsubscribe(interested: &mut HashMap<ObjectKey, HashSet<String>>, key: &ObjectKey, identity: &str) {
    let Some(all) = interested.get_mut(key) else { return };
    all.remove(identity);
    if all.is_empty() {
        interested.remove(key);
    }
}

pub(super) fn reference(identity: &str) -> Option<ObjectRef<Application>> {
    let (namespace, name) = identity.split_once('/')?;
    Some(ObjectRef::new(name).within(namespace))
}
