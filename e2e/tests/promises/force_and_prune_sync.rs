//! `argocd app sync --prune` and `--force` on a manual Application hold for that Sync alone.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};

const KEPT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\n";
const LEAVING: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: leaving\n";

fn fixed(word: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fixed\nimmutable: true\ndata:\n  word: {word}\n"
    )
}

#[tokio::test]
async fn a_sync_deletes_what_left_the_source_when_it_says_so() -> Result<()> {
    let env = Stack::shared().await?.test("sync-prune").await?;
    let files = [("objects/kept.yaml", Some(KEPT)), ("objects/leaving.yaml", Some(LEAVING))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "objects", "main").manual();
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    app.delivered(&env, "ConfigMap", "leaving").await?;
    repository.commit("main", &[("objects/leaving.yaml", None)], "one leaves").await?;
    sync(&env, &app, &["--prune"]).await?;
    env.wait_until_gone("ConfigMap", app.destination(), "leaving").await?;
    app.delivered(&env, "ConfigMap", "kept").await?;
    app.settled(&env).await?;
    is_put_back(&env, &app).await
}

#[tokio::test]
async fn a_sync_recreates_what_cannot_be_changed_when_it_says_so() -> Result<()> {
    let env = Stack::shared().await?.test("sync-force").await?;
    let files = [("objects/fixed.yaml", Some(&*fixed("one")))];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "objects", "main").manual();
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    let before = app.delivered(&env, "ConfigMap", "fixed").await?;
    repository.commit("main", &[("objects/fixed.yaml", Some(&fixed("two")))], "another word").await?;
    let refused = env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?;
    assert!(!refused.ok() && refused.stdout.contains("immutable"), "{refused:?}");

    sync(&env, &app, &["--force"]).await?;
    let after = app.delivered(&env, "ConfigMap", "fixed").await?;
    assert_eq!(after["data"]["word"], "two");
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    app.settled(&env).await?;
    is_put_back(&env, &app).await
}

#[tokio::test]
async fn a_forced_sync_of_a_chart_is_a_new_revision() -> Result<()> {
    let env = Stack::shared().await?.test("sync-force-chart").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    sync(&env, &app, &[]).await?;
    assert_eq!(app.release(&env).await?["revision"], "1", "a Sync that changes nothing is none");
    sync(&env, &app, &["--force"]).await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    app.settled(&env).await?;
    Ok(())
}

async fn sync(env: &TestEnv, app: &Application, flags: &[&str]) -> Result<()> {
    let arguments = [&["app", "sync", app.name(), "--timeout", "80"], flags].concat();
    env.argocd(&arguments).await?.text().map(drop)
}

/// Nothing of the Sync is left in the Kustomization.
async fn is_put_back(env: &TestEnv, app: &Application) -> Result<()> {
    env.wait_until("what the Sync had set is put back", PATIENCE, async || {
        let found = app.delivered(env, "Kustomization", app.name()).await?;
        let annotations = &found["metadata"]["annotations"];
        let is_back = annotations["flux-subsystem.dev/for-one-sync"].is_null()
            && found["spec"]["prune"] == false
            && (found["spec"]["force"].is_null() || found["spec"]["force"] == Value::Bool(false));
        Ok(is_back.then_some(()))
    })
    .await
}
