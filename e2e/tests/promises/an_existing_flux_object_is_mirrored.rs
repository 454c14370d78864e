//! Flux objects that people wrote themselves: shown, requested by a Sync, never overwritten, never deleted.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::Value;

use crate::applications::Application;

#[tokio::test]
async fn a_hand_made_helmrelease_is_mirrored() -> Result<()> {
    let env = Stack::shared().await?.test("mirror-release").await?;
    let app = Application::chart(&env, "6.3.5").options(&["FluxSubsystem=true"]);
    make(&env, &app, &helm_release(&env, &app)).await?;
    let before = app.delivered(&env, "HelmRelease", app.name()).await?;
    let shown = app.deliver_or_show(&env).await?;
    let kinds: Vec<_> = resources(&shown).map(|resource| resource["kind"].clone()).collect();
    assert_eq!(kinds, ["HelmRelease", "HelmRepository"]);
    assert_eq!(shown["status"]["sync"]["revision"], "6.3.5");
    mirrored(&env, &app, "HelmRelease", &before).await
}

#[tokio::test]
async fn a_hand_made_kustomization_is_mirrored() -> Result<()> {
    let env = Stack::shared().await?.test("mirror-kustomization").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "plain", "main")
        .options(&["FluxSubsystem=true"]);
    make(&env, &app, &kustomization(&env, &app)).await?;
    let before = app.delivered(&env, "Kustomization", app.name()).await?;
    let shown = app.deliver_or_show(&env).await?;
    assert_eq!(shown["status"]["sync"]["revision"], env.sources().repository("fleet").resolve("main").await?);
    mirrored(&env, &app, "Kustomization", &before).await
}

#[tokio::test]
async fn a_hand_made_helmrelease_is_not_overwritten_by_a_generated_one() -> Result<()> {
    let env = Stack::shared().await?.test("mirror-occupied").await?;
    let app = Application::chart(&env, "6.4.0");
    make(&env, &app, &helm_release(&env, &app)).await?;
    let before = app.delivered(&env, "HelmRelease", app.name()).await?;
    app.deliver_or_show(&env).await?;
    let after = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!(
        [&after["spec"], &after["metadata"]["labels"]],
        [&before["spec"], &before["metadata"]["labels"]]
    );
    app.delete(&env).await?;
    let left = app.delivered(&env, "HelmRelease", app.name()).await?;
    assert_eq!([&left["metadata"]["uid"], &left["spec"]], [&before["metadata"]["uid"], &before["spec"]]);
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    Ok(())
}

impl Application {
    /// Applies it and waits until it mirrors what is Ready in Flux.
    async fn deliver_or_show(&self, env: &TestEnv) -> Result<Value> {
        self.apply(env).await?;
        env.wait_for_application(self.name(), "Synced", "Healthy").await
    }
}

/// A Sync asks Flux to reconcile; the end of the Application leaves everything as it was.
async fn mirrored(env: &TestEnv, app: &Application, kind: &str, before: &Value) -> Result<()> {
    app.sync(env).await?;
    app.wait(env, "synced by somebody", |app| {
        let operation = &app["status"]["operationState"];
        operation["phase"] == "Succeeded" && operation["operation"]["initiatedBy"]["username"] == "admin"
    })
    .await?;
    let asked = app.delivered(env, kind, app.name()).await?;
    assert_ne!(asked["status"]["lastHandledReconcileAt"], before["status"]["lastHandledReconcileAt"]);
    app.delete(env).await?;
    let left = app.delivered(env, kind, app.name()).await?;
    assert!(left["metadata"]["deletionTimestamp"].is_null());
    assert_eq!([&left["metadata"]["uid"], &left["spec"]], [&before["metadata"]["uid"], &before["spec"]]);
    Ok(())
}

/// Creates the destination namespace and the Flux objects in it, and waits until Flux has delivered them.
async fn make(env: &TestEnv, app: &Application, objects: &str) -> Result<()> {
    env.kubectl(&["create", "namespace", app.destination()]).await?.text()?;
    env.apply(objects).await?;
    let kind = if objects.contains("kind: HelmRelease") { "HelmRelease" } else { "Kustomization" };
    env.wait_for_ready(kind, app.destination(), app.name(), "True").await.map(drop)
}

fn helm_release(env: &TestEnv, app: &Application) -> String {
    let (name, ns, url) = (app.name(), app.destination(), env.sources().helm_url("podinfo"));
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{ name: charts, namespace: {ns} }}
spec: {{ interval: 10s, url: {url} }}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{ name: {name}, namespace: {ns}, labels: {{ team: web }} }}
spec:
  interval: 10m
  chart: {{ spec: {{ chart: podinfo, version: 6.3.5, sourceRef: {{ kind: HelmRepository, name: charts }} }} }}
  values: {{ replicaCount: 2 }}
"
    )
}

fn kustomization(env: &TestEnv, app: &Application) -> String {
    let (name, ns, url) = (app.name(), app.destination(), env.sources().git_url("fleet"));
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{ name: fleet, namespace: {ns} }}
spec: {{ interval: 10s, url: {url}, ref: {{ branch: main }} }}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{ name: {name}, namespace: {ns} }}
spec:
  interval: 10m
  path: ./plain
  prune: true
  targetNamespace: {ns}
  sourceRef: {{ kind: GitRepository, name: fleet }}
"
    )
}

fn resources(application: &Value) -> impl Iterator<Item = &Value> {
    application["status"]["resources"].as_array().into_iter().flatten()
}
