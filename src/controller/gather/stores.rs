//! What the stores hold about an Application.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::core::DynamicObject;

use crate::argo::tracking::Tracking;
use crate::argo::{Application, duration};
use crate::controller::live::Wanted;
use crate::controller::shared::Shared;
use crate::flux::{Live, ObjectKey, naming};
use crate::lookup::Settings;
use crate::mirror::inventory::{self, Entry};
use crate::mirror::{Inventories, LiveObjects, Node};
use crate::names;
use crate::project::Permissions;
use crate::translate::{DELETES, Delivered, Translation};

/// What Argo CD knows beside an Application and its project.
pub(in crate::controller) fn settings(shared: &Shared) -> Settings {
    Settings { repositories: shared.secrets.repositories(), settings: shared.cache.settings() }
}

/// Whether a workload object of `app` leaves out what a later source delivers.
pub(in crate::controller) fn leaves_objects_out(shared: &Shared, app: &Application) -> bool {
    let owned = shared.owned(app);
    let live = owned.into_iter().filter_map(|key| shared.cache.object(&key));
    live.into_iter().any(|object| object.data.to_string().contains(DELETES))
}

/// How the workload objects of `app` stand, where one may take something from another.
pub(in crate::controller) fn delivered(shared: &Shared, app: &Application) -> BTreeMap<ObjectKey, Delivered> {
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

pub(in crate::controller) fn objects(
    shared: &Shared,
    keys: BTreeSet<ObjectKey>,
) -> BTreeMap<ObjectKey, Arc<DynamicObject>> {
    keys.into_iter().filter_map(|key| shared.cache.object(&key).map(|object| (key, object))).collect()
}

/// Inventories of the workload objects among `keys`, and of those that they have delivered.
pub(in crate::controller) fn inventories(
    shared: &Shared,
    keys: &BTreeSet<ObjectKey>,
    permissions: &Permissions<'_>,
) -> Inventories {
    Inventories::of(keys.iter().cloned(), |key| shared.cache.object(key), permissions)
}

/// The `HelmChart` that Flux makes for a `HelmRelease`.
pub(in crate::controller) fn chart_of(shared: &Shared, workload: &ObjectKey) -> Option<ObjectKey> {
    let object = shared.cache.object(workload)?;
    naming::chart_key(Live { kind: workload.kind, object: &object })
}

/// What was delivered: Flux objects are watched anyway, everything else is from now on.
pub(in crate::controller) fn live_objects(
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
pub(in crate::controller) fn prime(shared: &Shared) {
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
pub(in crate::controller) fn keys(
    shared: &Shared,
    app: &Application,
    translation: &Translation,
) -> BTreeSet<ObjectKey> {
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
pub(in crate::controller) fn tracking(shared: &Shared) -> Tracking {
    let setting = |key| shared.cache.setting(key).filter(|value| !value.is_empty());
    let usual = Tracking::default();
    Tracking {
        label: setting("application.instanceLabelKey").unwrap_or(usual.label),
        installation_id: setting("installationID").unwrap_or(usual.installation_id),
    }
}

pub(in crate::controller) fn poll_interval(shared: &Shared) -> Duration {
    poll(shared.cache.setting("timeout.reconciliation").as_deref())
}

/// How often Argo CD looks for new revisions (`timeout.reconciliation` in argocd-cm, a Go duration or bare seconds).
pub(in crate::controller) fn poll(setting: Option<&str>) -> Duration {
    let parsed = setting.and_then(duration::parse);
    parsed.filter(|poll| !poll.is_zero()).unwrap_or(Duration::from_secs(names::DEFAULT_POLL_SECONDS))
}

/// The same as it stands in the sources.
pub(in crate::controller) fn interval(setting: Option<&str>) -> String {
    seconds(poll(setting))
}

pub(in crate::controller) fn seconds(poll: Duration) -> String {
    format!("{}s", poll.as_secs().max(1))
}
