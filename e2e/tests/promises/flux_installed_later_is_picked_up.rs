//! A bridge that starts before Flux is installed waits, says what is missing, and goes on without a restart.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Options, Stack, http};

use crate::applications::Application;
use crate::observations::columns;

#[tokio::test]
async fn flux_installed_later_is_picked_up() -> Result<()> {
    let stack = Stack::private(Options { flux_crds: false, ..Options::default() }).await?;
    let bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    assert_eq!(http::get(bridge.address(), "/readyz").await?.0, 200, "waiting for Flux is not being broken");
    let process = bridge.process();
    let env = stack.test("flux-later").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    let words = "the API server does not serve helmreleases.helm.toolkit.fluxcd.io";
    let told = app.told(&env, "ComparisonError", words).await?;
    assert_eq!(columns(&told), ["Unknown", "Missing"]);

    stack.install_flux_crds().await?;
    let healed = app.settled(&env).await?;
    assert!(healed["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", healed["status"]);
    assert_eq!(app.release(&env).await?["status"], "deployed");
    assert!(process.alive(), "the very process that started without Flux");
    Ok(())
}
