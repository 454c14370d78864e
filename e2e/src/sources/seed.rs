//! What the shared sources hold from the start.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Sources;
use super::charts::{Chart, write_chart};
use super::git::Repository;
use crate::paths;

/// The versions of the shared chart, in publishing order.
pub(crate) const CHART_VERSIONS: [&str; 4] = ["6.3.5", "6.3.6", "6.4.0", "7.0.0-rc.1"];

/// The version of the chart that lies in git.
const CHART_IN_GIT: &str = "6.4.0";

/// Fills the Helm repository, the registry and the git server.
pub(crate) async fn all(sources: &Sources) -> Result<()> {
    let (charts, git, artifact) =
        futures::join!(charts(sources), fleet(sources), artifact(sources, "manifests/argocd", "1.0.5"));
    charts.context("fill the chart repositories")?;
    git.context("fill the git repository fleet")?;
    artifact.context("push the artifact manifests/argocd")
}

async fn charts(sources: &Sources) -> Result<()> {
    for version in CHART_VERSIONS {
        let chart = Chart::podinfo(version);
        sources.publish_chart("podinfo", &chart).await?;
        sources.push_chart("charts", &chart).await?;
    }
    Ok(())
}

/// Manifests that are themselves Flux objects: a `HelmRepository` and a `HelmRelease` below `./podinfo`.
async fn artifact(sources: &Sources, repository: &str, tag: &str) -> Result<()> {
    let mut files = read_tree(&paths::sources().join("artifact"))?;
    for (_, text) in &mut files {
        *text = text.replace("HELM_REPOSITORY_URL", &sources.helm_url("podinfo"));
    }
    sources.push_artifact(repository, tag, &borrow(&files)).await.map(drop)
}

async fn fleet(sources: &Sources) -> Result<()> {
    let first = content(sources, "v1.0.0")?;
    let repository = sources.create_repository("fleet", &borrow(&first)).await?;
    repository.tag("v1.0.0", "main").await?;
    mark(&repository, "main", "v1.1.0").await?;
    repository.annotated_tag("v1.1.0", "main").await?;
    mark(&repository, "main", "main").await?;
    repository.branch("next", "main").await?;
    mark(&repository, "next", "next").await
}

/// The first commit: the chart beside everything under `e2e/sources/fleet`, and the marks of the revision.
fn content(sources: &Sources, revision: &str) -> Result<Vec<(String, String)>> {
    let scratch = tempfile::tempdir_in(sources.state.data("scratch"))?;
    write_chart(&scratch.path().join("charts/podinfo"), &Chart::podinfo(CHART_IN_GIT))?;
    crate::build::copy_tree(&paths::sources().join("fleet"), scratch.path())?;
    super::edit(scratch.path(), &borrow(&marks(revision)))?;
    read_tree(scratch.path())
}

/// Commits files by which a delivered object tells the revision it came from.
async fn mark(repository: &Repository, branch: &str, revision: &str) -> Result<()> {
    repository.commit(branch, &borrow(&marks(revision)), &format!("This is {revision}")).await.map(drop)
}

fn marks(revision: &str) -> Vec<(String, String)> {
    let plain = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: revision\ndata:\n  revision: {revision}\n"
    );
    vec![
        ("plain/revision.yaml".to_owned(), plain),
        ("apps/base/revision.env".to_owned(), format!("revision={revision}\n")),
    ]
}

/// Every file below `root` by its relative path.
fn read_tree(root: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text =
                    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                files.push((path.strip_prefix(root)?.display().to_string(), text));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The same files as edits.
fn borrow(files: &[(String, String)]) -> Vec<(&str, Option<&str>)> {
    files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect()
}
