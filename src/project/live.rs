//! Which live objects a project permits an Application to have anything to do with.
//!
//! Argo CD's server gives whoever may get, patch or delete an Application, or read its logs, the same of every object in the
//! Application's tree that has a UID, with rights of its own (argo-cd `server/application/application.go`, `getAppLiveResource`).
//! So stock Argo CD keeps out of tree and status what the project does not permit (`controller/state.go`, `CompareAppState`;
//! `controller/appcontroller.go`, `getResourceTree`).

use std::cell::RefCell;
use std::collections::HashMap;

use super::app_project::AppProject;
use super::verdict::this_cluster;
use crate::argo::Application;

/// What the project of one Application permits of this cluster. Each namespace and each kind is looked up once.
#[derive(Clone, Debug, Default)]
pub struct Permissions<'a> {
    project: Option<&'a AppProject>,
    namespaces: RefCell<HashMap<String, bool>>,
    kinds: RefCell<HashMap<(String, String), bool>>,
}

impl<'a> Permissions<'a> {
    /// What `project` permits `app`: nothing where there is no project, or the Application's namespace may not use it.
    pub fn of(app: &Application, project: Option<&'a AppProject>, control_namespace: &str) -> Self {
        let project =
            project.filter(|project| project.permits_applications_of(app.namespace(), control_namespace));
        Self { project, ..Self::default() }
    }

    /// `IsLiveResourcePermitted` (argo-cd `pkg/apis/application/v1alpha1/app_project_types.go`, with `IsResourcePermitted`): the
    /// kind by the lists for objects of the cluster, or for those of a namespace, which has to be a destination as well. An
    /// empty namespace means an object of the cluster. There is none where a name is of the wrong sort.
    pub fn object(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        if namespace.is_empty() {
            return self.project.is_some_and(|project| project.permits_kind(group, kind, name, false));
        }
        self.namespace(namespace) && self.kind(group, kind)
    }

    /// The namespace is a destination.
    pub fn namespace(&self, namespace: &str) -> bool {
        let Some(project) = self.project else { return false };
        if let Some(known) = self.namespaces.borrow().get(namespace) {
            return *known;
        }
        let is_permitted = project.permits_destination(&this_cluster(), namespace);
        self.namespaces.borrow_mut().insert(namespace.to_owned(), is_permitted);
        is_permitted
    }

    /// Objects of the kind in a namespace. Their names do not count.
    fn kind(&self, group: &str, kind: &str) -> bool {
        let Some(project) = self.project else { return false };
        let key = (group.to_owned(), kind.to_owned());
        if let Some(known) = self.kinds.borrow().get(&key) {
            return *known;
        }
        let is_permitted = project.permits_kind(group, kind, "", true);
        self.kinds.borrow_mut().insert(key, is_permitted);
        is_permitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn project(spec: &Value) -> AppProject {
        let mut all = json!({"destinations": [{"server": "*", "namespace": "apps*"}]});
        crate::mirror::patch::merge(&mut all, spec);
        serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": all})).unwrap()
    }

    fn app(namespace: &str) -> Application {
        serde_json::from_value(json!({"metadata": {"name": "demo", "namespace": namespace}, "spec": {}}))
            .unwrap()
    }

    const POD: [&str; 4] = ["", "Pod", "apps", "web"];
    const ROLE: [&str; 4] = ["rbac.authorization.k8s.io", "ClusterRole", "", "web"];

    #[rstest]
    #[case::by_default(json!({}), POD, true)]
    #[case::by_pattern(json!({}), ["", "Pod", "apps-2", "web"], true)]
    #[case::elsewhere(json!({}), ["", "Pod", "other", "web"], false)]
    #[case::another_cluster(json!({"destinations": [{"server": "https://other", "namespace": "*"}]}), POD, false)]
    #[case::denied_place(
        json!({"destinations": [{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!apps"}]}), POD, false
    )]
    #[case::scoped_clusters_alone(json!({"permitOnlyProjectScopedClusters": true}), POD, false)]
    #[case::denied_kind(json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Pod"}]}), POD, false)]
    #[case::another_kind(json!({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}), POD, false)]
    #[case::no_kind(json!({"namespaceResourceWhitelist": []}), POD, false)]
    #[case::named_kind(json!({"namespaceResourceWhitelist": [{"group": "", "kind": "P*"}]}), POD, true)]
    #[case::of_the_cluster(json!({}), ROLE, false)]
    #[case::of_the_cluster_named(
        json!({"clusterResourceWhitelist": [{"group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "w*"}]}),
        ROLE, true
    )]
    #[case::of_the_cluster_by_another_name(
        json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*", "name": "x*"}]}), ROLE, false
    )]
    #[case::of_the_cluster_denied(
        json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
               "clusterResourceBlacklist": [{"group": "rbac.authorization.k8s.io", "kind": "*"}]}),
        ROLE, false
    )]
    // Lists for the cluster say nothing of namespaces, nor the other way round.
    #[case::lists_apart(json!({"clusterResourceBlacklist": [{"group": "", "kind": "Pod"}]}), POD, true)]
    #[case::lists_apart_for_the_cluster(json!({"namespaceResourceWhitelist": [{"group": "*", "kind": "*"}]}), ROLE, false)]
    fn objects(#[case] spec: Value, #[case] object: [&str; 4], #[case] expected: bool) {
        let project = project(&spec);
        let permissions = Permissions::of(&app("argocd"), Some(&project), "argocd");
        let [group, kind, namespace, name] = object;
        // Known, it is the same.
        for _ in 0..2 {
            assert_eq!(permissions.object(group, kind, namespace, name), expected);
        }
    }

    #[test]
    fn without_a_project_that_may_be_used_nothing_is_permitted() {
        let open = project(&json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}));
        let cases = [(None, "argocd", false), (Some(&open), "other", false), (Some(&open), "argocd", true)];
        for (project, namespace, expected) in cases {
            let permissions = Permissions::of(&app(namespace), project, "argocd");
            for [group, kind, namespace, name] in [POD, ROLE] {
                assert_eq!(permissions.object(group, kind, namespace, name), expected);
            }
            assert_eq!(permissions.namespace("apps"), expected);
        }
    }
}
