//! `GitRepository` (argo-cd `repository_types.go`, `GetGitCreds`, in its order of choice; fluxcd/pkg `git/options.go`).

use serde_json::json;

use super::super::secret::SecretData;
use super::{Draft, OPAQUE, Role};

/// The user that Argo CD gives a password without one (argo-cd `util/git/creds.go`, `githubAccessTokenUsername`).
pub(in crate::credentials) const USER_OF_TOKENS: &str = "x-access-token";

impl Draft<'_> {
    pub(super) fn git(&mut self) {
        if self.address.scheme == "ssh" {
            self.git_over_ssh();
        } else {
            self.git_over_http();
        }
        self.proxy();
    }

    fn git_over_ssh(&mut self) {
        let address = self.address.authority();
        if self.repository.ssh_private_key.is_empty() {
            let message = format!("Argo CD has no SSH key for {address}, and Flux needs one");
            self.error(message, "add the repository with its key: argocd repo add --ssh-private-key-path");
            return;
        }
        let known_hosts = self.trust.known_hosts(&self.address);
        let origin = self.repository.origin();
        if known_hosts.is_empty() {
            let message = if self.repository.is_insecure() {
                format!("{origin} says insecure, and Flux always verifies the host key of {address}")
            } else {
                format!("argocd-ssh-known-hosts-cm has no host key of {address}")
            };
            self.error(message, "add the host key to Argo CD: argocd cert add-ssh --batch");
            return;
        }
        if self.repository.is_insecure() {
            let message = format!(
                "the host key of {address} is verified with argocd-ssh-known-hosts-cm, though {origin} says insecure"
            );
            self.warn(message, "take insecure away");
        }
        let mut key = self.repository.ssh_private_key.exposed().to_owned();
        if !key.ends_with('\n') {
            // OpenSSH's own format needs it, and Argo CD writes it (argo-cd `util/git/creds.go`, `SSHCreds`).
            key.push('\n');
        }
        let data = SecretData::default().with("identity", key).with("known_hosts", known_hosts);
        self.part(Role::Credentials, OPAQUE, data);
    }

    fn git_over_http(&mut self) {
        let repository = self.repository;
        let has_app = !repository.github_app_private_key.is_empty() && repository.github_app_id != 0;
        let mut data = SecretData::default();
        let mut has_client = false;
        if !repository.password.is_empty() || !repository.bearer_token.is_empty() {
            data = self.header();
            has_client = true;
        } else if !repository.ssh_private_key.is_empty() {
            let message = format!("the SSH key of {} has no effect on an HTTP address", repository.origin());
            self.warn(message, "use the repository's SSH address");
        } else if has_app {
            data = self.github_app();
            has_client = true;
        } else if !repository.gcp_service_account_key.is_empty() {
            self.unmapped("gcpServiceAccountKey", "Flux has no Google Cloud identity for git");
        } else if repository.use_azure_workload_identity {
            self.azure_identity();
        } else if !repository.azure_service_principal_client_secret.is_empty() {
            self.unmapped(
                "azureServicePrincipalClientSecret",
                "Flux logs in to Azure with workload identity alone",
            );
        }
        // The client's certificate rides along with a password or an App alone.
        let data = if has_client { self.tls(data) } else { self.trusted(data) };
        self.part(Role::Credentials, OPAQUE, data);
        self.verified(repository.is_insecure());
    }

    fn trusted(&self, data: SecretData) -> SecretData {
        let certificates = self.trust.certificates(&self.address.host).filter(|_| self.is_tls());
        data.with("ca.crt", certificates.unwrap_or_default())
    }

    /// Argo CD sends the bearer token, where there is one, unless basic authentication is forced.
    fn header(&self) -> SecretData {
        let repository = self.repository;
        let is_basic = repository.force_http_basic_auth && !repository.password.is_empty();
        if !repository.bearer_token.is_empty() && !is_basic {
            return SecretData::default().with("bearerToken", repository.bearer_token.exposed());
        }
        let user = Some(repository.username.exposed()).filter(|user| !user.is_empty());
        SecretData::default()
            .with("username", user.unwrap_or(USER_OF_TOKENS))
            .with("password", repository.password.exposed())
    }

    /// Without an installation, Argo CD looks for that of the repository's owner.
    fn github_app(&mut self) -> SecretData {
        let repository = self.repository;
        self.set("provider", json!("github"));
        let data = SecretData::default()
            .with("githubAppID", repository.github_app_id.to_string())
            .with("githubAppPrivateKey", repository.github_app_private_key.exposed())
            .with("githubAppBaseURL", repository.github_app_enterprise_base_url.trim_end_matches('/'));
        if repository.github_app_installation_id == 0 {
            let owner = self.address.path.split('/').next().unwrap_or_default();
            data.with("githubAppInstallationOwner", owner)
        } else {
            data.with("githubAppInstallationID", repository.github_app_installation_id.to_string())
        }
    }

    fn unmapped(&mut self, key: &str, why: &str) {
        let message = format!("{key} of {} cannot be used: {why}", self.repository.origin());
        self.error(message, "use a username and password (a token), or an SSH key");
    }
}
