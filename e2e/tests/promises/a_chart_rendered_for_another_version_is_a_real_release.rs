//! A chart that says for which Kubernetes, with which APIs and in which namespace it is rendered is rendered so, and is a real
//! release of Helm's all the same: it can be listed and read, upgraded, rolled back and uninstalled, and its hooks are run.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Chart, Repository, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

const CHART: &str = "apiVersion: v2\nname: printer\nversion: 1.2.3\nappVersion: '4.5'\n";
const SETTINGS: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  version: {{ .Capabilities.KubeVersion.Version }}
  monitoring: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" | quote }}
  namespace: {{ .Release.Namespace }}
  colour: {{ .Values.colour }}
  user: {{ .Values.user | quote }}
  file: {{ .Values.file | default "" | quote }}
  literal: {{ "{{ .Values.colour }} }}" | quote }}
"#;
const HOOK: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: hooked
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": before-hook-creation}
data: {colour: {{ .Values.colour }}}
"#;
const DEFINITION: &str = r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: inks.GROUP}
spec:
  group: GROUP
  names: {kind: Ink, plural: inks, singular: ink}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";
const INK: &str = "apiVersion: GROUP/v1\nkind: Ink\nmetadata: {name: black}\n";

/// Renders for something else than what it is delivered to.
fn elsewhere() -> Value {
    json!({ "releaseName": "press", "kubeVersion": "1.30.0", "apiVersions": ["monitoring.coreos.com/v1"],
            "namespace": "elsewhere" })
}

async fn settings(env: &TestEnv, app: &Application) -> Result<Value> {
    Ok(app.delivered(env, "ConfigMap", "settings").await?["data"].clone())
}

async fn colour_becomes(env: &TestEnv, app: &Application, colour: &str) -> Result<()> {
    env.wait_until(&format!("the colour is {colour}"), PATIENCE, async || {
        Ok((settings(env, app).await?["colour"] == colour).then_some(()))
    })
    .await
}

async fn sync(env: &TestEnv, app: &Application) -> Result<()> {
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text().map(drop)
}

/// The release that Helm lists in the namespace that is delivered to.
async fn listed(env: &TestEnv, app: &Application) -> Result<Value> {
    let releases = env.helm(&["list", "-n", app.destination(), "-o", "json"]).await?.json()?;
    releases.get(0).cloned().context("helm lists nothing")
}

