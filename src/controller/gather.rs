//! Reads everything that one Application needs into one value.

mod again;
mod asking;
mod namespace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::core::DynamicObject;

pub(super) use again::Again;
use asking::Asking;

use super::Shared;
use super::live::Wanted;
use crate::argo::tracking::Tracking;
use crate::argo::{Application, duration};
use crate::flux::{Live, ObjectKey, naming};
use crate::lookup::{Flight, Settings};
use crate::mirror::inventory::{self, Entry};
use crate::mirror::{Inventories, LiveObjects, Node, Observed, View};
use crate::names;
use crate::plan::{State, check, gate};
use crate::project::{Permissions, Rendered};
use crate::translate::{DELETES, Delivered, Translation};

/// How often a question may lead to the next one; kustomizations that build on each other take one each.
const MAX_ROUNDS: usize = 24;

/// What was read, and when to read again though nothing happens.
pub(super) struct Gathered {
    pub(super) observed: Observed,
    pub(super) again: Again,
    /// The questions that nothing can be decided without, and that are not answered yet.
    pub(super) open: Vec<Flight>,
    /// All questions under way that the Application is to hear of, and whether it goes on with an older answer until then.
    pub(super) flights: Vec<(Flight, bool)>,
}

/// Reads everything that is known about `app`, and begins to find out what is not.
pub(super) fn gather(shared: &Shared, app: Arc<Application>, now: Timestamp) -> Gathered {
    let identity = app.identity();
    let is_requested = app.annotation(names::ANNOTATION_REFRESH).is_some();
    // Finer than `now`: two refreshes within one second are two requests.
    let refresh = shared.memory.refresh(&identity, is_requested, Timestamp::now());
    let mut asking = Asking::new(shared, &app, refresh.as_ref().map(|refresh| refresh.since));
    let mut context = asking.context(&app);
    let translation = asking.translate(&app, &mut context);
    let failures = std::mem::take(&mut asking.failures);
    let wish = asking.wish(&app, &translation, &context);
    let brings_namespace = asking.brings_namespace(&app, &translation);
    asking.failures.clear();
    let mut keys = keys(shared, &app, &translation);
    keys.extend(wish.iter().flat_map(|wish| self::keys(shared, &app, &wish.translation)));
    let project = shared.cache.project(&app, &shared.secrets.repositories());
    let (objects, live_objects) = {
        let permissions = Permissions::of(&app, project.as_deref(), &shared.options.control_namespace);
        let inventories = inventories(shared, &keys, &permissions);
        keys.extend(inventories.flux_objects());
        keys.extend(inventories.0.keys().filter_map(|key| chart_of(shared, key)));
        shared.cache.subscribe(&identity, keys.clone(), &translation.namespace);
        let mut objects = objects(shared, keys);
        // What the translation has been told from: what became of them since is for the next look.
        let told = context.delivered.iter().map(|(key, delivered)| (key.clone(), delivered.object.clone()));
        objects.extend(told);
        let live_objects = live_objects(shared, &identity, &inventories, &objects, &permissions);
        (objects, live_objects)
    };
    let mut observed = Observed {
        now,
        secrets: shared.secrets.owned(&identity),
        namespace_exists: shared.cache.has_namespace(&translation.namespace),
        namespace_ends: shared.cache.is_namespace_ending(&translation.namespace),
        brings_namespace,
        namespace: shared.cache.namespace(&translation.namespace),
        absent_kinds: shared.cache.absent_kinds(),
        refusal: shared.memory.refusal(&identity),
        control_namespace: shared.options.control_namespace.clone(),
        app,
        translation,
        context,
        wish,
        objects,
        failures,
        refresh,
        live_objects,
        project,
        rendered: Rendered::Unneeded,
        tracking: tracking(shared),
        syncing: shared.memory.in_state(State::Syncing),
    };
    match observed.as_wished() {
        Some(mut wished) => {
            render(&mut asking, &mut wished);
            observed.rendered = wished.rendered;
            if let Some(wish) = &mut observed.wish {
                wish.failures = wished.failures;
            }
        }
        None => render(&mut asking, &mut observed),
    }
    let Asking { again, open, flights, .. } = asking;
    Gathered { observed, again, open, flights }
}

