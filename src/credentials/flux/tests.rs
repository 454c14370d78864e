//! Each kind of credential, by what Flux is given for it.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::store::REPOSITORY;
use super::super::store::tests::secret;
use super::*;

const KNOWN_HOSTS: &str = "git.example.org ssh-ed25519 AAAA\n[git.example.org]:2222 ssh-ed25519 BBBB\n";

fn given(fetcher: Fetcher, url: &str, data: &[(&str, &str)], certificates: &[(&str, &str)]) -> Access {
    let certificates: BTreeMap<String, String> =
        certificates.iter().map(|(host, pem)| ((*host).to_owned(), (*pem).to_owned())).collect();
    let data: Vec<(&str, &str)> = data.iter().copied().chain([("url", url)]).collect();
    let trust = Repositories::new([secret(REPOSITORY, "own", &data)], KNOWN_HOSTS.to_owned(), certificates);
    access(fetcher, url, &trust.find(url, "default").unwrap(), &trust)
}

/// Fields, Secrets by their field, and sentences by their severity.
fn shown(access: &Access) -> Value {
    let parts: serde_json::Map<String, Value> = access
        .parts
        .iter()
        .map(|part| {
            let data: BTreeMap<&str, String> =
                part.data.exposed().keys().map(|key| (key.as_str(), part.data.text(key))).collect();
            (part.role.field().to_owned(), json!(data))
        })
        .collect();
    let complaints: Vec<String> =
        access.complaints.iter().map(|c| format!("{:?}: {}", c.severity, c.message)).collect();
    json!([access.spec, parts, complaints])
}

const HTTPS: &str = "https://git.example.org/org/repo";

#[rstest]
#[case::basic(&[("username", "u"), ("password", "p")], json!({"secretRef": {"username": "u", "password": "p"}}))]
#[case::token(&[("password", "p")], json!({"secretRef": {"username": "x-access-token", "password": "p"}}))]
#[case::bearer(&[("bearerToken", "t"), ("username", "u"), ("password", "p")], json!({"secretRef": {"bearerToken": "t"}}))]
#[case::forced(&[("bearerToken", "t"), ("username", "u"), ("password", "p"), ("forceHttpBasicAuth", "true")],
    json!({"secretRef": {"username": "u", "password": "p"}}))]
#[case::client(&[("username", "u"), ("password", "p"), ("tlsClientCertData", "c"), ("tlsClientCertKey", "k")],
    json!({"secretRef": {"username": "u", "password": "p", "tls.crt": "c", "tls.key": "k"}}))]
#[case::client_alone(&[("tlsClientCertData", "c"), ("tlsClientCertKey", "k")], json!({}))]
#[case::proxy(&[("proxy", "http://a:b@proxy:3128")],
    json!({"proxySecretRef": {"address": "http://proxy:3128", "username": "a", "password": "b"}}))]
#[case::exempt(&[("proxy", "http://proxy:3128"), ("noProxy", "example.org")], json!({}))]
#[case::depth(&[("depth", "1")], json!({}))]
fn git_over_https(#[case] data: &[(&str, &str)], #[case] secrets: Value) {
    assert_eq!(shown(&given(Fetcher::Git, HTTPS, data, &[])), json!([{}, secrets, []]));
}

#[rstest]
#[case::installation(&[("githubAppID", "1"), ("githubAppInstallationID", "2"), ("githubAppPrivateKey", "k")],
    json!({"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": "k"}))]
#[case::enterprise(&[("githubAppID", "1"), ("githubAppPrivateKey", "k"), ("githubAppEnterpriseBaseUrl", "https://ghe/api/v3")],
    json!({"githubAppID": "1", "githubAppInstallationOwner": "org", "githubAppPrivateKey": "k", "githubAppBaseURL": "https://ghe/api/v3"}))]
fn a_github_app(#[case] data: &[(&str, &str)], #[case] expected: Value) {
    let found = shown(&given(Fetcher::Git, HTTPS, data, &[]));
    assert_eq!(found, json!([{"provider": "github"}, {"secretRef": expected}, []]));
}

#[test]
fn an_own_ca_counts_by_host_name() {
    let found =
        shown(&given(Fetcher::Git, "https://git.example.org:8443/a", &[], &[("git.example.org", "pem")]));
    assert_eq!(found, json!([{}, {"secretRef": {"ca.crt": "pem"}}, []]));
    let plain = given(
        Fetcher::Git,
        "http://git.example.org/a",
        &[("insecure", "true")],
        &[("git.example.org", "pem")],
    );
    assert_eq!(shown(&plain), json!([{}, {}, []]));
}

#[rstest]
#[case("ssh://git@git.example.org/a", "git.example.org ssh-ed25519 AAAA\n")]
#[case("ssh://git@git.example.org:2222/a", "[git.example.org]:2222 ssh-ed25519 BBBB\n")]
fn git_over_ssh(#[case] url: &str, #[case] known_hosts: &str) {
    let found = given(Fetcher::Git, url, &[("sshPrivateKey", "key"), ("proxy", "socks5://proxy:1080")], &[]);
    let secrets = json!({
        "secretRef": {"identity": "key\n", "known_hosts": known_hosts},
        "proxySecretRef": {"address": "socks5://proxy:1080"},
    });
    assert_eq!(shown(&found), json!([{}, secrets, []]));
}

