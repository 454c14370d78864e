//! Servers with certificates of an own authority are trusted as `argocd-tls-certs-cm` says, and no others; a repository's
//! client certificate is shown to those who want one.

use anyhow::Result;
use flux_subsystem_e2e::private::TlsDoor;
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Chart, Stack, TestEnv};

use crate::applications::Application;
use crate::credentials::{generated, secret};

/// A door to the stack's git and Helm repositories.
async fn door(env: &TestEnv, wants_client: bool) -> Result<TlsDoor> {
    let plain = env.sources().git_url("x");
    let target = plain.trim_start_matches("http://").split('/').next().unwrap_or_default();
    TlsDoor::open(target, wants_client).await
}

/// A git repository with a password, behind the door.
async fn git(env: &TestEnv, door: &TlsDoor) -> Result<String> {
    let name = env.name("fleet");
    let repository = env.sources().create_fleet(&name).await?;
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    Ok(door.url(&repository.url()))
}

/// A Helm repository with a password, behind the door.
async fn helm(env: &TestEnv, door: &TlsDoor) -> Result<String> {
    let name = env.name("charts");
    env.sources().publish_chart(&name, &Chart::podinfo("6.3.5")).await?;
    env.sources().index_relative(&name).await?;
    env.sources().protect(Server::Helm, &name, "me", "hunter2")?;
    Ok(door.url(&env.sources().helm_url(&name)))
}

fn login(url: &str) -> Vec<(&str, &str)> {
    vec![("url", url), ("username", "me"), ("password", "hunter2")]
}

#[tokio::test]
async fn git_by_an_own_authority() -> Result<()> {
    let env = Stack::shared().await?.test("tls-git").await?;
    let door = door(&env, false).await?;
    let url = git(&env, &door).await?;
    secret(&env, "repository", "repo", &login(&url)).await?;
    let app = Application::git(&env, &url, "plain", "main");
    app.apply(&env).await?;
    // Nobody trusts it yet.
    app.told(&env, "ComparisonError", "invalid peer certificate: UnknownIssuer").await?;
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    app.settled(&env).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    Ok(())
}

#[tokio::test]
async fn anonymous_git_by_an_own_authority() -> Result<()> {
    let env = Stack::shared().await?.test("tls-public").await?;
    let door = door(&env, false).await?;
    let url = door.url(&env.sources().create_fleet(&env.name("fleet")).await?.url());
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    // Without any repository Secret.
    let app = Application::git(&env, &url, "charts/podinfo", "HEAD");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1");
    assert_eq!(generated(&env, &app).await?.len(), 1, "the certificate");
    Ok(())
}

#[tokio::test]
async fn a_helm_repository_by_an_own_authority() -> Result<()> {
    let env = Stack::shared().await?.test("tls-helm").await?;
    let door = door(&env, false).await?;
    let url = helm(&env, &door).await?;
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    secret(&env, "repository", "repo", &[login(&url), vec![("type", "helm")]].concat()).await?;
    let app = Application::chart_from(&env, &url, "6.3.5");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    assert_eq!(generated(&env, &app).await?.len(), 2, "login and certificate");
    app.delete(&env).await?;
    assert!(generated(&env, &app).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn git_with_a_client_certificate() -> Result<()> {
    let env = Stack::shared().await?.test("client-git").await?;
    let door = door(&env, true).await?;
    let url = git(&env, &door).await?;
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    let pair = door.authority().client()?;
    let client = vec![("tlsClientCertData", pair.certificate.as_str()), ("tlsClientCertKey", &pair.key)];
    secret(&env, "repository", "repo", &[login(&url), client].concat()).await?;
    // HEAD has to be looked up, which takes the certificate as well.
    let app = Application::git(&env, &url, "plain", "HEAD");
    app.deliver(&env).await?;
    Ok(())
}

#[tokio::test]
async fn a_helm_repository_with_a_client_certificate_alone() -> Result<()> {
    let env = Stack::shared().await?.test("client-helm").await?;
    let door = door(&env, true).await?;
    let name = env.name("charts");
    env.sources().publish_chart(&name, &Chart::podinfo("6.3.5")).await?;
    env.sources().index_relative(&name).await?;
    let url = door.url(&env.sources().helm_url(&name));
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    let pair = door.authority().client()?;
    let data = [
        ("url", url.as_str()),
        ("type", "helm"),
        ("tlsClientCertData", &pair.certificate),
        ("tlsClientCertKey", &pair.key),
    ];
    secret(&env, "repository", "repo", &data).await?;
    let app = Application::chart_from(&env, &url, "6.3.5");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    Ok(())
}
