//! An OCI artifact may hold a chart in a folder, a chart as it is, or be a packed chart of which only a part is wanted: what
//! `path` names is delivered as a release, as stock Argo CD would render it.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::credentials::secret;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 0.1.0\n";
const SETTINGS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: {{ .Values.colour }}}\n";
const VALUES: &str = "colour: red\n";

/// Tells Argo CD that the registry speaks HTTP.
async fn plain_http(env: &TestEnv, url: &str) -> Result<()> {
    let data = [("url", url), ("type", "oci"), ("insecureOCIForceHttp", "true")];
    secret(env, "repo-creds", "plain", &data).await.map(drop)
}

async fn colour(env: &TestEnv, app: &Application) -> Result<Value> {
    Ok(app.delivered(env, "ConfigMap", "settings").await?["data"]["colour"].clone())
}

/// Where the release takes its chart from: kind, name and namespace.
async fn chart_ref(env: &TestEnv, app: &Application) -> Result<Value> {
    Ok(app.delivered(env, "HelmRelease", app.name()).await?["spec"]["chartRef"].clone())
}

#[tokio::test]
async fn in_a_folder_and_as_it_is() -> Result<()> {
    let env = Stack::shared().await?.test("artifact-chart").await?;
    let (sources, repository) = (env.sources(), env.name("platform"));
    let url = sources.oci_url(&repository);
    plain_http(&env, &url).await?;
    let in_folder = [
        ("charts/web/Chart.yaml", Some(CHART)),
        ("charts/web/values.yaml", Some(VALUES)),
        ("charts/web/templates/settings.yaml", Some(SETTINGS)),
        ("plain.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n")),
    ];
    sources.push_artifact(&repository, "1.0.0", &in_folder).await?;
    let source = json!({"repoURL": url, "path": "charts/web", "targetRevision": "1.x", "helm": {"releaseName": "press"}});
    let app = Application::of(&env, &source);
    let status = app.deliver(&env).await?["status"].clone();
    assert_eq!((&status["sourceType"], &colour(&env, &app).await?), (&json!("Helm"), &json!("red")));
    assert_eq!(app.release(&env).await?["name"], "press");
    assert!(env.get("ConfigMap", app.destination(), "plain").await?.is_none(), "it is not in the path");
    let first = status["sync"]["revision"].as_str().unwrap_or_default().to_owned();
    assert!(first.starts_with("sha256:"), "{first}");

    // A newer artifact is the next revision of the release …
    let newer = [in_folder[0], ("charts/web/values.yaml", Some("colour: blue\n")), in_folder[2]];
    let second = sources.push_artifact(&repository, "1.1.0", &newer).await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    env.wait_until("the newer artifact is delivered", PATIENCE, async || {
        Ok((colour(&env, &app).await? == "blue").then_some(()))
    })
    .await?;
    assert_eq!(app.settled(&env).await?["status"]["sync"]["revision"], *second);
    assert_eq!(app.release(&env).await?["revision"], "2");

    // … and so is one that is nothing but the chart, where the Application follows.
    let bare = [
        ("Chart.yaml", Some(CHART)),
        ("values.yaml", Some("colour: green\n")),
        ("templates/settings.yaml", Some(SETTINGS)),
    ];
    sources.push_artifact(&repository, "2.0.0", &bare).await?;
    let app = app.merge(&json!({"spec": {"source": {"path": ".", "targetRevision": "2.0.0"}}}));
    app.deliver(&env).await?;
    assert_eq!(colour(&env, &app).await?, "green");
    assert_eq!(app.release(&env).await?["name"], "press");
    app.delete(&env).await
}

#[tokio::test]
async fn a_folder_that_holds_a_chart_is_not_one() -> Result<()> {
    let env = Stack::shared().await?.test("artifact-folder").await?;
    let repository = env.name("only");
    let url = env.sources().oci_url(&repository);
    plain_http(&env, &url).await?;
    // As a packed chart looks, but for its media type.
    let files = [
        ("web/Chart.yaml", Some(CHART)),
        ("web/values.yaml", Some(VALUES)),
        ("web/templates/settings.yaml", Some(SETTINGS)),
    ];
    env.sources().push_artifact(&repository, "1.0.0", &files).await?;
    let source =
        json!({"repoURL": url, "path": ".", "targetRevision": "1.0.0", "helm": {"releaseName": "press"}});
    let app = Application::of(&env, &source);
    app.apply(&env).await?;
    app.told(&env, "ComparisonError", "Chart.yaml: no such file or directory").await?;
    app.merge(&json!({"spec": {"source": {"path": "web"}}})).deliver(&env).await?;
    Ok(())
}

#[tokio::test]
async fn in_a_packed_chart() -> Result<()> {
    let env = Stack::shared().await?.test("artifact-part").await?;
    let repository = env.name("charts");
    let parameters = "helm: {parameters: [{name: color, value: violet}]}\n";
    let edits = [
        ("values.schema.json", None),
        ("charts/web/Chart.yaml", Some(CHART)),
        ("charts/web/values.yaml", Some(VALUES)),
        ("charts/web/templates/settings.yaml", Some(SETTINGS)),
        ("extra/plain.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n")),
        (
            "templates/printed.yaml",
            Some(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: printed}\ndata: {color: {{ .Values.color | quote }}}\n",
            ),
        ),
        (".argocd-source.yaml", Some(parameters)),
    ];
    env.sources().push_chart(&repository, &Chart { name: "shop", version: "1.0.0", edits: &edits }).await?;
    let url = env.sources().oci_url(&format!("{repository}/shop"));
    plain_http(&env, &url).await?;
    let of =
        |path: &str| Application::of(&env, &json!({"repoURL": url, "path": path, "targetRevision": "1.0.0"}));

    // The whole of it is what Flux reads itself, with what the chart says of its source.
    let whole = of(".").merge(&json!({"spec": {"source": {"helm": {"valuesObject": {"replicaCount": 1}}}}}));
    whole.deliver(&env).await?;
    assert_eq!(chart_ref(&env, &whole).await?, json!({"kind": "OCIRepository", "name": whole.name()}));
    assert!(whole.release(&env).await?["chart"].as_str().unwrap_or_default().starts_with("shop-1.0.0+"));
    assert_eq!(whole.delivered(&env, "ConfigMap", "printed").await?["data"]["color"], "violet");

    let part = of("charts/web").named(&env, "part");
    assert_eq!(part.deliver(&env).await?["status"]["sourceType"], "Helm");
    assert_eq!(colour(&env, &part).await?, "red");
    assert!(part.release(&env).await?["chart"].as_str().unwrap_or_default().starts_with("web-1.0.0+"));

    let plain = of("extra").named(&env, "plain");
    assert_eq!(plain.deliver(&env).await?["status"]["sourceType"], "Directory");
    plain.delivered(&env, "ConfigMap", "plain").await?;
    Ok(())
}
