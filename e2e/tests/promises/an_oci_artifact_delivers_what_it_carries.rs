//! An OCI artifact of manifests may itself carry Flux objects: all of it is delivered, shown and removed.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};
use crate::namespaces::wait_until_empty;

fn artifact(env: &TestEnv) -> Application {
    let url = env.sources().oci_url("manifests/argocd");
    Application::of(env, &json!({ "repoURL": url, "path": "./podinfo", "targetRevision": "1.0.5" }))
        .self_healing()
}

#[tokio::test]
async fn flux_shows_all_of_it() -> Result<()> {
    let env = Stack::shared().await?.test("oci").await?;
    let app = artifact(&env);
    let delivered = app.deliver(&env).await?;
    let (ns, name) = (app.destination(), app.name());

    let flux = env.flux(&["get", "all", "-n", ns]).await?.text()?;
    for object in [
        format!("ocirepository/{name}"),
        format!("kustomization/{name}"),
        "helmrepository/podinfo".to_owned(),
        format!("helmchart/{ns}-podinfo"),
        "helmrelease/podinfo".to_owned(),
    ] {
        let line = flux.lines().find(|line| line.starts_with(&object));
        let line = line.with_context(|| format!("no {object} in\n{flux}"))?;
        assert!(line.split('\t').any(|word| word.trim() == "True"), "not Ready: {line}");
    }
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    let deployment = app.delivered(&env, "Deployment", "podinfo").await?;
    assert_eq!(deployment["status"]["availableReplicas"], 2);

    let digest = delivered["status"]["sync"]["revision"].as_str().context("no revision")?;
    assert!(digest.starts_with("sha256:"), "Argo CD names an artifact by its digest, not {digest}");
    assert_eq!(delivered["status"]["history"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn deletion_removes_all_of_it() -> Result<()> {
    let env = Stack::shared().await?.test("oci-delete").await?;
    let app = artifact(&env);
    app.deliver(&env).await?;
    app.delete(&env).await?;
    wait_until_empty(&env, app.destination()).await
}

#[tokio::test]
async fn a_tag_that_moves_is_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("oci-moves").await?;
    let (sources, repository) = (env.sources(), env.name("artifact"));
    let settings = |level: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{level: {level}}}\n")
    };
    sources.push_artifact(&repository, "latest", &[("settings.yaml", Some(&settings("first")))]).await?;
    let source = json!({ "repoURL": sources.oci_url(&repository), "path": ".", "targetRevision": "latest" });
    let app = Application::of(&env, &source);
    app.deliver(&env).await?;
    let digest =
        sources.push_artifact(&repository, "latest", &[("settings.yaml", Some(&settings("next")))]).await?;
    env.wait_until("the tag's new content is delivered and recorded", PATIENCE, async || {
        let map = app.delivered(&env, "ConfigMap", "settings").await?;
        let history = app.history(&env).await?;
        let last = history.last().context("no history")?;
        Ok((map["data"]["level"] == "next" && last["revision"] == *digest).then_some(()))
    })
    .await
}
