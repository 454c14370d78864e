//! What a cluster needs before the controllers start: CRDs, namespaces, a Node, Argo CD's settings.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::run::run;
use crate::sources::Sources;
use crate::state::State;

/// How often Argo CD looks at its sources on its own, in the shared stack.
pub(crate) const RECONCILIATION: &str = "10s";

/// Which further namespaces hold Applications of the Argo CD in the namespace `argocd`.
pub(crate) const APPLICATION_NAMESPACES: &str = "*-applications";

/// Namespaces, the Node, the CRDs of Argo CD and the control namespace `argocd`.
pub(crate) async fn cluster(state: &State) -> Result<()> {
    apply(state, include_str!("cluster.yaml")).await?;
    crds(state, &["argocd-crds"]).await?;
    apply(state, &control_namespace(state, "argocd", RECONCILIATION)?).await
}

/// The CRDs of Flux's three controllers.
pub(crate) async fn flux_crds(state: &State) -> Result<()> {
    crds(state, &["source-controller", "kustomize-controller", "helm-controller"]).await
}

/// Waits until pods can be scheduled.
pub(crate) async fn node(state: &State) -> Result<()> {
    kubectl(state, &["wait", "--for=condition=Ready", "node/node", "--timeout=60s"]).await.map(drop)
}

/// The manifests of a namespace that holds Applications.
pub(crate) fn control_namespace(state: &State, namespace: &str, reconciliation: &str) -> Result<String> {
    let known_hosts = Sources::new(state.clone()).ssh_known_hosts()?;
    let secret_key =
        std::fs::read_to_string(state.data("keys/argocd")).context("read Argo CD's secret key")?;
    Ok(include_str!("control-namespace.yaml")
        .replace("NAMESPACE", namespace)
        .replace("RECONCILIATION", reconciliation)
        .replace("SECRET_KEY", &secret_key)
        .replace("REDIS", &state.address("redis"))
        .replace("REPO_SERVER", &state.address("argocd-repo-server"))
        .replace("APPLICATIONS", if namespace == "argocd" { APPLICATION_NAMESPACES } else { "" })
        .replace("KNOWN_HOSTS", known_hosts.trim()))
}

async fn crds(state: &State, programs: &[&str]) -> Result<()> {
    // Server-side: the CRD of ApplicationSets is larger than the annotation of a client-side apply may be.
    let mut arguments = vec!["apply".to_owned(), "--server-side".to_owned(), "--force-conflicts".to_owned()];
    for program in programs {
        let folder = state.files.get(*program).with_context(|| format!("{program} is not built"))?;
        arguments.push(format!("--filename={}", folder.display()));
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    kubectl(state, &arguments).await?;
    // `kubectl wait` fails at once on a CRD that has no conditions yet.
    let established = async || {
        kubectl(state, &["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).await
    };
    for _ in 0..20 {
        if established().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    established().await.map(drop)
}

/// Applies YAML text as the administrator, server-side.
pub(crate) async fn apply(state: &State, manifests: &str) -> Result<()> {
    let arguments = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
    run(state, "kubectl", &arguments, manifests).await?.text().map(drop)
}

async fn kubectl(state: &State, arguments: &[&str]) -> Result<String> {
    run(state, "kubectl", arguments, "").await?.text()
}
