//! What git revisions look like.

/// Shortest abbreviation of a commit that Argo CD takes (argo-cd `util/git/git.go`, `IsTruncatedCommitSHA`).
pub(super) const MIN_ABBREVIATION: usize = 7;

pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hexadecimal(text)
}

pub(super) fn is_abbreviation(text: &str) -> bool {
    (MIN_ABBREVIATION..40).contains(&text.len()) && is_hexadecimal(text)
}

pub(super) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
