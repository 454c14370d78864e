//! Files in Git LFS: Flux fetches their pointers alone, Argo CD's repo-server fetches the files where the repository's
//! Secret says `enableLfs`. What such a repository holds is rendered, and nothing is decided by reading a file of it, which may be
//! a pointer.

use super::draft::Draft;
use crate::argo::ApplicationSource;

/// The reason that what is rendered carries.
pub(super) const REASON: &str = "Git LFS";

/// How a file begins that stands for one in Git LFS (git-lfs `docs/spec.md`).
const POINTER: &str = "version https://git-lfs.github.com/spec/";

/// Whether the Secret of the source's git repository says so.
pub(super) fn is_enabled(draft: &Draft<'_>, source: &ApplicationSource) -> bool {
    let is_git = source.chart.is_empty() && !source.repo_url.starts_with("oci://");
    let Some(known) = draft.context.repositories.as_ref().filter(|_| is_git) else { return false };
    // One that cannot be read is a problem of its own.
    known.find(&source.repo_url, draft.app.project()).is_ok_and(|repository| repository.enable_lfs)
}

/// Whether the text is no file, but the name of one.
pub(super) fn is_pointer(text: &str) -> bool {
    text.starts_with(POINTER)
}
