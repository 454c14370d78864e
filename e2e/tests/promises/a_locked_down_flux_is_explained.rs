//! Flux with `--no-cross-namespace-refs` refuses sources that read Argo CD's credentials: the Application says why and what to do,
//! and doing it delivers.

use anyhow::Result;
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{BridgeOptions, Chart, Options, Stack};
use serde_json::json;

use crate::applications::Application;
use crate::credentials::secret;

#[tokio::test]
async fn a_locked_down_flux_is_explained() -> Result<()> {
    let stack = Stack::private(Options { argocd: true, locked_down: true, ..Options::default() }).await?;
    let _bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    let env = stack.test("locked").await?;
    let (fleet, charts) = (env.name("fleet"), env.name("charts"));
    let git = env.sources().create_fleet(&fleet).await?.url();
    env.sources().publish_chart(&charts, &Chart::podinfo("6.3.5")).await?;
    let helm = env.sources().helm_url(&charts);
    for (server, name) in [(Server::Git, &fleet), (Server::Helm, &charts)] {
        env.sources().protect(server, name, "me", "hunter2")?;
    }
    let login = |url| [("url", url), ("username", "me"), ("password", "hunter2")];
    secret(&env, "repository", "git", &login(&git)).await?;
    secret(&env, "repository", "helm", &[login(&helm).as_slice(), &[("type", "helm")]].concat()).await?;

    let plain = Application::git(&env, &git, "plain", "main");
    let chart = Application::chart_from(&env, &helm, "6.3.5").named(&env, "chart");
    plain.apply(&env).await?;
    chart.apply(&env).await?;
    let says = |app: &serde_json::Value, words: &str| {
        app["status"]["operationState"]["message"].as_str().is_some_and(|message| message.contains(words))
    };
    let words = "kustomize-controller runs with --no-cross-namespace-refs and refuses GitRepository argocd/";
    let told = plain.wait(&env, "told of the flag", |app| says(app, words)).await?;
    let message = told["status"]["operationState"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("flamingo/gitrepository-override with spec.secretRef"), "{message}");
    // Helm's controller says nothing at all by itself.
    let words = "helm-controller runs with --no-cross-namespace-refs and refuses HelmRepository argocd/";
    chart.wait(&env, "told of the flag", |app| says(app, words)).await?;

    let mine = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mine", "namespace": plain.destination()},
        "stringData": {"username": "me", "password": "hunter2"},
    });
    env.apply(&mine.to_string()).await?;
    let own = "spec: {secretRef: {name: mine}}";
    plain.annotation("flamingo/gitrepository-override", own).deliver(&env).await?;
    Ok(())
}
