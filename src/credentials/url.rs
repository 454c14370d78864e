//! Addresses of repositories, as Argo CD compares them and as Flux needs them.

use crate::argo::repository_url::is_ssh;

/// Where a repository is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `https`, `http`, `ssh`, `oci`; empty where the address has none.
    pub scheme: String,
    /// Host name or IP address, without brackets, in small letters.
    pub host: String,
    /// Port, where the address names one.
    pub port: Option<u16>,
    /// What follows, without the slash.
    pub path: String,
}

impl Address {
    /// The parts of `url`, which may have the form `user@host:path`, or no scheme at all.
    pub fn of(url: &str) -> Self {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme.to_lowercase(), rest),
            None if is_ssh(url) => return Self::scp(url),
            None => (String::new(), url),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        Self { scheme, host: host.to_lowercase(), port: port.parse().ok(), path: path.to_owned() }
    }

    fn scp(url: &str) -> Self {
        let host = url.split_once('@').map_or(url, |(_, host)| host);
        let (host, path) = host.split_once(':').unwrap_or((host, ""));
        let path = path.trim_start_matches('/').to_owned();
        Self { scheme: "ssh".to_owned(), host: host.to_lowercase(), port: None, path }
    }

    /// The address without user and password, for messages.
    pub fn shown(&self) -> String {
        let scheme = if self.scheme.is_empty() { String::new() } else { format!("{}://", self.scheme) };
        format!("{scheme}{}/{}", self.authority(), self.path)
    }

    /// `host` or `host:port`, as registries are named.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://user@Git.example.org:8443/a/b", "https", "git.example.org", Some(8443), "a/b")]
    #[case("git@git.example.org:org/repo.git", "ssh", "git.example.org", None, "org/repo.git")]
    #[case("ssh://git@[::1]:22/a", "ssh", "::1", Some(22), "a")]
    #[case("registry.example.org:5000/charts", "", "registry.example.org", Some(5000), "charts")]
    #[case("oci://registry.example.org", "oci", "registry.example.org", None, "")]
    fn addresses_have_parts(
        #[case] url: &str,
        #[case] scheme: &str,
        #[case] host: &str,
        #[case] port: Option<u16>,
        #[case] path: &str,
    ) {
        let address = Address::of(url);
        assert_eq!((address.scheme.as_str(), address.host.as_str()), (scheme, host));
        assert_eq!((address.port, address.path.as_str()), (port, path));
    }

    #[test]
    fn registries_are_named_with_their_port() {
        assert_eq!(Address::of("oci://[::1]:5000/a").authority(), "[::1]:5000");
        assert_eq!(Address::of("registry.example.org/a").authority(), "registry.example.org");
    }
}
