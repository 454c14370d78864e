//! What a `HelmRelease` says has drifted, object by object.

use super::inventory;
use crate::argo::status::ResourceStatus;
use crate::flux::Live;

/// The objects that the condition `Drifted` names (helm-controller `internal/diff/summarize.go`: one line an object,
/// `KIND/NAMESPACE/NAME changed (…)` or `… removed`), as resources that are out of sync.
pub fn resources(release: Live<'_>) -> Vec<ResourceStatus> {
    let drifted = release.condition("Drifted").filter(|drifted| drifted.status == "True");
    let lines = drifted.map_or("", |drifted| drifted.message).lines().skip(1);
    lines.filter_map(|line| resource(release, line)).collect()
}

fn resource(release: Live<'_>, line: &str) -> Option<ResourceStatus> {
    let (object, what) = line.split_once(' ')?;
    if !what.starts_with("changed") && !what.starts_with("removed") {
        return None;
    }
    let (kind, rest) = object.split_once('/')?;
    let (namespace, name) = rest.split_once('/').unwrap_or(("", rest));
    let mut inventory = inventory::entries(release);
    let known =
        inventory.find(|entry| entry.kind == kind && entry.namespace == namespace && entry.name == name);
    let (group, version) = known.map(|entry| (entry.group, entry.version)).unwrap_or_default();
    Some(ResourceStatus {
        group,
        version,
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        status: "OutOfSync".to_owned(),
        ..ResourceStatus::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use serde_json::json;

    #[test]
    fn each_line_is_a_resource_with_its_group() {
        let message = "Cluster state of release a/b.v1 has drifted from the desired state:\n\
                       Deployment/apps/web changed (0 additions, 1 changes, 0 removals)\n\
                       ClusterRole/system:web removed\nService/apps/old excluded";
        let release = object(
            FluxKind::HelmRelease,
            &json!({"status": {
                "conditions": [{"type": "Drifted", "status": "True", "message": message}],
                "inventory": {"entries": [
                    {"id": "apps_web_apps_Deployment", "v": "v1"},
                    {"id": "_system__web_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
                ]},
            }}),
        );
        let found = resources(Live { kind: FluxKind::HelmRelease, object: &release });
        let names: Vec<_> =
            found.iter().map(|r| (r.group.as_str(), r.kind.as_str(), r.name.as_str())).collect();
        assert_eq!(
            names,
            [("apps", "Deployment", "web"), ("rbac.authorization.k8s.io", "ClusterRole", "system:web")]
        );
    }
}
