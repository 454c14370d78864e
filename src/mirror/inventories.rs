//! What workload objects have delivered, and what the workload objects among that have delivered in turn.
//!
//! Whoever may write a Flux object's status may have it name any object of the cluster, and what was delivered may be
//! more than what is permitted now: what the project does not permit is left out, and not followed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;

use super::inventory::{self, Entry};
use super::leftover;
use super::live::NodeKey;
use crate::flux::fields;
use crate::flux::{Live, ObjectKey};
use crate::project::Permissions;

/// How many workload objects that deliver workload objects are followed, one below the other.
const MAX_DEPTH: usize = 8;

/// The inventory of one workload object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// What it has put into its cluster, as far as the project permits it, in its order.
    pub entries: Vec<Entry>,
    /// What left its source and may still be there ([`super::leftover`]).
    pub forgotten: Vec<Entry>,
    /// That cluster is another one (`spec.kubeConfig`): nothing of it can be looked at from here.
    pub is_remote: bool,
}

/// Inventories by the workload object they belong to. One that is not there (any more) has an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventories(pub BTreeMap<ObjectKey, Inventory>);

impl Inventories {
    /// Reads the inventories of `workloads` and, level by level, of the workload objects in them; `lookup` finds objects.
    pub fn of(
        workloads: impl IntoIterator<Item = ObjectKey>,
        lookup: impl Fn(&ObjectKey) -> Option<Arc<DynamicObject>>,
        permissions: &Permissions<'_>,
    ) -> Self {
        let mut found = BTreeMap::new();
        let mut level: Vec<ObjectKey> = workloads.into_iter().filter(|key| key.kind.is_workload()).collect();
        for _ in 0..=MAX_DEPTH {
            let mut next = Vec::new();
            for key in level {
                // One that was met before is not followed again.
                if found.contains_key(&key) {
                    continue;
                }
                let inventory = read(&key, lookup(&key).as_deref(), permissions);
                let nested = inventory.flux_objects().filter(|key| key.kind.is_workload());
                next.extend(nested);
                found.insert(key, inventory);
            }
            level = next;
        }
        Self(found)
    }

    /// Flux objects among what was delivered into this cluster.
    pub fn flux_objects(&self) -> impl Iterator<Item = ObjectKey> + '_ {
        self.0.values().flat_map(Inventory::flux_objects)
    }

    /// Everything that was delivered into this cluster and is not a Flux object.
    pub fn others(&self) -> impl Iterator<Item = NodeKey> + '_ {
        let local = self.0.values().filter(|inventory| !inventory.is_remote);
        let entries = local.flat_map(|inventory| inventory.entries.iter().chain(&inventory.forgotten));
        entries.filter(|entry| entry.flux_key().is_none()).map(Entry::node_key)
    }
}

impl Inventory {
    fn flux_objects(&self) -> impl Iterator<Item = ObjectKey> + '_ {
        let local = (!self.is_remote).then_some([&self.entries, &self.forgotten]);
        local.into_iter().flatten().flatten().filter_map(Entry::flux_key)
    }
}