/// Finds out what is about to be delivered, where the project restricts that.
fn render(asking: &mut Asking<'_>, observed: &mut Observed) {
    // Most projects do not, and a view takes its time.
    if !gate::restricts(observed) {
        return;
    }
    let (revisions, blind_spot) = {
        let view = View::of(observed);
        (check::revisions(&view), check::blind_spot(&view))
    };
    observed.failures.extend(blind_spot);
    let Some(revisions) = revisions else { return };
    if observed.project.is_none() {
        return;
    }
    let mut all = Vec::new();
    for index in 0..revisions.len() {
        // What stands in the artifact, to the letter: another rendering may come out otherwise.
        if let Some(made) = observed.context.rendered.get(&index) {
            all.extend(made.objects.iter().cloned());
            continue;
        }
        let found = asking.held(&observed.app, index, &revisions, None);
        let Some(objects) = asking.answer(found) else {
            observed.failures.append(&mut asking.failures);
            return;
        };
        all.extend(objects);
    }
    observed.rendered = Rendered::Objects(all);
}

/// What Argo CD knows beside an Application and its project.
pub(super) fn settings(shared: &Shared) -> Settings {
    Settings { repositories: shared.secrets.repositories(), settings: shared.cache.settings() }
}

/// Whether a workload object of `app` leaves out what a later source delivers.
fn leaves_objects_out(shared: &Shared, app: &Application) -> bool {
    let owned = shared.owned(app);
    let live = owned.into_iter().filter_map(|key| shared.cache.object(&key));
    live.into_iter().any(|object| object.data.to_string().contains(DELETES))
}

/// How the workload objects of `app` stand, where one may take something from another.
fn delivered(shared: &Shared, app: &Application) -> BTreeMap<ObjectKey, Delivered> {
    if app.sources().len() < 2 {
        return BTreeMap::new();
    }
    let workloads = shared.owned(app).into_iter().filter(|key| key.kind.is_workload());
    let live_objects = shared.live.objects(&app.identity());
    let project = shared.cache.project(app, &shared.secrets.repositories());
    let permissions = Permissions::of(app, project.as_deref(), &shared.options.control_namespace);
    let standing = workloads.filter_map(|key| {
        let object = shared.cache.object(&key)?;
        let live = Live { kind: key.kind, object: &object };
        // A guard lists what it does not apply.
        let entries: Vec<Entry> = inventory::entries(live).filter(|_| !live.is_guard()).collect();
        let is_taken_over = |entry: &&Entry| {
            let node = live_objects.nodes.get(&entry.node_key());
            let is_hidden = live_objects.unreadable.contains(&(entry.group.clone(), entry.kind.clone()))
                || !entry.is_permitted(&permissions);
            is_hidden || node.is_some_and(|node| node.is_taken_over)
        };
        let taken_over = entries.iter().filter(is_taken_over).cloned().map(Entry::into_identity).collect();
        let inventory = entries.into_iter().map(Entry::into_identity).collect();
        Some((key, Delivered { object, inventory, taken_over }))
    });
    standing.collect()
}

fn objects(shared: &Shared, keys: BTreeSet<ObjectKey>) -> BTreeMap<ObjectKey, Arc<DynamicObject>> {
    keys.into_iter().filter_map(|key| shared.cache.object(&key).map(|object| (key, object))).collect()
}

/// Inventories of the workload objects among `keys`, and of those that they have delivered.
fn inventories(shared: &Shared, keys: &BTreeSet<ObjectKey>, permissions: &Permissions<'_>) -> Inventories {
    Inventories::of(keys.iter().cloned(), |key| shared.cache.object(key), permissions)
}

