//! Addresses of repositories, as Argo CD compares them.

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
}