fn read(key: &ObjectKey, object: Option<&DynamicObject>, permissions: &Permissions<'_>) -> Inventory {
    let Some(object) = object else { return Inventory::default() };
    let live = Live { kind: key.kind, object };
    if live.is_guard() {
        return Inventory::default();
    }
    let forgotten = live.is_generated().then(|| leftover::forgotten(live)).into_iter().flatten();
    Inventory {
        entries: inventory::entries(live).filter(|entry| entry.is_permitted(permissions)).collect(),
        forgotten: forgotten.filter(|entry| entry.is_permitted(permissions)).collect(),
        is_remote: live.at(fields::KUBE_CONFIG).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use crate::mirror::fixtures;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn release(name: &str, ids: &[&str], spec: &Value) -> DynamicObject {
        let entries: Vec<_> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
        let status = json!({"inventory": {"entries": entries}});
        object(FluxKind::HelmRelease, &json!({"metadata": {"name": name}, "spec": spec, "status": status}))
    }

    fn of(objects: &[DynamicObject]) -> Inventories {
        within(&json!({}), objects)
    }

    /// The same in a project that permits everything but for what `spec` says otherwise.
    fn within(spec: &Value, objects: &[DynamicObject]) -> Inventories {
        let (app, project) = (fixtures::app("demo").build(), fixtures::project("team", spec));
        let permissions = Permissions::of(&app, Some(&project), "argocd");
        let key = |object| Live { kind: FluxKind::HelmRelease, object }.key();
        let lookup =
            |wanted: &ObjectKey| objects.iter().find(|object| key(object) == *wanted).cloned().map(Arc::new);
        Inventories::of([key(&objects[0])], lookup, &permissions)
    }

    fn names(inventories: &Inventories) -> Vec<String> {
        inventories.others().map(|key| key.name).collect()
    }

    const NESTED: &str = "apps_b_helm.toolkit.fluxcd.io_HelmRelease";

    #[test]
    fn nested_workload_objects_are_followed_once() {
        let gone = "apps_gone_helm.toolkit.fluxcd.io_HelmRelease";
        let back = "apps_a_helm.toolkit.fluxcd.io_HelmRelease";
        let a = release("a", &[NESTED, "apps_one_apps_Deployment"], &json!({}));
        let b = release("b", &[back, NESTED, gone, "apps_two_apps_Deployment"], &json!({}));
        let found = of(&[a, b]);
        assert_eq!(names(&found), ["one", "two"]);
        let known: Vec<_> = found.0.keys().map(|key| key.name.as_str()).collect();
        assert_eq!(known, ["a", "b", "gone"]);
    }

    #[test]
    fn sources_are_named_beside_what_is_not_flux() {
        let source = "apps_s_source.toolkit.fluxcd.io_GitRepository";
        let found = of(&[release("a", &[source, "apps_one__Service"], &json!({}))]);
        assert_eq!(found.flux_objects().map(|key| key.kind).collect::<Vec<_>>(), [FluxKind::GitRepository]);
        assert_eq!(names(&found), ["one"]);
    }

    #[rstest]
    #[case::all(json!({}), &["a", "b"], &["role", "one", "two", "crown"])]
    #[case::elsewhere(
        json!({"destinations": [{"server": "*", "namespace": "apps"}]}), &["a", "b"], &["role", "one", "two"]
    )]
    #[case::of_the_cluster(json!({"clusterResourceWhitelist": []}), &["a", "b"], &["one", "two", "crown"])]
    #[case::of_a_kind(
        json!({"namespaceResourceWhitelist": [{"group": "", "kind": "Service"}]}), &["a"], &["role", "one"]
    )]
    #[case::nothing(json!({"destinations": [], "clusterResourceWhitelist": []}), &["a"], &[])]
    fn what_is_not_permitted_is_neither_named_nor_followed(
        #[case] spec: Value,
        #[case] workloads: &[&str],
        #[case] others: &[&str],
    ) {
        let role = "_role_rbac.authorization.k8s.io_ClusterRole";
        let a = release("a", &[role, "apps_one__Service", NESTED], &json!({}));
        let b = release("b", &["apps_two_apps_Deployment", "victim_crown__Service"], &json!({}));
        let found = within(&spec, &[a, b]);
        let known: Vec<_> = found.0.keys().map(|key| key.name.as_str()).collect();
        assert_eq!(
            (known.as_slice(), names(&found)),
            (workloads, others.iter().map(ToString::to_string).collect())
        );
    }

    #[test]
    fn nobody_elses_workload_objects_are_followed() {
        let theirs = "victim_b_helm.toolkit.fluxcd.io_HelmRelease";
        let spec = json!({"destinations": [{"server": "*", "namespace": "apps"}]});
        // What they have delivered may even be where the tenant may deliver.
        let mut b = release("b", &["apps_two__Service"], &json!({}));
        b.metadata.namespace = Some("victim".to_owned());
        let found = within(&spec, &[release("a", &[theirs, "apps_one__Service"], &json!({})), b]);
        assert_eq!((names(&found), found.0.len()), (vec!["one".to_owned()], 1));
    }

    #[test]
    fn another_cluster_is_read_and_not_looked_at() {
        let spec = json!({"kubeConfig": {"secretRef": {"name": "far"}}});
        let found = of(&[release("a", &[NESTED, "apps_one__Service"], &spec), release("b", &[], &json!({}))]);
        assert_eq!((names(&found).len(), found.flux_objects().count(), found.0.len()), (0, 0, 1));
        assert!(found.0.values().all(|inventory| inventory.is_remote && inventory.entries.len() == 2));
    }
}
