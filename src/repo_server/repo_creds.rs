//! `v1alpha1.RepoCreds` of a question: credentials for all repositories below an address, by which the repo-server fetches what
//! charts depend on.

use std::fmt;

use crate::credentials::{self, Sensitive};

/// `v1alpha1.RepoCreds` (argo-cd `pkg/apis/application/v1alpha1/generated.proto`), as far as dependencies of charts are fetched
/// with it (`reposerver/repository/repository.go`, `getHelmRepos`).
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct RepoCreds {
    /// What the addresses begin with.
    #[prost(string, tag = "1")]
    pub url: String,
    /// User.
    #[prost(string, tag = "2")]
    pub username: String,
    /// Password.
    #[prost(string, tag = "3")]
    pub password: String,
    /// TLS client certificate.
    #[prost(string, tag = "5")]
    pub tls_client_cert_data: String,
    /// Its key.
    #[prost(string, tag = "6")]
    pub tls_client_cert_key: String,
    /// A registry of charts.
    #[prost(bool, tag = "11")]
    pub enable_oci: bool,
    /// `git`, `helm` or `oci`.
    #[prost(string, tag = "12")]
    pub kind: String,
    /// Azure workload identity.
    #[prost(bool, tag = "24")]
    pub use_azure_workload_identity: bool,
    /// A registry without TLS.
    #[prost(bool, tag = "26")]
    pub insecure_oci_force_http: bool,
}

impl fmt::Debug for RepoCreds {
    /// The address alone: the rest is credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepoCreds").field("url", &self.url).finish_non_exhaustive()
    }
}

impl From<&credentials::Repository> for RepoCreds {
    fn from(known: &credentials::Repository) -> Self {
        let hidden = |value: &Sensitive| value.exposed().to_owned();
        Self {
            url: known.url.clone(),
            username: hidden(&known.username),
            password: hidden(&known.password),
            tls_client_cert_data: hidden(&known.tls_client_cert_data),
            tls_client_cert_key: hidden(&known.tls_client_cert_key),
            enable_oci: known.enable_oci,
            kind: known.kind.clone(),
            use_azure_workload_identity: known.use_azure_workload_identity,
            insecure_oci_force_http: known.insecure_oci_force_http,
        }
    }
}
