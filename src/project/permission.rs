//! What an `AppProject` permits (argo-cd `app_project_types.go`).

use super::app_project::{AppProject, ClusterResource, GroupKind};
use super::pattern::{denied, file, is_in_namespaces, matches_rule};
use crate::argo::repository_url::normalized;
use crate::argo::source::Destination;

impl AppProject {
    /// `IsSourcePermitted`: some pattern matches, and no deny pattern does.
    pub fn permits_source(&self, repo_url: &str) -> bool {
        let source = normalized(repo_url);
        let mut is_permitted = false;
        for pattern in &self.spec.source_repos {
            let rule = match denied(pattern) {
                Some(pattern) => format!("!{}", normalized(pattern)),
                None => normalized(pattern),
            };
            if matches_rule(&rule, &source, true, Some('/')) {
                is_permitted = true;
            } else if denied(&rule).is_some() {
                return false;
            }
        }
        is_permitted
    }

    /// `IsDestinationPermitted` for a cluster that goes by both `server` and `name`. With
    /// `permitOnlyProjectScopedClusters`, no cluster is permitted: the cluster that Flux runs in is scoped by a Secret,
    /// which the bridge does not read.
    pub fn permits_destination(&self, cluster: &Destination, namespace: &str) -> bool {
        !self.spec.permit_only_project_scoped_clusters && self.names_destination(cluster, namespace)
    }

    /// `isDestinationMatched`, with the same asymmetry between names, servers and namespaces that are denied.
    fn names_destination(&self, cluster: &Destination, namespace: &str) -> bool {
        let matches = |pattern: &str, text: &str| matches_rule(pattern, text, true, None);
        let mut is_permitted = false;
        for item in &self.spec.destinations {
            let name = !cluster.name.is_empty() && matches(&item.name, &cluster.name);
            let server = !cluster.server.is_empty() && matches(&item.server, &cluster.server);
            let in_namespace = matches(&item.namespace, namespace);
            if (server || name) && in_namespace {
                is_permitted = true;
            } else if (!name && denied(&item.name).is_some())
                || (!server && denied(&item.server).is_some() && in_namespace)
                || (!in_namespace && denied(&item.namespace).is_some() && server)
            {
                return false;
            }
        }
        is_permitted
    }

    /// `IsAppNamespacePermitted`: Applications in Argo CD's own namespace may use any project.
    pub fn permits_applications_of(&self, namespace: &str, control_namespace: &str) -> bool {
        namespace.is_empty()
            || namespace == control_namespace
            || is_in_namespaces(&self.spec.source_namespaces, namespace)
    }

    /// `IsGroupKindNamePermitted`.
    pub fn permits_kind(&self, group: &str, kind: &str, name: &str, is_namespaced: bool) -> bool {
        let spec = &self.spec;
        if is_namespaced {
            let whitelist = spec.namespace_resource_whitelist.as_deref();
            whitelist.is_none_or(|list| names_kind(list, group, kind)) && !self.denies_kind(group, kind)
        } else {
            names_object(&spec.cluster_resource_whitelist, group, kind, name)
                && !names_object(&spec.cluster_resource_blacklist, group, kind, name)
        }
    }

    /// The project names this namespaced kind as one that may not be delivered.
    pub fn denies_kind(&self, group: &str, kind: &str) -> bool {
        names_kind(&self.spec.namespace_resource_blacklist, group, kind)
    }

    /// Whether anything that a source may hold is not permitted, so that it has to be looked at before it is delivered.
    pub fn restricts_objects(&self, cluster: &Destination) -> bool {
        let spec = &self.spec;
        let is_any = |item: &GroupKind| item.group == "*" && item.kind == "*";
        let is_any_object = |item: &ClusterResource| {
            item.group == "*" && item.kind == "*" && ["", "*"].contains(&&*item.name)
        };
        let all_namespaced =
            spec.namespace_resource_whitelist.as_ref().is_none_or(|list| list.iter().any(is_any))
                && spec.namespace_resource_blacklist.is_empty();
        let all_cluster_wide = spec.cluster_resource_whitelist.iter().any(is_any_object)
            && spec.cluster_resource_blacklist.is_empty();
        // A namespace that nobody has a pattern for stands for all of them.
        let everywhere = spec.destinations.iter().any(|item| item.namespace == "*")
            && spec.destinations.iter().all(|item| {
                [&item.name, &item.server, &item.namespace].iter().all(|pattern| denied(pattern).is_none())
            })
            && spec.destinations.iter().any(|item| {
                item.namespace == "*"
                    && (matches_rule(&item.server, &cluster.server, false, None)
                        || matches_rule(&item.name, &cluster.name, false, None))
            });
        !(all_namespaced && all_cluster_wide && everywhere)
    }
}

fn names_kind(list: &[GroupKind], group: &str, kind: &str) -> bool {
    list.iter().any(|item| file(&item.kind, kind) && file(&item.group, group))
}

