//! `ssh_known_hosts`, as far as it is about one host (`sshd(8)`, "SSH known hosts file format").

/// The lines about `host`, those with hashed names among them, since nobody can tell whom they are about.
pub(super) fn of(text: &str, host: &str, port: Option<u16>) -> String {
    let name = match port {
        None | Some(22) => host.to_owned(),
        Some(port) => format!("[{host}]:{port}"),
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut found: Vec<&str> = lines.filter(|line| is_about(line, &name)).collect();
    // The last line ends like the others.
    found.extend((!found.is_empty()).then_some(""));
    found.join("\n")
}

fn is_about(line: &str, name: &str) -> bool {
    let mut fields = line.split_whitespace();
    let hosts = match fields.next() {
        Some(marker) if marker.starts_with('@') => fields.next(),
        first => first,
    };
    let patterns = || hosts.unwrap_or_default().split(',');
    let is_excluded = patterns().filter_map(|p| p.strip_prefix('!')).any(|p| matches(p, name));
    !is_excluded && patterns().any(|pattern| pattern.starts_with("|1|") || matches(pattern, name))
}

/// `*` and `?`, whatever the case; the usual port may be written out.
fn matches(pattern: &str, name: &str) -> bool {
    let usual = pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix("]:22"));
    let pattern: Vec<char> = usual.unwrap_or(pattern).to_lowercase().chars().collect();
    let name: Vec<char> = name.chars().collect();
    glob(&pattern, &name)
}

fn glob(pattern: &[char], name: &[char]) -> bool {
    match (pattern.first(), name.first()) {
        (None, None) => true,
        (Some('*'), _) => glob(&pattern[1..], name) || !name.is_empty() && glob(pattern, &name[1..]),
        (Some('?'), Some(_)) => glob(&pattern[1..], &name[1..]),
        (Some(wanted), Some(found)) => wanted == found && glob(&pattern[1..], &name[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const FILE: &str = "\
# a comment
github.com,gitlab.com ssh-ed25519 AAAA1
[git.example.org]:2222 ssh-rsa AAAA2
[git.example.org]:22 ssh-rsa AAAA3
|1|c2FsdA==|aGFzaA== ssh-rsa AAAA4
*.example.org,!secret.example.org ssh-rsa AAAA5
@cert-authority ca.example.net ssh-rsa AAAA6
";

    #[rstest]
    #[case("github.com", None, &["1", "4"])]
    #[case("git.example.org", Some(2222), &["2", "4"])]
    #[case("git.example.org", None, &["3", "4", "5"])]
    #[case("secret.example.org", Some(22), &["4"])]
    #[case("ca.example.net", None, &["4", "6"])]
    #[case("elsewhere.net", None, &["4"])]
    fn lines_about_a_host(#[case] host: &str, #[case] port: Option<u16>, #[case] expected: &[&str]) {
        let lines = of(FILE, host, port);
        let found: Vec<&str> = lines.lines().map(|line| &line[line.len() - 1..]).collect();
        assert_eq!(found, expected);
    }
}
