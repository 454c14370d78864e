//! Repositories whose content is a folder on disk, published as it stands.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Sources;
use crate::build::copy_tree;

impl Sources {
    /// Makes the git repository `name` of the files below `folder` on the branch `main`, or brings it up to date; a
    /// `.git` folder in it is left out. Returns its URL.
    pub async fn publish_git(&self, name: &str, folder: &Path) -> Result<String> {
        let bare = self.state.data("git").join(format!("{name}.git"));
        std::fs::create_dir_all(&bare).with_context(|| format!("create {}", bare.display()))?;
        let scratch = tempfile::tempdir_in(self.state.data("scratch"))?;
        let work = scratch.path().join("work");
        copy_tree(folder, &work)?;
        if work.join(".git").exists() {
            crate::build::remove(&work.join(".git"))?;
        }
        self.run(&bare, "git", &["init", "--quiet", "--bare", "--initial-branch=main"]).await?;
        self.run(&bare, "git", &["config", "uploadpack.allowAnySHA1InWant", "true"]).await?;
        self.run(&work, "git", &["init", "--quiet", "--initial-branch=main"]).await?;
        // What a user ignores may still be what an Application points at.
        self.run(&work, "git", &["add", "--all", "--force"]).await?;
        self.run(&work, "git", &["commit", "--quiet", "--allow-empty", "--message", "As it stands"]).await?;
        let bare = bare.display().to_string();
        self.run(&work, "git", &["push", "--quiet", "--force", &bare, "HEAD:refs/heads/main"]).await?;
        Ok(self.git_url(name))
    }

    /// Packages the chart in `folder` as each of `versions`, adds it to the Helm repository `helm` and pushes it to the
    /// registry below `oci`.
    pub async fn publish_chart_folder(
        &self,
        folder: &Path,
        versions: &[&str],
        helm: &str,
        oci: &str,
    ) -> Result<()> {
        let served = self.helm_folder(helm);
        std::fs::create_dir_all(&served)?;
        let target = served.display().to_string();
        for version in versions {
            let source = folder.display().to_string();
            let arguments =
                ["package", &source, "--version", version, "--app-version", version, "-d", &target];
            self.run(&served, "helm", &arguments).await?;
            let chart = folder.file_name().unwrap_or_default().to_string_lossy();
            let package = served.join(format!("{chart}-{version}.tgz")).display().to_string();
            self.run(&served, "helm", &["push", &package, &self.oci_url(oci), "--plain-http"]).await?;
        }
        self.run(&served, "helm", &["repo", "index", ".", "--url", &self.helm_url(helm)]).await?;
        Ok(())
    }

    /// Pushes the files below `folder` as the Flux artifact `REPOSITORY:TAG`.
    pub async fn push_folder(&self, repository: &str, tag: &str, folder: &Path) -> Result<()> {
        let (url, path) = (format!("{}:{tag}", self.oci_url(repository)), folder.display().to_string());
        let (source, revision) = (self.git_url(repository), format!("{tag}@stack"));
        let arguments =
            ["push", "artifact", &url, "--path", &path, "--source", &source, "--revision", &revision];
        self.run(folder, "flux", &arguments).await.map(drop)
    }

    /// A bare git repository on disk, for further branches and tags.
    pub async fn git_ref(&self, repository: &str, arguments: &[&str]) -> Result<()> {
        let bare: PathBuf = self.state.data("git").join(format!("{repository}.git"));
        self.run(&bare, "git", arguments).await.map(drop)
    }

    /// A file that says that something has been published whole.
    pub(crate) fn marker(&self, name: &str) -> PathBuf {
        self.state.data("scratch").join(format!("{name}.published"))
    }
}
