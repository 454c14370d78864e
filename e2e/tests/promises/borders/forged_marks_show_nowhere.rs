//! A Flux object in somebody else's namespace that says it belongs to an Application is in none of what that shows, counts nothing
//! there, and is neither suspended nor deleted; where the Application can have objects, the marks count.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::forged_marks::{release, says_stored, standing};
use crate::applications::Application;

#[tokio::test]
async fn what_stands_elsewhere_is_somebody_elses() -> Result<()> {
    let env = Stack::shared().await?.test("forged-shown").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let forged = release(&env, &app, &env.namespace, "forged", &json!({}));
    env.apply(&forged.to_string()).await?;
    says_stored(&env, &forged, &env.namespace, "forged").await?;
    let before = standing(&env, &env.namespace, "forged").await?;

    // The same in its own namespace is an object of a former wish, and is pruned: the bridge has looked since.
    let own = release(&env, &app, app.destination(), "forged", &json!({}));
    env.apply(&own.to_string()).await?;
    env.wait_until_gone("HelmRelease", app.destination(), "forged").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;

    let settled = app.settled(&env).await?;
    let listed = settled["status"]["resources"].as_array().context("no resources")?;
    assert!(listed.iter().all(|one| one["namespace"] == app.destination()), "{listed:?}");
    let tree = app.ask(&env, "GET", "/resource-tree", "").await?;
    let nodes = tree["nodes"].as_array().context("no nodes")?;
    assert!(nodes.iter().all(|node| node["name"] != "forged"), "{nodes:?}");
    assert_eq!(standing(&env, &env.namespace, "forged").await?, before);
    app.delete(&env).await
}
