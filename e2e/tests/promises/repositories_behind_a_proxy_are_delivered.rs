//! What only a proxy can reach is fetched through it, with the proxy's own password; what is exempt, and what Flux has no proxy
//! for, is not.

use anyhow::Result;
use flux_subsystem_e2e::private::Proxy;
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::Application;
use crate::credentials::{generated, secret};

/// `127.0.0.1:PORT` of an address of the stack.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// The address with another host, which nobody but the proxy knows.
fn hidden(url: &str, host: &str) -> String {
    url.replace(place(url), host)
}

async fn fleet(env: &TestEnv) -> Result<(String, String)> {
    let name = env.name("fleet");
    let repository = env.sources().create_fleet(&name).await?;
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    Ok((repository.url(), repository.ssh_url()))
}

#[tokio::test]
async fn git_over_http() -> Result<()> {
    let env = Stack::shared().await?.test("proxy-http").await?;
    let (plain, _) = fleet(&env).await?;
    let proxy = Proxy::http(place(&plain), Some(("us:er", "p@ss"))).await?;
    let url = hidden(&plain, "git.example.invalid");
    let through = format!("http://us%3Aer:p%40ss@{}", proxy.address());
    let login = [("url", url.as_str()), ("username", "me"), ("password", "hunter2"), ("proxy", &through)];
    secret(&env, "repository", "repo", &login).await?;
    let app = Application::git(&env, &url, "plain", "HEAD");
    app.deliver(&env).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    assert!(proxy.asked().iter().all(|host| host == "git.example.invalid"), "{:?}", proxy.asked());
    assert_eq!(generated(&env, &app).await?.len(), 2, "the login and the proxy");
    app.delete(&env).await?;
    assert!(generated(&env, &app).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_exempt_host_is_reached_without_it() -> Result<()> {
    let env = Stack::shared().await?.test("proxy-exempt").await?;
    let (url, _) = fleet(&env).await?;
    let nowhere = format!("http://{}", env.sources().refused());
    let login = [
        ("url", url.as_str()),
        ("username", "me"),
        ("password", "hunter2"),
        ("proxy", &nowhere),
        ("noProxy", "example.org,127.0.0.0/8"),
    ];
    secret(&env, "repository", "repo", &login).await?;
    let app = Application::git(&env, &url, "plain", "main");
    app.deliver(&env).await?;
    assert_eq!(generated(&env, &app).await?.len(), 1, "the login");
    Ok(())
}

/// `user@host:path`, whose host key is the one that Argo CD knows by that name.
#[tokio::test]
async fn git_over_ssh_in_the_short_form() -> Result<()> {
    let env = Stack::shared().await?.test("proxy-ssh").await?;
    let (_, plain) = fleet(&env).await?;
    let host = format!("{}.example.invalid", env.name("ssh"));
    env.trust_ssh_host(&host).await?;
    let proxy = Proxy::socks(place(&plain)).await?;
    let user = plain.trim_start_matches("ssh://").split('@').next().unwrap_or_default();
    let path = plain.split_once("/git/").map_or("", |(_, path)| path);
    let url = format!("{user}@{host}:git/{path}");
    let (key, through) = (env.sources().ssh_identity()?, format!("socks5://{}", proxy.address()));
    let data = [("url", url.as_str()), ("sshPrivateKey", &key), ("proxy", &through)];
    secret(&env, "repository", "repo", &data).await?;
    let app = Application::git(&env, &url, "plain", "main");
    app.deliver(&env).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    assert!(proxy.asked().contains(&format!("{host}:22")), "{:?}", proxy.asked());
    Ok(())
}
