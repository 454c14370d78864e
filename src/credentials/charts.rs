//! Repositories that charts take other charts from (argo-cd `reposerver/repository/repository.go`, `getHelmRepos`).

use super::repository::Repository;
use super::store::Repositories;
use super::url::Address;
use crate::argo::repository_url::normalized;

/// What Argo CD hands to Helm, so that it fetches what a chart depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForCharts {
    /// Repositories of charts that have a name (`ListHelmRepositories`), and after them registries of artifacts
    /// (`ListOCIRepositories`), by Argo CD's word in [`Repository::kind`].
    pub repositories: Vec<Repository>,
    /// Templates for repositories of charts, and after them for registries of artifacts.
    pub templates: Vec<Repository>,
}

/// Argo CD's words for what charts come from.
const KINDS: [&str; 2] = ["helm", "oci"];

impl Repositories {
    /// What charts of an Application in `project` may be fetched with.
    pub fn for_charts(&self, project: &str) -> ForCharts {
        let is_offered = |repository: &&Repository| repository.kind == "oci" || !repository.name.is_empty();
        let completed =
            |repository: &Repository| self.completed(repository.clone(), &normalized(&repository.url)).ok();
        let mut found = ForCharts::default();
        for kind in KINDS {
            let own = self.readable(project).filter(|repository| repository.kind == kind);
            found.repositories.extend(own.filter(is_offered).filter_map(completed));
            let templates = self.readable_templates();
            found.templates.extend(templates.filter(|one| one.kind.eq_ignore_ascii_case(kind)).cloned());
        }
        found
    }

    /// Whether Argo CD has anything for the repository of charts at `url` that whoever has the address alone does not:
    /// credentials, a certificate of the client or of the server, a proxy.
    pub fn has_more_than_the_address(&self, url: &str, project: &str) -> bool {
        // A registry of charts has no scheme in Argo CD's Secrets.
        let bare = url.strip_prefix("oci://").unwrap_or(url);
        let is_known =
            |url: &str| self.find(url, project).map_or(true, |found| found.is_more_than_an_address());
        self.certificates(&Address::of(url).host).is_some()
            || is_known(url)
            || is_known(bare)
            || bare != url && self.has_registry_beside(bare, project)
    }

    /// Whether there are credentials for a registry that begins with `url`, or that `url` begins with: Helm logs in to either.
    fn has_registry_beside(&self, url: &str, project: &str) -> bool {
        let known = self.for_charts(project).repositories;
        known.iter().filter(|one| one.enable_oci || one.kind == "oci").any(|one| {
            let other = one.url.strip_prefix("oci://").unwrap_or(&one.url);
            (url.starts_with(other) || other.starts_with(url)) && one.is_more_than_an_address()
        })
    }
}

impl Repository {
    /// Something has to be said to be let in, or to trust who answers.
    fn is_more_than_an_address(&self) -> bool {
        self.has_credentials() || self.insecure || self.insecure_oci_force_http || !self.proxy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::REPOSITORY;
    use super::super::store::tests::{secret, store};
    use super::*;
    use crate::credentials::secret::REPO_CREDS;
    use rstest::rstest;
    use std::collections::BTreeMap;

    const LOGIN: [(&str, &str); 2] = [("username", "me"), ("password", "hunter2")];

    fn repository(kind: &str, data: &[(&str, &str)]) -> Repositories {
        store(vec![secret(kind, "charts", &[data, &LOGIN].concat())])
    }

    #[rstest]
    #[case::exact(REPOSITORY, &[("url", "https://charts.example.org/a")], "https://charts.example.org/a", true)]
    #[case::another(REPOSITORY, &[("url", "https://charts.example.org/a")], "https://charts.example.org/b", false)]
    #[case::below(REPO_CREDS, &[("url", "https://charts.example.org")], "https://charts.example.org/b", true)]
    #[case::of_my_project(
        REPOSITORY, &[("url", "https://charts.example.org"), ("project", "team")], "https://charts.example.org", true
    )]
    #[case::of_another_project(
        REPOSITORY, &[("url", "https://charts.example.org"), ("project", "other")], "https://charts.example.org", false
    )]
    #[case::registry(REPOSITORY, &[("url", "registry.example.org/charts")], "oci://registry.example.org/charts", true)]
    #[case::part_of_a_registry(
        REPOSITORY, &[("url", "registry.example.org"), ("type", "helm"), ("name", "r"), ("enableOCI", "true")],
        "oci://registry.example.org/charts", true
    )]
    #[case::whole_of_a_registry(
        REPOSITORY, &[("url", "oci://registry.example.org/charts/web"), ("type", "oci")],
        "oci://registry.example.org/charts", true
    )]
    fn what_is_known_of_a_repository(
        #[case] kind: &str,
        #[case] data: &[(&str, &str)],
        #[case] url: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(repository(kind, data).has_more_than_the_address(url, "team"), expected);
    }

    #[test]
    fn an_address_and_a_name_are_nothing_more() {
        let url = "https://charts.example.org";
        let named = [("url", url), ("type", "helm"), ("name", "charts")];
        let mut known = store(vec![secret(REPOSITORY, "charts", &named)]);
        assert!(!known.has_more_than_the_address(url, "default"));
        let trusted = BTreeMap::from([("charts.example.org".to_owned(), "pem".to_owned())]);
        known = Repositories::new(vec![secret(REPOSITORY, "charts", &named)], String::new(), trusted);
        assert!(known.has_more_than_the_address(url, "default"));
    }

    #[test]
    fn what_helm_is_handed() {
        let (all, login) = ([("url", "https://charts.example.org"), ("type", "HELM")], LOGIN);
        let secrets = vec![
            secret(REPOSITORY, "a", &[("url", "oci://registry.example.org/a"), ("type", "oci")]),
            secret(
                REPOSITORY,
                "b",
                &[("url", "https://charts.example.org/b"), ("type", "helm"), ("name", "b")],
            ),
            secret(REPOSITORY, "c", &[("url", "https://charts.example.org/c"), ("type", "helm")]),
            secret(REPOSITORY, "d", &[("url", "https://git.example.org/d"), ("type", "git"), ("name", "d")]),
            secret(
                REPOSITORY,
                "e",
                &[("url", "https://e"), ("type", "helm"), ("name", "e"), ("project", "other")],
            ),
            secret(REPO_CREDS, "f", &[all.as_slice(), &login].concat()),
            secret(REPO_CREDS, "g", &[("url", "https://git.example.org"), ("type", "git")]),
        ];
        let found = store(secrets).for_charts("team");
        let urls = |all: &[Repository]| all.iter().map(|one| one.url.clone()).collect::<Vec<_>>();
        assert_eq!(
            urls(&found.repositories),
            ["https://charts.example.org/b", "oci://registry.example.org/a"]
        );
        assert_eq!(found.repositories[0].username.exposed(), "me", "taken from the template");
        assert_eq!(urls(&found.templates), ["https://charts.example.org"]);
    }
}
