//! What a path holds, from nothing but the names of the files: what stock Argo CD would call it.

use std::collections::BTreeSet;

use super::{Contents, PathKind, RepoPath};

impl Contents {
    /// Classifies `path` from `files`, the paths of all files of the repository or artifact, relative to its root.
    ///
    /// In an OCI artifact a packed chart lies in a folder of its own name (`podinfo/Chart.yaml`) and Argo CD looks past that
    /// folder (argo-cd `util/oci/client.go`); `is_oci` asks for the same. Argo CD knows such an artifact by its media type,
    /// which no file tells: one that has the path as it is written is taken for something else.
    pub fn of<'a>(files: impl Iterator<Item = &'a str>, path: &str, is_oci: bool) -> Self {
        let Ok(folder) = RepoPath::folder(path) else {
            return Self { kind: PathKind::Missing, ..Self::default() };
        };
        let files: BTreeSet<&str> = files.map(|file| file.trim_start_matches("./")).collect();
        let is_root = folder.as_str().is_empty();
        let chart = if is_oci { chart_folder(&files) } else { None };
        let is_packed_chart = is_root && chart.is_some();
        let is_there = |folder: &RepoPath| files.iter().any(|file| folder.strip(file).is_some());
        let folder = match chart.and_then(|chart| chart.join(&format!("./{}", folder.as_str()))) {
            Some(inside) if is_root || !is_there(&folder) && is_there(&inside) => inside,
            _ => folder,
        };
        let below: Vec<&str> = files.iter().filter_map(|file| folder.strip(file)).collect();
        let direct = || below.iter().copied().filter(|file| !file.contains('/'));
        let (manifests, has_more) = some(&below, is_manifest);
        let (kustomizations, has_more_kustomizations) = some(&below, is_kustomization);
        let is_chart = direct().any(|file| file.ends_with("Chart.yaml"));
        let (chart, has_more_of_chart) = if is_chart { some(&below, |_| true) } else { Default::default() };
        Self {
            kind: if below.is_empty() && !folder.as_str().is_empty() {
                PathKind::Missing
            } else {
                kind(direct())
            },
            manifests,
            chart,
            kustomizations,
            has_too_many: has_more || has_more_kustomizations || has_more_of_chart,
            is_bare: direct().next().is_none(),
            source_overrides: direct().filter(|file| is_source_override(file)).map(str::to_owned).collect(),
            is_packed_chart,
            folder,
            later_hooks: Vec::new(),
        }
    }
}

impl Contents {
    /// The same, where `templates` are those of all charts in the repository or artifact that may become a hook that Helm runs after
    /// everything else. What is packed in the chart is not looked into.
    #[must_use]
    pub fn with_later_hooks<'a>(self, templates: impl Iterator<Item = &'a str>) -> Self {
        if self.kind != PathKind::Chart {
            return self;
        }
        let of_chart: Vec<&str> = templates.filter_map(|template| self.folder.strip(template)).collect();
        let (later_hooks, _) = some(&of_chart, |_| true);
        Self { later_hooks, ..self }
    }
}

/// The most files of a sort that are looked at one by one.
const MAX_LISTED: usize = 2_000;

/// The files that are of that sort, as far as they are listed, and whether there are more.
fn some(files: &[&str], is_one: fn(&str) -> bool) -> (Vec<String>, bool) {
    let mut found: Vec<String> = files
        .iter()
        .filter(|file| is_one(file))
        .take(MAX_LISTED + 1)
        .map(|file| (*file).to_owned())
        .collect();
    let has_more = found.len() > MAX_LISTED;
    found.truncate(MAX_LISTED);
    (found, has_more)
}

fn name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or_default()
}

/// The one folder at the top that is a chart, with nothing beside it.
fn chart_folder(files: &BTreeSet<&str>) -> Option<RepoPath> {
    let (name, _) = files.first()?.split_once('/')?;
    let folder = RepoPath::folder(name).ok()?;
    let alone = files.iter().all(|file| folder.strip(file).is_some());
    (alone && files.contains(format!("{name}/Chart.yaml").as_str())).then_some(folder)
}

/// The last file in lexical order decides, as in Argo CD's walk (`discovery.go`, `Discover`).
fn kind<'a>(direct: impl Iterator<Item = &'a str>) -> PathKind {
    direct.fold(PathKind::Directory, |kind, name| match name {
        name if is_kustomization(name) => PathKind::Kustomization,
        chart if chart.ends_with("Chart.yaml") => PathKind::Chart,
        _ => kind,
    })
}

