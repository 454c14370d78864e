//! A repository, as Argo CD's repo-server takes it.

use std::fmt;

use crate::credentials;

/// `v1alpha1.Repository` (argo-cd `pkg/apis/application/v1alpha1/generated.proto`).
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
#[expect(clippy::struct_excessive_bools, reason = "as many as Argo CD has")]
pub struct Repository {
    /// Address.
    #[prost(string, tag = "1")]
    pub repo: String,
    /// User.
    #[prost(string, tag = "2")]
    pub username: String,
    /// Password.
    #[prost(string, tag = "3")]
    pub password: String,
    /// Private SSH key.
    #[prost(string, tag = "4")]
    pub ssh_private_key: String,
    /// No verification of host keys.
    #[prost(bool, tag = "6")]
    pub insecure_ignore_host_key: bool,
    /// No verification.
    #[prost(bool, tag = "7")]
    pub insecure: bool,
    /// With Git LFS.
    #[prost(bool, tag = "8")]
    pub enable_lfs: bool,
    /// TLS client certificate.
    #[prost(string, tag = "9")]
    pub tls_client_cert_data: String,
    /// Its key.
    #[prost(string, tag = "10")]
    pub tls_client_cert_key: String,
    /// `git`, `helm` or `oci`.
    #[prost(string, tag = "11")]
    pub kind: String,
    /// Name.
    #[prost(string, tag = "12")]
    pub name: String,
    /// A registry of charts.
    #[prost(bool, tag = "14")]
    pub enable_oci: bool,
    /// GitHub App: private key.
    #[prost(string, tag = "15")]
    pub github_app_private_key: String,
    /// GitHub App: number.
    #[prost(int64, tag = "16")]
    pub github_app_id: i64,
    /// GitHub App: installation.
    #[prost(int64, tag = "17")]
    pub github_app_installation_id: i64,
    /// GitHub Enterprise.
    #[prost(string, tag = "18")]
    pub github_app_enterprise_base_url: String,
    /// Proxy.
    #[prost(string, tag = "19")]
    pub proxy: String,
    /// Project.
    #[prost(string, tag = "20")]
    pub project: String,
    /// Google Cloud.
    #[prost(string, tag = "21")]
    pub gcp_service_account_key: String,
    /// Basic authentication unasked.
    #[prost(bool, tag = "22")]
    pub force_http_basic_auth: bool,
    /// Without the proxy.
    #[prost(string, tag = "23")]
    pub no_proxy: String,
    /// Azure workload identity.
    #[prost(bool, tag = "24")]
    pub use_azure_workload_identity: bool,
    /// Bearer token.
    #[prost(string, tag = "25")]
    pub bearer_token: String,
    /// A registry without TLS.
    #[prost(bool, tag = "26")]
    pub insecure_oci_force_http: bool,
    /// How much history.
    #[prost(int64, tag = "27")]
    pub depth: i64,
    /// Azure service principal.
    #[prost(string, tag = "29")]
    pub azure_service_principal_client_id: String,
    /// Its secret.
    #[prost(string, tag = "30")]
    pub azure_service_principal_client_secret: String,
    /// Its tenant.
    #[prost(string, tag = "31")]
    pub azure_service_principal_tenant_id: String,
    /// Where it authenticates.
    #[prost(string, tag = "32")]
    pub azure_active_directory_endpoint: String,
}

impl fmt::Debug for Repository {
    /// The address alone: the rest is credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("repo", &self.repo)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl From<&credentials::Repository> for Repository {
    fn from(known: &credentials::Repository) -> Self {
        let hidden = |value: &credentials::Sensitive| value.exposed().to_owned();
        Self {
            repo: known.url.clone(),
            username: hidden(&known.username),
            password: hidden(&known.password),
            ssh_private_key: hidden(&known.ssh_private_key),
            insecure_ignore_host_key: known.insecure_ignore_host_key,
            insecure: known.insecure,
            enable_lfs: known.enable_lfs,
            tls_client_cert_data: hidden(&known.tls_client_cert_data),
            tls_client_cert_key: hidden(&known.tls_client_cert_key),
            kind: known.kind.clone(),
            name: known.name.clone(),
            enable_oci: known.enable_oci,
            github_app_private_key: hidden(&known.github_app_private_key),
            github_app_id: known.github_app_id,
            github_app_installation_id: known.github_app_installation_id,
            github_app_enterprise_base_url: known.github_app_enterprise_base_url.clone(),
            proxy: hidden(&known.proxy),
            project: known.project.clone(),
            gcp_service_account_key: hidden(&known.gcp_service_account_key),
            force_http_basic_auth: known.force_http_basic_auth,
            no_proxy: known.no_proxy.clone(),
            use_azure_workload_identity: known.use_azure_workload_identity,
            bearer_token: hidden(&known.bearer_token),
            insecure_oci_force_http: known.insecure_oci_force_http,
            depth: known.depth,
            azure_service_principal_client_id: known.azure_service_principal_client_id.clone(),
            azure_service_principal_client_secret: hidden(&known.azure_service_principal_client_secret),
            azure_service_principal_tenant_id: known.azure_service_principal_tenant_id.clone(),
            azure_active_directory_endpoint: known.azure_active_directory_endpoint.clone(),
        }
    }
}
