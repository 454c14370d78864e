//! `v1alpha1.Repository` of a question: what Argo CD knows of a repository, so that the repo-server reaches it as it does for
//! a plain Application.

use std::collections::BTreeMap;

use super::messages::repository::Repository;
use super::messages::{ManifestRequest, RefTarget};
use super::repo_creds::RepoCreds;
use crate::argo::{Application, source};
use crate::credentials::{self, ForCharts, Repositories};
use crate::project::{AppProject, AppProjectSpec};
use crate::translate::{is_exact_revision, is_same_repository};

/// What the address alone says. A registry of charts is named without a scheme.
pub(super) fn by_address(source: &source::ApplicationSource) -> Repository {
    let is_registry = !source.chart.is_empty() && !source.repo_url.contains("://");
    let kind = if source.repo_url.starts_with("oci://") {
        "oci"
    } else if source.chart.is_empty() {
        "git"
    } else {
        "helm"
    };
    Repository {
        repo: source.repo_url.clone(),
        kind: kind.to_owned(),
        enable_oci: is_registry,
        ..Repository::default()
    }
}

/// Adds to the question about `source` what Argo CD knows of its repository, of those that it takes files from, and of those
/// that charts take others from.
///
/// # Errors
/// The Secret that counts cannot be read.
pub fn with_credentials(
    request: &mut ManifestRequest,
    app: &Application,
    source: &source::ApplicationSource,
    known: &Repositories,
) -> Result<(), String> {
    request.repo = Some(reached(app, source, known)?);
    for_charts(request, &known.for_charts(app.project()), source);
    // As argo-cd's `util/argo/argo.go`, `GetRefSources`.
    let others = app.sources().iter().filter(|_| app.has_multiple_sources());
    for other in others.filter(|other| !other.reference.is_empty()) {
        let target = RefTarget {
            repo: Some(reached(app, other, known)?),
            target_revision: other.target_revision.clone(),
            chart: other.chart.clone(),
        };
        request.ref_sources.insert(format!("${}", other.reference), target);
    }
    Ok(())
}

/// What charts that `source` depends on are fetched with, as far as the project of the question permits their repositories
/// (argo-cd `controller/state.go`, `GetRepoObjs`): a chart in an artifact may depend on artifacts, too.
fn for_charts(request: &mut ManifestRequest, known: &ForCharts, source: &source::ApplicationSource) {
    let source_repos = request.project_source_repos.clone();
    let project = AppProject {
        spec: AppProjectSpec { source_repos, ..AppProjectSpec::default() },
        ..AppProject::default()
    };
    let is_offered = |one: &&credentials::Repository| {
        let is_artifact = one.kind.eq_ignore_ascii_case("oci");
        project.permits_source(&one.url) && (!is_artifact || source.repo_url.starts_with("oci://"))
    };
    request.repos = known.repositories.iter().filter(is_offered).map(Repository::from).collect();
    request.helm_repo_creds = known.templates.iter().filter(is_offered).map(RepoCreds::from).collect();
}

/// Files of other sources are taken at `revisions`, by index, as far as these are known. Of its own repository Argo CD renders
/// the same commit: were both resolved one after the other, a push in between would make two of them, which it refuses.
pub fn with_revisions(
    request: &mut ManifestRequest,
    app: &Application,
    source: &source::ApplicationSource,
    revisions: &BTreeMap<usize, String>,
) {
    let others = app.sources().iter().enumerate().filter(|(_, other)| !other.reference.is_empty());
    for (index, other) in others {
        let is_own = is_same_repository(source, other);
        // What is named for good is that commit, whatever Flux has for the moment.
        if is_own && is_exact_revision(source) {
            continue;
        }
        let target = request.ref_sources.get_mut(&format!("${}", other.reference));
        if let Some((target, revision)) = target.zip(revisions.get(&index)) {
            target.target_revision.clone_from(revision);
            if is_own {
                request.revision.clone_from(revision);
            }
        }
    }
}

