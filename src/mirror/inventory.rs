//! What a `HelmRelease` or Kustomization says it has put into the cluster: `status.inventory`.

use serde_json::Value;

use super::live::NodeKey;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::project::Permissions;

/// One object of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// API group; empty for the core group.
    pub group: String,
    /// API version within the group; empty when the inventory does not say.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for objects of the cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Entry {
    /// Reads `NAMESPACE_NAME_GROUP_KIND` (cli-utils `pkg/object/objmetadata.go`, `ParseObjMetadata`; a colon in the name
    /// of an RBAC object stands as two underscores). `None` for anything else.
    pub fn parse(id: &str, version: &str) -> Option<Self> {
        let (namespace, rest) = id.split_once('_')?;
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        let name = name.replace("__", ":");
        let is_whole = !kind.is_empty() && !name.is_empty() && !name.contains('_');
        is_whole.then(|| Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name,
        })
    }

    /// The id that [`Self::parse`] reads.
    pub fn id(&self) -> String {
        let Self { group, kind, namespace, name, .. } = self;
        format!("{namespace}_{}_{group}_{kind}", name.replace(':', "__"))
    }

    /// Which object of the cluster this is.
    pub fn node_key(&self) -> NodeKey {
        let Self { group, kind, namespace, name, .. } = self.clone();
        NodeKey { group, kind, namespace, name }
    }

    /// The project of an Application lets it show the object, and work on it.
    pub fn is_permitted(&self, permissions: &Permissions<'_>) -> bool {
        permissions.object(&self.group, &self.kind, &self.namespace, &self.name)
    }

    /// Group, kind, namespace and name.
    pub fn into_identity(self) -> [String; 4] {
        [self.group, self.kind, self.namespace, self.name]
    }

    /// Which Flux object this is, if it is one.
    pub fn flux_key(&self) -> Option<ObjectKey> {
        let kind = FluxKind::parse(&self.kind).filter(|kind| kind.group() == self.group)?;
        Some(ObjectKey::new(kind, &self.namespace, &self.name))
    }
}

/// The objects in the inventory of `workload`, in its order.
pub fn entries(workload: Live<'_>) -> impl Iterator<Item = Entry> {
    let listed = workload.at(fields::INVENTORY_ENTRIES).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|entry| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str);
        Entry::parse(text("id")?, text("v").unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::namespaced("apps_web_apps_Deployment", ["apps", "web", "apps", "Deployment"])]
    #[case::core("apps_web__Service", ["apps", "web", "", "Service"])]
    #[case::of_the_cluster("_apps__Namespace", ["", "apps", "", "Namespace"])]
    #[case::with_colons(
        "_system__web__read_rbac.authorization.k8s.io_ClusterRole",
        ["", "system:web:read", "rbac.authorization.k8s.io", "ClusterRole"]
    )]
    #[case::core_with_dots("apps_a.b-c__ConfigMap", ["apps", "a.b-c", "", "ConfigMap"])]
    fn ids_are_read(#[case] id: &str, #[case] parts: [&str; 4]) {
        let entry = Entry::parse(id, "v1").unwrap();
        assert_eq!([&entry.namespace, &entry.name, &entry.group, &entry.kind], parts);
        assert_eq!(entry.version, "v1");
        assert_eq!(entry.id(), id);
    }

    #[rstest]
    #[case::empty("")]
    #[case::too_short("apps_web_Deployment")]
    #[case::without_kind("apps_web_apps_")]
    #[case::without_name("apps__apps_Deployment")]
    #[case::too_long("apps_web_more_apps_Deployment")]
    fn anything_else_is_none(#[case] id: &str) {
        assert_eq!(Entry::parse(id, "v1"), None);
    }

    #[test]
    fn a_flux_object_is_known_by_kind_and_group() {
        let key = |id: &str| Entry::parse(id, "v2").unwrap().flux_key();
        let expected = ObjectKey::new(FluxKind::HelmRelease, "apps", "web");
        assert_eq!(key("apps_web_helm.toolkit.fluxcd.io_HelmRelease"), Some(expected));
        assert_eq!(key("apps_web_example.org_HelmRelease"), None);
        assert_eq!(key("apps_web_apps_Deployment"), None);
    }
}
