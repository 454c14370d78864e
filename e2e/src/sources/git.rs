//! Git repositories: bare ones on disk, served over HTTP and SSH, changed by commits of tests.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Edits, Sources, edit};

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

    /// Commits symbolic links on top of `branch`, each by its path and what it says, and returns the commit's id.
    pub async fn link(&self, branch: &str, links: &[(&str, &str)]) -> Result<String> {
        self.change(Some(branch), branch, "Links", |work| {
            for (path, target) in links {
                let link = work.join(path);
                std::fs::create_dir_all(link.parent().unwrap_or(work))
                    .and_then(|()| std::os::unix::fs::symlink(target, &link))
                    .with_context(|| format!("link {}", link.display()))?;
            }
            Ok(())
        })
        .await
    }

    /// Commits another repository as a submodule at `path`, and returns the commit's id.
    pub async fn submodule(&self, branch: &str, path: &str, other: &Self) -> Result<String> {
        let commit = other.resolve("main").await?;
        let modules = format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {}\n", other.url());
        self.commit(branch, &[(".gitmodules", Some(&modules))], "Submodule").await?;
        // The entry alone: whoever clones it fetches what it names.
        let index = self.state_file("index");
        let bare = self.folder();
        let run = async |arguments: &[&str]| {
            let index = index.display().to_string();
            self.sources.run_with(&bare, "git", arguments, &[("GIT_INDEX_FILE", &index)]).await
        };
        run(&["read-tree", branch]).await?;
        run(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{path}")]).await?;
        let tree = run(&["write-tree"]).await?;
        let made = run(&["commit-tree", tree.trim(), "-p", branch, "-m", "Submodule"]).await?;
        run(&["update-ref", &format!("refs/heads/{branch}"), made.trim()]).await?;
        Ok(made.trim().to_owned())
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
        let scratch = tempfile::tempdir_in(self.sources.state.data("scratch"))?;
        let bare = self.folder().display().to_string();
        let work = scratch.path().join("work");
        let target = work.display().to_string();
        self.git_in(scratch.path(), &["clone", "--quiet", "--shared", "--no-checkout", &bare, &target])
            .await?;
        if let Some(parent) = parent {
            self.git_in(&work, &["checkout", "--quiet", "--detach", &format!("origin/{parent}")]).await?;
        }
        edit(&work, files)?;
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
