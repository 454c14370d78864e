//! What a plain HTTP request needs to reach a git repository, where that is all it takes.

use super::repository::Repository;
use super::secret::Sensitive;
use super::store::Repositories;
use super::url::Address;

/// How a request says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not at all, or as the address itself says.
    Anonymous,
    /// User and password.
    Basic(Sensitive, Sensitive),
    /// Token.
    Bearer(Sensitive),
}

impl Login {
    /// `None` where it takes more: SSH, certificates, a proxy, an App.
    pub fn of(known: &Repository, trust: &Repositories) -> Option<Self> {
        let address = Address::of(&known.url);
        let is_plain = matches!(address.scheme.as_str(), "http" | "https")
            && known.proxy.is_empty()
            && !known.is_insecure()
            && known.tls_client_cert_data.is_empty()
            && (address.scheme == "http" || trust.certificates(&address.host).is_none());
        if !is_plain {
            return None;
        }
        let is_basic = known.force_http_basic_auth && !known.password.is_empty();
        if !known.bearer_token.is_empty() && !is_basic {
            return Some(Self::Bearer(known.bearer_token.clone()));
        }
        if !known.password.is_empty() {
            let user = Some(known.username.clone()).filter(|user| !user.is_empty());
            let user = user.unwrap_or_else(|| super::flux::USER_OF_TOKENS.to_owned().into());
            return Some(Self::Basic(user, known.password.clone()));
        }
        // A user alone, or an SSH key on an HTTP address, is no credential.
        let is_other =
            known.has_credentials() && known.ssh_private_key.is_empty() && known.username.is_empty();
        (!is_other && known.gcp_service_account_key.is_empty()).then_some(Self::Anonymous)
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::tests::{secret, store};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://git.example.org/a", &[], "Some(Anonymous)")]
    #[case("https://git.example.org/a", &[("password", "p")], "Some(Basic(hidden, hidden))")]
    #[case("https://git.example.org/a", &[("bearerToken", "t")], "Some(Bearer(hidden))")]
    #[case("https://git.example.org/a", &[("password", "p"), ("insecure", "true")], "None")]
    #[case("https://git.example.org/a", &[("githubAppPrivateKey", "k"), ("githubAppID", "1")], "None")]
    #[case("https://git.example.org/a", &[("proxy", "http://proxy")], "None")]
    #[case("ssh://git@git.example.org/a", &[("sshPrivateKey", "k")], "None")]
    fn what_a_request_needs(#[case] url: &str, #[case] data: &[(&str, &str)], #[case] expected: &str) {
        let data: Vec<(&str, &str)> = data.iter().copied().chain([("url", url)]).collect();
        let trust = store(vec![secret("repository", "own", &data)]);
        let login = Login::of(&trust.find(url, "default").unwrap(), &trust);
        assert_eq!(format!("{login:?}"), expected);
    }
}
