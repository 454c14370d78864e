//! Answers to what a translation wants to know, kept so that each is fetched once: what an artifact holds, which refs a
//! repository has.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cache::lock;
use super::refs::{self, RefsError};
use crate::address::{self, AddressError};
use crate::artifact::{self, ArtifactError};
use crate::credentials::{Repositories, Repository, SecretVersion};
use crate::repo_server::RepoServer;
use crate::translate::files::Matches;
use crate::translate::{Contents, File, FilePattern, RemoteRefs, RepoPath};

/// How many answers about artifacts are kept.
const MAX_CONTENTS: usize = 20_000;
/// How many bytes of files are kept.
const MAX_FILES: usize = 64 << 20;

/// What artifacts hold of a pattern, by digest and pattern.
#[derive(Default)]
struct Read {
    files: HashMap<(String, FilePattern), Matches>,
    size: usize,
}

/// Address and credentials: what one credential may see is nobody else's.
type Credentialed = (String, Vec<SecretVersion>);

/// An answer from outside, which may be another one later.
struct Passing<T> {
    answer: T,
    at: Instant,
    /// The refresh that it was asked for.
    token: Option<String>,
}

/// See the module.
pub(super) struct Questions {
    http: reqwest::Client,
    contents: Mutex<HashMap<(String, String), Contents>>,
    files: Mutex<Read>,
    refs: Mutex<HashMap<Credentialed, Passing<RemoteRefs>>>,
    addresses: Mutex<HashMap<String, Passing<File>>>,
}

impl Questions {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            contents: Mutex::default(),
            files: Mutex::default(),
            refs: Mutex::default(),
            addresses: Mutex::default(),
        }
    }

    /// What `path` holds in the artifact at `url`. Of a chart that leads to the next question, what its `Chart.yaml` says, which
    /// is answered along with this one.
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
        let chart = RepoPath::folder(path).ok().and_then(|folder| folder.join("Chart.yaml"));
        let pattern = FilePattern::Path(chart.unwrap_or_default().as_str().to_owned());
        let (files, read) = artifact::list_and_read(&self.http, url, digest, &pattern).await?;
        self.keep_files(digest, pattern, Arc::new(read));
        let found = Contents::of(files.iter().map(String::as_str), path, is_oci);
        let mut contents = lock(&self.contents);
        if contents.len() >= MAX_CONTENTS {
            contents.clear();
        }
        contents.insert(key, found.clone());
        Ok(found)
    }

    /// What the artifact at `url` holds of `pattern`.
    pub(super) async fn files(
        &self,
        url: &str,
        digest: &str,
        pattern: &FilePattern,
    ) -> Result<Matches, ArtifactError> {
        let key = (digest.to_owned(), pattern.clone());
        if let Some(known) = lock(&self.files).files.get(&key) {
            return Ok(known.clone());
        }
        let found = Arc::new(artifact::read_files(&self.http, url, digest, pattern).await?);
        self.keep_files(digest, pattern.clone(), found.clone());
        Ok(found)
    }

    fn keep_files(&self, digest: &str, pattern: FilePattern, found: Matches) {
        let size = |(path, file): &(String, File)| path.len() + file.text().map_or(0, str::len);
        let size = digest.len() + found.iter().map(size).sum::<usize>();
        let mut read = lock(&self.files);
        if read.size + size > MAX_FILES || read.files.len() >= MAX_CONTENTS {
            *read = Read::default();
        }
        read.size += size;
        read.files.insert((digest.to_owned(), pattern), found);
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
        let key = (known.url.clone(), known.secrets.clone());
        // Apart: few are asked for with more than a name, and every look would carry the room for it.
        let ask = Box::pin(refs::list(&self.http, server, known, trust));
        passing(&self.refs, key, max_age, token, ask).await
    }

    /// The file at `url`, at most `max_age` old and not older than the refresh `token`; an address that does not answer
    /// keeps its last known file.
    pub(super) async fn address(
        &self,
        url: &str,
        max_age: Duration,
        token: Option<&str>,
    ) -> Result<File, AddressError> {
        passing(&self.addresses, url.to_owned(), max_age, token, address::fetch(&self.http, url)).await
    }
}

/// The answer that is known, or else the one that `ask` brings; the known one where that fails.
async fn passing<K: Eq + Hash, T: Clone, E: std::fmt::Display>(
    known: &Mutex<HashMap<K, Passing<T>>>,
    key: K,
    max_age: Duration,
    token: Option<&str>,
    ask: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let last = lock(known).get(&key).map(|last| (last.answer.clone(), is_fresh(last, max_age, token)));
    if let Some((answer, true)) = last {
        return Ok(answer);
    }
    match (ask.await, last) {
        (Ok(answer), _) => {
            let now = Passing { answer: answer.clone(), at: Instant::now(), token: token.map(str::to_owned) };
            lock(known).insert(key, now);
            Ok(answer)
        }
        (Err(error), Some((answer, _))) => {
            tracing::debug!(%error, "keeping what was answered before");
            Ok(answer)
        }
        (Err(error), None) => Err(error),
    }
}

fn is_fresh<T>(last: &Passing<T>, max_age: Duration, token: Option<&str>) -> bool {
    last.at.elapsed() < max_age && (token.is_none() || last.token.as_deref() == token)
}
