//! Addresses of repositories, as Argo CD compares them.

use percent_encoding::percent_decode_str;

/// The address as Argo CD compares it (argo-cd `util/git/git.go`, `NormalizeGitURL`).
pub fn normalized(url: &str) -> String {
    let mut url = url.trim().to_lowercase();
    if is_ssh(&url) && !url.starts_with("ssh://") {
        url = format!("ssh://{}", url.replacen(':', "/", 1));
    }
    let url = url.strip_suffix(".git").unwrap_or(&url);
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, rest) = url.split_at(end);
    let url = escaped(path) + rest;
    url.strip_prefix("ssh://").unwrap_or(&url).to_owned()
}

/// The address without user and password.
pub fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let bare = host.rsplit_once('@').map_or(host, |(_, bare)| bare);
    if bare == host {
        return url.to_owned();
    }
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("{scheme}{bare}{path}")
}

/// User and password that stand in an address over HTTP itself, which git and Helm take before any others.
pub fn user_of(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, _) = authority.rsplit_once('@').filter(|_| matches!(scheme, "http" | "https"))?;
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(name), decoded(password)))
}

/// `^(ssh://)?([^/:]*?)@[^@]+$`.
pub fn is_ssh(url: &str) -> bool {
    let rest = url.strip_prefix("ssh://").unwrap_or(url);
    rest.split_once('@')
        .is_some_and(|(user, host)| !user.contains(['/', ':']) && !host.is_empty() && !host.contains('@'))
}

/// What Go's `net/url` makes of a path: one that holds a character that no path may hold is escaped as a whole.
fn escaped(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@%".contains(&byte);
    let is_valid = |byte: u8| is_plain(byte) || b"!'()*[]".contains(&byte);
    if path.bytes().all(is_valid) {
        return path.to_owned();
    }
    path.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    // The results are those of argo-cd's own function (`util/git/git_test.go` has the same cases).
    #[rstest]
    #[case("https://GitHub.com/Org/Repo.git", "https://github.com/org/repo")]
    #[case("https://github.com/org/repo/", "https://github.com/org/repo/")]
    #[case("git@github.com:org/repo.git", "git@github.com/org/repo")]
    #[case("ssh://git@github.com/org/repo", "git@github.com/org/repo")]
    #[case("ssh://git@github.com:2222/org/repo.git", "git@github.com:2222/org/repo")]
    #[case(" registry.example.org/charts ", "registry.example.org/charts")]
    #[case("https://user:password@git.example.org/a", "https://user:password@git.example.org/a")]
    fn addresses_are_compared(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(normalized(url), expected);
    }

    #[rstest]
    #[case("https://me:p%40ss@git.example.org/a", Some(("me", "p@ss")))]
    #[case("http://token@git.example.org", Some(("token", "")))]
    #[case("https://git.example.org/a@b", None)]
    #[case("ssh://git@git.example.org/a", None)]
    #[case("git@git.example.org:a", None)]
    fn users_are_found(#[case] url: &str, #[case] expected: Option<(&str, &str)>) {
        let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
        assert_eq!(user_of(url), expected);
    }

    #[test]
    fn credentials_in_the_address_of_the_source_stay_out() {
        for (url, expected) in [
            ("https://git.example.org/a", "https://git.example.org/a"),
            ("https://me:secret@git.example.org/a", "https://git.example.org/a"),
            ("https://token@git.example.org", "https://git.example.org"),
            ("git@git.example.org:org/a.git", "git.example.org:org/a.git"),
            ("https://git.example.org/a@b", "https://git.example.org/a@b"),
        ] {
            assert_eq!(without_user(url), expected);
        }
    }
}
