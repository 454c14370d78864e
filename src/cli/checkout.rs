//! A source's repository on disk: the files it holds and, in a clone, its refs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::git_names::git_names;
use crate::artifact;
use crate::translate::files::matching_folders;
use crate::translate::{Contents, File, FilePattern, GitNames, GitPaths, RemoteRefs, hook};

/// A folder with the contents of a repository.
#[derive(Debug)]
pub(super) struct Checkout {
    root: PathBuf,
    files: Vec<String>,
}

impl Checkout {
    /// Lists the files below `root`: those that Flux would find in its artifact, so neither `.git` nor symbolic links.
    pub(super) fn open(root: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        list(root, "", &mut files)?;
        files.sort();
        Ok(Self { root: root.to_owned(), files })
    }

    /// Paths of all files, relative to the root.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// What the folder holds of `pattern`, in the order in which it counts.
    pub(super) fn read(&self, pattern: &FilePattern) -> Result<Vec<(String, File)>, String> {
        let is_match = pattern.matcher()?;
        let mut found = Vec::new();
        for path in self.files().filter(|file| is_match(file)) {
            let bytes =
                fs::read(self.root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
            found.push((path.to_owned(), File::of(bytes)));
        }
        let folders = matching_folders(self.files(), &*is_match);
        found.extend(folders.into_iter().map(|folder| (folder, File::Folder)));
        found.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
        Ok(found)
    }

    /// What `path` holds; `is_oci` as in [`Contents::of`].
    pub(super) fn contents(&self, path: &str, is_oci: bool) -> Contents {
        let later_hooks = self.later_hooks();
        Contents::of(self.files(), path, is_oci).with_later_hooks(later_hooks.iter().map(String::as_str))
    }

    /// Templates of charts that may become a hook that Helm runs after everything else.
    pub(super) fn later_hooks(&self) -> Vec<String> {
        let is_later = |path: &&str| {
            let text = artifact::is_template(path).then(|| fs::read(self.root.join(path)).ok()).flatten();
            text.is_some_and(|text| hook::may_run_later(&String::from_utf8_lossy(&text)))
        };
        self.files().filter(is_later).map(str::to_owned).collect()
    }

    /// The names that git has of `paths`, symbolic links among them.
    pub(super) fn git_names(&self, paths: &GitPaths) -> GitNames {
        git_names(&self.root, paths)
    }

    /// The commit that is checked out; `None` when the folder is no clone or git is missing.
    pub(super) fn head(&self) -> Option<String> {
        self.root.join(".git").exists().then_some(())?;
        Some(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// The refs that the clone has seen of its origin, or its own; `None` when the folder is no clone or git is missing.
    pub(super) fn refs(&self) -> Option<RemoteRefs> {
        // git itself would go up to a repository that merely surrounds the folder.
        self.root.join(".git").exists().then_some(())?;
        let format = "--format=%(refname) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
        let listing = self.git(&["for-each-ref", format])?;
        let head = self
            .git(&["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"])
            .or_else(|| self.git(&["symbolic-ref", "--quiet", "HEAD"]));
        Some(refs(&listing, head.as_deref()))
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git").arg("-C").arg(&self.root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

const ORIGIN: &str = "refs/remotes/origin/";

/// What `origin` would list, from what a clone knows of it; a clone without an origin lists its own branches.
fn refs(listing: &str, head: Option<&str>) -> RemoteRefs {
    let has_origin = listing.lines().any(|line| line.starts_with(ORIGIN));
    let as_listed = |name: &str| match name.strip_prefix(ORIGIN) {
        Some("HEAD") => None,
        Some(branch) => Some(format!("refs/heads/{branch}")),
        None if has_origin && name.starts_with("refs/heads/") => None,
        None => Some(name.to_owned()),
    };
    let names = listing.lines().filter_map(|line| line.split_once(' '));
    let refs = names.filter_map(|(name, commit)| Some((as_listed(name)?, commit.to_owned()))).collect();
    let head = head.map(str::trim).map(|head| match head.strip_prefix(ORIGIN) {
        Some(branch) => format!("refs/heads/{branch}"),
        None => head.to_owned(),
    });
    RemoteRefs { head, refs }
}

fn list(root: &Path, below: &str, files: &mut Vec<String>) -> anyhow::Result<()> {
    let folder = root.join(below);
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(&folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().with_context(unreadable)?;
        if kind.is_dir() && name != ".git" {
            list(root, &path, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_lists_what_its_origin_has() {
        let listing =
            "refs/heads/mine 11\nrefs/remotes/origin/HEAD 22\nrefs/remotes/origin/main 22\nrefs/tags/v1 33\n";
        let refs = refs(listing, Some("refs/remotes/origin/main\n"));
        assert_eq!(refs.head.as_deref(), Some("refs/heads/main"));
        let names: Vec<_> = refs.refs.keys().map(String::as_str).collect();
        assert_eq!(names, ["refs/heads/main", "refs/tags/v1"]);
    }

    #[test]
    fn a_repository_without_origin_lists_its_own() {
        let refs = refs("refs/heads/main 11\n", Some("refs/heads/main\n"));
        assert_eq!(refs.head.as_deref(), Some("refs/heads/main"));
        assert_eq!(refs.refs["refs/heads/main"], "11");
    }
}