#[rstest]
#[case::no_key(Fetcher::Git, "ssh://git@git.example.org/a", &[],
    "Error: Argo CD has no SSH key for git.example.org, and Flux needs one")]
#[case::no_host(Fetcher::Git, "ssh://git@elsewhere.net/a", &[("sshPrivateKey", "k")],
    "Error: argocd-ssh-known-hosts-cm has no host key of elsewhere.net")]
#[case::insecure_host(Fetcher::Git, "ssh://git@elsewhere.net/a", &[("sshPrivateKey", "k"), ("insecureIgnoreHostKey", "true")],
    "Error: the repository Secret own says insecure, and Flux always verifies the host key of elsewhere.net")]
#[case::insecure_known(Fetcher::Git, "ssh://git@git.example.org/a", &[("sshPrivateKey", "k"), ("insecure", "true")],
    "Warning: the host key of git.example.org is verified with argocd-ssh-known-hosts-cm, though the repository Secret own says insecure")]
#[case::insecure(Fetcher::Git, HTTPS, &[("insecure", "true")],
    "Error: the repository Secret own says insecure, and Flux always verifies the certificate of git.example.org")]
#[case::insecure_helm(Fetcher::HelmHttp, "https://charts.example.org", &[("insecure", "true")],
    "Error: the repository Secret own says insecure, and Flux always verifies the certificate of charts.example.org")]
#[case::proxy_of_ssh(Fetcher::Git, "ssh://git@git.example.org/a", &[("sshPrivateKey", "k"), ("proxy", "http://proxy:3128")],
    "Error: SSH does not go through the proxy of the repository Secret own, which is none for SOCKS5")]
#[case::google(Fetcher::Git, HTTPS, &[("gcpServiceAccountKey", "k")],
    "Error: gcpServiceAccountKey of the repository Secret own cannot be used: Flux has no Google Cloud identity for git")]
#[case::principal(Fetcher::Git, HTTPS, &[("azureServicePrincipalClientId", "i"), ("azureServicePrincipalClientSecret", "s"), ("azureServicePrincipalTenantId", "t")],
    "Error: azureServicePrincipalClientSecret of the repository Secret own cannot be used: Flux logs in to Azure with workload identity alone")]
#[case::azure_helm(Fetcher::HelmHttp, "https://charts.example.org", &[("useAzureWorkloadIdentity", "true")],
    "Error: the repository Secret own says useAzureWorkloadIdentity, which Flux has for registries and not for Helm repositories over HTTP")]
#[case::proxy_of_helm(Fetcher::HelmHttp, "https://charts.example.org", &[("proxy", "http://proxy")],
    "Warning: the proxy of the repository Secret own has no effect: Flux's Helm repositories have no proxy of their own")]
fn what_cannot_be_had(
    #[case] fetcher: Fetcher,
    #[case] url: &str,
    #[case] data: &[(&str, &str)],
    #[case] expected: &str,
) {
    let access = given(fetcher, url, data, &[]);
    let found: Vec<String> =
        access.complaints.iter().map(|c| format!("{:?}: {}", c.severity, c.message)).collect();
    assert_eq!(found, [expected]);
    assert!(access.complaints.iter().all(|complaint| !complaint.hint.is_empty()));
}

#[test]
fn registries() {
    let login = [("username", "u"), ("password", "p")];
    let found = shown(&given(Fetcher::Oci, "oci://registry.example.org:5000/a", &login, &[]));
    let config =
        json!({"auths": {"registry.example.org:5000": {"password": "p", "username": "u"}}}).to_string();
    assert_eq!(found, json!([{}, {"secretRef": {".dockerconfigjson": config}}, []]));

    let insecure = shown(&given(Fetcher::Oci, "oci://registry.example.org/a", &[("insecure", "true")], &[]));
    assert_eq!(insecure, json!([{"insecure": true}, {}, []]));

    let plain = [("insecureOCIForceHttp", "true"), ("username", "u"), ("password", "p")];
    let found = shown(&given(Fetcher::HelmOci, "oci://registry.example.org/a", &plain, &[]));
    assert_eq!(found, json!([{"insecure": true}, {"secretRef": {"username": "u", "password": "p"}}, []]));

    let hub = given(Fetcher::Oci, "oci://docker.io/org/a", &login, &[]);
    assert!(hub.parts[0].data.text(".dockerconfigjson").contains("https://index.docker.io/v1/"));
}

#[test]
fn a_helm_repository_over_https() {
    let data = [("username", "u"), ("password", "p"), ("tlsClientCertData", "c"), ("tlsClientCertKey", "k")];
    let found =
        given(Fetcher::HelmHttp, "https://charts.example.org", &data, &[("charts.example.org", "pem")]);
    let secrets = json!({
        "secretRef": {"username": "u", "password": "p"},
        "certSecretRef": {"ca.crt": "pem", "tls.crt": "c", "tls.key": "k"},
    });
    assert_eq!(shown(&found), json!([{}, secrets, []]));
}

#[test]
fn azure_identities_are_source_controllers() {
    for (fetcher, url) in [(Fetcher::Git, HTTPS), (Fetcher::HelmOci, "oci://registry.example.org/a")] {
        let access = given(fetcher, url, &[("useAzureWorkloadIdentity", "true")], &[]);
        assert_eq!(access.spec["provider"], "azure");
        assert!(access.parts.is_empty());
        assert_eq!(access.complaints[0].severity, Severity::Warning);
    }
}
