//! A password of Argo CD's is in Argo CD's Secret and in Flux's, and in no log, event, condition, annotation, metric or entry of
//! Redis.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use flux_subsystem_e2e::sources::Server;

use crate::applications::Application;
use crate::credentials::{generated, secret};

const PASSWORD: &str = "correct-horse-battery-staple";
const WRONG: &str = "wrong-horse-battery-staple";

#[tokio::test]
async fn no_secret_value_leaves() -> Result<()> {
    let env = Stack::shared().await?.test("leaves").await?;
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect(Server::Git, &name, "me", PASSWORD)?;
    let login = |password| [("url", url.as_str()), ("username", "me"), ("password", password)];
    // A failure is what is told of most.
    secret(&env, "repository", "repo", &login(WRONG)).await?;
    let app = Application::git(&env, &url, "plain", "main");
    app.apply(&env).await?;
    app.told(&env, "ComparisonError", "401").await?;
    secret(&env, "repository", "repo", &login(PASSWORD)).await?;
    app.settled(&env).await?;

    let mut places = vec![("the Application", env.application(app.name()).await?.to_string())];
    for kind in ["gitrepositories,kustomizations", "events"] {
        let printed = env.kubectl(&["get", kind, "-A", "-o", "yaml"]).await?;
        places.push((kind, printed.stdout));
    }
    let own = generated(&env, &app).await?;
    places.push(("metadata of the Secret", own[0]["metadata"].to_string()));
    let tree = env.argocd(&["app", "get", app.name(), "--output", "tree=detailed"]).await?;
    places.push(("the tree", tree.stdout));
    let diff = env.argocd(&["app", "manifests", app.name(), "--source", "live"]).await?;
    places.push(("manifests", diff.stdout));
    let bridge = env.stack().shared_bridge().await?;
    places.push(("metrics", bridge.metrics().await?));
    places.push(("the log", bridge.log()));
    for (place, text) in &places {
        assert!(!text.is_empty(), "{place} is empty");
        for value in [PASSWORD, WRONG] {
            assert!(!text.contains(value), "{place} holds a password");
        }
    }
    Ok(())
}
