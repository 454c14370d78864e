//! The names that git has of a commit, asked of Argo CD's repo-server: Flux's artifacts hold no symbolic links. A commit never
//! changes, so that an answer counts for ever.

use std::sync::Arc;

use futures::FutureExt as _;
use tonic::Code;

use super::Lookups;
use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Found, Freshness, Question};
use crate::credentials::{Address, Repository};
use crate::repo_server::messages::GitFilesRequest;
use crate::repo_server::{RepoServer, RepoServerError};
use crate::translate::{GitNames, GitPaths};

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
}

impl Lookups {
    /// What git has of `paths` in the repository that is `known`, at `commit`. What one credential may see is nobody else's.
    pub(crate) fn git_names(
        &self,
        known: &Repository,
        commit: &str,
        paths: &GitPaths,
        project: &str,
    ) -> Found<Arc<GitNames>> {
        let about = format!("{} {:?} {commit} {paths:?}", known.url, known.secrets);
        let party = Party::of(project, &known.url);
        let ask = || {
            let (server, known) = (self.repo_server.clone(), known.clone());
            let (commit, paths) = (commit.to_owned(), paths.clone());
            async move {
                let names = ask(&server, &known, &commit, &paths).await;
                names.map(Arc::new).map_err(|error| Failure::new(Cause::Unanswered, &error.to_string()))
            }
            .boxed()
        };
        let question = Question { kind: Kind::GitNames, about: about.into() };
        self.service.get(&question, &party, Freshness::default(), ask)
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
