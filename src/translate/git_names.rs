//! What git says of names in a repository, which no artifact tells.

use std::collections::{BTreeMap, BTreeSet};

use super::glob;

/// Which names of a commit are meant; paths and patterns are relative to the root of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GitPaths {
    /// Files directly in a folder that may be manifests, or say what the folder is.
    Manifests(String),
    /// The same in a folder and below it.
    ManifestsBelow(String),
    /// Everything in a folder and below it.
    Below(String),
    /// What matches a pattern of doublestar in a checkout, where links lead on.
    Checkout(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitNames {
    /// Paths of files, relative to the root of the repository.
    Files(BTreeSet<String>),
    /// One of them is no file: a link to a folder or to nowhere, or a submodule.
    Unreadable,
}

/// What became known of the names of a source; none but those that were asked for.
pub type GitAnswers = BTreeMap<GitPaths, GitNames>;

impl GitPaths {
    /// What the repo-server is asked for, and whether it looks at the files of its checkout (`NewGitFileGlobbingEnabled`) in
    /// place of git's index (`git ls-files`), which has links by their own names.
    pub fn query(&self) -> (String, bool) {
        match self {
            Self::Manifests(folder) => (format!(":(glob){}{MAY_COUNT}", inside(folder)), false),
            Self::ManifestsBelow(folder) => (format!(":(glob){}**/{MAY_COUNT}", inside(folder)), false),
            Self::Below(folder) if folder.is_empty() => (".".to_owned(), false),
            Self::Below(folder) => (format!(":(literal){folder}"), false),
            Self::Checkout(pattern) => (pattern.clone(), true),
        }
    }
}

/// Manifests of all kinds and every name of a kustomization file: `.yaml`, `.yml`, `.json`, `.jsonnet`, `Kustomization`. It matches
/// others, too, which do not count.
pub(super) const MAY_COUNT: &str = "*[.K][jyu]*";

/// The beginning of a pathspec for what is in `folder`.
pub(super) fn inside(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{}/", glob::escape(folder)) }
}
