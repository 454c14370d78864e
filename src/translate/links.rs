//! Symbolic links and submodules in git: what a commit names, and Flux's artifact of it may lack.
//!
//! source-controller leaves symbolic links out of its artifacts without a word (fluxcd/pkg `artifact/storage/archive.go`,
//! `Archive`), where Argo CD, Helm and Kustomize follow them. The artifact cannot tell, so Argo CD's repo-server is asked for the
//! names that it has of the same commit (argo-cd `reposerver/repository/repository.go`, `GetGitFiles`): where they are not those of
//! the artifact, it renders the source. Nothing but links and submodules makes the difference, since sources that are looked at
//! leave nothing out.
//!
//! Of kustomizations nobody asks: what they refer to and the artifact lacks is missed in [`super::kustomize`]. Of registries
//! neither: source-controller skips links in the layers of an artifact, and Argo CD takes charts and artifacts from there that
//! programs have packed.

use std::collections::BTreeSet;

use super::directory::{Directory, Way};
use super::draft::{Draft, Source};
use super::files::Matches;
use super::git_names::{GitNames, GitPaths, inside};
use super::{Contents, PathKind, RepoPath, Want, glob, lfs};
use crate::argo::ApplicationSource;

/// The reason that what is rendered carries.
pub(super) const REASON: &str = "symbolic links or submodules";

/// Whether links can be in the source unseen: it is a git repository that Flux reads itself.
fn may_have(draft: &Draft<'_>, source: &ApplicationSource) -> bool {
    draft.context.git.is_some()
        && source.chart.is_empty()
        && !source.repo_url.starts_with("oci://")
        && !lfs::is_enabled(draft, source)
}

/// What git has of `paths`; `None` while that is wanted.
fn ask(draft: &mut Draft<'_>, source: usize, paths: GitPaths) -> Option<GitNames> {
    let known = draft.context.git.as_ref().and_then(|known| known.get(&source)?.get(&paths));
    match known {
        Some(names) => Some(names.clone()),
        None => draft.want(Want::Git { source, paths }),
    }
}

/// What a directory is that Flux would read itself: one without links, or what its links make of it. `is_told`: the
/// Application says that it is a directory. `None` while that is wanted.
pub(super) fn of_directory(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    contents: &Contents,
    is_told: bool,
) -> Option<(PathKind, Way)> {
    let native = Some((PathKind::Directory, Way::Native));
    if !may_have(draft, source.spec) {
        return native;
    }
    let (folder, directory) = (source.folder(draft)?, Directory::of(source));
    let path = folder.as_str().to_owned();
    let paths = if directory.recurses { GitPaths::ManifestsBelow(path) } else { GitPaths::Manifests(path) };
    let names = match ask(draft, source.index, paths)? {
        GitNames::Unreadable => return Some((PathKind::Directory, Way::Rendered(REASON))),
        GitNames::Files(names) => names,
    };
    let in_git = Contents::of(names.iter().map(String::as_str), &source.spec.path, false);
    let taken = |contents: &Contents| -> BTreeSet<String> {
        contents.manifests.iter().filter(|file| directory.takes(file)).cloned().collect()
    };
    if !is_told && in_git.kind != PathKind::Missing && in_git.kind != contents.kind {
        return Some((in_git.kind, Way::Rendered(REASON)));
    }
    let is_alike = taken(&in_git) == taken(contents);
    Some((PathKind::Directory, if is_alike { Way::Native } else { Way::Rendered(REASON) }))
}

