//! Argo CD's repository and repo-creds Secrets (argo-cd `util/db/repository_secrets.go`).

use super::secret;
use super::secret::{LiveSecret, Sensitive};
use crate::argo::bool_of;
use crate::argo::repository_url::user_of;

/// What Argo CD knows of a repository, or of all repositories below an address. The fields are named by the keys of the
/// Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "as many as Argo CD has")]
pub struct Repository {
    /// Names of the Secrets that it comes from, for messages and for telling two versions apart.
    pub secrets: Vec<SecretVersion>,
    /// Address.
    pub url: String,
    /// Name of a Helm repository.
    pub name: String,
    /// `git`, `helm`, `oci`; empty means git.
    pub kind: String,
    /// The project that alone may use it; empty: all may.
    pub project: String,
    /// User.
    pub username: Sensitive,
    /// Password or token.
    pub password: Sensitive,
    /// Token of Bitbucket Data Center.
    pub bearer_token: Sensitive,
    /// Private SSH key.
    pub ssh_private_key: Sensitive,
    /// TLS client certificate.
    pub tls_client_cert_data: Sensitive,
    /// Its key.
    pub tls_client_cert_key: Sensitive,
    /// No verification of certificates or host keys.
    pub insecure: bool,
    /// The same, under its older name.
    pub insecure_ignore_host_key: bool,
    /// Files in Git LFS are fetched.
    pub enable_lfs: bool,
    /// A registry of charts.
    pub enable_oci: bool,
    /// A registry without TLS.
    pub insecure_oci_force_http: bool,
    /// GitHub App: its number.
    pub github_app_id: i64,
    /// Its installation; 0: found out by the owner of the repository.
    pub github_app_installation_id: i64,
    /// Its private key.
    pub github_app_private_key: Sensitive,
    /// GitHub Enterprise: where its API is.
    pub github_app_enterprise_base_url: String,
    /// Proxy, which may name a password.
    pub proxy: Sensitive,
    /// What is asked without the proxy.
    pub no_proxy: String,
    /// Google Cloud: key of a service account.
    pub gcp_service_account_key: Sensitive,
    /// Basic authentication without being asked for it.
    pub force_http_basic_auth: bool,
    /// Azure: the identity of the Pod.
    pub use_azure_workload_identity: bool,
    /// How much history is fetched.
    pub depth: i64,
    /// Azure service principal.
    pub azure_service_principal_client_id: String,
    /// Its secret.
    pub azure_service_principal_client_secret: Sensitive,
    /// Its tenant.
    pub azure_service_principal_tenant_id: String,
    /// Where Azure authenticates.
    pub azure_active_directory_endpoint: String,
}

/// Which Secret, and which version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SecretVersion {
    /// Name.
    pub name: String,
    /// Kubernetes' identity and version: no value can be told from them.
    pub version: String,
}

impl Repository {
    /// Takes user and password of `url` in the place of all others, where it has any.
    pub fn take_user_of(&mut self, url: &str) {
        if let Some((username, password)) = user_of(url) {
            self.username = username.into();
            self.password = password.into();
            self.bearer_token = Sensitive::default();
            self.github_app_private_key = Sensitive::default();
        }
    }

    /// Reads a Secret with label `repository` or `repo-creds`, whose two keys of Azure Argo CD spells differently.
    ///
    /// # Errors
    /// A value that is no boolean or no number, where Argo CD refuses the whole repository.
    pub fn read(secret: &LiveSecret) -> Result<Self, String> {
        let text = |key: &str| secret.data.text(key);
        let hidden = |key: &str| Sensitive::from(secret.data.text(key));
        let is_template = secret.argo_type() == Some(secret::REPO_CREDS);
        let [client_id, tenant_id] = if is_template {
            ["azureServicePrincipalClientID", "azureServicePrincipalTenantID"]
        } else {
            ["azureServicePrincipalClientId", "azureServicePrincipalTenantId"]
        };
        // Argo CD does not look at these of a template (`secretToRepoCred`).
        let own = |key| if is_template { Ok(false) } else { bool_at(secret, key) };
        Ok(Self {
            secrets: vec![SecretVersion {
                name: secret.name.clone(),
                version: format!("{}/{}", secret.uid, secret.resource_version),
            }],
            url: text("url"),
            name: if is_template { String::new() } else { text("name") },
            kind: text("type"),
            project: if is_template { String::new() } else { text("project") },
            username: hidden("username"),
            password: hidden("password"),
            bearer_token: hidden("bearerToken"),
            ssh_private_key: hidden("sshPrivateKey"),
            tls_client_cert_data: hidden("tlsClientCertData"),
            tls_client_cert_key: hidden("tlsClientCertKey"),
            insecure: own("insecure")?,
            insecure_ignore_host_key: own("insecureIgnoreHostKey")?,
            enable_lfs: own("enableLfs")?,
            enable_oci: bool_at(secret, "enableOCI")?,
            insecure_oci_force_http: bool_at(secret, "insecureOCIForceHttp")?,
            github_app_id: number_at(secret, "githubAppID")?,
            github_app_installation_id: number_at(secret, "githubAppInstallationID")?,
            github_app_private_key: hidden("githubAppPrivateKey"),
            github_app_enterprise_base_url: text("githubAppEnterpriseBaseUrl"),
            proxy: hidden("proxy"),
            no_proxy: text("noProxy"),
            gcp_service_account_key: hidden("gcpServiceAccountKey"),
            force_http_basic_auth: bool_at(secret, "forceHttpBasicAuth")?,
            use_azure_workload_identity: bool_at(secret, "useAzureWorkloadIdentity")?,
            depth: if is_template { 0 } else { number_at(secret, "depth")? },
            azure_service_principal_client_id: text(client_id),
            azure_service_principal_client_secret: hidden("azureServicePrincipalClientSecret"),
            azure_service_principal_tenant_id: text(tenant_id),
            azure_active_directory_endpoint: text("azureActiveDirectoryEndpoint"),
        })
    }