fn names_object(list: &[ClusterResource], group: &str, kind: &str, name: &str) -> bool {
    let fits = |item: &ClusterResource| item.name.is_empty() || file(&item.name, name);
    list.iter().any(|item| file(&item.kind, kind) && file(&item.group, group) && fits(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn project(spec: &Value) -> AppProject {
        serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": spec})).unwrap()
    }

    fn cluster() -> Destination {
        Destination {
            server: "https://kubernetes.default.svc".into(),
            name: "in-cluster".into(),
            namespace: String::new(),
        }
    }

    #[rstest]
    #[case::none(&[], "https://git.example.org/a", false)]
    #[case::all(&["*"], "https://git.example.org/a/b", true)]
    #[case::git_suffix(&["https://git.example.org/a"], "https://git.example.org/A.git", true)]
    #[case::scp_form(&["ssh://git@git.example.org/org/repo"], "git@git.example.org:org/repo.git", true)]
    #[case::one_level(&["https://git.example.org/*"], "https://git.example.org/a/b", false)]
    #[case::all_levels(&["https://git.example.org/**"], "https://git.example.org/a/b", true)]
    #[case::denied(&["*", "!https://git.example.org/secret"], "https://git.example.org/secret", false)]
    #[case::only_denials_permit_the_rest(&["!https://git.example.org/secret"], "https://git.example.org/open", true)]
    #[case::braces_are_escaped(&["https://git.example.org/{a,b}"], "https://git.example.org/a", false)]
    fn sources(#[case] patterns: &[&str], #[case] url: &str, #[case] expected: bool) {
        assert_eq!(project(&json!({"sourceRepos": patterns})).permits_source(url), expected);
    }

    #[rstest]
    #[case::none(json!([]), false)]
    #[case::server(json!([{"server": "https://kubernetes.default.svc", "namespace": "apps"}]), true)]
    #[case::name(json!([{"name": "in-cluster", "namespace": "*"}]), true)]
    #[case::other_server(json!([{"server": "https://other", "namespace": "*"}]), false)]
    #[case::other_namespace(json!([{"server": "*", "namespace": "other"}]), false)]
    #[case::pattern(json!([{"server": "*", "namespace": "ap*"}]), true)]
    #[case::denied_namespace(
        json!([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!apps"}]),
        false
    )]
    #[case::denied_server(
        json!([{"server": "*", "namespace": "*"}, {"server": "!https://kubernetes.*", "namespace": "*"}]),
        false
    )]
    fn destinations(#[case] patterns: Value, #[case] expected: bool) {
        let project = project(&json!({"destinations": patterns}));
        assert_eq!(project.permits_destination(&cluster(), "apps"), expected);
    }

    #[test]
    fn only_scoped_clusters_is_no_cluster_at_all() {
        let all = json!([{"server": "*", "namespace": "*"}]);
        let project = project(&json!({"destinations": all, "permitOnlyProjectScopedClusters": true}));
        assert!(!project.permits_destination(&cluster(), "apps"));
    }

    #[rstest]
    #[case::absent_is_all(json!({}), "apps", "Deployment", true, true)]
    #[case::empty_is_none(json!({"namespaceResourceWhitelist": []}), "apps", "Deployment", true, false)]
    #[case::named(json!({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}), "apps", "Deployment", true, true)]
    #[case::blacklisted(json!({"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}), "", "Secret", true, false)]
    #[case::cluster_wide_absent_is_none(json!({}), "", "Namespace", false, false)]
    #[case::cluster_wide_named(
        json!({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "team-*"}]}), "", "Namespace", false, true
    )]
    #[case::cluster_wide_blacklisted(
        json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
               "clusterResourceBlacklist": [{"group": "", "kind": "Namespace", "name": "team-a"}]}),
        "", "Namespace", false, false
    )]
    fn kinds(
        #[case] spec: Value,
        #[case] group: &str,
        #[case] kind: &str,
        #[case] is_namespaced: bool,
        #[case] expected: bool,
    ) {
        assert_eq!(project(&spec).permits_kind(group, kind, "team-a", is_namespaced), expected);
    }

    #[test]
    fn what_allows_everything_restricts_nothing() {
        let all = json!({
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        });
        assert!(!project(&all).restricts_objects(&cluster()));
        for (field, value) in [
            ("clusterResourceWhitelist", json!([])),
            ("namespaceResourceWhitelist", json!([{"group": "apps", "kind": "*"}])),
            ("namespaceResourceBlacklist", json!([{"group": "", "kind": "Secret"}])),
            ("clusterResourceBlacklist", json!([{"group": "", "kind": "Namespace"}])),
            ("destinations", json!([{"server": "*", "namespace": "apps"}])),
            (
                "destinations",
                json!([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-*"}]),
            ),
        ] {
            let mut some = all.clone();
            some[field] = value;
            assert!(project(&some).restricts_objects(&cluster()), "{some}");
        }
    }

    #[test]
    fn applications_of_other_namespaces_need_permission() {
        let project = project(&json!({"sourceNamespaces": ["team-*"]}));
        assert!(project.permits_applications_of("argocd", "argocd"));
        assert!(project.permits_applications_of("team-a", "argocd"));
        assert!(!project.permits_applications_of("other", "argocd"));
    }
}
