//! Of several credential templates, the one with the longest address counts, letter by letter and whatever the case; a
//! repository of another project has none for anybody else.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;

use crate::applications::Application;
use crate::credentials::secret;

#[tokio::test]
async fn the_longest_prefix_wins() -> Result<()> {
    let env = Stack::shared().await?.test("prefix").await?;
    let name = env.name("team/fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect(Server::Git, &name, "me", "long")?;
    let base = env.sources().git_url(&env.name("x"));
    let short = base.trim_end_matches(".git").trim_end_matches('x');
    let long = format!("{}TEAM", short);
    for (suffix, address, password) in [("a", short, "short"), ("b", long.as_str(), "long")] {
        let data = [("url", address), ("username", "me"), ("password", password)];
        secret(&env, "repo-creds", suffix, &data).await?;
    }
    let other = [("url", url.as_str()), ("project", "other"), ("username", "me"), ("password", "other")];
    secret(&env, "repository", "c", &other).await?;
    Application::git(&env, &url, "plain", "main").deliver(&env).await?;
    Ok(())
}