#[tokio::test]
async fn a_chart_in_git_comes_and_goes() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-chart").await?;
    let group = format!("{}.example.org", env.name("ink"));
    let (definition, ink) = (DEFINITION.replace("GROUP", &group), INK.replace("GROUP", &group));
    let files = [
        ("press/Chart.yaml", Some(CHART)),
        ("press/values.yaml", Some("colour: red\nuser: 0\n")),
        ("press/templates/settings.yaml", Some(SETTINGS)),
        ("press/templates/hook.yaml", Some(HOOK)),
        ("press/templates/ink.yaml", Some(ink.as_str())),
        ("press/crds/inks.yaml", Some(definition.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("press"), &files).await?;
    let app = Application::git(&env, &repository.url(), "press", "main")
        .merge(&json!({ "spec": { "source": { "helm": elsewhere() } } }));
    let status = app.deliver(&env).await?["status"].clone();
    assert_eq!(status["sourceType"], "Helm");
    let first = repository.resolve("main").await?;
    assert_eq!(status["sync"]["revision"], *first);
    assert_eq!(status["history"][0]["revision"], *first);
    let expected = json!({ "version": "v1.30.0", "monitoring": "true", "namespace": "elsewhere", "colour": "red",
                           "user": "0", "file": "", "literal": "{{ .Values.colour }} }}" });
    assert_eq!(settings(&env, &app).await?, expected);
    assert_eq!(app.delivered(&env, "ConfigMap", "hooked").await?["data"]["colour"], "red");
    env.kubectl(&["get", &format!("inks.{group}"), "black", "-n", app.destination()]).await?.text()?;

    let release = listed(&env, &app).await?;
    assert_eq!((&release["name"], &release["status"]), (&json!("press"), &json!("deployed")));
    assert_eq!(release["app_version"], "4.5");
    let chart = release["chart"].as_str().unwrap_or_default();
    assert!(chart.starts_with("printer-1.2.3+"), "{chart}");
    let manifest = env.helm(&["get", "manifest", "press", "-n", app.destination()]).await?.text()?;
    assert!(manifest.contains("v1.30.0") && !manifest.contains("hooked"), "{manifest}");
    let hooks = env.helm(&["get", "hooks", "press", "-n", app.destination()]).await?.text()?;
    assert!(hooks.contains("hooked"), "{hooks}");

    upgrade(&env, &app, &repository).await?;
    app.delete(&env).await?;
    let left = env.helm(&["list", "-n", app.destination(), "-q"]).await?.text()?;
    assert_eq!(left.trim(), "");
    // As with any chart, Helm leaves definitions alone.
    env.kubectl(&["delete", "crd", &format!("inks.{group}")]).await?.text()?;
    Ok(())
}

/// A commit is a revision of the release, and its hooks are run again.
async fn upgrade(env: &TestEnv, app: &Application, repository: &Repository) -> Result<()> {
    let second =
        repository.commit("main", &[("press/values.yaml", Some("colour: blue\nuser: 1\n"))], "Blue").await?;
    colour_becomes(env, app, "blue").await?;
    let settled = app.settled(env).await?;
    assert_eq!(settled["status"]["sync"]["revision"], *second);
    assert_eq!(listed(env, app).await?["revision"], "2");
    assert_eq!(app.delivered(env, "ConfigMap", "hooked").await?["data"]["colour"], "blue");
    Ok(())
}

#[tokio::test]
async fn a_packed_chart_is_rolled_back() -> Result<()> {
    let env = Stack::shared().await?.test("rendered-packed").await?;
    let name = env.name("charts");
    for (version, colour) in [("1.0.0", "red"), ("1.1.0", "blue")] {
        let printed = SETTINGS.replace("{{ .Values.colour }}\n", &format!("{colour}\n"));
        let edits = [
            ("values.schema.json", None),
            ("files/a.txt", Some("from a file")),
            ("values-10.yaml", Some("user: 10\n")),
            ("templates/printed.yaml", Some(printed.as_str())),
        ];
        env.sources().publish_chart(&name, &Chart { name: "printer", version, edits: &edits }).await?;
    }
    let source =
        json!({ "repoURL": env.sources().helm_url(&name), "chart": "printer", "targetRevision": "1.0.0" });
    let app = Application::of(&env, &source)
        .manual()
        .merge(&json!({ "spec": { "source": { "helm": elsewhere() } } }));
    app.apply(&env).await?;
    sync(&env, &app).await?;
    assert_eq!(settings(&env, &app).await?["version"], "v1.30.0");
    // What Flux cannot read in a chart that it has not rendered: a pattern of files, and a file for a parameter.
    let files = json!({ "valueFiles": ["values-*.yaml"], "fileParameters": [{ "name": "file", "path": "files/a.txt" }] });
    let app = app.at("1.1.0").merge(&json!({ "spec": { "source": { "helm": files } } }));
    app.apply(&env).await?;
    app.wait(&env, "OutOfSync at 1.1.0", |app| {
        app["status"]["sync"]["status"] == "OutOfSync" && app["status"]["sync"]["revision"] == "1.1.0"
    })
    .await?;
    assert_eq!(settings(&env, &app).await?["colour"], "red", "it waits for a Sync");
    sync(&env, &app).await?;
    let delivered = settings(&env, &app).await?;
    let found = (&delivered["colour"], &delivered["user"], &delivered["file"]);
    assert_eq!(found, (&json!("blue"), &json!("10"), &json!("from a file")));
    let release = listed(&env, &app).await?;
    assert!(release["chart"].as_str().unwrap_or_default().starts_with("printer-1.1.0+"), "{release}");

    let printed = env.argocd(&["app", "rollback", app.name(), "0", "--timeout", "80"]).await?.text()?;
    assert!(printed.contains("successfully synced (all tasks run)"), "{printed}");
    assert_eq!(settings(&env, &app).await?["colour"], "red");
    assert_eq!(listed(&env, &app).await?["revision"], "3");
    let history = app.history(&env).await?;
    let revisions: Vec<_> = history.iter().map(|entry| &entry["revision"]).collect();
    assert_eq!(revisions, ["1.0.0", "1.1.0", "1.0.0"]);
    app.delete(&env).await
}
