//! Proxies: the Secret that Flux reads one from, and who is asked without it.

use std::net::IpAddr;

use super::secret::SecretData;

/// The Secret for `spec.proxySecretRef` (fluxcd/pkg `runtime/secrets`, `ProxyURLFromSecret`).
pub(super) fn secret(proxy: &str) -> SecretData {
    let (scheme, rest) = parts(proxy);
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    let (name, password) = user.map_or(("", ""), |user| user.split_once(':').unwrap_or((user, "")));
    // Both words mean the same to Go, and Flux takes the first alone.
    let scheme = if scheme == "socks5h" { "socks5" } else { scheme };
    SecretData::default()
        .with("address", format!("{scheme}://{}", host.trim_end_matches('/')))
        .with("username", decoded(name))
        .with("password", decoded(password))
}

/// SSH goes through no other (golang.org/x/net `proxy`, `FromURL`, for Argo CD and Flux alike).
pub(super) fn is_socks(proxy: &str) -> bool {
    parts(proxy).0.starts_with("socks5")
}

fn parts(proxy: &str) -> (&str, &str) {
    proxy.split_once("://").unwrap_or(("http", proxy))
}

/// `%XX` in the user information of an address.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = (*first == b'%').then(|| tail.get(..2)).flatten();
        let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

/// Whether `host` is among those that `no_proxy` names (golang.org/x/net `http/httpproxy`, which Argo CD asks).
pub(super) fn is_exempt(no_proxy: &str, host: &str, port: Option<u16>) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    no_proxy.split(',').map(str::trim).filter(|rule| !rule.is_empty()).any(|rule| {
        rule == "*" || address.map_or_else(|| names(rule, host, port), |ip| is_in(rule, ip, port))
    })
}

fn names(rule: &str, host: &str, port: Option<u16>) -> bool {
    let (rule, wanted) = match rule.rsplit_once(':').map(|(name, port)| (name, port.parse::<u16>())) {
        Some((name, Ok(port))) => (name, Some(port)),
        _ => (rule, None),
    };
    if wanted.is_some() && wanted != port {
        return false;
    }
    let rule = rule.to_lowercase();
    let rule = rule.strip_prefix('*').filter(|rule| rule.starts_with('.')).unwrap_or(&rule);
    // A name stands for the domain with everything below it, one with a dot in front for what is below it.
    match rule.strip_prefix('.') {
        Some(_) => host.ends_with(rule),
        None => host == rule || host.ends_with(&format!(".{rule}")),
    }
}

fn is_in(rule: &str, address: IpAddr, port: Option<u16>) -> bool {
    if let Some((network, length)) = rule.split_once('/') {
        return is_in_network(network, length, address).unwrap_or(false);
    }
    match rule.parse::<IpAddr>() {
        Ok(named) => named == address,
        Err(_) => rule
            .parse()
            .is_ok_and(|named: std::net::SocketAddr| named.ip() == address && Some(named.port()) == port),
    }
}

fn is_in_network(network: &str, length: &str, address: IpAddr) -> Option<bool> {
    let length: u32 = length.parse().ok()?;
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((network, size), (address, other)) = (bits(network.parse().ok()?), bits(address));
    let mask = if length == 0 { 0 } else { u128::MAX << (128 - length.min(128)) };
    Some(size == other && length <= size && network & mask == address & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", "git.example.org", None, false)]
    #[case("*", "git.example.org", None, true)]
    #[case("example.org", "git.example.org", None, true)]
    #[case(".example.org", "example.org", None, false)]
    #[case("*.example.org", "git.example.org", None, true)]
    #[case("ample.org", "example.org", None, false)]
    #[case("git.example.org:8443", "git.example.org", Some(8443), true)]
    #[case("git.example.org:8443", "git.example.org", None, false)]
    #[case("other, 10.0.0.0/8", "10.1.2.3", None, true)]
    #[case("10.0.0.0/8", "11.1.2.3", None, false)]
    #[case("10.1.2.3:80", "10.1.2.3", Some(80), true)]
    #[case("fd00::/8", "fd12::1", None, true)]
    #[case("", "127.0.0.1", None, false)]
    fn exempt_hosts(
        #[case] no_proxy: &str,
        #[case] host: &str,
        #[case] port: Option<u16>,
        #[case] expected: bool,
    ) {
        assert_eq!(is_exempt(no_proxy, host, port), expected);
    }

    #[test]
    fn user_and_password_have_places_of_their_own() {
        let data = secret("http://us%40er:pa%3Ass@proxy.example.org:3128/");
        assert_eq!(data.text("address"), "http://proxy.example.org:3128");
        assert_eq!((data.text("username"), data.text("password")), ("us@er".to_owned(), "pa:ss".to_owned()));
        assert_eq!(secret("socks5h://proxy:1080").text("address"), "socks5://proxy:1080");
        assert_eq!(secret("proxy:3128").text("address"), "http://proxy:3128");
    }
}
