//! Fields that `ignoreDifferences` names are left alone, though everything beside them is healed.

use anyhow::{Result, anyhow};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;

fn ignoring(app: Application, rule: &Value) -> Application {
    app.self_healing().merge(&json!({ "spec": { "ignoreDifferences": [rule] } }))
}

/// Scales a Deployment by hand and changes a field beside it; Flux takes back the second alone.
async fn replicas_stay(env: &TestEnv, app: &Application, deployment: &str, kind: &str) -> Result<()> {
    let edit = json!({ "spec": { "replicas": 3, "minReadySeconds": 7 } });
    env.patch("Deployment", app.destination(), deployment, &edit).await?;
    // Waits until Flux has looked.
    env.flux(&["reconcile", kind, app.name(), "-n", app.destination()]).await?.text()?;
    let spec = env
        .wait_until("the field beside it is healed", PATIENCE, async || {
            let spec = app.delivered(env, "Deployment", deployment).await?["spec"].take();
            let is_healed = spec["minReadySeconds"] != 7;
            if is_healed { Ok(Some(spec)) } else { Err(anyhow!("{spec}")) }
        })
        .await?;
    assert_eq!(spec["replicas"], 3);
    app.settled(env).await.map(drop)
}

#[tokio::test]
async fn of_a_chart() -> Result<()> {
    let env = Stack::shared().await?.test("ignored-chart").await?;
    let rule = json!({ "group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.replicas"] });
    let app = ignoring(Application::chart(&env, "6.3.5").values("minReadySeconds: 0\n"), &rule);
    app.deliver(&env).await?;
    // Helm sees drift of what the chart writes alone: replicas, and the label beside them.
    let deployment = podinfo(&app);
    let edit = json!({ "metadata": { "labels": { "app.kubernetes.io/version": "edited" } }, "spec": { "replicas": 3 } });
    env.patch("Deployment", app.destination(), &deployment, &edit).await?;
    env.flux(&["reconcile", "helmrelease", app.name(), "-n", app.destination()]).await?.text()?;
    let found = env
        .wait_until("the label is healed", PATIENCE, async || {
            let found = app.delivered(&env, "Deployment", &deployment).await?;
            let is_healed = found["metadata"]["labels"]["app.kubernetes.io/version"] != "edited";
            if is_healed { Ok(Some(found)) } else { Err(anyhow!("{}", found["metadata"]["labels"])) }
        })
        .await?;
    assert_eq!(found["spec"]["replicas"], 3);
    app.settled(&env).await.map(drop)
}

/// A Deployment that says how many replicas it has.
const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  minReadySeconds: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.org/web:1}]}
";

#[tokio::test]
async fn of_a_kustomization() -> Result<()> {
    let env = Stack::shared().await?.test("ignored-kustomize").await?;
    let files = [("app/kustomization.yaml", Some("resources: [web.yaml]\n")), ("app/web.yaml", Some(WEB))];
    let url = env.sources().create_repository(&env.name("repo"), &files).await?.url();
    let rule =
        json!({ "group": "apps", "kind": "Deployment", "name": "web", "jsonPointers": ["/spec/replicas"] });
    let app = ignoring(Application::git(&env, &url, "app", "main"), &rule);
    app.deliver(&env).await?;
    replicas_stay(&env, &app, "web", "kustomization").await
}

#[tokio::test]
async fn of_a_flux_object() -> Result<()> {
    let env = Stack::shared().await?.test("ignored-release").await?;
    let rule = json!({ "group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease", "jsonPointers": ["/spec/interval"] });
    let app = ignoring(Application::chart(&env, "6.3.5"), &rule);
    app.deliver(&env).await?;
    let edit = json!({ "spec": { "interval": "17m", "values": { "replicaCount": 2 } } });
    env.patch("HelmRelease", app.destination(), app.name(), &edit).await?;
    let spec = env
        .wait_until("the value is healed", PATIENCE, async || {
            let spec = app.delivered(&env, "HelmRelease", app.name()).await?["spec"].take();
            if spec["values"].is_null() { Ok(Some(spec)) } else { Err(anyhow!("{spec}")) }
        })
        .await?;
    // Healing applies the object as a whole, as a Sync of stock Argo CD does.
    assert_eq!(spec["interval"], "10m");
    env.patch("HelmRelease", app.destination(), app.name(), &json!({ "spec": { "interval": "17m" } }))
        .await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    assert_eq!(app.delivered(&env, "HelmRelease", app.name()).await?["spec"]["interval"], "17m");
    let diff = env.argocd(&["app", "diff", app.name()]).await?.text()?;
    assert_eq!(diff.trim(), "");
    Ok(())
}
