//! `automated.prune` without `allowEmpty`: a revision that builds to nothing is not rolled out, in stock Argo CD's words;
//! whoever asks for it by hand, or allows it, gets it.

use anyhow::Result;
use flux_subsystem_e2e::{Repository, Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

const SKIPPED: &str = "auto-sync will wipe out all resources";

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

/// A kustomization of two ConfigMaps and of what Flux waits for before it applies anything else, delivered; and how to
/// empty it.
async fn delivered(env: &TestEnv) -> Result<(Application, Repository)> {
    let class = format!(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: {0}\nvalue: 1\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {0}\nrules: []\n",
        env.name("definition"),
    );
    let files = [
        ("objects/a.yaml", Some(map("a"))),
        ("objects/b.yaml", Some(map("b"))),
        ("objects/definitions.yaml", Some(class)),
        ("objects/kustomization.yaml", Some("resources: [a.yaml, b.yaml, definitions.yaml]\n".to_owned())),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let policy = json!({"spec": {"syncPolicy": {"automated": {"prune": true}}}});
    let app = Application::git(env, &repository.url(), "objects", "main").merge(&policy);
    app.deliver(env).await?;
    app.delivered(env, "ConfigMap", "a").await?;
    Ok((app, repository))
}

#[tokio::test]
async fn what_builds_to_nothing_is_not_rolled_out() -> Result<()> {
    let env = Stack::shared().await?.test("never-empty").await?;
    let (app, repository) = delivered(&env).await?;
    let before = app.delivered(&env, "ConfigMap", "a").await?;
    let path = "objects/kustomization.yaml";
    let empty = repository.commit("main", &[(path, Some("resources: []\n"))], "nothing").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    let told = app.told(&env, "SyncError", SKIPPED).await?;
    assert_eq!(told["status"]["sync"]["status"], "OutOfSync", "{}", told["status"]);
    assert_eq!(told["status"]["sync"]["revision"], *empty);
    assert_ne!(told["status"]["operationState"]["syncResult"]["revision"], *empty, "no operation began");
    let after = app.delivered(&env, "ConfigMap", "a").await?;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);

    // Whatever is left is rolled out, and what left is pruned.
    let rest = repository.commit("main", &[(path, Some("resources: [b.yaml]\n"))], "one is left").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.wait(&env, "at what is left", |app| {
        app["status"]["sync"]["status"] == "Synced" && app["status"]["sync"]["revision"] == *rest
    })
    .await?;
    assert!(env.get("ConfigMap", app.destination(), "a").await?.is_none());
    app.delivered(&env, "ConfigMap", "b").await?;
    Ok(())
}

#[tokio::test]
async fn who_allows_or_asks_for_it_gets_it() -> Result<()> {
    let env = Stack::shared().await?.test("empty-asked").await?;
    let (app, repository) = delivered(&env).await?;
    let gone = async |name: &str| {
        env.wait_until("everything is gone", PATIENCE, async || {
            Ok(env.get("ConfigMap", app.destination(), name).await?.is_none().then_some(()))
        })
        .await
    };
    let path = "objects/kustomization.yaml";
    repository.commit("main", &[(path, Some("resources: []\n"))], "nothing").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.told(&env, "SyncError", SKIPPED).await?;
    env.argocd(&["app", "sync", app.name(), "--prune"]).await?.text()?;
    gone("a").await?;

    repository.commit("main", &[(path, Some("resources: [a.yaml]\n"))], "back again").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    app.delivered(&env, "ConfigMap", "a").await?;
    env.argocd(&["app", "set", app.name(), "--allow-empty"]).await?.text()?;
    app.settled(&env).await?;
    repository.commit("main", &[(path, Some("resources: []\n"))], "nothing again").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    gone("a").await?;
    let kustomizations =
        env.kubectl(&["get", "kustomizations", "-n", app.destination(), "-o", "name"]).await?;
    assert_eq!(kustomizations.text()?.lines().count(), 1, "the guard is gone, too");
    Ok(())
}

#[tokio::test]
async fn a_chart_that_renders_to_nothing_is_not_rolled_out() -> Result<()> {
    let env = Stack::shared().await?.test("empty-chart").await?;
    let chart = "apiVersion: v2\nname: maps\nversion: 1.0.0\n";
    let files = [("c/Chart.yaml", Some(chart.to_owned())), ("c/templates/a.yaml", Some(map("a")))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
    let repository = env.sources().create_repository(&env.name("chart"), &files).await?;
    let policy = json!({"spec": {"syncPolicy": {"automated": {"prune": true, "allowEmpty": false}}}});
    let app = Application::git(&env, &repository.url(), "c", "main").merge(&policy);
    app.deliver(&env).await?;
    app.delivered(&env, "ConfigMap", "a").await?;
    repository.commit("main", &[("c/templates/a.yaml", Some("# nothing\n"))], "nothing").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.told(&env, "SyncError", SKIPPED).await?;
    app.delivered(&env, "ConfigMap", "a").await?;
    Ok(())
}
