//! The cluster that a person's kubeconfig names.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster; as kubectl finds it unless told otherwise.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// Kubeconfig file; KUBECONFIG, else ~/.kube/config, else the service account of the Pod
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; the current one unless named
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    /// A client for that cluster.
    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        // Fails when a provider is installed already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("--kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(file, &options).await?
            }
            (None, Some(name)) => {
                Config::from_kubeconfig(&options).await.with_context(|| format!("--context {name}"))?
            }
            (None, None) => {
                Config::infer().await.context("no way to a cluster: set KUBECONFIG or --kubeconfig")?
            }
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        Ok(Client::try_from(config)?)
    }
}
