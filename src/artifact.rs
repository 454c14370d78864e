//! Reads what source-controller serves: which files an artifact (`.tar.gz`, charts `.tgz`) holds.
//!
//! The archive streams through: of it nothing is kept, in memory or on disk, but what was asked for: a few files, or a small
//! archive as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use sha2::digest::DynDigest;
use tokio::sync::mpsc;

use crate::digest::hex;
use crate::translate::files::{File, FilePattern, MAX_FILE, matching_folders};

/// The largest artifact that is read, in bytes as served.
pub const MAX_PACKED: u64 = 512 << 20;
/// The most that an artifact may unpack to, in bytes; more is no manifests but a bomb.
const MAX_UNPACKED: u64 = 8 << 30;
/// The most files that are listed.
const MAX_FILES: usize = 1_000_000;
/// The most that is kept of all files together that one pattern matches, in bytes; the rest is too large.
const MAX_READ: usize = 16 << 20;
/// How long the download may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Chunks of the download that may wait for the decoder.
const CHUNKS_AHEAD: usize = 4;

/// Why an artifact's files are unknown.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// `status.artifact.digest` is of a kind that cannot be checked.
    #[error("cannot verify digest {0:?}: it is none of sha256, sha384, sha512")]
    Digest(String),
    /// No answer, or it broke off. May pass.
    #[error("cannot download {url}")]
    Download {
        /// Address of the artifact.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// Refused; 404 is the usual answer for an artifact that a newer one has replaced.
    #[error("{url} answered {status}")]
    Status {
        /// Address of the artifact.
        url: String,
        /// The answer.
        status: reqwest::StatusCode,
    },
    /// More than [`MAX_PACKED`].
    #[error("{url} is larger than {MAX_PACKED} bytes")]
    TooLarge {
        /// Address of the artifact.
        url: String,
    },
    /// What was served is not what Flux had fetched.
    #[error("{url} has digest {actual}, not {expected}")]
    Mismatch {
        /// Address of the artifact.
        url: String,
        /// `status.artifact.digest`.
        expected: String,
        /// Of the bytes that came.
        actual: String,
    },
    /// No tar archive in gzip, or one that nobody should unpack.
    #[error("cannot read {url}")]
    Archive {
        /// Address of the artifact.
        url: String,
        /// What is wrong with it.
        source: io::Error,
    },
}

impl ArtifactError {
    /// It may be otherwise a moment later: a newer artifact took the place of this one, or the server is starting.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Download { .. } | Self::Mismatch { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error() || *status == reqwest::StatusCode::NOT_FOUND
            }
            Self::Digest(_) | Self::TooLarge { .. } | Self::Archive { .. } => false,
        }
    }
}

/// The regular files of the artifact at `url`, sorted, relative to its root, with `/` between folders.
///
/// `digest` is `status.artifact.digest` (`sha256:` and hexadecimal digits; source-controller's `--artifact-digest-algo`
/// allows for more); an artifact that does not match it has no files but an error. Links and folders are left out.
pub async fn list_files(
    http: &reqwest::Client,
    url: &str,
    digest: &str,
) -> Result<Vec<String>, ArtifactError> {
    stream(http, url, digest, 0, |packed| files_of(packed, None)).await.map(|(found, _)| found.names)
}

/// What the artifact at `url` holds of `pattern`, in the order in which it counts; `digest` as in [`list_files`].
pub async fn read_files(
    http: &reqwest::Client,
    url: &str,
    digest: &str,
    pattern: &FilePattern,
) -> Result<Vec<(String, File)>, ArtifactError> {
    let malformed =
        |message| ArtifactError::Archive { url: url.to_owned(), source: io::Error::other(message) };
    let is_match = pattern.matcher().map_err(malformed)?;
    let (found, _) = stream(http, url, digest, 0, move |packed| matches(packed, &*is_match)).await?;
    Ok(in_order(found))
}

/// The artifact at `url`, its bytes where they are at most `keep`; `digest` as in [`list_files`].
pub async fn fetch(
    http: &reqwest::Client,
    url: &str,
    digest: &str,
    keep: usize,
) -> Result<Packed, ArtifactError> {
    let (held, bytes) = stream(http, url, digest, keep, |packed| files_of(packed, None)).await?;
    Ok(Packed { names: Names::of(&held.names), bytes: bytes.map(Into::into) })
}

/// What is known of an artifact without asking again. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The paths of its files.
    pub names: Names,
    /// As it was served, where it is small.
    pub bytes: Option<Arc<[u8]>>,
}