/// Notes that a chart of a git repository has links, or that it is wanted whether it has; `Some` where it has none.
pub(super) fn of_chart(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<()> {
    let Some(contents) = draft.context.contents.get(&source.index).filter(|_| may_have(draft, source.spec))
    else {
        return Some(());
    };
    if contents.has_too_many {
        return draft.unfaithful("very many files");
    }
    let folder = source.folder(draft)?;
    match ask(draft, source.index, GitPaths::Below(folder.as_str().to_owned()))? {
        GitNames::Files(names) if is_same(&folder, &names, contents) => Some(()),
        GitNames::Files(_) | GitNames::Unreadable => draft.unfaithful(REASON),
    }
}

fn is_same(folder: &RepoPath, names: &BTreeSet<String>, contents: &Contents) -> bool {
    let names: BTreeSet<&str> = names.iter().filter_map(|name| folder.strip(name)).collect();
    names == contents.chart.iter().map(String::as_str).collect()
}

/// What a path is that the artifact lacks, where a link leads to it; [`PathKind::Missing`] where none does, `None` while that is
/// wanted.
pub(super) fn of_missing_path(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<PathKind> {
    if !may_have(draft, source.spec) {
        return Some(PathKind::Missing);
    }
    let folder = source.folder(draft)?;
    let pattern = format!("{}{{Kustomization,*.yaml,*.yml,*.json,*.jsonnet}}", inside(folder.as_str()));
    let names = match ask(draft, source.index, GitPaths::Checkout(pattern))? {
        GitNames::Unreadable => return Some(PathKind::Directory),
        GitNames::Files(names) if names.is_empty() => return Some(PathKind::Missing),
        GitNames::Files(names) => names,
    };
    // Argo CD discovers nothing in a path that is a link itself, and reads it as a directory without files.
    match ask(draft, source.index, GitPaths::Below(folder.as_str().to_owned()))? {
        GitNames::Unreadable => Some(PathKind::Directory),
        GitNames::Files(_) => {
            Some(Contents::of(names.iter().map(String::as_str), &source.spec.path, false).kind)
        }
    }
}

/// Notes that a file which the artifact of source number `index` lacks is there all the same, or that this is wanted; `Some` where it
/// is not.
pub(super) fn of_missing_file(draft: &mut Draft<'_>, index: usize, path: &str) -> Option<()> {
    of_files(draft, index, glob::escape(path), &Matches::default())
}

/// The same of files that match `pattern`, of which the artifact has `found`.
pub(super) fn of_files(draft: &mut Draft<'_>, index: usize, pattern: String, found: &Matches) -> Option<()> {
    let is_asked = draft.app.sources().get(index).is_some_and(|source| may_have(draft, source));
    // What is a folder is nobody's file: whoever reads it says so.
    if !is_asked || found.iter().any(|(_, file)| file.is_folder()) {
        return Some(());
    }
    let found: BTreeSet<&String> = found.iter().map(|(path, _)| path).collect();
    match ask(draft, index, GitPaths::Checkout(pattern))? {
        GitNames::Files(names) if names.iter().collect::<BTreeSet<_>>() == found => Some(()),
        GitNames::Files(_) | GitNames::Unreadable => draft.unfaithful(REASON),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::argo::Application;
    use crate::translate::{Context, File, Form, Translation, translate};
    use rstest::rstest;
    use serde_json::{Value, json};

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    /// What becomes of a source whose artifact holds `artifact`; git has `links` besides. Of [`UNREADABLE`] nothing can be read.
    fn translated(source: &Value, artifact: &[&str], links: &[&str]) -> (Context, Translation) {
        let mut spec =
            json!({"repoURL": "https://git.example.org/a", "path": "app", "targetRevision": "0".repeat(40)});
        spec.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "argocd"},
            "spec": {"source": spec, "destination": {"namespace": "apps", "server": "https://kubernetes.default.svc"},
                     "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]}},
        }))
        .unwrap();
        let contents = Contents::of(artifact.iter().copied(), "app", false);
        let mut context =
            Context { contents: [(0, contents)].into(), git: Some(BTreeMap::new()), ..Context::default() };
        loop {
            let translation = translate(&app, &context);
            let mut is_wiser = false;
            for want in &translation.wants {
                match want {
                    Want::Files { pattern, .. } => {
                        let is_match = pattern.matcher().unwrap();
                        let found = artifact.iter().filter(|path| is_match(path));
                        let found: Vec<_> =
                            found.map(|path| ((*path).to_owned(), File::Text(MAP.into()))).collect();
                        context.files.entry(0).or_default().insert(pattern.clone(), found.into());
                        is_wiser = true;
                    }
                    Want::Git { paths, .. } => {
                        let names = if links == UNREADABLE {
                            GitNames::Unreadable
                        } else {
                            names(artifact, links, paths)
                        };
                        let known = context.git.get_or_insert_default().entry(0).or_default();
                        known.insert(paths.clone(), names);
                        is_wiser = true;
                    }
                    _ => {}
                }
            }
            if !is_wiser {
                return (context, translation);
            }
        }
    }

    /// As git lists them, all links being to files; what only a pattern finds is beyond a link.
    fn names(artifact: &[&str], links: &[&str], paths: &GitPaths) -> GitNames {
        let all = artifact.iter().chain(links).map(|path| (*path).to_owned());
        let files: BTreeSet<String> = match paths {
            GitPaths::Checkout(pattern) => {
                let is_match = crate::translate::FilePattern::Glob(pattern.clone()).matcher().unwrap();
                all.filter(|path| is_match(path)).collect()
            }
            GitPaths::Manifests(_) => all.filter(|path| path.matches('/').count() == 1).collect(),
            GitPaths::ManifestsBelow(_) | GitPaths::Below(_) => all.collect(),
        };
        GitNames::Files(files)
    }

    const HELM: &str = "Helm";
    const UNREADABLE: &[&str] = &["?"];

    #[rstest]
    #[case::plain(json!({}), &["app/a.yaml"], &[], Some("Directory"))]
    #[case::link(json!({}), &["app/a.yaml"], &["app/b.yaml"], None)]
    #[case::of_no_manifest(json!({}), &["app/a.yaml"], &["app/b.toml"], Some("Directory"))]
    #[case::left_out(json!({"directory": {"exclude": "b*"}}), &["app/a.yaml"], &["app/b.yaml"], Some("Directory"))]
    #[case::below(json!({}), &["app/a.yaml", "app/sub/a.yaml"], &["app/sub/b.yaml"], Some("Directory"))]
    #[case::deep(json!({"directory": {"recurse": true}}), &["app/a.yaml"], &["app/sub/b.yaml"], None)]
    #[case::to_a_folder(json!({}), &["app/a.yaml"], UNREADABLE, None)]
    #[case::kustomization(json!({}), &["app/a.yaml"], &["app/kustomization.yaml"], None)]
    #[case::told_to_be_a_directory(json!({"directory": {"include": "a*"}}), &["app/a.yaml"],
        &["app/kustomization.yaml"], Some("Directory"))]
    #[case::chart(json!({}), &["app/Chart.yaml", "app/templates/a.txt"], &[], Some(HELM))]
    #[case::template(json!({}), &["app/Chart.yaml"], &["app/templates/a.txt"], None)]
    #[case::chart_yaml(json!({}), &["app/templates/a.yaml"], &["app/Chart.yaml"], None)]
    #[case::chart_yaml_told(json!({"helm": {"releaseName": "r"}}), &["app/templates/a.yaml"], &["app/Chart.yaml"], None)]
    #[case::both(json!({"helm": {"releaseName": "r"}}), &["app/Chart.yaml", "app/kustomization.yaml"], &[], Some(HELM))]
    #[case::missing_path(json!({}), &["real/a.yaml"], &["app/a.yaml"], None)]
    #[case::value_file(json!({"helm": {"valueFiles": ["/env/a.yaml"]}}), &["app/Chart.yaml"], &["env/a.yaml"], None)]
    #[case::value_file_that_may_be_missing(json!({"helm": {"valueFiles": ["/env/a.yaml"], "ignoreMissingValueFiles": true}}),
        &["app/Chart.yaml"], &["env/a.yaml"], None)]
    #[case::value_file_that_is_missing(json!({"helm": {"valueFiles": ["/env/a.yaml"], "ignoreMissingValueFiles": true}}),
        &["app/Chart.yaml"], &[], Some(HELM))]
    #[case::pattern(json!({"helm": {"valueFiles": ["/env/*.yaml"]}}), &["app/Chart.yaml", "env/a.yaml"],
        &["env/b.yaml"], None)]
    #[case::whole_pattern(json!({"helm": {"valueFiles": ["/env/*.yaml"]}}), &["app/Chart.yaml", "env/a.yaml"], &[], Some(HELM))]
    #[case::parameter(json!({"helm": {"fileParameters": [{"name": "a", "path": "b.txt"}]}}), &["app/Chart.yaml"],
        &["app/b.txt"], None)]
    fn what_has_links_is_rendered(
        #[case] source: Value,
        #[case] artifact: &[&str],
        #[case] links: &[&str],
        #[case] native: Option<&str>,
    ) {
        let (_, translation) = translated(&source, artifact, links);
        assert!(translation.problems.is_empty(), "{:?}", translation.problems);
        match native {
            Some(word) => {
                assert!(translation.is_complete(), "{:?}", translation.wants);
                assert_eq!(translation.source_type, word);
            }
            None => assert_eq!(translation.wants, [Want::Rendered { source: 0, form: Form::Own }]),
        }
    }

    #[rstest]
    #[case::path(json!({}), &["real/a.yaml"], "app: app path does not exist")]
    #[case::value_file(json!({"helm": {"valueFiles": ["a.yaml"]}}), &["app/Chart.yaml"],
        "open app/a.yaml: no such file or directory")]
    fn what_no_link_leads_to_is_missing(
        #[case] source: Value,
        #[case] artifact: &[&str],
        #[case] message: &str,
    ) {
        let (_, translation) = translated(&source, artifact, &[]);
        assert_eq!(translation.problems.len(), 1, "{:?}", translation.problems);
        assert_eq!(translation.problems[0].message, message);
    }

    #[rstest]
    #[case::plugin(json!({"plugin": {"name": "p"}}), &["app/a.yaml"])]
    #[case::jsonnet(json!({}), &["app/a.jsonnet"])]
    #[case::kustomization(json!({}), &["app/kustomization.yaml"])]
    #[case::elsewhere(json!({"helm": {"kubeVersion": "1.30.0"}}), &["app/Chart.yaml"])]
    #[case::artifact(json!({"repoURL": "oci://registry.example.org/a"}), &["app/a.yaml"])]
    fn what_cannot_have_links_is_not_asked_for(#[case] source: Value, #[case] artifact: &[&str]) {
        assert!(translated(&source, artifact, UNREADABLE).0.git.unwrap().is_empty());
    }

    #[rstest]
    #[case(GitPaths::Manifests("we[i]rd".into()), ":(glob)we\\[i\\]rd/*[.K][jyu]*", false)]
    #[case(GitPaths::ManifestsBelow(String::new()), ":(glob)**/*[.K][jyu]*", false)]
    #[case(GitPaths::Below("a*".into()), ":(literal)a*", false)]
    #[case(GitPaths::Below(String::new()), ".", false)]
    #[case(GitPaths::Checkout("env/*.yaml".into()), "env/*.yaml", true)]
    fn questions(#[case] paths: GitPaths, #[case] query: &str, #[case] follows_links: bool) {
        assert_eq!(paths.query(), (query.to_owned(), follows_links));
    }
}
