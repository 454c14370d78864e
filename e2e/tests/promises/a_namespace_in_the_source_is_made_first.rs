//! A source that holds the destination namespace itself, and nobody who asks for it beside: a Sync makes it before everything
//! else, merely looking does not, and a cascade takes it away again.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;

const CHART: &str = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
const OPTIONS: [&str; 2] = ["FluxSubsystem=true", "AutoCreateFluxResources=true"];

/// An Application of a folder, or a chart, that holds its destination namespace and a `ConfigMap`.
async fn application(env: &TestEnv, path: &str) -> Result<Application> {
    let app = Application::git(env, "", path, "main").options(&OPTIONS);
    let objects = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}, labels: {{from: source}}}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: here}}\n",
        app.destination()
    );
    let files = [
        ("folder/all.yaml", Some(objects.as_str())),
        ("chart/Chart.yaml", Some(CHART)),
        ("chart/templates/all.yaml", Some(objects.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("own"), &files).await?;
    Ok(app.merge(&json!({ "spec": { "source": { "repoURL": repository.url() } } })))
}

async fn is_delivered(env: &TestEnv, app: &Application) -> Result<()> {
    let namespace = env.get("Namespace", "", app.destination()).await?.unwrap_or_default();
    assert_eq!(namespace["metadata"]["labels"]["from"], "source", "{namespace}");
    app.delivered(env, "ConfigMap", "here").await.map(drop)
}

/// Not before the namespace, as with stock Argo CD, and sooner than Flux would give up to wait for it (five minutes).
async fn goes(env: &TestEnv, app: &Application) -> Result<()> {
    app.delete(env).await?;
    assert_eq!(env.get("Namespace", "", app.destination()).await?, None, "the Application waits for it");
    Ok(())
}

async fn comes_and_goes(name: &str, path: &str) -> Result<()> {
    let env = Stack::shared().await?.test(&format!("own-ns-{name}")).await?;
    let app = application(&env, path).await?;
    app.deliver(&env).await?;
    is_delivered(&env, &app).await?;
    goes(&env, &app).await
}

#[tokio::test]
async fn of_a_folder() -> Result<()> {
    comes_and_goes("folder", "folder").await
}

#[tokio::test]
async fn of_a_chart() -> Result<()> {
    comes_and_goes("chart", "chart").await
}

/// The namespace, and with it what Helm knows of the chart, goes last: what the chart holds elsewhere is gone by then.
#[tokio::test]
async fn of_one_of_two_sources() -> Result<()> {
    let env = Stack::shared().await?.test("own-ns-two").await?;
    let (namespace, role) = (env.name("ns"), env.name("role"));
    let folder = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{from: source}}}}\n"
    );
    let chart = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: here}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {role}}}\n"
    );
    let files = [
        ("folder/all.yaml", Some(folder.as_str())),
        ("chart/Chart.yaml", Some(CHART)),
        ("chart/templates/all.yaml", Some(chart.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("own"), &files).await?;
    let source = |path| json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" });
    let app = Application::sources(&env, &[source("folder"), source("chart")]).options(&OPTIONS);
    assert_eq!(app.destination(), namespace);
    app.deliver(&env).await?;
    is_delivered(&env, &app).await?;
    assert!(env.get("ClusterRole", "", &role).await?.is_some());
    goes(&env, &app).await?;
    assert_eq!(env.get("ClusterRole", "", &role).await?, None);
    Ok(())
}

#[tokio::test]
async fn it_may_be_asked_for_as_well() -> Result<()> {
    let env = Stack::shared().await?.test("own-ns-both").await?;
    let app = application(&env, "folder").await?;
    let app = app.options(&["CreateNamespace=true", OPTIONS[0], OPTIONS[1]]);
    app.deliver(&env).await?;
    is_delivered(&env, &app).await?;
    goes(&env, &app).await
}

#[tokio::test]
async fn one_that_comes_later_is_seen_at_once() -> Result<()> {
    let env = Stack::shared().await?.test("own-ns-later").await?;
    let app = Application::git(&env, "", "folder", "main").options(&OPTIONS);
    let here = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: here}\n";
    let files = [("folder/here.yaml", Some(here))];
    let repository = env.sources().create_repository(&env.name("later"), &files).await?;
    let app = app.merge(&json!({ "spec": { "source": { "repoURL": repository.url() } } }));
    app.apply(&env).await?;
    app.told(&env, "SyncError", &format!("namespaces \"{}\" not found", app.destination())).await?;
    let namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}, labels: {{from: source}}}}\n",
        app.destination()
    );
    repository.commit("main", &[("folder/namespace.yaml", Some(&namespace))], "Bring it").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    let settled = app.settled(&env).await?;
    assert!(settled["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", settled["status"]);
    is_delivered(&env, &app).await?;
    goes(&env, &app).await
}

#[tokio::test]
async fn looking_makes_nothing() -> Result<()> {
    let env = Stack::shared().await?.test("own-ns-manual").await?;
    let app = application(&env, "folder").await?.manual();
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    let looked = env.application(app.name()).await?;
    assert_eq!(looked["status"]["health"]["status"], "Missing");
    let conditions = looked["status"]["conditions"].as_array().cloned().unwrap_or_default();
    assert_eq!(conditions, Vec::<Value>::new());
    assert!(env.get("Namespace", "", app.destination()).await?.is_none(), "nobody has synced");
    let synced = env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text()?;
    assert!(synced.contains("successfully synced (all tasks run)"), "{synced}");
    app.settled(&env).await?;
    is_delivered(&env, &app).await?;
    goes(&env, &app).await
}
