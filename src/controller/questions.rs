//! Answers to what a translation wants to know, kept so that each is fetched once: what an artifact holds, which refs a
//! repository has.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::cache::lock;
use super::refs::{self, RefsError};
use crate::artifact::{self, ArtifactError};
use crate::credentials::{Repositories, Repository, SecretVersion};
use crate::repo_server::RepoServer;
use crate::translate::{Contents, RemoteRefs};

/// How many answers about artifacts are kept.
const MAX_CONTENTS: usize = 20_000;

struct Listed {
    refs: RemoteRefs,
    at: Instant,
    /// The refresh that they were listed for.
    token: Option<String>,
}

/// See the module.
pub(super) struct Questions {
    http: reqwest::Client,
    contents: Mutex<HashMap<(String, String), Contents>>,
    refs: Mutex<HashMap<(String, Vec<SecretVersion>), Listed>>,
}

impl Questions {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, contents: Mutex::default(), refs: Mutex::default() }
    }

    /// What `path` holds in the artifact at `url`.
    pub(super) async fn contents(
        &self,
        url: &str,
        digest: &str,
        path: &str,
        is_oci: bool,
    ) -> Result<Contents, ArtifactError> {
        let key = (digest.to_owned(), path.to_owned());
        if let Some(known) = lock(&self.contents).get(&key) {
            return Ok(known.clone());
        }
        let files = artifact::list_files(&self.http, url, digest).await?;
        let found = Contents::of(files.iter().map(String::as_str), path, is_oci);
        let mut contents = lock(&self.contents);
        if contents.len() >= MAX_CONTENTS {
            contents.clear();
        }
        contents.insert(key, found.clone());
        Ok(found)
    }

    /// The refs of the repository that is `known`, at most `max_age` old and not older than the refresh `token`.
    ///
    /// A repository that does not answer keeps its last known refs: the source object says that it is unreachable.
    pub(super) async fn refs(
        &self,
        server: &RepoServer,
        known: &Repository,
        trust: &Repositories,
        max_age: Duration,
        token: Option<&str>,
    ) -> Result<RemoteRefs, RefsError> {
        // What one credential may see is nobody else's.
        let key = (known.url.clone(), known.secrets.clone());
        let url = known.url.as_str();
        let before =
            lock(&self.refs).get(&key).map(|listed| (listed.refs.clone(), is_fresh(listed, max_age, token)));
        if let Some((refs, true)) = before {
            return Ok(refs);
        }
        match (refs::list(&self.http, server, known, trust).await, before) {
            (Ok(refs), _) => {
                let listed =
                    Listed { refs: refs.clone(), at: Instant::now(), token: token.map(str::to_owned) };
                lock(&self.refs).insert(key, listed);
                Ok(refs)
            }
            (Err(error), Some((refs, _))) => {
                tracing::debug!(url, %error, "keeping the refs that were listed before");
                Ok(refs)
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn is_fresh(listed: &Listed, max_age: Duration, token: Option<&str>) -> bool {
    listed.at.elapsed() < max_age && (token.is_none() || listed.token.as_deref() == token)
}
