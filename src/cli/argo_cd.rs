//! Flags about Argo CD's own set-up, and what `argocd-cmd-params-cm` says where there is none. Like Argo CD's own programs,
//! the bridge reads it when it starts.

use std::collections::BTreeMap;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::cache::settings::CONFIG_MAP;
use crate::controller::ApplicationNamespaces;
use crate::repo_server;

/// Where the repo-server is unless somebody says otherwise (argo-cd `common/common.go`).
const REPO_SERVER: &str = "argocd-repo-server:8081";

/// Each of these goes before what argocd-cmd-params-cm says.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Argo CD (by default as argocd-cmd-params-cm says)")]
pub struct ArgoCdArgs {
    /// Further namespaces whose Applications are bridged: names, globs or /regular expressions/
    #[arg(long, env = "ARGOCD_APPLICATION_NAMESPACES", value_name = "NAMESPACE,…")]
    pub application_namespaces: Option<String>,
    /// Address of the repo-server, which says what a source would deliver where a project restricts that
    #[arg(long, value_name = "HOST:PORT")]
    pub repo_server: Option<String>,
    /// The repo-server speaks without TLS
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub repo_server_plaintext: Option<bool>,
}

/// What counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgoCd {
    /// Whose Applications are bridged beside those of the control namespace.
    pub namespaces: ApplicationNamespaces,
    /// Where the repo-server is.
    pub repo_server: repo_server::Options,
}

impl ArgoCdArgs {
    /// The flags, and for the rest what Argo CD's `ConfigMap` says.
    ///
    /// # Errors
    /// A pattern of namespaces that cannot be read; the API server does not answer.
    pub async fn settle(&self, client: &Client, namespace: &str) -> anyhow::Result<ArgoCd> {
        self.settle_with(&parameters(client, namespace).await?)
    }

    fn settle_with(&self, parameters: &BTreeMap<String, String>) -> anyhow::Result<ArgoCd> {
        let parameter = |key: &str| parameters.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let is_true = |key: &str| parameter(key) == Some("true");
        let namespaces = self.application_namespaces.as_deref().or(parameter("application.namespaces"));
        Ok(ArgoCd {
            namespaces: ApplicationNamespaces::parse(namespaces.unwrap_or_default())
                .context("--application-namespaces, or application.namespaces in argocd-cmd-params-cm")?,
            repo_server: repo_server::Options {
                address: self
                    .repo_server
                    .as_deref()
                    .or(parameter("repo.server"))
                    .unwrap_or(REPO_SERVER)
                    .to_owned(),
                is_plaintext: self.repo_server_plaintext.unwrap_or_else(|| {
                    is_true("reposerver.disable.tls") || is_true("controller.repo.server.plaintext")
                }),
            },
        })
    }
}

/// RBAC lets a list pass that names the one `ConfigMap` in its field selector.
async fn parameters(client: &Client, namespace: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let named = ListParams::default().fields(&format!("metadata.name={CONFIG_MAP}"));
    match api.list(&named).await {
        Ok(found) => Ok(found.items.into_iter().next().and_then(|map| map.data).unwrap_or_default()),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            tracing::warn!(name = CONFIG_MAP, "may not be read, so that flags alone count");
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error).with_context(|| format!("read ConfigMap {namespace}/{CONFIG_MAP}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(args: &ArgoCdArgs, parameters: &[(&str, &str)]) -> anyhow::Result<ArgoCd> {
        args.settle_with(&parameters.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }

    #[test]
    fn without_anything_it_is_argo_cds_default() {
        let found = settled(&ArgoCdArgs::default(), &[("repo.server", "")]).unwrap();
        assert_eq!(found.namespaces, ApplicationNamespaces::default());
        assert_eq!(found.repo_server.address, "argocd-repo-server:8081");
        assert!(!found.repo_server.is_plaintext);
    }

    #[test]
    fn flags_go_before_the_config_map() {
        let map =
            [("repo.server", "a:1"), ("reposerver.disable.tls", "true"), ("application.namespaces", "a")];
        let found = settled(&ArgoCdArgs::default(), &map).unwrap();
        assert_eq!((found.repo_server.address.as_str(), found.repo_server.is_plaintext), ("a:1", true));
        let args = ArgoCdArgs {
            application_namespaces: Some("team-*".into()),
            repo_server: Some("b:2".into()),
            repo_server_plaintext: Some(false),
        };
        let found = settled(&args, &map).unwrap();
        assert_eq!((found.repo_server.address.as_str(), found.repo_server.is_plaintext), ("b:2", false));
        assert_eq!(found.namespaces, ApplicationNamespaces::parse("team-*").unwrap());
    }

    #[test]
    fn a_broken_expression_is_told() {
        let error = settled(&ArgoCdArgs::default(), &[("application.namespaces", "/(/")]).unwrap_err();
        assert!(format!("{error:#}").contains("/(/"), "{error:#}");
    }
}
