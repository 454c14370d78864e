//! A password changes at the server and then in Argo CD: what failed is delivered within seconds, long before Flux would have
//! tried again by itself.

use std::time::{Duration, Instant};

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;

use crate::applications::Application;
use crate::credentials::{generated, secret};

/// How long it may take from the new Secret to the new commit.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_rotated_credential_counts_within_seconds() -> Result<()> {
    let env = Stack::shared().await?.test("rotated").await?;
    let name = env.name("fleet");
    let repository = env.sources().create_fleet(&name).await?;
    let url = repository.url();
    env.sources().protect(Server::Git, &name, "me", "old")?;
    let login = |password| [("url", url.as_str()), ("username", "me"), ("password", password)];
    secret(&env, "repository", "repo", &login("old")).await?;
    let app = Application::git(&env, &url, "plain", "main");
    app.deliver(&env).await?;

    env.sources().protect(Server::Git, &name, "me", "new")?;
    let commit = repository.commit("main", &[("plain/more.yaml", Some(MORE))], "More").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?;
    app.told(&env, "ComparisonError", "authentication").await?;

    let begin = Instant::now();
    secret(&env, "repository", "repo", &login("new")).await?;
    app.wait(&env, "at the new commit", |app| app["status"]["sync"]["revision"] == *commit).await?;
    assert!(begin.elapsed() < SOON, "it took {:?}", begin.elapsed());
    app.settled(&env).await?;
    assert_eq!(generated(&env, &app).await?.len(), 1);
    Ok(())
}

const MORE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n";
