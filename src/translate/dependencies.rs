//! Charts that a chart in git takes from elsewhere (`dependencies` of its `Chart.yaml`; `requirements.yaml` of an older one).
//!
//! Flux fetches those that the repository does not hold in `charts`, with nothing but their address, and knows no repository
//! by a name (source-controller `internal/helm/chart/dependency_manager.go`). Argo CD's repo-server has Helm fetch them with what
//! Argo CD knows of their repositories (argo-cd `reposerver/repository/repository.go`, `getHelmRepos`), so where that is more
//! than the address it renders the chart.

use serde_json::Value;

use super::draft::{Draft, Source};
use super::{Contents, FilePattern, value_files};
use crate::yaml;

/// One entry of `dependencies`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependency {
    name: String,
    /// An address, `@NAME` or `alias:NAME`; empty for one in `charts`.
    repository: String,
}

/// What a chart is to be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// The repository that the chart is in.
    Here,
    /// A repository that Argo CD has under this name.
    Named,
    At(&'a str),
}

impl Dependency {
    fn place(&self) -> Place<'_> {
        let repository = self.repository.as_str();
        if repository.starts_with('@') || repository.starts_with("alias:") {
            return Place::Named;
        }
        match repository.split_once("://") {
            None | Some(("file", _)) => Place::Here,
            Some(_) => Place::At(repository),
        }
    }

    /// Whether the repository holds it, unpacked or packed (`NAME-VERSION.tgz`).
    fn is_held(&self, contents: &Contents) -> bool {
        let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == 'v');
        let held = contents.chart.iter().filter_map(|file| file.strip_prefix("charts/")?.split('/').next());
        held.into_iter().any(|file| {
            let packed =
                file.strip_suffix(".tgz").and_then(|file| file.strip_prefix(&self.name)?.strip_prefix('-'));
            file == self.name || packed.is_some_and(is_version)
        })
    }
}

