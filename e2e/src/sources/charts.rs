//! Charts: the podinfo-like one of `e2e/sources/chart`, in any version and with any edits, packaged by real Helm.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Edits, Sources, edit};
use crate::{build, paths};

/// One version of a chart to publish.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// Chart name.
    pub name: &'a str,
    /// Chart version, stamped when packaged; the app version is the same.
    pub version: &'a str,
    /// Changes to the files of the chart.
    pub edits: Edits<'a>,
}

impl<'a> Chart<'a> {
    /// The chart `podinfo` as it stands, in `version`.
    pub fn podinfo(version: &'a str) -> Self {
        Self { name: "podinfo", version, edits: &[] }
    }
}

impl Sources {
    /// Adds a chart version to a Helm repository over HTTP, which is made when it is new.
    /// Publishing a version again replaces it.
    pub async fn publish_chart(&self, repository: &str, chart: &Chart<'_>) -> Result<()> {
        let scratch = tempfile::tempdir_in(self.state.data("scratch"))?;
        let package = self.package(scratch.path(), chart).await?;
        let served = self.helm_folder(repository);
        std::fs::create_dir_all(&served)?;
        let (index, folder) = (served.join("index.yaml"), package.parent().unwrap_or(scratch.path()));
        let url = self.helm_url(repository);
        let mut arguments = vec!["repo", "index", ".", "--url", &url];
        let existing = index.display().to_string();
        if index.is_file() {
            arguments.extend(["--merge", &existing]);
        }
        self.run(folder, "helm", &arguments).await?;
        // The package first: an index must never name what is not there.
        move_into(&package, &served)?;
        move_into(&folder.join("index.yaml"), &served)
    }

    /// Writes the index anew with addresses relative to it, for a repository that is reached by more than one address.
    pub async fn index_relative(&self, repository: &str) -> Result<()> {
        self.run(&self.helm_folder(repository), "helm", &["repo", "index", "."]).await.map(drop)
    }

    /// Pushes a chart version to the OCI registry as `REPOSITORY/NAME:VERSION`.
    pub async fn push_chart(&self, repository: &str, chart: &Chart<'_>) -> Result<()> {
        let scratch = tempfile::tempdir_in(self.state.data("scratch"))?;
        let package = self.package(scratch.path(), chart).await?.display().to_string();
        self.run(scratch.path(), "helm", &["push", &package, &self.oci_url(repository), "--plain-http"])
            .await?;
        Ok(())
    }

    /// Packages the chart below `scratch`, into a folder of its own.
    async fn package(&self, scratch: &Path, chart: &Chart<'_>) -> Result<PathBuf> {
        let source = scratch.join(chart.name);
        write_chart(&source, chart)?;
        let version = chart.version;
        let arguments = ["package", chart.name, "--version", version, "--app-version", version, "-d", "out"];
        self.run(scratch, "helm", &arguments).await?;
        Ok(scratch.join("out").join(format!("{}-{version}.tgz", chart.name)))
    }
}

/// Writes the chart's files to `folder`.
pub(crate) fn write_chart(folder: &Path, chart: &Chart<'_>) -> Result<()> {
    build::copy_tree(&paths::sources().join("chart"), folder)?;
    let path = folder.join("Chart.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let named = text
        .replace("name: podinfo\n", &format!("name: {}\n", chart.name))
        .replace("version: 0.0.0\n", &format!("version: {}\n", chart.version))
        .replace("appVersion: 0.0.0\n", &format!("appVersion: {}\n", chart.version));
    std::fs::write(&path, named)?;
    edit(folder, chart.edits)
}

/// Puts `file` into `folder` in one step, replacing what is there.
fn move_into(file: &Path, folder: &Path) -> Result<()> {
    let target = folder.join(file.file_name().unwrap_or_default());
    std::fs::rename(file, &target).with_context(|| format!("move to {}", target.display()))
}
