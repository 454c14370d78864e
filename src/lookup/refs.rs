//! The refs of a git repository, and files at addresses. Refs are asked over HTTP where a user and a password are all it takes, else of Argo CD's repo-server,
//! which has SSH, certificates, proxies and Apps.

use std::sync::Arc;

use futures::FutureExt as _;

use super::Lookups;
use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Found, Freshness, Question};
use crate::address;
use crate::credentials::{Address, Login, Repositories, Repository};
use crate::remote_refs::{self, RemoteRefsError};
use crate::repo_server::messages::{
    ApplicationSource, ListRefsRequest, ResolveRevisionRequest, ResolvedApplication, ResolvedSpec,
};
use crate::repo_server::{RepoServer, RepoServerError};
use crate::translate::{File, RemoteRefs};

/// Branches that are asked for their commit to find out which one `HEAD` is, the usual names first: more than a repository has whose
/// default branch anybody finds.
const CANDIDATES: usize = 1_000;

/// Why the refs are unknown.
#[derive(Debug, thiserror::Error)]
enum RefsError {
    /// The repository's answer.
    #[error(transparent)]
    Http(#[from] RemoteRefsError),
    /// The repo-server's answer.
    #[error("cannot list the refs of {url}")]
    RepoServer {
        /// The repository.
        url: String,
        /// What it says.
        source: RepoServerError,
    },
}

impl Lookups {
    /// The refs of the repository that is `known`. One that does not answer keeps its last known refs: the source object says that
    /// it is unreachable. What one credential may see is nobody else's.
    pub(crate) fn refs(
        &self,
        known: &Repository,
        trust: &Arc<Repositories>,
        project: &str,
        freshness: Freshness,
    ) -> Found<Arc<RemoteRefs>> {
        let about = format!("{} {:?}", known.url, known.secrets);
        let party = Party::of(project, &known.url);
        let ask = || {
            let (lookups, known, trust) = (self.clone(), known.clone(), Arc::clone(trust));
            async move {
                let listed = list(&lookups.http, &lookups.repo_server, &known, &trust).await;
                listed.map(Arc::new).map_err(|error| Failure::of(Cause::Unanswered, &error))
            }
            .boxed()
        };
        self.service.get(&Question { kind: Kind::Refs, about: about.into() }, &party, freshness, ask)
    }

    /// The file at `url`; an address that does not answer keeps its last known file.
    pub(crate) fn address(&self, url: &str, project: &str, freshness: Freshness) -> Found<File> {
        let party = Party::of(project, url);
        let ask = || {
            let (http, url) = (self.http.clone(), url.to_owned());
            async move {
                let found = address::fetch(&http, &url).await;
                found.map_err(|error| Failure::of(Cause::Unanswered, &error))
            }
            .boxed()
        };
        self.service.get(&Question { kind: Kind::Address, about: url.into() }, &party, freshness, ask)
    }
}

/// Lists the refs of `known`, with what Argo CD knows of it.
async fn list(
    http: &reqwest::Client,
    server: &RepoServer,
    known: &Repository,
    trust: &Repositories,
) -> Result<RemoteRefs, RefsError> {
    if let Some(login) = Login::of(known, trust) {
        return Ok(remote_refs::list(http, &known.url, &login).await?);
    }
    let failed = |source| RefsError::RepoServer {
        // Without user and password.
        url: { Address::of(&known.url) }.shown(),
        source,
    };
    let repo =
        crate::repo_server::messages::repository::Repository { kind: "git".to_owned(), ..known.into() };
    let refs = server.refs(ListRefsRequest { repo: Some(repo.clone()) }).await.map_err(failed)?;
    let head = head(server, &repo, &refs.branches).await;
    let full = |folder: &str, names: Vec<String>| -> Vec<(String, String)> {
        names.into_iter().map(|name| (format!("refs/{folder}/{name}"), String::new())).collect()
    };
    let all = [full("heads", refs.branches), full("tags", refs.tags)].concat();
    Ok(RemoteRefs {
        head: head.map(|branch| format!("refs/heads/{branch}")),
        refs: all.into_iter().collect(),
    })
}

/// The branch at the same commit as `HEAD`, the usual names first, as git itself guesses (git `remote.c`,
/// `guess_remote_head`); the repo-server says commits and no names. Asked for `HEAD` it lists the refs anew and keeps them for
/// the questions behind it (argo-cd `util/git/client.go`, `getRefs`), which so reach no repository and are about the same moment.
async fn head(
    server: &RepoServer,
    repo: &crate::repo_server::messages::repository::Repository,
    branches: &[String],
) -> Option<String> {
    let resolve = async |revision: &str, is_anew: bool| {
        let source = Some(ApplicationSource { repo_url: repo.repo.clone(), ..ApplicationSource::default() });
        let request = ResolveRevisionRequest {
            repo: Some(repo.clone()),
            app: Some(ResolvedApplication { spec: Some(ResolvedSpec { source }) }),
            ambiguous_revision: revision.to_owned(),
            no_revision_cache: is_anew,
        };
        server.resolve(request).await.ok().map(|answer| answer.revision)
    };
    let wanted = resolve("HEAD", true).await?;
    let usual = ["main", "master"].into_iter().filter(|name| branches.iter().any(|branch| branch == name));
    let others = branches.iter().map(String::as_str).filter(|name| !["main", "master"].contains(name));
    for branch in usual.chain(others).take(CANDIDATES) {
        if resolve(&format!("refs/heads/{branch}"), false).await.as_ref() == Some(&wanted) {
            return Some(branch.to_owned());
        }
    }
    None
}
