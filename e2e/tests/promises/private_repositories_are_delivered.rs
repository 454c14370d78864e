//! What Argo CD has credentials for is delivered by Flux with the same credentials, which come and go with what needs them.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::credentials::{generated, secret};

#[tokio::test]
async fn git_with_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("private-git").await?;
    let repository = env.name("fleet");
    let url = env.sources().create_fleet(&repository).await?.url();
    env.sources().protect(Server::Git, &repository, "me", "hunter2")?;
    secret(&env, "repository", "repo", &[("url", &url), ("username", "me"), ("password", "hunter2")]).await?;
    // HEAD has to be looked up, which takes the password as well.
    let app = Application::git(&env, &url, "plain", "HEAD");
    app.deliver(&env).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    assert_eq!(generated(&env, &app).await?.len(), 1);

    app.delete(&env).await?;
    env.wait_until_gone("Application", &env.control, app.name()).await?;
    assert!(generated(&env, &app).await?.is_empty(), "the Secret outlives its source");
    Ok(())
}

#[tokio::test]
async fn git_over_ssh() -> Result<()> {
    let env = Stack::shared().await?.test("private-ssh").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let (url, key) = (repository.ssh_url(), env.sources().ssh_identity()?);
    secret(&env, "repository", "repo", &[("url", &url), ("sshPrivateKey", &key)]).await?;
    for (name, revision) in [("head", "HEAD"), ("branch", "next")] {
        let app = Application::git(&env, &url, "charts/podinfo", revision).named(&env, name);
        let delivered = app.deliver(&env).await?;
        assert_eq!(
            delivered["status"]["sync"]["revision"],
            *repository.resolve(revision).await?,
            "{revision}"
        );
        assert_eq!(app.release(&env).await?["revision"], "1");
    }
    Ok(())
}

#[tokio::test]
async fn a_helm_repository_with_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("private-helm").await?;
    let repository = env.name("charts");
    let chart = flux_subsystem_e2e::sources::charts::Chart::podinfo("6.3.5");
    env.sources().publish_chart(&repository, &chart).await?;
    env.sources().protect(Server::Helm, &repository, "me", "hunter2")?;
    let url = env.sources().helm_url(&repository);
    let login = [("url", url.as_str()), ("type", "helm"), ("username", "me"), ("password", "hunter2")];
    secret(&env, "repository", "repo", &login).await?;
    let app = Application::chart_from(&env, &url, "6.3.5");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    Ok(())
}

#[tokio::test]
async fn a_registry_without_tls() -> Result<()> {
    let env = Stack::shared().await?.test("private-oci").await?;
    let chart = flux_subsystem_e2e::sources::charts::Chart::podinfo("6.3.5");
    env.sources().push_chart(&env.name("charts"), &chart).await?;
    let url = format!("{}/{}", env.sources().registry(), env.name("charts"));
    let data = [
        ("url", url.as_str()),
        ("type", "helm"),
        ("enableOCI", "true"),
        ("insecureOCIForceHttp", "true"),
        ("username", "me"),
        ("password", "hunter2"),
    ];
    secret(&env, "repository", "repo", &data).await?;
    // On loopback the registry speaks plain HTTP, which Flux has to be told: Argo CD's Secret says so.
    let app = Application::chart_from(&env, &url, "6.3.5");
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    Ok(())
}

#[tokio::test]
async fn a_credential_that_comes_and_goes_moves_the_source() -> Result<()> {
    let env = Stack::shared().await?.test("private-moves").await?;
    let url = env.sources().create_fleet(&env.name("fleet")).await?.url();
    let app = Application::git(&env, &url, "plain", "main");
    app.deliver(&env).await?;
    assert!(env.get("GitRepository", app.destination(), app.name()).await?.is_some());
    let pod = app.delivered(&env, "Deployment", "plain").await?;

    let login = [("url", url.as_str()), ("username", "me"), ("password", "p")];
    let name = secret(&env, "repository", "repo", &login).await?;
    env.wait_until_gone("GitRepository", app.destination(), app.name()).await?;
    app.settled(&env).await?;
    assert_eq!(generated(&env, &app).await?.len(), 1);

    env.delete("Secret", &env.control, &name).await?;
    env.wait_until("the Secret of the bridge goes after its source", PATIENCE, async || {
        Ok(generated(&env, &app).await?.is_empty().then_some(()))
    })
    .await?;
    app.settled(&env).await?;
    assert!(env.get("GitRepository", app.destination(), app.name()).await?.is_some());
    let after = app.delivered(&env, "Deployment", "plain").await?;
    assert_eq!(pod["metadata"]["uid"], after["metadata"]["uid"]);
    Ok(())
}

#[tokio::test]
async fn what_flux_cannot_have_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("private-refused").await?;
    let url = "https://git.example.invalid/org/repo";
    secret(&env, "repository", "repo", &[("url", url), ("insecure", "true"), ("password", "p")]).await?;
    let change = json!({"spec": {"source": {"kustomize": {"namePrefix": "x-"}}}});
    let commit = "a".repeat(40);
    let app = Application::git(&env, url, "plain", &commit).merge(&change);
    app.apply(&env).await?;
    let told = app
        .told(&env, "ComparisonError", "Flux always verifies the certificate of git.example.invalid")
        .await?;
    assert!(told["status"]["conditions"].to_string().contains("argocd cert add-tls"));
    assert!(generated(&env, &app).await?.is_empty());
    Ok(())
}
