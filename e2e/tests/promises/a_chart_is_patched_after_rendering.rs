//! `kustomize` beside `helm`, which stock Argo CD refuses: what Helm rendered is patched, and the release holds the result.

use std::collections::BTreeMap;

use anyhow::Result;
use flux_subsystem::yaml;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::projects::{project, restrict};

const CHART: &str = "{apiVersion: v2, name: shop, version: 1.0.0}\n";
/// Of each kind that kustomize treats in a way of its own, with and without what it adds to.
const TEMPLATE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web.front, labels: {app: web, team: chart}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: chart}}
    spec:
      initContainers: [{name: init, image: 'registry.example.org/init:1'}]
      containers:
      - {name: web, image: 'nginx:1.25'}
      - {name: other, image: 'nginx-exporter:1.25'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-front, labels: {app: other}}
spec:
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: web, image: 'httpd@sha256:0123456789012345678901234567890123456789012345678901234567890123'}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cache}
spec:
  serviceName: web
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec: {containers: [{name: web, image: 'nginx:1.25'}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 0 * * *
  jobTemplate:
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: 'nginx:1.25'}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, annotations: {note: chart}}
data: {image: 'nginx:1.25', release: "{{ .Release.Name }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
"#;

fn settings() -> Value {
    let first = r#"[{"op": "add", "path": "/spec/minReadySeconds", "value": 2}, {"op": "replace", "path": "/spec/replicas", "value": 7}]"#;
    let strategic = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {patched: 'yes'}}
data: {release: null, more: text}
";
    json!({
        "images": ["nginx=registry.example.org/nginx:1.26", "registry.example.org/nginx:1.27", "httpd:2.4",
            "registry.example.org/init=*:2", "$ARGOCD_APP_PROJECT_NAME:1"],
        "replicas": [{ "name": "web.front", "count": "2" }, { "name": "cache", "count": 3 }],
        "commonLabels": { "team": "$ARGOCD_APP_PROJECT_NAME", "number": "1" },
        "labelWithoutSelector": true,
        "commonAnnotations": { "note": "Application: $5", "on": "true" },
        "patches": [
            { "patch": first, "target": { "kind": "Deployment", "labelSelector": "app=web" } },
            { "patch": strategic },
            { "patch": "[{\"op\": \"add\", \"path\": \"/data/both\", \"value\": \"1\"}]",
              "target": { "version": "v1", "name": "settings|none" } },
        ],
    })
}

/// What Argo CD makes of the same settings on a kustomization of what Helm renders, by the real programs (argo-cd
/// `util/kustomize/kustomize.go`, `Build`).
async fn kustomized(env: &TestEnv, release: &str) -> Result<BTreeMap<String, Value>> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("chart/templates"))?;
    std::fs::write(at("chart/Chart.yaml"), CHART)?;
    std::fs::write(at("chart/templates/all.yaml"), TEMPLATE)?;
    let chart = at("chart").display().to_string();
    let rendered = env.helm(&["template", release, &chart]).await?.text()?;
    std::fs::write(at("rendered.yaml"), rendered)?;
    let patches = json!({ "resources": ["rendered.yaml"], "patches": settings()["patches"] });
    std::fs::write(at("kustomization.yaml"), patches.to_string())?;
    let script = format!(
        "cd {} && kustomize edit set image nginx=registry.example.org/nginx:1.26 registry.example.org/nginx:1.27 \
         httpd:2.4 'registry.example.org/init=*:2' default:1 \
         && kustomize edit set replicas web.front=2 cache=3 \
         && kustomize edit add label --without-selector team:default number:1 \
         && kustomize edit add annotation 'note:Application: $5' on:true && kustomize build .",
        folder.path().display()
    );
    objects(&env.stack().run("sh", &["-c", &script]).await?.text()?)
}

/// The objects by kind and name, without the labels that say which release they are of.
fn objects(text: &str) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for mut object in yaml::parse_all(text)?.into_iter().filter(|object| !object.is_null()) {
        if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
            labels.retain(|name, _| !name.starts_with("helm.toolkit.fluxcd.io/"));
        }
        let key = format!("{} {}", object["kind"], object["metadata"]["name"]);
        anyhow::ensure!(found.insert(key.clone(), object).is_none(), "{key} twice");
    }
    Ok(found)
}

/// What Helm keeps of the release.
async fn released(env: &TestEnv, app: &Application) -> Result<BTreeMap<String, Value>> {
    let mut all =
        objects(&env.helm(&["get", "manifest", app.name(), "-n", app.destination()]).await?.text()?)?;
    all.extend(objects(&env.helm(&["get", "hooks", app.name(), "-n", app.destination()]).await?.text()?)?);
    Ok(all)
}

