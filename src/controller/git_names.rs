//! The names that git has of a commit, asked of Argo CD's repo-server: Flux's artifacts hold no symbolic links. A commit never
//! changes, so that each question is asked once.

use std::collections::HashMap;
use std::sync::Mutex;

use tonic::Code;

use super::cache::lock;
use crate::credentials::{Address, Repository, SecretVersion};
use crate::repo_server::messages::GitFilesRequest;
use crate::repo_server::{RepoServer, RepoServerError};
use crate::translate::{GitNames, GitPaths};

/// How many answers are kept.
const MAX_ANSWERS: usize = 20_000;

/// Why the names are unknown.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitNamesError {
    /// The repo-server's answer.
    #[error(
        "cannot list the files of {url} at {commit}, to see whether there are symbolic links among them: {source}"
    )]
    RepoServer {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
        /// What it says.
        source: RepoServerError,
    },
    /// The Secret that counts cannot be read.
    #[error("{0}")]
    Secret(String),
}

/// Address and credentials, commit and paths: what one credential may see is nobody else's.
type Question = (String, Vec<SecretVersion>, String, GitPaths);

/// See the module.
#[derive(Default)]
pub(super) struct KnownNames {
    answers: Mutex<HashMap<Question, GitNames>>,
}

impl KnownNames {
    /// What git has of `paths` in the repository that is `known`, at `commit`.
    pub(super) async fn get(
        &self,
        server: &RepoServer,
        known: &Repository,
        commit: &str,
        paths: &GitPaths,
    ) -> Result<GitNames, GitNamesError> {
        let key = (known.url.clone(), known.secrets.clone(), commit.to_owned(), paths.clone());
        if let Some(names) = lock(&self.answers).get(&key) {
            return Ok(names.clone());
        }
        let names = ask(server, known, commit, paths).await?;
        let mut answers = lock(&self.answers);
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        answers.insert(key, names.clone());
        Ok(names)
    }
}

async fn ask(
    server: &RepoServer,
    known: &Repository,
    commit: &str,
    paths: &GitPaths,
) -> Result<GitNames, GitNamesError> {
    let (path, follows_links) = paths.query();
    let request = GitFilesRequest {
        repo: Some(crate::repo_server::messages::repository::Repository {
            kind: "git".to_owned(),
            ..known.into()
        }),
        // As where it renders: both share one checkout.
        submodule_enabled: true,
        revision: commit.to_owned(),
        path,
        new_git_file_globbing_enabled: follows_links,
    };
    match Box::pin(server.git_files(request)).await {
        Ok(answer) => Ok(GitNames::Files(answer.map.into_keys().collect())),
        Err(RepoServerError::Status(status)) if is_unreadable(status.code(), status.message()) => {
            Ok(GitNames::Unreadable)
        }
        Err(source) => Err(GitNamesError::RepoServer {
            // Without user and password.
            url: { Address::of(&known.url) }.shown(),
            commit: commit.to_owned(),
            source,
        }),
    }
}

/// Whether the answer is that something is no file, as of a link to a folder or to nowhere, and of a submodule (argo-cd
/// `reposerver/repository/repository.go`, `GetGitFiles`, which reads what it lists).
fn is_unreadable(code: Code, message: &str) -> bool {
    let is_of_files =
        ["unable to read files.", "unable to list files."].iter().any(|w| message.starts_with(w));
    let causes = [
        "is a directory",
        "no such file or directory",
        "too many levels of symbolic links",
        "too many links",
    ];
    code == Code::Internal && is_of_files && causes.iter().any(|cause| message.ends_with(cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::folder(
        "unable to read files. repo u with revision r pattern .: read /tmp/x/y: is a directory",
        true
    )]
    #[case::nowhere(
        "unable to read files. repo u with revision r pattern .: open /tmp/x: no such file or directory",
        true
    )]
    #[case::nowhere_through_a_link(
        "unable to list files. repo u with revision r pattern a/*: lstat /tmp/y: no such file or directory",
        true
    )]
    #[case::forbidden(
        "unable to read files. repo u with revision r pattern .: open /tmp/x: permission denied",
        false
    )]
    #[case::no_checkout(
        "unable to checkout git repo u with revision r pattern .: no such file or directory",
        false
    )]
    fn what_is_no_file(#[case] message: &str, #[case] expected: bool) {
        assert_eq!(is_unreadable(Code::Internal, message), expected);
        assert!(!is_unreadable(Code::Unavailable, message));
    }
}