/// Notes that Flux would not get at what the chart depends on; `None` then, and while that is not known.
pub(super) fn check(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<()> {
    let context = draft.context;
    let Some(contents) = context.contents.get(&source.index) else { return Some(()) };
    let missing: Vec<Dependency> = all(draft, source, contents)?
        .into_iter()
        .filter(|dependency| !dependency.is_held(contents))
        .collect();
    if missing.iter().any(|dependency| dependency.place() == Place::Named) {
        return draft.unfaithful("dependencies of a chart from repositories by their names");
    }
    let remote = missing.iter().filter_map(|dependency| match dependency.place() {
        Place::At(url) => Some(url),
        _ => None,
    });
    for url in remote {
        if needs_argo_cd(draft, source, url) {
            return draft.unfaithful("dependencies of a chart with credentials");
        }
    }
    Some(())
}

/// Whether Argo CD fetches from `url` with anything that Flux has not. To Helm, the proxy of the chart's repository is that of
/// everything, and so is its `insecure`.
fn needs_argo_cd(draft: &Draft<'_>, source: &Source<'_>, url: &str) -> bool {
    let Some(known) = &draft.context.repositories else { return false };
    let project = draft.app.project();
    let own = known.find(&source.spec.repo_url, project);
    own.is_ok_and(|own| own.insecure || !own.proxy.is_empty())
        || known.has_more_than_the_address(url, project)
}

/// Everything that the chart depends on; `None` while that is wanted. A chart whose files cannot be read depends on nothing:
/// whoever renders it says what is wrong.
fn all(draft: &mut Draft<'_>, source: &Source<'_>, contents: &Contents) -> Option<Vec<Dependency>> {
    let mut found = Vec::new();
    // The older file counts, where there is one (helm v4 `pkg/chart/v2/loader/load.go`).
    for name in ["Chart.yaml", "requirements.yaml"] {
        if !contents.chart.iter().any(|file| file == name) {
            continue;
        }
        let path = contents.folder.join(name)?.as_str().to_owned();
        let matches = value_files::look_up(draft, source.index, FilePattern::Path(path))?;
        let text = matches.first().and_then(|(_, file)| file.text().ok()).unwrap_or_default();
        let chart = yaml::parse(text).unwrap_or_default();
        if let Some(list) = chart["dependencies"].as_array() {
            found = list.iter().map(dependency).collect();
        }
    }
    Some(found)
}

fn dependency(entry: &Value) -> Dependency {
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    Dependency { name: text("name"), repository: text("repository") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::credentials::{LiveSecret, Repositories};
    use crate::names;
    use crate::translate::{Context, File, Translation, Want, translate};
    use rstest::rstest;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const GIT: &str = "https://git.example.org/shop";

    /// What becomes of a chart that depends on one at `repository`, where Argo CD has a Secret about `url`.
    fn translated(repository: &str, url: &str, data: &[(&str, &str)]) -> Translation {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "spec": {
                "project": "team",
                "source": {"repoURL": GIT, "path": "chart", "targetRevision": "0123".repeat(10)},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        }))
        .unwrap();
        let data = [data, &[("url", url)]].concat();
        let secret = LiveSecret {
            name: "own".to_owned(),
            labels: [(names::LABEL_ARGO_SECRET_TYPE.to_owned(), "repository".to_owned())].into(),
            data: data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect(),
            ..LiveSecret::default()
        };
        let repositories = Repositories::new([secret], String::new(), BTreeMap::new());
        let mut context = Context {
            repositories: Some(Arc::new(repositories)),
            contents: [(0, Contents::of(["chart/Chart.yaml"].into_iter(), "chart", false))].into(),
            ..Context::default()
        };
        let asking = translate(&app, &context);
        let chart = FilePattern::Path("chart/Chart.yaml".to_owned());
        assert_eq!(asking.wants, [Want::Files { source: 0, pattern: chart.clone() }]);
        let text = format!("dependencies: [{{name: db, version: 1.x, repository: '{repository}'}}]");
        let file = ("chart/Chart.yaml".to_owned(), File::Text(text.into()));
        context.files.insert(0, [(chart, Arc::new(vec![file]))].into());
        translate(&app, &context)
    }

    const LOGIN: [(&str, &str); 2] = [("username", "me"), ("password", "hunter2")];

    #[rstest]
    #[case::public("https://charts.example.org", "https://other.example.org", &LOGIN, false)]
    #[case::with_a_password("https://charts.example.org", "https://charts.example.org", &LOGIN, true)]
    #[case::of_another_project(
        "https://charts.example.org", "https://charts.example.org",
        &[("project", "other"), ("username", "me"), ("password", "hunter2")], false
    )]
    #[case::nothing_but_known("https://charts.example.org", "https://charts.example.org", &[("type", "helm")], false)]
    #[case::registry("oci://registry.example.org/charts", "registry.example.org/charts", &LOGIN, true)]
    #[case::beside_it("file://../db", "https://charts.example.org", &LOGIN, false)]
    #[case::by_name("@stable", "https://charts.example.org", &[], true)]
    #[case::behind_the_proxy_of_the_chart("https://charts.example.org", GIT, &[("proxy", "http://proxy:3128")], true)]
    fn whose_dependencies_argo_cd_fetches(
        #[case] repository: &str,
        #[case] url: &str,
        #[case] data: &[(&str, &str)],
        #[case] expected: bool,
    ) {
        let translation = translated(repository, url, data);
        let wants_it = translation.wants.iter().any(|want| matches!(want, Want::Rendered { source: 0, .. }));
        assert_eq!(wants_it, expected, "{:?}", translation.wants);
        assert_eq!(translation.is_complete(), !expected, "{:?}", translation.problems);
    }

    #[rstest]
    #[case("", Place::Here)]
    #[case("file://../web", Place::Here)]
    #[case("../web", Place::Here)]
    #[case("@stable", Place::Named)]
    #[case("alias:stable", Place::Named)]
    #[case("https://charts.example.org", Place::At("https://charts.example.org"))]
    #[case("oci://registry.example.org/charts", Place::At("oci://registry.example.org/charts"))]
    fn places(#[case] repository: &str, #[case] expected: Place<'_>) {
        let dependency = Dependency { repository: repository.to_owned(), ..Dependency::default() };
        assert_eq!(dependency.place(), expected);
    }

    #[rstest]
    #[case::unpacked("charts/db/Chart.yaml", true)]
    #[case::packed("charts/db-1.2.3.tgz", true)]
    #[case::packed_with_a_letter("charts/db-v1.2.3.tgz", true)]
    #[case::another("charts/db-proxy-1.2.3.tgz", false)]
    #[case::no_chart("charts/db.txt", false)]
    #[case::nothing("Chart.yaml", false)]
    fn what_the_repository_holds(#[case] file: &str, #[case] expected: bool) {
        let contents = Contents { chart: vec![file.to_owned()], ..Contents::default() };
        let dependency = Dependency { name: "db".to_owned(), ..Dependency::default() };
        assert_eq!(dependency.is_held(&contents), expected);
    }
}
