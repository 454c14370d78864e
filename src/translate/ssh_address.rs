//! Addresses of git repositories over SSH.

/// The address is one that git reaches over SSH.
pub(super) fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || scp_form(url).is_some()
}

/// Host and path of `user@host:path`.
pub(super) fn scp_form(url: &str) -> Option<(&str, &str)> {
    if url.contains("://") {
        return None;
    }
    let (host, path) = url.split_once(':')?;
    (!host.is_empty() && !host.contains('/') && !path.is_empty()).then_some((host, path))
}
