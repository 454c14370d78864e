//! Where a project restricts kinds, what the source would deliver is looked at before it is delivered.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::credentials::secret;
use crate::projects::{conditions, project, restrict};

/// Services may not be delivered.
fn no_services() -> Value {
    json!({ "namespaceResourceBlacklist": [{ "group": "", "kind": "Service" }] })
}

/// What is said of the last Sync.
async fn told(env: &TestEnv, app: &Application) -> Result<Vec<String>> {
    let lines = conditions(env, app).await?;
    Ok(lines.into_iter().filter(|line| line.starts_with("SyncError")).collect())
}

#[tokio::test]
async fn a_chart_is_refused_in_the_words_of_a_plain_application() -> Result<()> {
    let env = Stack::shared().await?.test("project-kind").await?;
    let project = project(&env, &no_services()).await?;
    // Stock Argo CD tries again for minutes otherwise, before it says that it failed.
    let once = json!({ "spec": { "syncPolicy": { "retry": { "limit": 0 } } } });
    let bridged = Application::chart(&env, "6.3.5").named(&env, "bridged").in_project(&project).merge(&once);
    let plain =
        Application::chart(&env, "6.3.5").named(&env, "plain").plain().in_project(&project).merge(&once);
    bridged.apply(&env).await?;
    plain.apply(&env).await?;
    let refused = bridged.told(&env, "SyncError", "resource :Service is not permitted in project").await?;
    assert_eq!(refused["status"]["sync"]["status"], "OutOfSync");
    let operation = &refused["status"]["operationState"];
    assert_eq!(operation["phase"], "Failed");
    let lines = operation["syncResult"]["resources"].as_array().context("no result")?;
    let line = lines.iter().find(|line| line["kind"] == "Service").context("no line for the Service")?;
    assert_eq!(line["status"], "SyncFailed");
    assert!(env.list("HelmRelease", bridged.destination()).await?.is_empty(), "nothing that would deliver");
    env.wait_until("both say the same", PATIENCE, async || {
        let (plain, bridged) = (told(&env, &plain).await?, told(&env, &bridged).await?);
        anyhow::ensure!(plain == bridged && !plain.is_empty(), "{plain:?}\n{bridged:?}");
        Ok(Some(()))
    })
    .await?;

    restrict(&env, &project, &json!({ "namespaceResourceBlacklist": null })).await?;
    let healed = bridged.settled(&env).await?;
    assert!(healed["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", healed["status"]);
    plain.delete(&env).await
}

#[tokio::test]
async fn a_branch_is_delivered_up_to_the_commit_that_brings_what_is_forbidden() -> Result<()> {
    let env = Stack::shared().await?.test("project-branch").await?;
    let project =
        project(&env, &json!({ "namespaceResourceBlacklist": [{ "group": "", "kind": "Secret" }] })).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main").in_project(&project);
    app.deliver(&env).await?;
    let permitted = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\n";
    let commit = repository.commit("main", &[("plain/more.yaml", Some(permitted))], "More").await?;
    app.wait(&env, "Synced at the new commit", |app| {
        app["status"]["sync"]["status"] == "Synced" && app["status"]["sync"]["revision"] == *commit
    })
    .await?;
    app.delivered(&env, "ConfigMap", "more").await?;

    let forbidden = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: forbidden\n";
    repository.commit("main", &[("plain/forbidden.yaml", Some(forbidden))], "Forbidden").await?;
    app.told(&env, "SyncError", "resource :Secret is not permitted in project").await?;
    assert!(env.get("Secret", app.destination(), "forbidden").await?.is_none());
    app.delivered(&env, "ConfigMap", "more").await?;

    let last = repository.commit("main", &[("plain/forbidden.yaml", None)], "Back").await?;
    app.wait(&env, "Synced at the last commit", |app| {
        let status = &app["status"];
        status["sync"]["status"] == "Synced"
            && status["sync"]["revision"] == *last
            && status["health"]["status"] == "Healthy"
            && status["conditions"].as_array().is_none_or(Vec::is_empty)
    })
    .await
    .map(drop)
}

#[tokio::test]
async fn without_the_repo_server_nothing_new_is_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("no-repo-server").await?.with_control_namespace("10s").await?;
    let bridge = flux_subsystem_e2e::BridgeOptions {
        // Nobody listens there.
        arguments: vec!["--repo-server=127.0.0.1:1".to_owned()],
        ..flux_subsystem_e2e::BridgeOptions::serving(&env.control)
    };
    let _bridge = env.stack().bridge(bridge).await?;
    let project = project(&env, &no_services()).await?;
    let app = Application::chart(&env, "6.3.5").in_project(&project);
    app.apply(&env).await?;
    app.told(
        &env,
        "ComparisonError",
        "failed to generate manifest for source 1 of 1: rpc error: code = Unavailable",
    )
    .await?;
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none());
    restrict(&env, &project, &json!({ "namespaceResourceBlacklist": null })).await?;
    app.settled(&env).await.map(drop)
}

/// Argo CD's repo-server is told of the sources that value files name, and fetches those with their own credentials.
#[tokio::test]
async fn values_of_another_repository_decide_what_is_refused() -> Result<()> {
    let env = Stack::shared().await?.test("project-ref").await?;
    let kind = json!({ "group": "autoscaling", "kind": "HorizontalPodAutoscaler" });
    let project = project(&env, &json!({ "namespaceResourceBlacklist": [kind] })).await?;
    let values = "replicaCount: 2\n";
    let name = env.name("values");
    let repository = env.sources().create_repository(&name, &[("prod.yaml", Some(values))]).await?;
    env.sources().protect(Server::Git, &name, "me", "hunter2")?;
    let login =
        [("url", repository.url()), ("username", "me".to_owned()), ("password", "hunter2".to_owned())];
    secret(&env, "repository", "values", &login.each_ref().map(|(key, value)| (*key, value.as_str())))
        .await?;
    let chart = json!({
        "repoURL": env.sources().helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5",
        "helm": {
            "valueFiles": ["$values/prod.yaml"],
            "fileParameters": [{ "name": "ui.message", "path": "$values/prod.yaml" }],
        },
    });
    let referred = json!({ "repoURL": repository.url(), "targetRevision": "main", "ref": "values" });
    let app = Application::sources(&env, &[chart, referred]).in_project(&project);
    app.deliver(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1");

    let forbidden = "replicaCount: 2\nhpa: {enabled: true}\n";
    repository.commit("main", &[("prod.yaml", Some(forbidden))], "Scale").await?;
    let what = "resource autoscaling:HorizontalPodAutoscaler is not permitted in project";
    app.told(&env, "SyncError", what).await?;
    assert!(env.list("HorizontalPodAutoscaler", app.destination()).await?.is_empty());
    assert_eq!(app.release(&env).await?["revision"], "1");
    Ok(())
}
