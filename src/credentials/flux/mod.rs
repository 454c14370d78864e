//! What a Flux source object needs to reach a repository as Argo CD does: fields of its spec, Secrets, and what cannot be had.

mod git;
mod oci;
#[cfg(test)]
mod tests;

pub(super) use git::USER_OF_TOKENS;
use serde_json::{Map, Value, json};

use super::proxy;
use super::repository::Repository;
use super::secret::SecretData;
use super::store::Repositories;
use super::url::Address;
use crate::translate::Severity;

/// Which of Flux's clients fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetcher {
    /// `GitRepository`.
    Git,
    /// `OCIRepository`.
    Oci,
    /// `HelmRepository` over HTTP.
    HelmHttp,
    /// `HelmRepository` of type `oci`.
    HelmOci,
}

/// What a Secret is for; the field of the spec that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `secretRef`.
    Credentials,
    /// `certSecretRef`.
    Certificates,
    /// `proxySecretRef`.
    Proxy,
}

impl Role {
    /// The field of the spec.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Credentials => "secretRef",
            Self::Certificates => "certSecretRef",
            Self::Proxy => "proxySecretRef",
        }
    }

    /// The end of the Secret's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Credentials => "auth",
            Self::Certificates => "tls",
            Self::Proxy => "proxy",
        }
    }
}

/// One Secret that a source object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What for.
    pub role: Role,
    /// Kubernetes' type.
    pub kind: &'static str,
    /// What it holds.
    pub data: SecretData,
}

/// A sentence about what cannot be had, with a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Whether nothing may be delivered.
    pub severity: Severity,
    /// What is the matter.
    pub message: String,
    /// The way out.
    pub hint: &'static str,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// Fields of the spec beside the references to Secrets.
    pub spec: Map<String, Value>,
    /// Secrets.
    pub parts: Vec<Part>,
    /// What cannot be had.
    pub complaints: Vec<Complaint>,
}

/// The type of Secrets without a type.
const OPAQUE: &str = "Opaque";

/// How the repository at `url`, as Flux's spec has it, is reached by `fetcher` with what Argo CD knows of it.
pub fn access(fetcher: Fetcher, url: &str, repository: &Repository, trust: &Repositories) -> Access {
    let address = Address::of(url);
    let mut draft = Draft { address, repository, trust, access: Access::default() };
    match fetcher {
        Fetcher::Git => draft.git(),
        Fetcher::Oci => draft.oci(),
        Fetcher::HelmHttp => draft.helm_http(),
        Fetcher::HelmOci => draft.helm_oci(),
    }
    draft.access
}

struct Draft<'a> {
    address: Address,
    repository: &'a Repository,
    trust: &'a Repositories,
    access: Access,
}

impl Draft<'_> {
    fn error(&mut self, message: impl Into<String>, hint: &'static str) {
        self.complain(Severity::Error, message, hint);
    }

    fn warn(&mut self, message: impl Into<String>, hint: &'static str) {
        self.complain(Severity::Warning, message, hint);
    }

    fn complain(&mut self, severity: Severity, message: impl Into<String>, hint: &'static str) {
        self.access.complaints.push(Complaint { severity, message: message.into(), hint });
    }

    fn set(&mut self, field: &str, value: Value) {
        self.access.spec.insert(field.to_owned(), value);
    }

    fn part(&mut self, role: Role, kind: &'static str, data: SecretData) {
        if !data.is_empty() {
            self.access.parts.push(Part { role, kind, data });
        }
    }

    fn is_tls(&self) -> bool {
        matches!(self.address.scheme.as_str(), "https" | "oci" | "")
    }

    /// Own certificates of the server, and the client's certificate.
    fn tls(&self, data: SecretData) -> SecretData {
        let certificates = self.trust.certificates(&self.address.host).filter(|_| self.is_tls());
        let data = data.with("ca.crt", certificates.unwrap_or_default());
        let (certificate, key) =
            (self.repository.tls_client_cert_data.exposed(), self.repository.tls_client_cert_key.exposed());
        // Flux refuses half of a pair, and Argo CD uses none (argo-cd `util/git/creds.go`, `HasClientCert`).
        if certificate.is_empty() || key.is_empty() {
            data
        } else {
            data.with("tls.crt", certificate).with("tls.key", key)
        }
    }

    /// Flux verifies certificates. Where Argo CD does not, somebody has to say whom to trust.
    fn verified(&mut self, is_insecure: bool) {
        if !is_insecure || !self.is_tls() {
            return;
        }
        let origin = self.repository.origin();
        let host = &self.address.host;
        if self.trust.certificates(host).is_some() {
            let message = format!(
                "the certificate of {host} is verified with argocd-tls-certs-cm, though {origin} says insecure"
            );
            self.warn(message, "take insecure away");
        } else {
            let message =
                format!("{origin} says insecure, and Flux always verifies the certificate of {host}");
            self.error(message, "add the server's CA to Argo CD: argocd cert add-tls");
        }
    }

    /// Argo CD's proxy, unless the repository's host is exempt.
    fn proxy(&mut self) {
        let repository = self.repository;
        let (host, port) = (&self.address.host, self.address.port);
        if repository.proxy.is_empty() || proxy::is_exempt(&repository.no_proxy, host, port) {
            return;
        }
        let address = repository.proxy.exposed();
        if self.address.scheme == "ssh" && !proxy::is_socks(address) {
            let message = format!(
                "SSH does not go through the proxy of {}, which is none for SOCKS5",
                repository.origin()
            );
            self.error(message, "give the proxy's address for SOCKS5 (socks5://HOST:PORT), or use the repository's HTTPS address");
            return;
        }
        self.part(Role::Proxy, OPAQUE, proxy::secret(address));
    }

    /// User and password, where both are there: one alone is no credential to Helm, and an error to Flux.
    fn basic(&self) -> SecretData {
        let (user, password) = (self.repository.username.exposed(), self.repository.password.exposed());
        if user.is_empty() || password.is_empty() {
            return SecretData::default();
        }
        SecretData::default().with("username", user).with("password", password)
    }

    fn helm_http(&mut self) {
        self.azure_identity_is_for_registries();
        let basic = self.basic();
        self.part(Role::Credentials, OPAQUE, basic);
        let tls = self.tls(SecretData::default());
        self.part(Role::Certificates, OPAQUE, tls);
        self.verified(self.repository.insecure);
        self.no_proxy_for_helm();
    }

    fn azure_identity_is_for_registries(&mut self) {
        if self.repository.use_azure_workload_identity {
            let message = format!(
                "{} says useAzureWorkloadIdentity, which Flux has for registries and not for Helm repositories over HTTP",
                self.repository.origin()
            );
            self.error(message, "use the registry (without https://), or a username and password");
        }
    }

    fn no_proxy_for_helm(&mut self) {
        let (host, port) = (&self.address.host, self.address.port);
        if self.repository.proxy.is_empty() || proxy::is_exempt(&self.repository.no_proxy, host, port) {
            return;
        }
        let message = format!(
            "the proxy of {} has no effect: Flux's Helm repositories have no proxy of their own",
            self.repository.origin()
        );
        self.warn(message, "set HTTPS_PROXY and NO_PROXY on source-controller");
    }

    /// `provider`, where the identity is that of source-controller's Pod.
    fn azure_identity(&mut self) {
        self.set("provider", json!("azure"));
        let message = format!(
            "{} says useAzureWorkloadIdentity: it is source-controller's identity that counts, not Argo CD's",
            self.repository.origin()
        );
        self.warn(
            message,
            "give source-controller's ServiceAccount an Azure identity that may read the repository",
        );
    }
}
