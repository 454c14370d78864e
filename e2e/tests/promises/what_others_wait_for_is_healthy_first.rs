//! Where an order asks for it, Flux waits for the health of what it delivers: `dependsOn`, and hooks that run last.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};
use crate::broken;

/// Takes `broken`'s Pod to a Node.
const MENDED: (&str, &str) = ("nodeSelector: {disk: none}", "nodeSelector: {}");

fn settings(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\ndata: {{a: b}}\n"
    )
}

async fn is_there(env: &TestEnv, app: &Application, name: &str) -> Result<bool> {
    Ok(env.get("ConfigMap", app.destination(), name).await?.is_some())
}

#[tokio::test]
async fn what_depends_on_another_application_comes_after_it() -> Result<()> {
    let env = Stack::shared().await?.test("depends").await?;
    let after = settings("after", "");
    let files = [("first/web.yaml", Some(broken::DEPLOYMENT)), ("second/after.yaml", Some(after.as_str()))];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    // Soon enough for Flux to give up within this test.
    let first = Application::git(&env, &repository.url(), "first", "main")
        .named(&env, "first")
        .annotation("flamingo/kustomize-override", "spec: {timeout: 5s}");
    let second = Application::git(&env, &repository.url(), "second", "main").named(&env, "second");
    let order =
        format!("spec: {{dependsOn: [{{name: {}, namespace: {}}}]}}", first.name(), first.destination());
    let second = second.annotation("flamingo/kustomize-override", &order);
    second.apply(&env).await?;
    env.wait_until("the second one waits", PATIENCE, async || {
        Ok(env.get("Kustomization", second.destination(), second.name()).await?.map(drop))
    })
    .await?;
    first.apply(&env).await?;
    env.wait_until("Flux waits for the first one", PATIENCE, async || {
        let kustomization = first.delivered(&env, "Kustomization", first.name()).await?;
        ensure!(kustomization["spec"]["wait"] == true, "{}", kustomization["spec"]);
        first.delivered(&env, "Deployment", "web").await.map(|_| Some(()))
    })
    .await?;
    first.failed(&env).await?;
    assert!(!is_there(&env, &second, "after").await?, "delivered before what it depends on is healthy");

    let mended = broken::DEPLOYMENT.replace(MENDED.0, MENDED.1);
    repository.commit("main", &[("first/web.yaml", Some(mended.as_str()))], "Mend").await?;
    env.argocd(&["app", "get", first.name(), "--refresh"]).await?.text()?;
    first.settled(&env).await?;
    second.settled(&env).await?;
    assert!(is_there(&env, &second, "after").await?);
    Ok(())
}

#[tokio::test]
async fn a_hook_that_runs_last_runs_once_the_rest_is_healthy() -> Result<()> {
    let env = Stack::shared().await?.test("last-hook").await?;
    let hook = settings("hooked", "helm.sh/hook: 'post-install,post-upgrade'");
    let chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
    let files = [
        ("app/Chart.yaml", Some(chart)),
        ("app/templates/web.yaml", Some(broken::DEPLOYMENT)),
        ("app/templates/hook.yaml", Some(hook.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let app = Application::git(&env, &repository.url(), "app", "main");
    let app = app.annotation("flamingo/helmrelease-override", "spec: {timeout: 5s}");
    app.apply(&env).await?;
    env.wait_until("its Deployment is there", PATIENCE, async || {
        Ok(env.get("Deployment", app.destination(), "web").await?.map(drop))
    })
    .await?;
    app.failed(&env).await?;
    assert!(!is_there(&env, &app, "hooked").await?, "run before the rest is healthy");

    let mended = broken::DEPLOYMENT.replace(MENDED.0, MENDED.1);
    repository.commit("main", &[("app/templates/web.yaml", Some(mended.as_str()))], "Mend").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    assert!(is_there(&env, &app, "hooked").await?);
    Ok(())
}
