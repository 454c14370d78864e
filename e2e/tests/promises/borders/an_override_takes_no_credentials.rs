//! A source that is fetched from another address than the Application's own gets none of the credentials that Argo CD has for
//! that: else an override would send them to whoever writes it.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Server;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;
use crate::credentials::{generated, secret};

#[tokio::test]
async fn an_override_takes_no_credentials() -> Result<()> {
    let env = Stack::shared().await?.test("border-credentials").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    env.sources().protect(Server::Git, &env.name("fleet"), "reader", "hunter2")?;
    let data =
        [("type", "git"), ("url", &*repository.url()), ("username", "reader"), ("password", "hunter2")];
    secret(&env, "repository", "repository", &data).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main");
    app.deliver(&env).await?;
    assert_eq!(generated(&env, &app).await?.len(), 1, "the credentials are Argo CD's");

    let elsewhere = env.sources().git_url(&env.name("elsewhere"));
    let text = format!("spec: {{url: \"{elsewhere}\"}}");
    let change = json!({ "metadata": { "annotations": { "flamingo/gitrepository-override": text } } });
    env.patch("Application", &env.control, app.name(), &change).await?;
    let own = env
        .wait_until("the source is fetched from elsewhere", crate::applications::PATIENCE, async || {
            let all = env.list("GitRepository", "").await?;
            Ok(all.into_iter().find(|object| object["spec"]["url"] == *elsewhere))
        })
        .await?;
    assert!(own["spec"]["secretRef"].is_null(), "{}", own["spec"]);
    assert_eq!(own["metadata"]["namespace"].as_str().context("no namespace")?, app.destination());
    Ok(())
}