    /// It has credentials of its own (argo-cd `repository_types.go`, `HasCredentials`; a key of Google Cloud is none there).
    pub fn has_credentials(&self) -> bool {
        let values = [
            &self.username,
            &self.password,
            &self.bearer_token,
            &self.ssh_private_key,
            &self.tls_client_cert_data,
            &self.github_app_private_key,
            &self.azure_service_principal_client_secret,
        ];
        self.use_azure_workload_identity || values.iter().any(|value| !value.is_empty())
    }

    /// Takes what it lacks from a template, and some settings whether it lacks them or not (`CopyCredentialsFrom`).
    pub(super) fn inherit(&mut self, template: &Self) {
        let hidden: [(&mut Sensitive, &Sensitive); 9] = [
            (&mut self.username, &template.username),
            (&mut self.password, &template.password),
            (&mut self.bearer_token, &template.bearer_token),
            (&mut self.ssh_private_key, &template.ssh_private_key),
            (&mut self.tls_client_cert_data, &template.tls_client_cert_data),
            (&mut self.tls_client_cert_key, &template.tls_client_cert_key),
            (&mut self.github_app_private_key, &template.github_app_private_key),
            (&mut self.gcp_service_account_key, &template.gcp_service_account_key),
            (
                &mut self.azure_service_principal_client_secret,
                &template.azure_service_principal_client_secret,
            ),
        ];
        for (own, other) in hidden.into_iter().chain([(&mut self.proxy, &template.proxy)]) {
            if own.is_empty() {
                own.clone_from(other);
            }
        }
        let shown: [(&mut String, &String); 6] = [
            (&mut self.github_app_enterprise_base_url, &template.github_app_enterprise_base_url),
            (&mut self.azure_service_principal_client_id, &template.azure_service_principal_client_id),
            (&mut self.azure_service_principal_tenant_id, &template.azure_service_principal_tenant_id),
            (&mut self.azure_active_directory_endpoint, &template.azure_active_directory_endpoint),
            (&mut self.no_proxy, &template.no_proxy),
            (&mut self.kind, &template.kind),
        ];
        for (own, other) in shown {
            if own.is_empty() {
                own.clone_from(other);
            }
        }
        for (own, other) in [
            (&mut self.github_app_id, template.github_app_id),
            (&mut self.github_app_installation_id, template.github_app_installation_id),
        ] {
            if *own == 0 {
                *own = other;
            }
        }
        self.enable_oci = template.enable_oci;
        self.insecure_oci_force_http = template.insecure_oci_force_http;
        self.force_http_basic_auth = template.force_http_basic_auth;
        self.use_azure_workload_identity = template.use_azure_workload_identity;
        self.secrets.extend(template.secrets.iter().cloned());
    }

    /// Neither certificates nor host keys are verified (`IsInsecure`).
    pub fn is_insecure(&self) -> bool {
        self.insecure || self.insecure_ignore_host_key || self.insecure_oci_force_http
    }

    /// The Secrets that say so, for sentences: `Secret argocd/a`.
    pub fn origin(&self) -> String {
        let names: Vec<&str> = self.secrets.iter().map(|secret| secret.name.as_str()).collect();
        format!("the repository Secret {}", names.join(" with "))
    }
}

fn bool_at(secret: &LiveSecret, key: &str) -> Result<bool, String> {
    if !secret.data.exposed().contains_key(key) {
        return Ok(false);
    }
    bool_of(&secret.data.text(key)).ok_or_else(|| wrong(secret, key, "true or false"))
}

fn number_at(secret: &LiveSecret, key: &str) -> Result<i64, String> {
    if !secret.data.exposed().contains_key(key) {
        return Ok(0);
    }
    secret.data.text(key).parse().map_err(|_| wrong(secret, key, "a number"))
}

/// Without the value, which may be a password in the wrong place.
fn wrong(secret: &LiveSecret, key: &str, what: &str) -> String {
    format!("{key} of the repository Secret {} is not {what}", secret.name)
}
