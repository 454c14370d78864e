//! Which of Argo CD's Secrets is for which repository (argo-cd `util/db/repository.go`, `repository_secrets.go`).

use std::collections::BTreeMap;

use super::known_hosts;
use super::repository::Repository;
use super::secret::{LiveSecret, REPO_CREDS};
use super::url::Address;
use crate::argo::repository_url::normalized;

/// Argo CD's word for a Secret about one repository.
pub(super) const REPOSITORY: &str = "repository";

/// A Secret that was read, or why it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    normalized: String,
    /// As the Secret says it, though the rest may be unreadable.
    url: String,
    project: String,
    repository: Result<Repository, String>,
}

/// Everything that Argo CD knows of repositories and of whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repositories {
    entries: Vec<Entry>,
    templates: Vec<Entry>,
    /// `ssh_known_hosts` of `argocd-ssh-known-hosts-cm`.
    known_hosts: String,
    /// `argocd-tls-certs-cm`: host name → certificates in PEM.
    certificates: BTreeMap<String, String>,
}

impl Repositories {
    /// Reads Argo CD's Secrets, in the order of their names: of two for one address, the first one counts.
    pub fn new(
        secrets: impl IntoIterator<Item = LiveSecret>,
        known_hosts: String,
        certificates: BTreeMap<String, String>,
    ) -> Self {
        let mut secrets: Vec<LiveSecret> = secrets.into_iter().collect();
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        let of = |kind: &str| {
            let found = secrets.iter().filter(|secret| secret.argo_type() == Some(kind));
            found.map(Entry::read).collect::<Vec<_>>()
        };
        Self { entries: of(REPOSITORY), templates: of(REPO_CREDS), known_hosts, certificates }
    }

    /// What Argo CD uses for `url` in `project`; nothing but the address where no Secret says anything (`GetRepository`).
    ///
    /// # Errors
    /// The Secret that counts cannot be read; then Argo CD delivers nothing either.
    pub fn find(&self, url: &str, project: &str) -> Result<Repository, String> {
        let wanted = normalized(url);
        let own = self.entries.iter().filter(|entry| entry.normalized == wanted && !wanted.is_empty());
        let found = own.clone().find(|entry| entry.project == project);
        let found = found.or_else(|| own.clone().find(|entry| entry.project.is_empty()));
        let nothing = || Ok(Repository { url: url.to_owned(), ..Repository::default() });
        let repository = found.map_or_else(nothing, |entry| entry.repository.clone())?;
        self.completed(repository, &wanted)
    }

    /// The repository at the address `wanted` with what it takes from a template.
    pub(super) fn completed(&self, mut repository: Repository, wanted: &str) -> Result<Repository, String> {
        if !repository.has_credentials()
            && let Some(template) = self.template(wanted)
        {
            repository.inherit(template.repository.as_ref().map_err(Clone::clone)?);
        }
        Ok(repository)
    }

    /// The repositories that applications of `project` may use, and can be read; without what they take from templates.
    pub(super) fn readable(&self, project: &str) -> impl Iterator<Item = &Repository> {
        let readable = self.entries.iter().filter_map(|entry| entry.repository.as_ref().ok());
        readable.filter(move |repository| repository.project.is_empty() || repository.project == project)
    }

    /// The templates that can be read.
    pub(super) fn readable_templates(&self) -> impl Iterator<Item = &Repository> {
        self.templates.iter().filter_map(|entry| entry.repository.as_ref().ok())
    }

    /// The template with the longest address that `wanted` begins with, letter by letter.
    fn template(&self, wanted: &str) -> Option<&Entry> {
        let fitting = self
            .templates
            .iter()
            .filter(|entry| !entry.normalized.is_empty() && wanted.starts_with(&entry.normalized));
        // The first of those that are equally long.
        fitting.rev().max_by_key(|entry| entry.normalized.len())
    }

    /// The addresses that `project` has for itself, in the Secrets' own writing (`GetProjectRepositories`).
    pub fn of_project(&self, project: &str) -> impl Iterator<Item = &str> {
        let own = move |entry: &&Entry| !project.is_empty() && entry.project == project;
        self.entries.iter().filter(own).map(|entry| entry.url.as_str())
    }

    /// The certificates that are trusted for a host, whatever its port.
    pub fn certificates(&self, host: &str) -> Option<&str> {
        self.certificates.get(host).map(String::as_str).filter(|pem| !pem.trim().is_empty())
    }

    /// The lines of `ssh_known_hosts` about the host of an SSH address.
    pub fn known_hosts(&self, address: &Address) -> String {
        known_hosts::of(&self.known_hosts, &address.host, address.port)
    }

    /// Whether an Application in `project` with a source at `url` sees any difference between `self` and `other`.
    pub fn differs_for(&self, other: &Self, url: &str, project: &str) -> bool {
        let address = Address::of(url);
        self.find(url, project) != other.find(url, project)
            || self.certificates(&address.host) != other.certificates(&address.host)
            || address.scheme == "ssh" && self.known_hosts(&address) != other.known_hosts(&address)
            || self.of_project(project).ne(other.of_project(project))
            || self.for_charts(project) != other.for_charts(project)
    }
}

