//! Whatever a bridge asks may stand still: a chart that is edited is delivered all the same, and Applications that hang are refreshed,
//! synced, terminated and deleted.

use std::time::Duration;

use anyhow::Result;
use flux_subsystem_e2e::private::Relay;
use flux_subsystem_e2e::{Bridge, BridgeOptions, Repository, Stack, TestEnv};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::applications::Application;

/// How many Applications hang.
const HANGING: usize = 20;
/// Shorter than what anything is waited for that stands still (a minute, and longer).
const SOON: Duration = Duration::from_secs(40);

#[tokio::test]
async fn argo_cds_repo_server() -> Result<()> {
    let env = Stack::shared().await?.test("hangs-repo").await?.with_control_namespace("3600s").await?;
    let relay = Relay::to(&env.stack().state().address("argocd-repo-server")).await?;
    let repo_server = format!("--repo-server={}", relay.address());
    let _bridge = bridge(&env, vec![repo_server], Vec::new()).await?;
    let repository = repository(&env, "map.jsonnet", |name| {
        format!("{{ apiVersion: 'v1', kind: 'ConfigMap', metadata: {{ name: '{name}' }} }}")
    })
    .await?;
    let hanging = all(&env, |env, path| Application::git(env, &repository.url(), path, "main"));
    let chart = Application::chart(&env, "6.3.5").named(&env, "plain");
    for app in hanging.iter().chain([&chart]) {
        app.apply(&env).await?;
    }
    for app in hanging.iter().chain([&chart]) {
        app.settled(&env).await?;
    }
    relay.freeze(true);
    let other = json!({ "spec": { "source": { "directory": { "jsonnet": { "libs": ["lib"] } } } } });
    is_terminated(&env, Application::git(&env, &repository.url(), "deploy", "main").merge(&other)).await?;
    for app in &hanging {
        refresh(&env, app, "hard").await?;
    }
    others_go_on(&env, &chart, &hanging).await?;
    for app in hanging.iter().skip(3) {
        is_refreshed(&env, app).await?;
    }
    let last = &hanging[HANGING - 1];
    let late = |app: &Value| told(app, "ComparisonError", "Argo CD's repo-server has not answered since");
    until(&env, last, "told what it waits for", late).await?;
    assert_eq!(env.application(last.name()).await?["status"]["health"]["status"], "Healthy");
    relay.freeze(false);
    for app in hanging.iter().skip(3) {
        app.wait(&env, "free of errors", |app| !told(app, "ComparisonError", "")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_artifact_server_of_flux() -> Result<()> {
    let env = Stack::shared().await?.test("hangs-artifacts").await?.with_control_namespace("3600s").await?;
    let relay = Relay::to(&env.stack().state().address("source-controller")).await?;
    let proxy = ("http_proxy".to_owned(), format!("http://{}", relay.address()));
    let bridge = bridge(&env, Vec::new(), vec![proxy]).await?;
    let repository = repository(&env, "map.yaml", |name| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
    })
    .await?;
    // A commit needs no list of refs, which would take the same way.
    let commit = repository.resolve("main").await?;
    let hanging = all(&env, |env, path| Application::git(env, &repository.url(), path, &commit));
    let chart = Application::chart(&env, "6.3.5").named(&env, "plain");
    chart.deliver(&env).await?;
    relay.freeze(true);
    for app in &hanging {
        app.apply(&env).await?;
    }
    env.wait_until("artifacts are asked for", SOON, async || {
        Ok((bridge.metric("flux_subsystem_lookups_in_flight", &[]).await? > 0.5).then_some(()))
    })
    .await?;
    others_go_on(&env, &chart, &hanging).await?;
    is_terminated(&env, Application::git(&env, &repository.url(), "deploy", &commit)).await?;
    relay.freeze(false);
    hanging[HANGING - 1].settled(&env).await.map(drop)
}

#[tokio::test]
async fn a_git_host_that_takes_connections_and_never_answers() -> Result<()> {
    let env = Stack::shared().await?.test("hangs-git").await?.with_control_namespace("3600s").await?;
    let _bridge = bridge(&env, Vec::new(), Vec::new()).await?;
    let host = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/team/app.git", host.local_addr()?);
    let hanging = all(&env, |env, path| Application::git(env, &url, path, "HEAD"));
    let chart = Application::chart(&env, "6.3.5").named(&env, "plain");
    chart.deliver(&env).await?;
    for app in &hanging {
        app.apply(&env).await?;
    }
    is_terminated(&env, Application::git(&env, &format!("{url}2"), "deploy", "HEAD")).await?;
    others_go_on(&env, &chart, &hanging).await
}

async fn bridge(env: &TestEnv, arguments: Vec<String>, variables: Vec<(String, String)>) -> Result<Bridge> {
    let options = BridgeOptions { arguments, variables, ..BridgeOptions::serving(&env.control) };
    env.stack().bridge(options).await
}

/// All of them in one namespace, each with a path of its own.
fn all(env: &TestEnv, one: impl Fn(&TestEnv, &str) -> Application) -> Vec<Application> {
    let together = json!({ "spec": { "destination": { "namespace": env.name("hangs-ns") } } });
    let named = |number: usize| one(env, &folder(number)).named(env, &format!("hangs-{number}"));
    (0..HANGING).map(|number| named(number).merge(&together)).collect()
}

fn folder(number: usize) -> String {
    format!("deploy-{number}")
}

/// A repository with a folder for each Application that hangs, and one for the one that is terminated.
async fn repository(env: &TestEnv, file: &str, text: impl Fn(&str) -> String) -> Result<Repository> {
    let folders = (0..HANGING).map(folder).chain(["deploy".to_owned()]);
    let files: Vec<_> = folders.map(|folder| (format!("{folder}/{file}"), text(&folder))).collect();
    let edits: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    env.sources().create_repository(&env.name("maps"), &edits).await
}

/// A chart is edited; of those that hang one is deleted.
async fn others_go_on(env: &TestEnv, chart: &Application, hanging: &[Application]) -> Result<()> {
    chart.clone().parameter("replicaCount", "2").apply(env).await?;
    env.wait_until("the edit is a Helm revision", SOON, async || {
        Ok((chart.release(env).await?["revision"] == "2").then_some(()))
    })
    .await?;
    let [deleted, ..] = hanging else { anyhow::bail!("too few hang") };
    env.kubectl(&["delete", "application", deleted.name(), "-n", &env.control, "--wait=false"])
        .await?
        .text()?;
    env.wait_until("the one that was deleted is gone", SOON, async || {
        Ok(env.get("Application", &env.control, deleted.name()).await?.is_none().then_some(()))
    })
    .await?;
    Ok(())
}

/// One more that hangs is synced from its first moment, and told to stop while it waits.
async fn is_terminated(env: &TestEnv, app: Application) -> Result<()> {
    let sync = json!({ "operation": { "sync": {}, "initiatedBy": { "username": "somebody" } } });
    let app = app.named(env, "stops").manual().merge(&sync);
    app.apply(env).await?;
    until(env, &app, "syncing", |app| app["status"]["operationState"]["phase"] == "Running").await?;
    let stop = json!({ "status": { "operationState": { "phase": "Terminating" } } });
    env.patch("Application", &env.control, app.name(), &stop).await?;
    until(env, &app, "without an operation", |app| {
        let message = app["status"]["operationState"]["message"].as_str();
        app["operation"].is_null() && message.is_some_and(|said| said.starts_with("Operation terminated"))
    })
    .await
}

async fn refresh(env: &TestEnv, app: &Application, kind: &str) -> Result<()> {
    let change = json!({ "metadata": { "annotations": { "argocd.argoproj.io/refresh": kind } } });
    env.patch("Application", &env.control, app.name(), &change).await.map(drop)
}

async fn is_refreshed(env: &TestEnv, app: &Application) -> Result<()> {
    let is_done = |app: &Value| app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null();
    until(env, app, "refreshed", is_done).await
}

async fn until(env: &TestEnv, app: &Application, what: &str, check: impl Fn(&Value) -> bool) -> Result<()> {
    env.wait_until(&format!("Application {} is {what}", app.name()), SOON, async || {
        let app = env.application(app.name()).await?;
        if check(&app) { Ok(Some(())) } else { Err(anyhow::anyhow!("{}", app["status"])) }
    })
    .await
}

fn told(app: &Value, kind: &str, words: &str) -> bool {
    let conditions = app["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        condition["type"] == kind && condition["message"].as_str().is_some_and(|said| said.contains(words))
    })
}
