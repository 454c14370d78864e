//! Whoever reaches the port that Flux fetches artifacts from, and has no password, gets nothing and makes nobody work.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Stack, http};

use crate::applications::Application;

#[tokio::test]
async fn nothing_is_rendered_for_strangers() -> Result<()> {
    let env = Stack::shared().await?.test("border-strangers").await?.with_control_namespace("30s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let files = [("files/a.jsonnet", Some("{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}}"))];
    let repository = env.sources().create_repository(&env.name("files"), &files).await?;
    let app = Application::git(&env, &repository.url(), "files", "main");
    app.deliver(&env).await?;
    // A restarted bridge has nothing in memory: each request that counts makes it render.
    bridge.restart().await?;
    let digest = format!("sha256:{}", "0".repeat(64));
    for path in ["manifests", "blobs"] {
        for repository in
            [format!("{}/{}/0", env.control, app.name()), "no/such/0".to_owned(), "../..".to_owned()]
        {
            let path = format!("/v2/{repository}/{path}/{digest}");
            let (status, body) = http::get(bridge.artifact_address(), &path).await?;
            assert!(
                status == 401 || status == 404 && repository.starts_with(".."),
                "{path}: {status} {body}"
            );
        }
    }
    assert!(!bridge.log().contains("rendering an artifact that is not in memory"), "{}", bridge.tail(20));
    Ok(())
}
