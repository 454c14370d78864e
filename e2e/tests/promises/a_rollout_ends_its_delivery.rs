//! Kinds whose status Flux cannot read, or judges otherwise than Argo CD, are delivered all the same.
//!
//! The Rollouts controller writes `status.observedGeneration` as a text, at which Flux's health check gives up.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

const DEFINITION: &str = r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Rollout, plural: rollouts, singular: rollout, listKind: RolloutList}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: e2e-rollouts-view
  labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}
rules: [{apiGroups: [argoproj.io], resources: [rollouts], verbs: [get, list, watch]}]
";

const ROLLOUT: &str = r"apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  strategy: {canary: {}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example.org/web:1'}]}
";

fn settings(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{key: {value}}}\n")
}

/// What the Rollouts controller writes of one that is well.
async fn write_status(env: &TestEnv, app: &Application) -> Result<()> {
    let status = json!({ "status": {
        "observedGeneration": "1", "phase": "Healthy", "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1,
        "availableReplicas": 1, "currentPodHash": "abc", "stableRS": "abc",
        "conditions": [{ "type": "Available", "status": "True" }],
    } });
    let status = status.to_string();
    let arguments = ["patch", "rollouts.argoproj.io", "web", "-n", app.destination(), "--subresource=status"];
    let change = ["--type=merge", "-p", &status];
    env.wait_until("the Rollout is there", PATIENCE, async || {
        let written = env.kubectl(&[&arguments[..], &change[..]].concat()).await?;
        Ok(Some(written.text()?))
    })
    .await
    .map(drop)
}

async fn delivered_twice(env: &TestEnv, folder: &str, chart: Option<&str>) -> Result<()> {
    env.apply(DEFINITION).await?;
    let (before, after) = (settings("a"), settings("b"));
    let in_folder = |file: &str| format!("{folder}/{file}");
    let (rollout, map) = (in_folder("rollout.yaml"), in_folder("settings.yaml"));
    let mut files = vec![(rollout.as_str(), Some(ROLLOUT)), (map.as_str(), Some(before.as_str()))];
    files.extend(chart.map(|chart| ("app/Chart.yaml", Some(chart))));
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let app = Application::git(env, &repository.url(), "app", "main");
    app.apply(env).await?;
    write_status(env, &app).await?;
    app.settled(env).await?;

    let commit = repository.commit("main", &[(map.as_str(), Some(after.as_str()))], "Second").await?;
    env.argocd(&["app", "get", app.name(), "--hard-refresh"]).await?.text()?;
    let second = app
        .wait(env, "delivered for the second time", |app| {
            app["status"]["history"][1]["revision"] == *commit && app["operation"].is_null()
        })
        .await?;
    assert_eq!(second["status"]["operationState"]["phase"], "Succeeded");
    let settled = app.settled(env).await?;
    assert_eq!(settled["status"]["sync"]["revision"], *commit);
    assert_eq!(app.delivered(env, "ConfigMap", "settings").await?["data"]["key"], "b");
    Ok(())
}

#[tokio::test]
async fn of_a_directory() -> Result<()> {
    let env = Stack::shared().await?.test("rollout-dir").await?;
    delivered_twice(&env, "app", None).await
}

#[tokio::test]
async fn of_a_chart() -> Result<()> {
    let env = Stack::shared().await?.test("rollout-chart").await?;
    delivered_twice(&env, "app/templates", Some("apiVersion: v2\nname: web\nversion: 1.0.0\n")).await
}
