//! A live object → what is kept of it.

use kube::core::DynamicObject;
use serde_json::Value;

use super::object::Object;
use super::{Node, NodeKey, Owner, health, info, kept, networking};
use crate::argo::seconds;
use crate::names;

/// The health of the object does not count (argo-cd `common/common.go`, `AnnotationIgnoreHealthCheck`).
const IGNORE_HEALTH_CHECK: &str = "argocd.argoproj.io/ignore-healthcheck";

impl Node {
    /// Trims `object`, whose API is `group`, `version` and `kind`, to what a tree, a health and a summary need.
    ///
    /// Argo CD's rules: argo-cd `controller/cache/info.go`, `populateNodeInfo`; gitops-engine `pkg/health`, and
    /// `pkg/cache/references.go` for owners that are not written down. Of kinds for which [`reads_body`] is false, only
    /// metadata is looked at.
    pub fn of(group: &str, version: &str, kind: &str, object: &DynamicObject) -> Self {
        let read = Object { group, version, kind, whole: object };
        let metadata = &object.metadata;
        let pod = info::pod(read);
        Self {
            key: NodeKey {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: read.namespace().to_owned(),
                name: read.name().to_owned(),
            },
            version: version.to_owned(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            created_at: metadata
                .creation_timestamp
                .as_ref()
                .map(|time| seconds::text(time.0))
                .unwrap_or_default(),
            owners: owners(read),
            health: health::of(read),
            info: info::revision(read).into_iter().chain(pod.chips).collect(),
            images: pod.images,
            networking: networking::of(read),
            ignores_health: read.annotation(IGNORE_HEALTH_CHECK) == Some("true"),
            has_ended: pod.has_ended,
            is_taken_over: read.annotation(names::ANNOTATION_TAKEN_OVER).is_some(),
            kept: kept::of(read).map(Box::new),
            claim_templates: claim_templates(read),
        }
    }

    /// Whether `child` was made by this object: it says so, or it is the claim of a `StatefulSet`, which does not.
    pub fn is_parent_of(&self, child: &Self) -> bool {
        child.owners.iter().any(|owner| self.is(owner, &child.key.namespace)) || self.has_claimed(&child.key)
    }

    fn is(&self, owner: &Owner, namespace: &str) -> bool {
        if !owner.uid.is_empty() {
            return owner.uid == self.uid;
        }
        owner.group() == self.key.group
            && owner.kind == self.key.kind
            && owner.name == self.key.name
            && self.key.namespace == namespace
    }

    /// A `PersistentVolumeClaim` named after one of the templates: `TEMPLATE-NAME-ORDINAL`.
    fn has_claimed(&self, key: &NodeKey) -> bool {
        let ordinal = |template: &String| {
            let rest = key.name.strip_prefix(template.as_str())?.strip_prefix('-')?;
            rest.strip_prefix(self.key.name.as_str())?.strip_prefix('-')
        };
        key.group.is_empty()
            && key.kind == "PersistentVolumeClaim"
            && key.namespace == self.key.namespace
            && self
                .claim_templates
                .iter()
                .filter_map(ordinal)
                .any(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    }
}

impl Owner {
    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// API version within the group.
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&self.api_version, |(_, version)| version)
    }
}

/// Whether [`Node::of`] looks at more than the metadata of objects of that kind. Of all others a metadata watch is
/// enough: their contents need not enter the process.
pub fn reads_body(group: &str, kind: &str) -> bool {
    health::has_rule(group, kind) || info::reads_body(group, kind) || networking::reads_body(group, kind)
}

fn owners(object: Object<'_>) -> Vec<Owner> {
    let owners: Vec<Owner> = object
        .whole
        .metadata
        .owner_references
        .iter()
        .flatten()
        .map(|owner| Owner {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        })
        .collect();
    // Endpoints name no owner: the Service of their name made them.
    if owners.is_empty() && object.group_kind() == ("", "Endpoints") {
        let service = Owner {
            api_version: "v1".into(),
            kind: "Service".into(),
            name: object.name().into(),
            uid: String::new(),
        };
        return vec![service];
    }
    owners
}

/// Names of the templates that a `StatefulSet` makes claims from.
fn claim_templates(object: Object<'_>) -> Vec<String> {
    if object.group_kind() != ("apps", "StatefulSet") {
        return Vec::new();
    }
    let templates = object.list("/spec/volumeClaimTemplates");
    templates
        .filter_map(|template| template.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn node(kind: (&str, &str), content: &Value) -> Node {
        let mut object = json!({"metadata": {"name": "web", "namespace": "apps", "uid": "u"}});
        crate::mirror::patch::merge(&mut object, content);
        Node::of(kind.0, "v1", kind.1, &serde_json::from_value(object).unwrap())
    }

    fn owned(uid: &str) -> Node {
        let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid});
        node(("apps", "ReplicaSet"), &json!({"metadata": {"name": "web-1", "ownerReferences": [owner]}}))
    }

    #[test]
    fn a_child_names_its_parent_by_uid() {
        let parent = node(("apps", "Deployment"), &json!({}));
        assert!(parent.is_parent_of(&owned("u")));
        // The Deployment of that name was another one.
        assert!(!parent.is_parent_of(&owned("older")));
    }

    #[test]
    fn endpoints_belong_to_the_service_of_their_name() {
        let service = node(("", "Service"), &json!({}));
        assert!(service.is_parent_of(&node(("", "Endpoints"), &json!({}))));
        assert!(!service.is_parent_of(&node(("", "Endpoints"), &json!({"metadata": {"name": "db"}}))));
        assert!(!service.is_parent_of(&node(("", "Endpoints"), &json!({"metadata": {"namespace": "b"}}))));
    }

    #[rstest]
    #[case::of_the_template("data-web-0", true)]
    #[case::later("data-web-12", true)]
    #[case::no_ordinal("data-web-x", false)]
    #[case::without_ordinal("data-web-", false)]
    #[case::of_another_set("data-website-0", false)]
    #[case::of_another_template("logs-web-0", false)]
    fn claims_belong_to_the_set_they_are_named_after(#[case] name: &str, #[case] is_child: bool) {
        let templates = json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
        let set = node(("apps", "StatefulSet"), &templates);
        let claim = node(("", "PersistentVolumeClaim"), &json!({"metadata": {"name": name}}));
        assert_eq!(set.is_parent_of(&claim), is_child);
    }

    #[test]
    fn metadata_is_kept() {
        let node = node(
            ("", "Secret"),
            &json!({"metadata": {"resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}}}),
        );
        assert_eq!((node.uid.as_str(), node.resource_version.as_str()), ("u", "7"));
        assert_eq!(node.created_at, "2026-01-01T00:00:00Z");
        assert!(node.ignores_health);
    }

    /// Values of Secrets never enter the process: a watch of metadata is enough for them.
    #[rstest]
    #[case("", "Secret", false)]
    #[case("", "ConfigMap", false)]
    #[case("rbac.authorization.k8s.io", "ClusterRole", false)]
    #[case("", "Pod", true)]
    #[case("apps", "StatefulSet", true)]
    #[case("gateway.networking.k8s.io", "HTTPRoute", true)]
    #[case("helm.toolkit.fluxcd.io", "HelmRelease", true)]
    fn only_kinds_with_rules_are_read_whole(#[case] group: &str, #[case] kind: &str, #[case] whole: bool) {
        assert_eq!(reads_body(group, kind), whole);
    }
}