impl Entry {
    fn read(secret: &LiveSecret) -> Self {
        let url = secret.data.text("url");
        Self {
            normalized: normalized(&url),
            url,
            project: secret.data.text("project"),
            repository: Repository::read(secret),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::secret::SecretData;
    use super::*;
    use crate::names;
    use rstest::rstest;

    /// An Argo CD Secret of that type and name.
    pub(crate) fn secret(kind: &str, name: &str, data: &[(&str, &str)]) -> LiveSecret {
        let data: SecretData =
            data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
        LiveSecret {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            resource_version: "1".to_owned(),
            labels: [(names::LABEL_ARGO_SECRET_TYPE.to_owned(), kind.to_owned())].into(),
            data,
            ..LiveSecret::default()
        }
    }

    pub(crate) fn store(secrets: Vec<LiveSecret>) -> Repositories {
        Repositories::new(secrets, String::new(), BTreeMap::new())
    }

    fn user(url: &str, project: &str, secrets: Vec<LiveSecret>) -> String {
        store(secrets).find(url, project).map_or_else(|error| error, |r| r.username.exposed().to_owned())
    }

    #[rstest]
    #[case::same("https://git.example.org/a", "default", "own")]
    #[case::other_writing("https://GIT.example.org/A.git", "default", "own")]
    #[case::another("https://git.example.org/b", "default", "")]
    #[case::slash("https://git.example.org/a/", "default", "")]
    #[case::project("https://git.example.org/a", "team", "team's")]
    fn the_repository_itself(#[case] url: &str, #[case] project: &str, #[case] expected: &str) {
        let of = |name, project, username| {
            let data = [("url", "https://git.example.org/a"), ("project", project), ("username", username)];
            secret(REPOSITORY, name, &data)
        };
        assert_eq!(
            user(url, project, vec![of("z", "", "own"), of("a", "team", "team's"), of("b", "x", "x's")]),
            expected
        );
    }

    #[test]
    fn a_repository_of_another_project_is_none() {
        let data = [("url", "https://git.example.org/a"), ("project", "team"), ("username", "u")];
        assert_eq!(user("https://git.example.org/a", "default", vec![secret(REPOSITORY, "a", &data)]), "");
    }

    #[rstest]
    #[case("https://git.example.org/team/a", "team")]
    #[case("https://git.example.org/teams/a", "team")]
    #[case("https://git.example.org/other", "all")]
    #[case("https://git.example.com/other", "")]
    fn the_longest_prefix_wins(#[case] url: &str, #[case] expected: &str) {
        let template = |name, url, user| secret(REPO_CREDS, name, &[("url", url), ("username", user)]);
        let secrets = vec![
            template("a", "https://git.example.org", "all"),
            template("b", "https://git.example.org/Team", "team"),
            template("c", "", "nobody"),
        ];
        assert_eq!(user(url, "default", secrets), expected);
    }

    #[test]
    fn a_repository_takes_what_it_lacks_and_some_settings_anyway() {
        let url = "https://git.example.org/a";
        let own = secret(REPOSITORY, "own", &[("url", url), ("proxy", "http://own"), ("enableOCI", "true")]);
        let template = secret(
            REPO_CREDS,
            "all",
            &[
                ("url", "https://git.example.org"),
                ("password", "p"),
                ("proxy", "http://all"),
                ("insecure", "true"),
                ("azureServicePrincipalClientID", "id"),
            ],
        );
        let found = store(vec![own, template]).find(url, "default").unwrap();
        assert_eq!((found.password.exposed(), found.proxy.exposed()), ("p", "http://own"));
        assert!(!found.enable_oci, "the template's");
        assert!(!found.insecure, "a template has no such setting");
        assert_eq!(found.azure_service_principal_client_id, "id");
        assert_eq!(found.secrets.len(), 2);
    }

    #[test]
    fn credentials_of_its_own_keep_templates_away() {
        let url = "https://git.example.org/a";
        let own = secret(REPOSITORY, "own", &[("url", url), ("username", "u")]);
        let all = secret(REPO_CREDS, "all", &[("url", "https://git.example.org"), ("password", "p")]);
        assert!(store(vec![own, all]).find(url, "default").unwrap().password.is_empty());
    }

    #[rstest]
    #[case("T", Some(true))]
    #[case("1", Some(true))]
    #[case("FALSE", Some(false))]
    #[case("yes", None)]
    #[case("", None)]
    fn booleans_are_read_as_go_reads_them(#[case] text: &str, #[case] expected: Option<bool>) {
        let own = secret(REPOSITORY, "own", &[("url", "u"), ("insecure", text)]);
        let found = store(vec![own]).find("u", "default");
        assert_eq!(found.as_ref().ok().map(|found| found.insecure), expected);
        if let Err(error) = found {
            assert_eq!(error, "insecure of the repository Secret own is not true or false");
        }
    }

    #[test]
    fn only_what_concerns_an_application_is_a_difference() {
        let url = "https://git.example.org/a";
        let before = store(vec![secret(REPOSITORY, "own", &[("url", url), ("username", "u")])]);
        let mut after = before.clone();
        assert!(!before.differs_for(&after, url, "default"));
        after.certificates.insert("other.example.org".into(), "pem".into());
        assert!(!before.differs_for(&after, url, "default"));
        after.certificates.insert("git.example.org".into(), "pem".into());
        assert!(before.differs_for(&after, url, "default"));
    }
}