#[tokio::test]
async fn a_chart_in_git_is_what_kustomize_makes_of_it() -> Result<()> {
    let env = Stack::shared().await?.test("post-render").await?;
    let files = [("chart/Chart.yaml", Some(CHART)), ("chart/templates/all.yaml", Some(TEMPLATE))];
    let repository = env.sources().create_repository(&env.name("shop"), &files).await?;
    let app = Application::git(&env, &repository.url(), "chart", "main");
    let both = json!({ "helm": { "releaseName": app.name() }, "kustomize": settings() });
    let app = app.merge(&json!({ "spec": { "source": both } }));
    let delivered = app.deliver(&env).await?;
    assert_eq!(delivered["status"]["sourceType"], "Helm");
    assert_eq!(released(&env, &app).await?, kustomized(&env, app.name()).await?);
    let images = &delivered["status"]["summary"]["images"];
    assert!(images.to_string().contains("registry.example.org/nginx:1.27"), "{images}");
    let live = app.delivered(&env, "Deployment", "web.front").await?;
    assert_eq!(live["spec"]["replicas"], 2);
    assert_eq!(app.release(&env).await?["revision"], "1");

    argo_cd_shows_it(&env, &app).await?;

    let other = r#"[{"op": "add", "path": "/spec/minReadySeconds", "value": 3}]"#;
    let change = json!({ "patches": [{ "patch": other, "target": { "kind": "Deployment" } }] });
    let app = app.merge(&json!({ "spec": { "source": { "kustomize": change } } }));
    app.deliver(&env).await?;
    env.wait_until("the release is upgraded", PATIENCE, async || {
        let live = app.delivered(&env, "Deployment", "web.front").await?;
        Ok((live["spec"]["minReadySeconds"] == 3).then_some(()))
    })
    .await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

/// The commands that ask about an Application answer, though stock Argo CD would not render it.
async fn argo_cd_shows_it(env: &TestEnv, app: &Application) -> Result<()> {
    let shown = env.argocd(&["app", "get", app.name(), "--refresh", "-o", "json"]).await?.json()?;
    assert_eq!(shown["status"]["sync"]["status"], "Synced");
    assert!(shown["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", shown["status"]);
    let tree = env.argocd(&["app", "get", app.name(), "-o", "tree"]).await?.text()?;
    assert!(tree.contains("Deployment/web.front"), "{tree}");
    assert_eq!(env.argocd(&["app", "diff", app.name()]).await?.text()?.trim(), "");
    env.argocd(&["app", "sync", app.name(), "--timeout", "80"]).await?.text()?;
    env.argocd(&["app", "wait", app.name(), "--sync", "--health", "--timeout", "80"]).await?.text()?;
    env.argocd(&["app", "history", app.name()]).await?.text().map(drop)
}

#[tokio::test]
async fn charts_of_a_helm_repository_too_and_one_of_several_sources() -> Result<()> {
    let env = Stack::shared().await?.test("post-render-chart").await?;
    let patch = r#"[{"op": "add", "path": "/metadata/labels/patched", "value": "yes"}]"#;
    let chart = json!({
        "repoURL": env.sources().helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5",
        "kustomize": {
            "images": ["registry.local/podinfo=registry.example.org/podinfo:$ARGOCD_APP_REVISION"],
            "patches": [{ "patch": patch, "target": { "kind": "Service" } }],
        },
    });
    let one = Application::of(&env, &chart).named(&env, "one");
    let beside =
        json!({ "repoURL": env.sources().git_url("fleet"), "path": "plain", "targetRevision": "main" });
    let several = Application::sources(&env, &[beside, chart]).named(&env, "two");
    one.apply(&env).await?;
    several.apply(&env).await?;
    for app in [&one, &several] {
        let settled = app.settled(&env).await?;
        assert!(
            settled["status"]["conditions"].as_array().is_none_or(Vec::is_empty),
            "{}",
            settled["status"]
        );
        let manifest = env.helm(&["get", "manifest", app.name(), "-n", app.destination()]).await?.text()?;
        assert!(manifest.contains("patched: \"yes\""), "{manifest}");
        let live = app.delivered(&env, "Deployment", &format!("{}-podinfo", app.name())).await?;
        let image = &live["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "registry.example.org/podinfo:6.3.5", "{manifest}");
    }
    Ok(())
}

/// Where a project restricts kinds, Argo CD's repo-server is asked what the chart renders; images change nothing about that,
/// and a patch might.
#[tokio::test]
async fn a_project_that_restricts_kinds_takes_images_and_no_patches() -> Result<()> {
    let env = Stack::shared().await?.test("post-render-project").await?;
    let secrets = json!({ "namespaceResourceBlacklist": [{ "group": "", "kind": "Secret" }] });
    let project = project(&env, &secrets).await?;
    let images = json!({ "images": ["registry.local/podinfo:7.0.0"] });
    let app = Application::chart(&env, "6.3.5")
        .in_project(&project)
        .merge(&json!({ "spec": { "source": { "kustomize": images } } }));
    app.deliver(&env).await?;
    let patch = r#"[{"op": "add", "path": "/metadata/labels/patched", "value": "yes"}]"#;
    let patches = json!({ "patches": [{ "patch": patch, "target": { "kind": "Service" } }] });
    let app = app.merge(&json!({ "spec": { "source": { "kustomize": patches } } }));
    app.apply(&env).await?;
    let what = "spec.source.kustomize.patches: what a patch makes of a chart cannot be looked at";
    app.told(&env, "ComparisonError", what).await?;
    assert_eq!(app.release(&env).await?["revision"], "1");

    restrict(&env, &project, &json!({ "namespaceResourceBlacklist": null })).await?;
    app.settled(&env).await?;
    let service = app.delivered(&env, "Service", &format!("{}-podinfo", app.name())).await?;
    assert_eq!(service["metadata"]["labels"]["patched"], "yes");
    Ok(())
}
