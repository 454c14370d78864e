//! Answers to what a translation wants to know, kept so that each is fetched once: what an artifact holds, which refs a
//! repository has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cache::lock;
use crate::artifact::{self, ArtifactError};
use crate::remote_refs::{self, RemoteRefsError};
use crate::translate::files::Matches;
use crate::translate::{Contents, File, FilePattern, RemoteRefs};

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
    files: Mutex<Read>,
    refs: Mutex<HashMap<String, Listed>>,
}

impl Questions {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, contents: Mutex::default(), files: Mutex::default(), refs: Mutex::default() }
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
        let size = |(path, file): &(String, File)| path.len() + file.text().map_or(0, str::len);
        let size = digest.len() + found.iter().map(size).sum::<usize>();
        let mut read = lock(&self.files);
        if read.size + size > MAX_FILES || read.files.len() >= MAX_CONTENTS {
            *read = Read::default();
        }
        read.size += size;
        read.files.insert(key, found.clone());
        Ok(found)
    }

    /// The refs of the repository at `url`, at most `max_age` old and not older than the refresh `token`.
    ///
    /// A repository that does not answer keeps its last known refs: the source object says that it is unreachable.
    pub(super) async fn refs(
        &self,
        url: &str,
        max_age: Duration,
        token: Option<&str>,
    ) -> Result<RemoteRefs, RemoteRefsError> {
        let known =
            lock(&self.refs).get(url).map(|listed| (listed.refs.clone(), is_fresh(listed, max_age, token)));
        if let Some((refs, true)) = known {
            return Ok(refs);
        }
        match (remote_refs::list(&self.http, url).await, known) {
            (Ok(refs), _) => {
                let listed =
                    Listed { refs: refs.clone(), at: Instant::now(), token: token.map(str::to_owned) };
                lock(&self.refs).insert(url.to_owned(), listed);
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