/// The repository of `source` with what Argo CD knows of it.
fn reached(
    app: &Application,
    source: &source::ApplicationSource,
    known: &Repositories,
) -> Result<Repository, String> {
    let address = by_address(source);
    let found = Repository::from(&known.find(&source.repo_url, app.project())?);
    // The address of the Application, whatever the Secret's writing.
    Ok(Repository {
        repo: address.repo,
        kind: address.kind,
        enable_oci: found.enable_oci || address.enable_oci,
        ..found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::LiveSecret;
    use rstest::rstest;
    use serde_json::json;

    #[test]
    fn nothing_of_it_shows() {
        let known = credentials::Repository {
            url: "https://git.example.org/a".into(),
            password: "hunter2".to_owned().into(),
            ..credentials::Repository::default()
        };
        let request = ManifestRequest { repo: Some(Repository::from(&known)), ..ManifestRequest::default() };
        let text = format!("{request:?}");
        assert!(text.contains("git.example.org") && !text.contains("hunter2"), "{text}");
        assert_eq!(request.repo.unwrap().password, "hunter2");
    }

    fn secret(name: &str, kind: &str, data: &[(&str, &str)]) -> LiveSecret {
        LiveSecret {
            name: name.to_owned(),
            labels: [(crate::names::LABEL_ARGO_SECRET_TYPE.to_owned(), kind.to_owned())].into(),
            data: data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect(),
            ..LiveSecret::default()
        }
    }

    #[rstest]
    #[case::in_git("https://git.example.org/a", &["charts"], &["https://charts.example.org"])]
    #[case::in_an_artifact(
        "oci://registry.example.org/a", &["charts", "registry"], &["https://charts.example.org", "oci://registry.example.org"]
    )]
    fn what_dependencies_are_fetched_with(
        #[case] repo_url: &str,
        #[case] repositories: &[&str],
        #[case] templates: &[&str],
    ) {
        let of = |kind: &str, name: &str, url: &str, label: &str| {
            let data =
                [("type", kind), ("name", name), ("url", url), ("username", "me"), ("password", "hunter2")];
            secret(&format!("{name}-{label}"), label, &data)
        };
        let known = [
            of("helm", "charts", "https://charts.example.org/stable", "repository"),
            of("helm", "", "https://charts.example.org", "repo-creds"),
            of("helm", "elsewhere", "https://elsewhere.example.org", "repository"),
            of("oci", "registry", "oci://registry.example.org/b", "repository"),
            of("oci", "", "oci://registry.example.org", "repo-creds"),
        ];
        let known = Repositories::new(known, String::new(), BTreeMap::new());
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"source": {"repoURL": repo_url, "path": "a", "targetRevision": "main"}},
        }))
        .unwrap();
        let permitted = [
            "https://charts.example.org*",
            "https://charts.example.org/**",
            "oci://registry.example.org*",
            "oci://registry.example.org/**",
        ];
        let mut request = ManifestRequest {
            project_source_repos: permitted.map(str::to_owned).to_vec(),
            ..ManifestRequest::default()
        };
        with_credentials(&mut request, &app, &app.sources()[0], &known).unwrap();
        let names: Vec<&str> = request.repos.iter().map(|repo| repo.name.as_str()).collect();
        let urls: Vec<&str> = request.helm_repo_creds.iter().map(|creds| creds.url.as_str()).collect();
        assert_eq!((names.as_slice(), urls.as_slice()), (repositories, templates));
        assert_eq!(request.helm_repo_creds[0].password, "hunter2");
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[rstest]
    #[case::of_a_branch("main", "0123")]
    #[case::of_a_commit(
        "4567456745674567456745674567456745674567",
        "4567456745674567456745674567456745674567"
    )]
    fn files_of_its_own_repository_are_of_one_commit_with_it(#[case] wanted: &str, #[case] expected: &str) {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"sources": [
                {"repoURL": "https://git.example.org/a", "path": "chart", "targetRevision": wanted},
                {"repoURL": "https://git.example.org/A.git", "targetRevision": wanted, "ref": "values"},
            ]},
        }))
        .unwrap();
        let mut request = ManifestRequest { revision: wanted.to_owned(), ..ManifestRequest::default() };
        let source = &app.sources()[0];
        with_credentials(&mut request, &app, source, &Repositories::default()).unwrap();
        with_revisions(&mut request, &app, source, &[(1, "0123".to_owned())].into());
        let values = &request.ref_sources["$values"];
        assert_eq!((request.revision.as_str(), values.target_revision.as_str()), (expected, expected));
    }

    #[test]
    fn what_value_files_name_comes_along_with_its_credentials() {
        let data = [("url", "https://git.example.org/values"), ("username", "me"), ("password", "hunter2")];
        let known =
            Repositories::new(vec![secret("values", "repository", &data)], String::new(), BTreeMap::new());
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"sources": [
                {"repoURL": "https://charts.example.org", "chart": "a", "targetRevision": "1.0.0"},
                {"repoURL": "https://GIT.example.org/values.git", "targetRevision": "main", "ref": "values"},
                {"repoURL": "https://git.example.org/other", "targetRevision": "next", "ref": "other"},
            ]},
        }))
        .unwrap();
        let mut request = ManifestRequest::default();
        let source = &app.sources()[0];
        with_credentials(&mut request, &app, source, &known).unwrap();
        with_revisions(&mut request, &app, source, &[(0, "1.0.0".to_owned()), (1, "0123".to_owned())].into());
        let target = |name: &str| {
            let target = &request.ref_sources[name];
            let repo = target.repo.as_ref().unwrap();
            [repo.repo.as_str(), repo.username.as_str(), target.target_revision.as_str()]
        };
        assert_eq!(request.ref_sources.len(), 2);
        assert_eq!(target("$values"), ["https://GIT.example.org/values.git", "me", "0123"]);
        assert_eq!(target("$other"), ["https://git.example.org/other", "", "next"]);
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
