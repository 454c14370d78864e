//! `OCIRepository`, and `HelmRepository` of type `oci` (argo-cd `repository_types.go`, `GetOCICreds` and `GetHelmCreds`).

use serde_json::{Value, json};

use super::super::secret::SecretData;
use super::{Draft, OPAQUE, Role};
use crate::merge::deep_merge;

/// The type that source-controller reads registry credentials from.
const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";
/// Where Docker Hub keeps its credentials, whatever name it was asked by.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

impl Draft<'_> {
    pub(super) fn oci(&mut self) {
        let repository = self.repository;
        let data = self.docker_config();
        self.part(Role::Credentials, DOCKER_CONFIG, data);
        let has_client = !repository.tls_client_cert_data.is_empty();
        if repository.insecure && has_client {
            // With certificates of its own, Flux verifies the server's as well (`ocirepository_controller.go`).
            self.verified(true);
        }
        let skips = repository.insecure && !has_client;
        if skips || repository.insecure_oci_force_http {
            self.set("insecure", Value::Bool(true));
        }
        if !skips {
            let tls = self.tls(SecretData::default());
            self.part(Role::Certificates, OPAQUE, tls);
        }
        self.proxy();
    }

    pub(super) fn helm_oci(&mut self) {
        let repository = self.repository;
        if repository.use_azure_workload_identity {
            self.azure_identity();
        } else {
            let basic = self.basic();
            self.part(Role::Credentials, OPAQUE, basic);
        }
        let tls = self.tls(SecretData::default());
        self.part(Role::Certificates, OPAQUE, tls);
        if repository.insecure_oci_force_http {
            // Without TLS there is nothing to verify.
            self.set("insecure", Value::Bool(true));
        } else {
            self.verified(repository.insecure);
        }
        self.no_proxy_for_helm();
    }

    fn docker_config(&self) -> SecretData {
        let (user, password) = (self.repository.username.exposed(), self.repository.password.exposed());
        if user.is_empty() && password.is_empty() {
            return SecretData::default();
        }
        let login = json!({"username": user, "password": password});
        let mut auths = json!({self.address.authority(): login});
        if matches!(self.address.host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io") {
            deep_merge(&mut auths, json!({DOCKER_HUB: login}));
        }
        SecretData::default().with(".dockerconfigjson", json!({"auths": auths}).to_string())
    }
}
