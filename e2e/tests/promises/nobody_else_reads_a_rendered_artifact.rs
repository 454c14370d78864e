//! What a plugin renders may hold secrets: only Flux's own object in Argo CD's namespace gets it. The password for it is in that
//! namespace and nowhere else; who does not read Secrets there reads no artifact either.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{BridgeOptions, Stack, http};
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn nobody_else_reads_a_rendered_artifact() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-secret").await?.with_control_namespace("30s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let files = [("printed/message", Some("top-secret-message"))];
    let repository = env.sources().create_repository(&env.name("printed"), &files).await?;
    let app = Application::git(&env, &repository.url(), "printed", "main")
        .merge(&json!({ "spec": { "source": { "plugin": { "name": "printer" } } } }));
    app.deliver(&env).await?;
    let list = env.list("OCIRepository", &env.control).await?;
    let object = list.first().context("no OCIRepository")?;
    let digest = object["spec"]["ref"]["digest"].as_str().context("no digest")?;
    let url = object["spec"]["url"].as_str().context("no url")?;

    // Who knows the address and the digest, but not the password.
    let path = url.trim_start_matches("oci://").trim_start_matches(bridge.artifact_address());
    for path in
        ["/v2/".to_owned(), format!("/v2{path}/manifests/{digest}"), format!("/v2{path}/blobs/{digest}")]
    {
        let (status, body) = http::get(bridge.artifact_address(), &path).await?;
        assert_eq!(status, 401, "{path}");
        assert!(!body.contains("top-secret"));
    }

    // Who makes an object of Flux's in a namespace of his own.
    let mut copy = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository",
        "metadata": { "name": "copy", "namespace": env.namespace },
        "spec": object["spec"],
    });
    env.apply(&copy.to_string()).await?;
    env.wait_for_failure("OCIRepository", &env.namespace, "copy", "flux-subsystem-artifacts").await?;
    copy["spec"].as_object_mut().context("no spec")?.remove("secretRef");
    env.apply(&copy.to_string()).await?;
    env.wait_for_failure("OCIRepository", &env.namespace, "copy", "UNAUTHORIZED").await?;

    // The password is where Argo CD's own credentials are.
    let secrets = env.list("Secret", "").await?;
    let name = |secret: &serde_json::Value| {
        let text = |field: &str| secret["metadata"][field].as_str().unwrap_or_default().to_owned();
        (text("namespace"), text("name"))
    };
    let of_this_test = |namespace: &String| namespace.starts_with(&env.namespace);
    let found: Vec<_> = secrets.iter().map(name).filter(|(namespace, _)| of_this_test(namespace)).collect();
    assert!(found.contains(&(env.control.clone(), "flux-subsystem-artifacts".to_owned())), "{found:?}");
    assert!(!found.iter().any(|(namespace, _)| *namespace == env.namespace), "{found:?}");
    assert!(!found.iter().any(|(namespace, _)| namespace == app.destination()), "{found:?}");

    // And nothing of it, nor of what was rendered, is told elsewhere.
    let secret = env.get("Secret", &env.control, "flux-subsystem-artifacts").await?.context("no Secret")?;
    let encoded = secret["data"][".dockerconfigjson"].as_str().context("no password")?;
    let log = bridge.log();
    assert!(!log.contains(encoded) && !log.contains("top-secret-message"));
    let application = env.application(app.name()).await?.to_string();
    assert!(!application.contains("top-secret-message"));
    Ok(())
}

#[tokio::test]
async fn a_password_that_is_deleted_is_made_anew() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-rotate").await?.with_control_namespace("5s").await?;
    let _bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let files = [("printed/message", Some("first"))];
    let repository = env.sources().create_repository(&env.name("printed"), &files).await?;
    let app = Application::git(&env, &repository.url(), "printed", "main")
        .merge(&json!({ "spec": { "source": { "plugin": { "name": "printer" } } } }));
    app.deliver(&env).await?;
    env.delete("Secret", &env.control, "flux-subsystem-artifacts").await?;
    repository.commit("main", &[("printed/message", Some("second"))], "Edit").await?;
    env.wait_until("the commit is delivered", crate::applications::PATIENCE, async || {
        let map = app.delivered(&env, "ConfigMap", "printed").await?;
        Ok((map["data"]["message"] == "second").then_some(()))
    })
    .await
}
