//! Files in Git LFS: Flux fetches their pointers alone, Argo CD's repo-server fetches the files where the repository's
//! Secret says `enableLfs`.

use super::draft::{Draft, Source};
use super::sources::Origin;

/// The reason that what is rendered carries.
pub(super) const REASON: &str = "Git LFS";

/// The Secret that says so of the source's git repository; `None` where none does.
pub(super) fn enabled_by(draft: &Draft<'_>, source: &Source<'_>, origin: Origin) -> Option<String> {
    let known = draft.context.repositories.as_ref().filter(|_| origin == Origin::Git)?;
    // One that cannot be read is a problem of its own.
    let repository = known.find(&source.spec.repo_url, draft.app.project()).ok()?;
    repository.enable_lfs.then(|| repository.origin())
}

/// Notes that Flux has to fetch the source itself, and cannot.
pub(super) fn refuse(draft: &mut Draft<'_>, source: &Source<'_>, secret: &str) {
    let message = format!(
        "{secret} says enableLfs, and Flux fetches no files from Git LFS: their pointers would be delivered"
    );
    let hint = "take enableLfs away where nothing that is delivered is in Git LFS";
    draft.error::<()>(source.at("repoURL"), message, hint);
}
