//! Git repositories: bare ones on disk, served over HTTP and SSH, changed by commits of tests.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Edits, Sources, edit, lfs};

/// A git repository of the test sources.
#[derive(Debug, Clone)]
pub struct Repository {
    sources: Sources,
    name: String,
}

impl Sources {
    /// An existing git repository.
    pub fn repository(&self, name: &str) -> Repository {
        Repository { sources: self.clone(), name: name.to_owned() }
    }

    /// Makes a git repository with `files` as the first commit on `main`.
    pub async fn create_repository(&self, name: &str, files: Edits<'_>) -> Result<Repository> {
        let repository = self.repository(name);
        let folder = repository.folder();
        std::fs::create_dir_all(&folder)?;
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main"]).await?;
        // A GitRepository may ask for a commit that no branch or tag names any more.
        repository.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]).await?;
        repository.commit_on(None, "main", files, "First").await?;
        Ok(repository)
    }

    /// Makes a git repository with the content of the shared `fleet`'s main branch: `charts/podinfo`, `apps`, `plain`.
    pub async fn create_fleet(&self, name: &str) -> Result<Repository> {
        let repository = self.repository(name);
        let (from, to) = (self.repository("fleet").folder(), repository.folder());
        std::fs::create_dir_all(&to)?;
        let from = from.display().to_string();
        repository.git(&["clone", "--quiet", "--bare", &from, "."]).await?;
        repository.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]).await?;
        Ok(repository)
    }
}

impl Repository {
    /// Its URL over HTTP.
    pub fn url(&self) -> String {
        self.sources.git_url(&self.name)
    }

    /// Its URL over SSH.
    pub fn ssh_url(&self) -> String {
        self.sources.git_ssh_url(&self.name)
    }

    /// Commits `files` on top of `branch` and returns the commit's id.
    pub async fn commit(&self, branch: &str, files: Edits<'_>, message: &str) -> Result<String> {
        self.commit_on(Some(branch), branch, files, message).await
    }

    /// Commits symbolic links on top of `branch`, each by its path and what it says.
    pub async fn link(&self, branch: &str, links: &[(&str, &str)]) -> Result<String> {
        let change = async |work: &Path| {
            for (path, target) in links {
                let link = work.join(path);
                std::fs::create_dir_all(link.parent().unwrap_or(work))
                    .and_then(|()| std::os::unix::fs::symlink(target, &link))
                    .with_context(|| format!("link {}", link.display()))?;
            }
            Ok(())
        };
        self.change(Some(branch), branch, change, "Links").await
    }

    /// Commits the main branch of another repository as a submodule at `path`.
    pub async fn submodule(&self, branch: &str, path: &str, other: &Self) -> Result<String> {
        let modules = format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {}\n", other.url());
        let change = async |work: &Path| {
            edit(work, &[(".gitmodules", Some(&modules))])?;
            let from = other.folder().display().to_string();
            self.git_in(work, &["clone", "--quiet", &from, path]).await.map(drop)
        };
        self.change(Some(branch), branch, change, "Submodule").await
    }

    /// Commits files in Git LFS on top of `branch`, in place of what git itself has of them.
    pub async fn large_files(&self, branch: &str, files: &[(&str, &str)]) -> Result<String> {
        let (mut edits, mut attributes) = (Vec::new(), String::new());
        for (path, content) in files {
            edits.push((*path, lfs::store(&self.folder(), content)?));
            attributes.extend([*path, " filter=lfs diff=lfs merge=lfs -text\n"]);
        }
        edits.push((".gitattributes", attributes));
        let edits: Vec<_> = edits.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
        self.commit(branch, &edits, "Large files").await
    }

    /// The commit that a branch, a tag or anything else git understands names.
    pub async fn resolve(&self, revision: &str) -> Result<String> {
        let commit = format!("{revision}^{{commit}}");
        Ok(self.git(&["rev-parse", "--verify", &commit]).await?.trim().to_owned())
    }

    /// Makes or moves a branch to where `revision` is.
    pub async fn branch(&self, name: &str, revision: &str) -> Result<()> {
        self.git(&["branch", "--force", name, revision]).await.map(drop)
    }

    /// Makes or moves a lightweight tag.
    pub async fn tag(&self, name: &str, revision: &str) -> Result<()> {
        self.git(&["tag", "--force", name, revision]).await.map(drop)
    }

    /// Makes or moves an annotated tag: an object of its own that names the commit.
    pub async fn annotated_tag(&self, name: &str, revision: &str) -> Result<()> {
        self.git(&["tag", "--force", "--annotate", "--message", name, name, revision]).await.map(drop)
    }

    /// Commits on top of `parent` (nothing: a first commit) and moves `branch` there.
    async fn commit_on(
        &self,
        parent: Option<&str>,
        branch: &str,
        files: Edits<'_>,
        message: &str,
    ) -> Result<String> {
        self.change(parent, branch, async |work: &Path| edit(work, files), message).await
    }

    /// The same with whatever `change` makes of the files.
    async fn change(
        &self,
        parent: Option<&str>,
        branch: &str,
        change: impl AsyncFnOnce(&Path) -> Result<()>,
        message: &str,
    ) -> Result<String> {
        let scratch = tempfile::tempdir_in(self.sources.state.data("scratch"))?;
        let bare = self.folder().display().to_string();
        let work = scratch.path().join("work");
        let target = work.display().to_string();
        self.git_in(scratch.path(), &["clone", "--quiet", "--shared", "--no-checkout", &bare, &target])
            .await?;
        if let Some(parent) = parent {
            self.git_in(&work, &["checkout", "--quiet", "--detach", &format!("origin/{parent}")]).await?;
        }
        change(&work).await?;
        self.git_in(&work, &["add", "--all"]).await?;
        self.git_in(&work, &["commit", "--quiet", "--allow-empty", "--message", message]).await?;
        self.git_in(&work, &["push", "--quiet", &bare, &format!("HEAD:refs/heads/{branch}")]).await?;
        Ok(self.git_in(&work, &["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    fn folder(&self) -> PathBuf {
        self.sources.state.data("git").join(format!("{}.git", self.name))
    }

    async fn git(&self, arguments: &[&str]) -> Result<String> {
        self.git_in(&self.folder(), arguments).await
    }

    async fn git_in(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        self.sources.run(folder, "git", arguments).await
    }
}
