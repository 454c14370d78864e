//! A refresh fetches the sources anew and is answered by the end of its annotation, also when a repository is down.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Server, Stack, TestEnv};

use crate::applications::Application;

/// Far longer than any test: what is seen anew was asked for.
const POLL: &str = "3600s";

#[tokio::test]
async fn a_refresh_finds_what_polling_would_find_later() -> Result<()> {
    let env = Stack::shared().await?.test("refresh").await?.with_control_namespace(POLL).await?;
    let _bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    // HEAD: the bridge asks the repository itself which branch that is.
    let app = Application::git(&env, &repository.url(), "plain", "HEAD");
    app.deliver(&env).await?;
    for refresh in ["normal", "hard"] {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {refresh}\n");
        let commit =
            repository.commit("main", &[(&format!("plain/{refresh}.yaml"), Some(&text))], refresh).await?;
        ask(&env, &app, refresh).await?;
        app.wait(&env, "at the new commit, its refresh answered", |app| {
            app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
                && app["status"]["sync"]["revision"] == commit
        })
        .await?;
        app.settled(&env).await?;
        app.delivered(&env, "ConfigMap", refresh).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_refresh_is_answered_though_the_repository_is_down() -> Result<()> {
    let env = Stack::shared().await?.test("refresh-down").await?.with_control_namespace(POLL).await?;
    let _bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let fleet = env.name("fleet");
    let repository = env.sources().create_fleet(&fleet).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main");
    app.deliver(&env).await?;
    env.sources().take_down(Server::Git, &fleet)?;
    ask(&env, &app, "normal").await?;
    let answered = app
        .wait(&env, "answered, and told that the repository is down", |app| {
            app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
                && app["status"]["sync"]["status"] == "Unknown"
        })
        .await?;
    assert!(
        answered["status"]["conditions"].to_string().contains("503"),
        "{}",
        answered["status"]["conditions"]
    );
    env.sources().bring_up(Server::Git, &fleet)?;
    ask(&env, &app, "normal").await?;
    app.settled(&env).await?;
    Ok(())
}

#[tokio::test]
async fn the_argocd_cli_gets_its_answer() -> Result<()> {
    let env = Stack::shared().await?.test("refresh-cli").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main");
    app.deliver(&env).await?;
    for flag in ["--refresh", "--hard-refresh"] {
        let requested = requested(&env, &app).await?;
        let commit = repository.commit("main", &[], flag).await?;
        let shown = env.argocd(&["app", "get", app.name(), flag, "-o", "json"]).await?.json()?;
        assert_eq!(shown["status"]["sync"]["revision"], commit, "{flag}");
        assert_ne!(self::requested(&env, &app).await?, requested, "{flag}: the source was not asked");
    }
    Ok(())
}

async fn ask(env: &TestEnv, app: &Application, refresh: &str) -> Result<()> {
    let annotation = format!("argocd.argoproj.io/refresh={refresh}");
    env.kubectl(&["annotate", "application", app.name(), "-n", &env.control, &annotation])
        .await?
        .text()
        .map(drop)
}

/// What the source was last asked with.
async fn requested(env: &TestEnv, app: &Application) -> Result<String> {
    let source = app.delivered(env, "GitRepository", app.name()).await?;
    Ok(source["status"]["lastHandledReconcileAt"].to_string())
}
