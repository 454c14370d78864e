//! What Flux's artifacts hold. Each is downloaded once for all Applications; what is small stays as it was served, of what is large
//! the names stay.

use std::sync::Arc;

use futures::FutureExt as _;

use super::Lookups;
use super::failure::{Cause, Failure};
use super::kind::Kind;
use super::places::Party;
use super::service::{Found, Freshness, Question};
use crate::artifact::{self, ArtifactError, Packed};
use crate::translate::files::Matches;
use crate::translate::{Contents, FilePattern};

/// The largest artifact that is kept as it was served, in bytes. Those under way at once take as much memory each.
const KEPT: usize = 2 << 20;

/// An artifact of Flux. Its digest says what it holds, so that an answer about it counts for ever.
#[derive(Clone, Debug)]
pub(crate) struct ArtifactAt<'a> {
    /// `status.artifact.url`.
    pub(crate) url: &'a str,
    /// `status.artifact.digest`.
    pub(crate) digest: &'a str,
}

impl Lookups {
    /// What `path` holds in the artifact; `is_oci`: it may be a packed chart, see [`Contents::of`].
    pub(crate) fn contents(
        &self,
        at: &ArtifactAt<'_>,
        path: &str,
        is_oci: bool,
        party: &Party,
    ) -> Found<Arc<Contents>> {
        let question =
            Question { kind: Kind::Contents, about: format!("{} {is_oci} {path}", at.digest).into() };
        let ask = || {
            let (lookups, party, path) = (self.clone(), party.clone(), path.to_owned());
            let (url, digest) = (at.url.to_owned(), at.digest.to_owned());
            async move {
                let packed = lookups.packed(&url, &digest, &party).await?;
                aside(move || Ok(Arc::new(contents(&packed, &path, is_oci)))).await
            }
            .boxed()
        };
        self.service.get(&question, party, Freshness::default(), ask)
    }

    /// What the artifact holds of `pattern`.
    pub(crate) fn files(&self, at: &ArtifactAt<'_>, pattern: &FilePattern, party: &Party) -> Found<Matches> {
        let question = Question { kind: Kind::Files, about: format!("{} {pattern:?}", at.digest).into() };
        let ask = || {
            let (lookups, party, pattern) = (self.clone(), party.clone(), pattern.clone());
            let (url, digest) = (at.url.to_owned(), at.digest.to_owned());
            async move {
                let packed = lookups.packed(&url, &digest, &party).await?;
                let (from, asked) = (url.clone(), pattern.clone());
                let read = move || {
                    packed
                        .read(&asked)
                        .map_err(|source| failed(&ArtifactError::Archive { url: from, source }))
                };
                match aside(read).await? {
                    Some(found) => Ok(Arc::new(found)),
                    None => {
                        let read = artifact::read_files(&lookups.http, &url, &digest, &pattern).await;
                        read.map(Arc::new).map_err(|error| failed(&error))
                    }
                }
            }
            .boxed()
        };
        self.service.get(&question, party, Freshness::default(), ask)
    }

    /// The artifact itself, which all questions about it share.
    async fn packed(&self, url: &str, digest: &str, party: &Party) -> Result<Packed, Failure> {
        let question = Question { kind: Kind::Artifact, about: digest.into() };
        let ask = || {
            let (http, url, digest) = (self.http.clone(), url.to_owned(), digest.to_owned());
            async move { artifact::fetch(&http, &url, &digest, KEPT).await.map_err(|error| failed(&error)) }
                .boxed()
        };
        self.service.wait(&question, party, Freshness::default(), ask).await
    }
}

/// Of one that is no chart by itself only what lies below the path counts.
fn contents(packed: &Packed, path: &str, is_oci: bool) -> Contents {
    let folder = crate::translate::RepoPath::folder(path).unwrap_or_default();
    if is_oci {
        return Contents::of(packed.names.iter(), path, true);
    }
    Contents::of(packed.names.below(folder.as_str()), path, false)
}

/// Off the threads that carry everybody's reconciles: an archive may be large.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Failure::of(Cause::Refused, &error)))
}

fn failed(error: &ArtifactError) -> Failure {
    Failure::of(if error.is_passing() { Cause::Passing } else { Cause::Refused }, error)
}

#[cfg(test)]
mod tests;