impl Packed {
    /// What it holds of `pattern`, in the order in which it counts; `None` where that takes another download.
    ///
    /// # Errors
    /// A malformed pattern.
    pub fn read(&self, pattern: &FilePattern) -> Result<Option<Vec<(String, File)>>, io::Error> {
        let is_match = pattern.matcher().map_err(io::Error::other)?;
        let has_match = match pattern {
            FilePattern::Path(path) => self.names.below(path).next().is_some(),
            FilePattern::Glob(_) => true,
        };
        if !has_match {
            return Ok(Some(Vec::new()));
        }
        let Some(bytes) = &self.bytes else { return Ok(None) };
        matches(&**bytes, &*is_match).map(|found| Some(in_order(found)))
    }
}

/// Paths of files, sorted, in one piece with a zero byte behind each, which no path holds: a list of them takes twice as much
/// memory. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Arc<str>);

impl Names {
    /// `names` in bytewise order.
    fn of(names: &[String]) -> Self {
        Self(names.iter().flat_map(|name| [name.as_str(), "\0"]).collect::<String>().into())
    }

    /// How many bytes they take.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\0')
    }

    /// The file at `path` and those below it; all for the root, which is empty.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let file = self.range(path, |name| name == path);
        let folder = format!("{path}/");
        let files = if path.is_empty() {
            0..self.0.len()
        } else {
            self.range(&folder, |name| name.starts_with(&folder))
        };
        [file, files]
            .into_iter()
            .flat_map(|range| self.0.get(range).unwrap_or_default().split_terminator('\0'))
    }

    /// Where those that `is_it` begin and end, which are the first that are not before `from`.
    fn range(&self, from: &str, is_it: impl Fn(&str) -> bool) -> Range<usize> {
        let begin = self.partition(|name| name < from);
        let end = self.partition(|name| name < from || is_it(name));
        begin..end
    }

    /// Where the first begins for which `is_before` does not hold any more.
    fn partition(&self, is_before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let bytes = self.0.as_bytes();
            let begin = bytes.get(low..middle).and_then(|left| left.iter().rposition(|byte| *byte == b'\0'));
            let begin = begin.map_or(low, |before| low + before + 1);
            let length = bytes.get(begin..).and_then(|right| right.iter().position(|byte| *byte == b'\0'));
            let end = begin + length.unwrap_or_default();
            if is_before(self.0.get(begin..end).unwrap_or_default()) {
                low = end + 1;
            } else {
                high = begin;
            }
        }
        low
    }
}

/// Downloads the artifact through `decode`, and checks its digest; along with the bytes, where they are at most `keep`.
async fn stream(
    http: &reqwest::Client,
    url: &str,
    digest: &str,
    keep: usize,
    decode: impl FnOnce(&mut Chunks) -> io::Result<Held> + Send + 'static,
) -> Result<(Held, Option<Vec<u8>>), ArtifactError> {
    let hasher = hasher(digest).ok_or_else(|| ArtifactError::Digest(digest.to_owned()))?;
    let response = http.get(url).timeout(TIMEOUT).send().await.map_err(|source| download(url, source))?;
    if !response.status().is_success() {
        return Err(ArtifactError::Status { url: url.to_owned(), status: response.status() });
    }
    let (chunks, received) = mpsc::channel(CHUNKS_AHEAD);
    let decoder =
        tokio::task::spawn_blocking(move || read(Chunks::new(received, hasher, MAX_PACKED, keep), decode));
    let downloaded = forward(response, &chunks).await;
    // The end of the stream, for the decoder.
    drop(chunks);
    let archive = |source| ArtifactError::Archive { url: url.to_owned(), source };
    let found = decoder.await.map_err(|panicked| archive(io::Error::other(panicked)))?;
    // What the decoder made of half a download is of no interest.
    downloaded.map_err(|source| download(url, source))?;
    if found.is_too_large {
        return Err(ArtifactError::TooLarge { url: url.to_owned() });
    }
    let algorithm = digest.split(':').next().unwrap_or_default();
    let actual = format!("{algorithm}:{}", found.digest);
    if actual != digest {
        return Err(ArtifactError::Mismatch { url: url.to_owned(), expected: digest.to_owned(), actual });
    }
    let kept = found.kept;
    found.held.map(|held| (held, kept)).map_err(archive)
}

fn download(url: &str, source: reqwest::Error) -> ArtifactError {
    ArtifactError::Download { url: url.to_owned(), source: source.without_url() }
}

fn hasher(digest: &str) -> Option<Box<dyn DynDigest + Send>> {
    match digest.split_once(':')?.0 {
        "sha256" => Some(Box::new(sha2::Sha256::default())),
        "sha384" => Some(Box::new(sha2::Sha384::default())),
        "sha512" => Some(Box::new(sha2::Sha512::default())),
        _ => None,
    }
}

