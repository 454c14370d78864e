//! A registry that asks for a password, with or without TLS, serves charts and manifests to Flux with what Argo CD knows of it;
//! where certificates are not to be verified, that is mapped where Flux has a word for it and refused where it has none.

use anyhow::Result;
use flux_subsystem_e2e::private::{LOGIN, Registry, RegistryOptions};
use flux_subsystem_e2e::{Chart, Stack, TestEnv};
use serde_json::json;

use crate::applications::Application;
use crate::credentials::{generated, secret};

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";

/// An Application of the chart in that registry.
async fn chart(env: &TestEnv, registry: &Registry) -> Result<(Application, String)> {
    let repository = env.name("charts");
    env.sources().push_chart(&repository, &Chart::podinfo("6.3.5")).await?;
    let url = format!("{}/{repository}", registry.address());
    Ok((Application::chart_from(env, &url, "6.3.5"), url))
}

/// An Application of the manifests in that registry.
async fn manifests(env: &TestEnv, registry: &Registry) -> Result<(Application, String)> {
    let repository = env.name("manifests");
    env.sources().push_artifact(&repository, "1.0.0", &[("settings.yaml", Some(MANIFEST))]).await?;
    let url = format!("oci://{}/{repository}", registry.address());
    let source = json!({"repoURL": url, "path": ".", "targetRevision": "1.0.0"});
    Ok((Application::of(env, &source), url))
}

const PASSWORD: RegistryOptions = RegistryOptions { has_password: true, is_tls: false, wants_client: false };
const TLS: RegistryOptions = RegistryOptions { has_password: true, is_tls: true, wants_client: false };

fn login<'a>(url: &'a str, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("url", url), ("type", kind), ("username", LOGIN.0), ("password", LOGIN.1)]
}

#[tokio::test]
async fn a_chart_behind_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("registry-chart").await?;
    let registry = Registry::start(env.stack(), PASSWORD).await?;
    let (app, url) = chart(&env, &registry).await?;
    let plain = [("enableOCI", "true"), ("insecureOCIForceHttp", "true")];
    secret(&env, "repository", "repo", &[login(&url, "helm").as_slice(), &plain].concat()).await?;
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    assert_eq!(generated(&env, &app).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn manifests_behind_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("registry-oci").await?;
    let registry = Registry::start(env.stack(), PASSWORD).await?;
    let (app, url) = manifests(&env, &registry).await?;
    // As it is entered for all repositories of a registry.
    let all = format!("oci://{}", registry.address());
    assert!(url.starts_with(&all));
    let template = [login(&all, "oci").as_slice(), &[("insecureOCIForceHttp", "true")]].concat();
    secret(&env, "repo-creds", "creds", &template).await?;
    app.deliver(&env).await?;
    app.delivered(&env, "ConfigMap", "settings").await?;

    app.delete(&env).await?;
    assert!(generated(&env, &app).await?.is_empty(), "the Secret outlives its source");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_told() -> Result<()> {
    let env = Stack::shared().await?.test("registry-wrong").await?;
    let registry = Registry::start(env.stack(), PASSWORD).await?;
    let (app, url) = manifests(&env, &registry).await?;
    let wrong = [("url", url.as_str()), ("type", "oci"), ("username", "me"), ("password", "wrong")];
    let plain = [("insecureOCIForceHttp", "true")];
    secret(&env, "repository", "repo", &[wrong.as_slice(), &plain].concat()).await?;
    app.apply(&env).await?;
    app.told(&env, "ComparisonError", "UNAUTHORIZED").await?;
    secret(&env, "repository", "repo", &[login(&url, "oci").as_slice(), &plain].concat()).await?;
    app.settled(&env).await?;
    Ok(())
}

#[tokio::test]
async fn an_own_authority_and_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("registry-tls").await?;
    let registry = Registry::start(env.stack(), TLS).await?;
    env.trust_certificate(&registry.host(), &registry.authority().pem()).await?;
    let (of_chart, chart_url) = chart(&env, &registry).await?;
    let (of_manifests, manifests_url) = manifests(&env, &registry).await?;
    let of_manifests = of_manifests.named(&env, "manifests");
    let oci = [login(&chart_url, "helm").as_slice(), &[("enableOCI", "true")]].concat();
    secret(&env, "repository", "chart", &oci).await?;
    secret(&env, "repository", "manifests", &login(&manifests_url, "oci")).await?;
    of_chart.deliver(&env).await?;
    of_manifests.deliver(&env).await?;
    assert_eq!(of_chart.release(&env).await?["chart"], "podinfo-6.3.5");
    of_manifests.delivered(&env, "ConfigMap", "settings").await?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_the_client() -> Result<()> {
    let env = Stack::shared().await?.test("registry-client").await?;
    let registry = Registry::start(env.stack(), RegistryOptions { wants_client: true, ..TLS }).await?;
    env.trust_certificate(&registry.host(), &registry.authority().pem()).await?;
    let pair = registry.authority().client()?;
    let client = [("tlsClientCertData", pair.certificate.as_str()), ("tlsClientCertKey", &pair.key)];
    let (of_chart, chart_url) = chart(&env, &registry).await?;
    let (of_manifests, manifests_url) = manifests(&env, &registry).await?;
    let of_manifests = of_manifests.named(&env, "manifests");
    let oci = [login(&chart_url, "helm").as_slice(), &[("enableOCI", "true")], &client].concat();
    secret(&env, "repository", "chart", &oci).await?;
    let oci = [login(&manifests_url, "oci").as_slice(), &client].concat();
    secret(&env, "repository", "manifests", &oci).await?;
    of_chart.deliver(&env).await?;
    of_manifests.deliver(&env).await?;
    Ok(())
}

#[tokio::test]
async fn unverified_certificates_are_mapped_or_refused() -> Result<()> {
    let env = Stack::shared().await?.test("registry-insecure").await?;
    let registry = Registry::start(env.stack(), TLS).await?;
    let (of_manifests, url) = manifests(&env, &registry).await?;
    let insecure = [("insecure", "true")];
    secret(&env, "repository", "oci", &[login(&url, "oci").as_slice(), &insecure].concat()).await?;
    // Flux has a word for it with artifacts …
    of_manifests.deliver(&env).await?;
    // … and none with charts.
    let (of_chart, url) = chart(&env, &registry).await?;
    let of_chart = of_chart.named(&env, "chart");
    let data = [login(&url, "helm").as_slice(), &insecure, &[("enableOCI", "true")]].concat();
    secret(&env, "repository", "helm", &data).await?;
    of_chart.apply(&env).await?;
    let words = format!("Flux always verifies the certificate of {}", registry.host());
    of_chart.told(&env, "ComparisonError", &words).await?;
    env.trust_certificate(&registry.host(), &registry.authority().pem()).await?;
    let told = of_chart.settled(&env).await?;
    let conditions = told["status"]["conditions"].to_string();
    assert!(conditions.contains("verified with argocd-tls-certs-cm"), "{conditions}");
    Ok(())
}
