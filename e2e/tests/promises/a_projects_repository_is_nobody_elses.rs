//! A repository Secret with a project is for the Applications of that project: its own comes before everybody's, and nobody
//! else gets at what it is for.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;
use serde_json::json;

use crate::applications::Application;
use crate::credentials::{generated, secret};
use crate::projects::project;

#[tokio::test]
async fn a_projects_repository_is_nobody_elses() -> Result<()> {
    let env = Stack::shared().await?.test("scoped").await?;
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    // Such a repository need not be among those that the project allows: it brings it along.
    let own = project(&env, &json!({"sourceRepos": ["https://elsewhere.example.invalid/*"]})).await?;
    let login = |password, project| {
        [("url", url.as_str()), ("username", "me"), ("password", password), ("project", project)]
    };
    secret(&env, "repository", "all", &login("wrong", "")).await?;
    secret(&env, "repository", "own", &login("hunter2", &own)).await?;

    let inside = Application::git(&env, &url, "plain", "main").in_project(&own);
    inside.deliver(&env).await?;
    inside.delivered(&env, "Deployment", "plain").await?;

    let outside = Application::git(&env, &url, "plain", "main").named(&env, "outside");
    outside.apply(&env).await?;
    outside.told(&env, "ComparisonError", "401").await?;

    // Once it is somebody else's, the last delivery stays and nothing new is fetched with it.
    env.patch("Secret", &env.control, &env.name("own"), &json!({"stringData": {"project": "other"}})).await?;
    inside.told(&env, "InvalidSpecError", "not permitted in project").await?;
    inside.delivered(&env, "Deployment", "plain").await?;
    let secrets = generated(&env, &outside).await?;
    assert!(secrets.iter().all(|secret| secret["data"]["password"] != "aHVudGVyMg=="), "it is the project's");
    Ok(())
}