/// Hands the body over piece by piece; ends early, without an error, when the decoder has given up.
async fn forward(
    mut response: reqwest::Response,
    chunks: &mpsc::Sender<Vec<u8>>,
) -> Result<(), reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        if chunks.send(chunk.into()).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What came out of one artifact.
struct Found {
    held: io::Result<Held>,
    /// Hexadecimal, of everything that was served.
    digest: String,
    is_too_large: bool,
    /// All of it, as it was served.
    kept: Option<Vec<u8>>,
}

/// What one artifact holds.
#[derive(Default)]
struct Held {
    /// Paths of all files.
    names: Vec<String>,
    /// Those that were asked for.
    read: BTreeMap<String, File>,
}

/// Reads to the end whatever the archive is like: an artifact with a wrong digest is that and not a broken archive.
fn read(mut chunks: Chunks, decode: impl FnOnce(&mut Chunks) -> io::Result<Held>) -> Found {
    let held = decode(&mut chunks);
    let rest = io::copy(&mut chunks, &mut io::sink());
    let is_too_large = chunks.is_too_large();
    let digest = hex(&chunks.hasher.finalize());
    Found { held: held.and_then(|held| rest.map(|_| held)), digest, is_too_large, kept: chunks.kept }
}

/// What matches of an archive, folders among it.
fn matches(packed: impl Read, is_match: &dyn Fn(&str) -> bool) -> io::Result<Held> {
    let mut found = files_of(packed, Some(is_match))?;
    let folders = matching_folders(found.names.iter().map(String::as_str), is_match);
    found.read.extend(folders.into_iter().map(|folder| (folder, File::Folder)));
    Ok(found)
}

fn in_order(found: Held) -> Vec<(String, File)> {
    let mut files: Vec<_> = found.read.into_iter().collect();
    files.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
    files
}

/// All files, and the contents of those that are asked for.
fn files_of(packed: impl Read, is_asked: Option<&dyn Fn(&str) -> bool>) -> io::Result<Held> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(packed).take(MAX_UNPACKED));
    let mut names = BTreeSet::new();
    let mut read = BTreeMap::new();
    let mut room = MAX_READ;
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = normalised(&entry.path()?)?;
        if is_asked.is_some_and(|is_asked| is_asked(&name)) {
            let mut bytes = Vec::new();
            // One byte more than allowed tells that it is too large.
            entry.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes)?;
            let file = match room.checked_sub(bytes.len()) {
                Some(left) => {
                    room = left;
                    File::of(bytes)
                }
                // Whoever needs it says so; most do not need all that match.
                None => File::TooLarge,
            };
            read.insert(name.clone(), file);
        }
        names.insert(name);
        if names.len() > MAX_FILES {
            return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
    }
    Ok(Held { names: names.into_iter().collect(), read })
}

/// `./a//b` as `a/b`. Flux writes no path that leaves the root, so one that does is an attack on somebody.
fn normalised(path: &Path) -> io::Result<String> {
    let refused = || io::Error::other(format!("it holds the path {}", path.display()));
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(refused)?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(refused()),
        }
    }
    Ok(names.join("/"))
}

/// The download as something to read from, counted and hashed on its way.
struct Chunks {
    received: mpsc::Receiver<Vec<u8>>,
    hasher: Box<dyn DynDigest + Send>,
    chunk: io::Cursor<Vec<u8>>,
    taken: u64,
    limit: u64,
    /// All that came, as long as it is at most `keep`.
    kept: Option<Vec<u8>>,
    keep: usize,
}

impl Chunks {
    fn new(
        received: mpsc::Receiver<Vec<u8>>,
        hasher: Box<dyn DynDigest + Send>,
        limit: u64,
        keep: usize,
    ) -> Self {
        let kept = (keep > 0).then(Vec::new);
        Self { received, hasher, chunk: io::Cursor::default(), taken: 0, limit, kept, keep }
    }

    fn keep(&mut self, chunk: &[u8]) {
        self.kept = self.kept.take().filter(|kept| kept.len() + chunk.len() <= self.keep);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(chunk);
        }
    }

    fn is_too_large(&self) -> bool {
        self.taken > self.limit
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_too_large() {
                return Err(io::Error::other("too large"));
            }
            let read = self.chunk.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(chunk) = self.received.blocking_recv() else { return Ok(0) };
            self.taken += chunk.len() as u64;
            self.hasher.update(&chunk);
            self.keep(&chunk);
            self.chunk = io::Cursor::new(chunk);
        }
    }
}

#[cfg(test)]
mod tests;