fn has_extension(file: &str, extensions: &[&str]) -> bool {
    file.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// A file that kustomize takes for its own (kustomize `konfig.RecognizedKustomizationFileNames`).
pub(super) fn is_kustomization(file: &str) -> bool {
    matches!(name(file), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// Argo CD may read it (argo-cd `repository.go`, `manifestFile`).
fn is_manifest(file: &str) -> bool {
    has_extension(name(file), &["yaml", "yml", "json", "jsonnet"])
}

/// argo-cd `repository.go`, `mergeSourceParameters`.
fn is_source_override(file: &str) -> bool {
    file == ".argocd-source.yaml" || file.starts_with(".argocd-source-") && has_extension(file, &["yaml"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::chart(&["charts/a/Chart.yaml", "charts/a/templates/x.yaml"], "charts/a", PathKind::Chart)]
    #[case::root(&["Chart.yaml"], ".", PathKind::Chart)]
    #[case::kustomization(&["k/kustomization.yml", "k/a.yaml"], "./k/", PathKind::Kustomization)]
    #[case::short_name(&["k/Kustomization"], "k", PathKind::Kustomization)]
    #[case::both(&["k/Chart.yaml", "k/kustomization.yaml"], "k", PathKind::Kustomization)]
    #[case::odd_chart_last(&["k/Kustomization", "k/myChart.yaml"], "k", PathKind::Chart)]
    #[case::deeper_does_not_count(&["d/a.yaml", "d/sub/Chart.yaml"], "d", PathKind::Directory)]
    #[case::missing(&["d/a.yaml"], "e", PathKind::Missing)]
    #[case::not_a_prefix(&["deploy2/a.yaml"], "deploy", PathKind::Missing)]
    #[case::a_file(&["d/a.yaml"], "d/a.yaml", PathKind::Missing)]
    #[case::outside(&["a.yaml"], "../x", PathKind::Missing)]
    #[case::empty_root(&[], ".", PathKind::Directory)]
    fn kinds(#[case] files: &[&str], #[case] path: &str, #[case] expected: PathKind) {
        assert_eq!(Contents::of(files.iter().copied(), path, false).kind, expected);
    }

    #[rstest]
    #[case::wrapped(&["podinfo/Chart.yaml", "podinfo/values.yaml"], ".", PathKind::Chart)]
    #[case::beside_others(&["podinfo/Chart.yaml", "a.yaml"], ".", PathKind::Directory)]
    #[case::two_charts(&["a/Chart.yaml", "b/Chart.yaml"], ".", PathKind::Directory)]
    #[case::manifests(&["podinfo/helmrelease.yaml"], "./podinfo", PathKind::Directory)]
    fn kinds_in_artifacts(#[case] files: &[&str], #[case] path: &str, #[case] expected: PathKind) {
        assert_eq!(Contents::of(files.iter().copied(), path, true).kind, expected);
        assert_ne!(
            Contents::of(files.iter().copied(), path, false).kind,
            PathKind::Chart,
            "only in artifacts"
        );
    }

    #[rstest]
    #[case::whole(&["web/Chart.yaml"], ".", "web", true)]
    #[case::inside(&["web/Chart.yaml", "web/charts/db/Chart.yaml"], "charts/db", "web/charts/db", false)]
    #[case::as_written(&["web/Chart.yaml"], "web", "web", false)]
    #[case::nowhere(&["web/Chart.yaml"], "charts/db", "charts/db", false)]
    #[case::no_packed_chart(&["Chart.yaml", "values.yaml"], ".", "", false)]
    #[case::several(&["charts/db/Chart.yaml", "charts/web/Chart.yaml"], "charts/web", "charts/web", false)]
    fn folders_in_artifacts(
        #[case] files: &[&str],
        #[case] path: &str,
        #[case] folder: &str,
        #[case] is_packed_chart: bool,
    ) {
        let contents = Contents::of(files.iter().copied(), path, true);
        assert_eq!((contents.folder.as_str(), contents.is_packed_chart), (folder, is_packed_chart));
        let in_git = Contents::of(files.iter().copied(), path, false);
        assert_eq!((in_git.folder, in_git.is_packed_chart), (RepoPath::folder(path).unwrap(), false));
    }

    #[rstest]
    #[case::its_own(&["app/Chart.yaml"], "app", "app/templates/notify.yaml", true)]
    #[case::of_a_chart_in_it(&["app/Chart.yaml"], "app", "app/charts/db/templates/notify.yaml", true)]
    #[case::at_the_root(&["Chart.yaml"], ".", "templates/notify.yaml", true)]
    #[case::of_another_chart(&["app/Chart.yaml"], "app", "application/templates/notify.yaml", false)]
    #[case::of_no_chart(&["app/a.yaml"], "app", "app/templates/notify.yaml", false)]
    fn hooks_that_run_last(
        #[case] files: &[&str],
        #[case] path: &str,
        #[case] template: &str,
        #[case] expected: bool,
    ) {
        let contents = Contents::of(files.iter().copied(), path, false);
        assert_eq!(!contents.with_later_hooks([template].into_iter()).later_hooks.is_empty(), expected);
    }

    #[test]
    fn details_of_a_directory() {
        let files = [
            "d/.argocd-source-x.yaml",
            "d/a.yaml",
            "d/b.json",
            "d/README.md",
            "d/sub/kustomization.yml",
            "e/f.yaml",
        ];
        let contents = Contents::of(files.into_iter(), "d", false);
        assert_eq!(
            contents.manifests,
            [".argocd-source-x.yaml", "a.yaml", "b.json", "sub/kustomization.yml"]
        );
        assert_eq!(contents.kustomizations, ["sub/kustomization.yml"]);
        assert_eq!(contents.source_overrides, [".argocd-source-x.yaml"]);
        assert!(!contents.has_too_many);
        let many: Vec<String> = (0..=MAX_LISTED).map(|index| format!("d/{index}.yaml")).collect();
        let contents = Contents::of(many.iter().map(String::as_str), "d", false);
        assert!(contents.has_too_many && contents.manifests.len() == MAX_LISTED);
        assert!(!contents.is_bare);
        assert!(Contents::of(["e/f/g.yaml"].into_iter(), "e", false).is_bare);
    }
}
