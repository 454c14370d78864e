//! `argocd app wait` in each of its forms, and the commands that edit an Application: `set`, `unset`, `patch`, `history`,
//! `manifests`.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::Application;

#[tokio::test]
async fn wait_ends_when_what_it_waits_for_is_there() -> Result<()> {
    let env = Stack::shared().await?.test("wait").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    let release = format!("helm.toolkit.fluxcd.io:HelmRelease:{}", app.name());
    wait(&env, &app, &["--sync", "--health", "--operation"]).await?;
    wait(&env, &app, &["--operation"]).await?;
    wait(&env, &app, &["--sync"]).await?;
    wait(&env, &app, &["--health", "--resource", &release]).await?;

    let flux = async |verb| {
        env.flux(&[verb, "helmrelease", app.name(), "-n", app.destination()]).await?.text().map(drop)
    };
    flux("suspend").await?;
    wait(&env, &app, &["--suspended"]).await?;
    flux("resume").await?;
    wait(&env, &app, &["--health"]).await?;

    let broken = app.clone().parameter("progressDeadlineSeconds", "3");
    broken.parameter("nodeSelector.disk", "none").apply(&env).await?;
    wait(&env, &app, &["--degraded"]).await?;
    let late = env.argocd(&["app", "wait", app.name(), "--health", "--timeout", "3"]).await?;
    assert!(!late.ok() && late.stderr.contains("timed out"), "{late:?}");

    env.argocd(&["app", "delete", app.name(), "--yes", "--wait=false"]).await?.text()?;
    wait(&env, &app, &["--delete"]).await?;
    assert!(env.get("Application", &env.control, app.name()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn set_unset_and_patch_change_what_is_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("set").await?;
    let app = Application::chart(&env, "6.3.5").manual();
    app.apply(&env).await?;
    let printed = env.argocd(&["app", "sync", app.name(), "--async"]).await?.text()?;
    assert!(!printed.contains("Succeeded"), "{printed}");
    wait(&env, &app, &["--operation"]).await?;

    env.argocd(&["app", "set", app.name(), "-p", "replicaCount=2"]).await?.text()?;
    sync(&env, &app).await?;
    assert_eq!(replicas(&env, &app).await?, 2);
    env.argocd(&["app", "unset", app.name(), "-p", "replicaCount"]).await?.text()?;
    sync(&env, &app).await?;
    assert_eq!(replicas(&env, &app).await?, 1);
    let patch = r#"{"spec": {"source": {"helm": {"valuesObject": {"replicaCount": 3}}}}}"#;
    env.argocd(&["app", "patch", app.name(), "--type", "merge", "--patch", patch]).await?.text()?;
    sync(&env, &app).await?;
    assert_eq!(replicas(&env, &app).await?, 3);

    let history = env.argocd(&["app", "history", app.name()]).await?.text()?;
    assert_eq!(history.lines().filter(|line| line.starts_with(char::is_numeric)).count(), 4, "{history}");
    let manifests = env.argocd(&["app", "manifests", app.name()]).await?.text()?;
    assert!(manifests.contains("kind: HelmRelease"), "{manifests}");
    Ok(())
}

async fn wait(env: &TestEnv, app: &Application, flags: &[&str]) -> Result<()> {
    let arguments = [&["app", "wait", app.name(), "--timeout", "80"], flags].concat();
    env.argocd(&arguments).await?.text().map(drop)
}

async fn sync(env: &TestEnv, app: &Application) -> Result<()> {
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text().map(drop)
}

async fn replicas(env: &TestEnv, app: &Application) -> Result<u64> {
    let deployment = app.delivered(env, "Deployment", &crate::observations::podinfo(app)).await?;
    Ok(deployment["spec"]["replicas"].as_u64().unwrap_or(0))
}
