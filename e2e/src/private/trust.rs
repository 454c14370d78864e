//! Whom Argo CD trusts, told as a user tells it, and where its repo-server reads it: in a cluster the ConfigMaps are
//! mounted, here they are files.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::test_env::TestEnv;

impl TestEnv {
    /// What `argocd cert add-tls HOST` does.
    pub async fn trust_certificate(&self, host: &str, pem: &str) -> Result<()> {
        std::fs::write(self.stack().state().data("argocd/tls").join(host), pem)?;
        let change = json!({"data": {host: pem}});
        self.patch("ConfigMap", &self.control, "argocd-tls-certs-cm", &change).await.map(drop)
    }

    /// What `argocd cert add-ssh --batch` does: the stack's SSH server, by another name.
    pub async fn trust_ssh_host(&self, host: &str) -> Result<()> {
        const NAME: &str = "argocd-ssh-known-hosts-cm";
        let known = self.sources().ssh_known_hosts()?;
        let key = known.trim().split_once(' ').context("no host key")?.1;
        let map = self.get("ConfigMap", &self.control, NAME).await?.context("no known hosts")?;
        let before = map["data"]["ssh_known_hosts"].as_str().unwrap_or_default();
        let text = format!("{}\n{host} {key}\n", before.trim_end());
        std::fs::write(self.stack().state().data("argocd/ssh").join("ssh_known_hosts"), &text)?;
        let change = json!({
            "metadata": {"resourceVersion": map["metadata"]["resourceVersion"]},
            "data": {"ssh_known_hosts": text},
        });
        self.patch("ConfigMap", &self.control, NAME, &change).await.map(drop)
    }
}