/// The `HelmChart` that Flux makes for a `HelmRelease`.
fn chart_of(shared: &Shared, workload: &ObjectKey) -> Option<ObjectKey> {
    let object = shared.cache.object(workload)?;
    naming::chart_key(Live { kind: workload.kind, object: &object })
}

/// What was delivered: Flux objects are watched anyway, everything else is from now on.
fn live_objects(
    shared: &Shared,
    identity: &str,
    inventories: &Inventories,
    objects: &BTreeMap<ObjectKey, Arc<DynamicObject>>,
    permissions: &Permissions<'_>,
) -> LiveObjects {
    shared.live.want([(identity.to_owned(), Wanted::of(inventories.others(), permissions))]);
    let mut live_objects = shared.live.objects(identity);
    for key in inventories.flux_objects() {
        if let Some(object) = objects.get(&key) {
            let node = Node::of(key.kind.group(), key.kind.version(), key.kind.kind(), object);
            live_objects.nodes.insert(node.key.clone(), Arc::new(node));
        }
    }
    live_objects
}

/// Tells the watches at once what all Applications have delivered, as far as it is theirs by label: one by one, each would
/// ask for lists of its own.
pub(super) fn prime(shared: &Shared) {
    let bridged = shared.cache.applications().state_filter(Application::is_bridged);
    let repositories = shared.secrets.repositories();
    let all = bridged.iter().map(|app| {
        let project = shared.cache.project(app, &repositories);
        let permissions = Permissions::of(app, project.as_deref(), &shared.options.control_namespace);
        let inventories = inventories(shared, &shared.owned(app), &permissions);
        (app.identity(), Wanted::of(inventories.others(), &permissions))
    });
    shared.live.want(all);
}

/// Wanted, referenced and owned objects, with the sources and charts behind the workload objects among them.
fn keys(shared: &Shared, app: &Application, translation: &Translation) -> BTreeSet<ObjectKey> {
    let mut keys: BTreeSet<ObjectKey> =
        translation.all_objects().map(|manifest| manifest.key.clone()).collect();
    keys.extend(translation.references.iter().cloned());
    keys.extend(shared.owned(app));
    let behind: Vec<ObjectKey> = keys
        .iter()
        .filter(|key| key.kind.is_workload())
        .flat_map(|key| {
            let object = shared.cache.object(key);
            let live = object.as_ref().map(|object| Live { kind: key.kind, object });
            let wanted = translation.objects.iter().find(|manifest| manifest.key == *key);
            let chart = live.map_or_else(|| wanted.and_then(naming::wanted_chart_key), naming::chart_key);
            [live.and_then(naming::source_key), chart].into_iter().flatten().collect::<Vec<_>>()
        })
        .collect();
    keys.extend(behind);
    keys
}

/// How Argo CD marks what it tracks (argocd-cm).
fn tracking(shared: &Shared) -> Tracking {
    let setting = |key| shared.cache.setting(key).filter(|value| !value.is_empty());
    let usual = Tracking::default();
    Tracking {
        label: setting("application.instanceLabelKey").unwrap_or(usual.label),
        installation_id: setting("installationID").unwrap_or(usual.installation_id),
    }
}

fn poll_interval(shared: &Shared) -> Duration {
    poll(shared.cache.setting("timeout.reconciliation").as_deref())
}

/// How often Argo CD looks for new revisions (`timeout.reconciliation` in argocd-cm, a Go duration or bare seconds).
fn poll(setting: Option<&str>) -> Duration {
    let parsed = setting.and_then(duration::parse);
    parsed.filter(|poll| !poll.is_zero()).unwrap_or(Duration::from_secs(names::DEFAULT_POLL_SECONDS))
}

/// The same as it stands in the sources.
pub(super) fn interval(setting: Option<&str>) -> String {
    seconds(poll(setting))
}

fn seconds(poll: Duration) -> String {
    format!("{}s", poll.as_secs().max(1))
}
