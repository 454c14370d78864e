//! A project with what its global projects add (argo-cd `util/argo/argo.go`, `GetAppVirtualProject`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use super::app_project::AppProject;
use crate::yaml;

/// One entry of `globalProjects` in argocd-cm.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GlobalProject {
    project_name: String,
    label_selector: LabelSelector,
}

/// `project` with the lists of every global project whose selector fits its labels. `globals` is the setting
/// `globalProjects`; one that cannot be read adds nothing, as in Argo CD.
pub fn virtual_project(
    project: &AppProject,
    globals: &str,
    find: impl Fn(&str) -> Option<AppProject>,
) -> AppProject {
    let mut result = project.clone();
    let labels = project.metadata.labels.clone().unwrap_or_default();
    for global in entries(globals).into_iter().filter(|global| global.project_name != project.name()) {
        match selects(&global.label_selector, &labels) {
            Some(true) => {}
            Some(false) => continue,
            // Argo CD looks no further behind a selector that it cannot read, nor behind a project that is missing.
            None => break,
        }
        let Some(found) = find(&global.project_name) else { break };
        merge(&mut result, found);
    }
    result
}

/// The projects that the setting names.
pub fn global_project_names(globals: &str) -> Vec<String> {
    entries(globals).into_iter().map(|global| global.project_name).collect()
}

fn entries(globals: &str) -> Vec<GlobalProject> {
    let parsed = yaml::parse(globals).ok();
    parsed.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

fn merge(project: &mut AppProject, global: AppProject) {
    let (spec, global) = (&mut project.spec, global.spec);
    spec.cluster_resource_whitelist.extend(global.cluster_resource_whitelist);
    spec.cluster_resource_blacklist.extend(global.cluster_resource_blacklist);
    if let Some(list) = global.namespace_resource_whitelist.filter(|list| !list.is_empty()) {
        spec.namespace_resource_whitelist.get_or_insert_default().extend(list);
    }
    spec.namespace_resource_blacklist.extend(global.namespace_resource_blacklist);
    spec.sync_windows.extend(global.sync_windows);
    spec.destination_service_accounts.extend(global.destination_service_accounts);
    spec.source_repos.extend(global.source_repos);
    spec.destinations.extend(global.destinations);
}

/// Kubernetes' label selector; `None` when it has an operator that Kubernetes does not know.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Option<bool> {
    let has_all = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let mut fits = has_all;
    for requirement in selector.match_expressions.iter().flatten() {
        let value = labels.get(&requirement.key);
        let is_among = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
        fits &= match requirement.operator.as_str() {
            "In" => is_among,
            "NotIn" => !is_among,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => return None,
        };
    }
    Some(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn project(name: &str, spec: &Value) -> AppProject {
        let labels = json!({"tier": "team"});
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "spec": spec})).unwrap()
    }

    fn merged(globals: &str) -> AppProject {
        let global = project(
            "global",
            &json!({
                "sourceRepos": ["https://a"],
                "namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}],
                "syncWindows": [{"kind": "deny"}],
            }),
        );
        virtual_project(&project("team", &json!({"sourceRepos": ["https://b"]})), globals, |name| {
            (name == "global").then(|| global.clone())
        })
    }

    #[test]
    fn a_global_project_adds_its_lists() {
        let merged = merged("- projectName: global\n  labelSelector:\n    matchLabels: {tier: team}\n");
        assert_eq!(merged.spec.source_repos, ["https://b", "https://a"]);
        assert_eq!(merged.spec.namespace_resource_whitelist.as_ref().map(Vec::len), Some(1));
        assert_eq!(merged.spec.sync_windows.len(), 1);
        assert_eq!(merged.name(), "team");
    }

    #[rstest]
    #[case::unset("")]
    #[case::broken("{")]
    #[case::other_label("[{projectName: global, labelSelector: {matchLabels: {tier: other}}}]")]
    #[case::itself("[{projectName: team, labelSelector: {}}]")]
    #[case::missing("[{projectName: gone, labelSelector: {}}, {projectName: global, labelSelector: {}}]")]
    #[case::unknown_operator(
        "[{projectName: global, labelSelector: {matchExpressions: [{key: tier, operator: Like, values: [a]}]}}]"
    )]
    #[case::not_in(
        "[{projectName: global, labelSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [team]}]}}]"
    )]
    fn what_does_not_fit_adds_nothing(#[case] globals: &str) {
        assert_eq!(merged(globals).spec.source_repos, ["https://b"]);
    }
}
