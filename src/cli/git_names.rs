//! The names that git has of a checkout, symbolic links among them, as Argo CD's repo-server would list them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::translate::{FilePattern, GitNames, GitPaths};

/// Links that lead around in circles end here.
const MAX_DEPTH: usize = 40;

/// What the repository at `root` has of `paths`; what cannot be looked at is none.
pub(super) fn git_names(root: &Path, paths: &GitPaths) -> GitNames {
    let mut walk = Walk { root, found: BTreeSet::new(), is_unreadable: false };
    match paths {
        GitPaths::Manifests(folder) => walk.index(folder, &|name| !name.contains('/') && may_count(name)),
        GitPaths::ManifestsBelow(folder) => walk.index(folder, &may_count),
        GitPaths::Below(folder) => walk.index(folder, &|_| true),
        GitPaths::Checkout(pattern) => {
            if let Ok(is_match) = FilePattern::Glob(pattern.clone()).matcher() {
                walk.checkout("", &*is_match, 0);
            }
        }
    }
    if walk.is_unreadable { GitNames::Unreadable } else { GitNames::Files(walk.found) }
}

/// Whether the file may be a manifest or say what its folder is, as [`GitPaths::query`] asks for.
fn may_count(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().as_bytes();
    name.windows(2).any(|pair| matches!(pair[0], b'.' | b'K') && matches!(pair[1], b'j' | b'y' | b'u'))
}

struct Walk<'a> {
    root: &'a Path,
    found: BTreeSet<String>,
    is_unreadable: bool,
}

impl Walk<'_> {
    /// What git's index has in `folder` and below it: links by their own names, submodules as one.
    fn index(&mut self, folder: &str, is_asked: &dyn Fn(&str) -> bool) {
        let above = folder.match_indices('/').map(|(end, _)| &folder[..end]);
        if above.into_iter().any(|above| self.is_no_tree(above)) {
            return;
        }
        if !folder.is_empty() && self.is_no_tree(folder) {
            self.is_unreadable |= is_asked("");
            return;
        }
        let mut left = vec![folder.to_owned()];
        while let Some(next) = left.pop() {
            for path in self.entries(&next) {
                let name = if folder.is_empty() { &path } else { &path[folder.len() + 1..] };
                if self.path(&path).is_dir() && !self.is_no_tree(&path) {
                    left.push(path);
                } else if is_asked(name) {
                    self.add(path);
                }
            }
        }
    }

    /// What matches in `folder` and below it, where links lead on.
    fn checkout(&mut self, folder: &str, is_match: &dyn Fn(&str) -> bool, depth: usize) {
        for path in self.entries(folder) {
            if !self.is_inside(&path) {
                continue;
            }
            if is_match(&path) {
                self.add(path.clone());
            }
            if self.path(&path).is_dir() && depth < MAX_DEPTH {
                self.checkout(&path, is_match, depth + 1);
            }
        }
    }

    fn add(&mut self, path: String) {
        if self.path(&path).is_file() {
            self.found.insert(path);
        } else {
            self.is_unreadable = true;
        }
    }

    /// A link, or the root of another repository.
    fn is_no_tree(&self, folder: &str) -> bool {
        let path = self.path(folder);
        path.is_symlink() || path.join(".git").exists()
    }

    /// Argo CD leaves out what is elsewhere; what leads to nowhere is found out later.
    fn is_inside(&self, path: &str) -> bool {
        let root = self.root.canonicalize();
        let target = self.path(path).canonicalize();
        root.and_then(|root| Ok(target?.starts_with(root))).unwrap_or(true)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Paths of what is in a folder, but for git's own.
    fn entries(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let names = names.filter(|name| name != ".git");
        names.map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use rstest::rstest;

    struct Repository(PathBuf);

    impl Drop for Repository {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn repository() -> Repository {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("flux-subsystem-links-{}-{number}", std::process::id());
        let root = Repository(std::env::temp_dir().join(name));
        let at = |path: &str| root.0.join(path);
        for file in ["d/a.yaml", "d/README.md", "d/sub/b.json", "real/c.yaml", "module/.git", "module/x.yaml"]
        {
            fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            fs::write(at(file), "").unwrap();
        }
        symlink("../real/c.yaml", at("d/link.yaml")).unwrap();
        symlink("../real", at("d/linked")).unwrap();
        symlink("real", at("other")).unwrap();
        symlink("nowhere", at("real/broken")).unwrap();
        root
    }

    /// As git 2 and doublestar 4.10 list them.
    #[rstest]
    #[case::direct(GitPaths::Manifests("d".into()), Some(&["d/a.yaml", "d/link.yaml"][..]))]
    #[case::deep(GitPaths::ManifestsBelow("d".into()), Some(&["d/a.yaml", "d/link.yaml", "d/sub/b.json"][..]))]
    #[case::everything(GitPaths::Below("d/sub".into()), Some(&["d/sub/b.json"][..]))]
    #[case::link_to_a_folder(GitPaths::Below("d".into()), None)]
    #[case::link_to_nowhere(GitPaths::Below("real".into()), None)]
    #[case::a_link(GitPaths::Below("other".into()), None)]
    #[case::beyond_a_link(GitPaths::Below("d/linked/x".into()), Some(&[][..]))]
    #[case::submodule(GitPaths::Below("module".into()), None)]
    #[case::in_a_submodule(GitPaths::Manifests("module".into()), Some(&[][..]))]
    #[case::through_a_link(GitPaths::Checkout("other/{Kustomization,*.yaml}".into()), Some(&["other/c.yaml"][..]))]
    #[case::a_file(GitPaths::Checkout("d/link.yaml".into()), Some(&["d/link.yaml"][..]))]
    #[case::nothing(GitPaths::Checkout("d/none.yaml".into()), Some(&[][..]))]
    #[case::a_folder(GitPaths::Checkout("d/*".into()), None)]
    fn names(#[case] paths: GitPaths, #[case] expected: Option<&[&str]>) {
        let expected = match expected {
            Some(names) => GitNames::Files(names.iter().map(|name| (*name).to_owned()).collect()),
            None => GitNames::Unreadable,
        };
        assert_eq!(git_names(&repository().0, &paths), expected);
    }
}
