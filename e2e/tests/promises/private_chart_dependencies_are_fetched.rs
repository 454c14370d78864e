//! A chart in git takes other charts from repositories that only Argo CD has credentials for, or a name: they are fetched as
//! stock Argo CD fetches them, and the chart is a release of Helm's all the same.

use anyhow::Result;
use flux_subsystem_e2e::private::{LOGIN, Registry, RegistryOptions, TlsDoor};
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Chart, Repository, Stack, TestEnv};
use serde_json::Value;

use crate::applications::Application;
use crate::credentials::secret;

/// The chart that others depend on: one object.
const DB: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: db}\ndata: {size: {{ .Values.size | default 1 | quote }}}\n";
const FILES: [(&str, Option<&str>); 11] = [
    ("templates/db.yaml", Some(DB)),
    ("values.schema.json", None),
    ("templates/NOTES.txt", None),
    ("templates/_names.tpl", None),
    ("templates/deployment.yaml", None),
    ("templates/hook.yaml", None),
    ("templates/hpa.yaml", None),
    ("templates/service-account.yaml", None),
    ("templates/service.yaml", None),
    ("templates/settings.yaml", None),
    ("templates/tests/reachable.yaml", None),
];
const CHART: Chart<'static> = Chart { name: "db", version: "1.2.0", edits: &FILES };

/// A Helm repository with a password, which holds the chart; its name in the stack.
async fn charts(env: &TestEnv) -> Result<String> {
    let name = env.name("charts");
    env.sources().publish_chart(&name, &CHART).await?;
    env.sources().index_relative(&name).await?;
    env.sources().protect(Server::Helm, &name, LOGIN.0, LOGIN.1)?;
    Ok(name)
}

/// A chart in git that depends on it.
async fn shop(env: &TestEnv, repository: &str) -> Result<(Application, Repository)> {
    let chart = format!(
        "apiVersion: v2\nname: shop\nversion: 0.1.0\n\
         dependencies: [{{name: db, version: 1.x, repository: '{repository}'}}]\n"
    );
    let own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n";
    let files = [
        ("shop/Chart.yaml", Some(chart.as_str())),
        ("shop/values.yaml", Some("db: {size: 2}\n")),
        ("shop/templates/shop.yaml", Some(own)),
    ];
    let git = env.sources().create_repository(&env.name("shop"), &files).await?;
    Ok((Application::git(env, &git.url(), "shop", "main"), git))
}

async fn db(env: &TestEnv, app: &Application) -> Result<Value> {
    Ok(app.delivered(env, "ConfigMap", "db").await?["data"].clone())
}

/// A release with the objects of both.
async fn is_whole(env: &TestEnv, app: &Application) -> Result<()> {
    assert_eq!(db(env, app).await?["size"], "2");
    app.delivered(env, "ConfigMap", "shop").await?;
    let release = app.release(env).await?;
    assert!(release["chart"].as_str().unwrap_or_default().starts_with("shop-0.1.0+"), "{release}");
    Ok(())
}

fn login<'a>(url: &'a str, name: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("url", url), ("type", "helm"), ("name", name), ("username", LOGIN.0), ("password", LOGIN.1)]
}

#[tokio::test]
async fn from_a_repository_by_its_name() -> Result<()> {
    let env = Stack::shared().await?.test("dependency-name").await?;
    let url = env.sources().helm_url(&charts(&env).await?);
    let name = env.name("stable");
    let (app, git) = shop(&env, &format!("@{name}")).await?;
    app.apply(&env).await?;
    // Nobody knows the name yet.
    app.told(&env, "ComparisonError", &format!("failed running helm: `helm repo add {name}")).await?;
    secret(&env, "repository", "stable", &login(&url, &name)).await?;
    // The repo-server remembers failures, as ever.
    env.argocd(&["app", "get", app.name(), "--hard-refresh"]).await?.text()?;
    app.settled(&env).await?;
    is_whole(&env, &app).await?;

    let chart = format!(
        "apiVersion: v2\nname: shop\nversion: 0.1.0\n\
         dependencies: [{{name: db, version: 1.x, repository: 'alias:{name}'}}]\n"
    );
    let edits = [("shop/Chart.yaml", Some(chart.as_str())), ("shop/values.yaml", Some("db: {size: 3}\n"))];
    git.commit("main", &edits, "The other way of writing it").await?;
    env.wait_until("the commit is delivered", crate::applications::PATIENCE, async || {
        Ok((db(&env, &app).await?["size"] == "3").then_some(()))
    })
    .await?;
    app.settled(&env).await?;
    app.delete(&env).await
}

#[tokio::test]
async fn from_below_an_address_with_an_own_authority() -> Result<()> {
    let env = Stack::shared().await?.test("dependency-tls").await?;
    let plain = env.sources().helm_url(&charts(&env).await?);
    let target = plain.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let door = TlsDoor::open(target, false).await?;
    let url = door.url(&plain);
    let (app, _) = shop(&env, &url).await?;
    env.trust_certificate(&door.host(), &door.authority().pem()).await?;
    let all = url.trim_end_matches(|c| c != '/');
    let template = [("url", all), ("type", "helm"), ("username", LOGIN.0), ("password", LOGIN.1)];
    secret(&env, "repo-creds", "all", &template).await?;
    app.deliver(&env).await?;
    is_whole(&env, &app).await
}

#[tokio::test]
async fn from_a_registry_with_a_password() -> Result<()> {
    let env = Stack::shared().await?.test("dependency-oci").await?;
    let options = RegistryOptions { has_password: true, ..RegistryOptions::default() };
    let registry = Registry::start(env.stack(), options).await?;
    let repository = env.name("charts");
    env.sources().push_chart(&repository, &CHART).await?;
    let url = format!("{}/{repository}", registry.address());
    let name = env.name("registry");
    let data =
        [login(&url, &name).as_slice(), &[("enableOCI", "true"), ("insecureOCIForceHttp", "true")]].concat();
    secret(&env, "repository", "registry", &data).await?;
    let (app, _) = shop(&env, &format!("oci://{url}")).await?;
    app.deliver(&env).await?;
    is_whole(&env, &app).await
}
