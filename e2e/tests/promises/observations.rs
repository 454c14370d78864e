//! What people see of an Application when something is wrong, and further ways to write one.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::Application;

impl Application {
    /// The chart `podinfo` of another repository: `http://…`, or an OCI registry without a scheme.
    pub(crate) fn chart_from(env: &TestEnv, repository: &str, version: &str) -> Self {
        Self::of(env, &json!({ "repoURL": repository, "chart": "podinfo", "targetRevision": version }))
    }

    /// With `spec.source.helm.values`.
    pub(crate) fn values(self, yaml: &str) -> Self {
        self.merge(&json!({ "spec": { "source": { "helm": { "values": yaml } } } }))
    }

    /// Delivered to another namespace.
    pub(crate) fn into_namespace(self, namespace: &str) -> Self {
        self.merge(&json!({ "spec": { "destination": { "namespace": namespace } } }))
    }

    /// At another revision.
    pub(crate) fn at(self, revision: &str) -> Self {
        self.merge(&json!({ "spec": { "source": { "targetRevision": revision } } }))
    }

    /// Waits until a condition of that type says `words`, and returns the Application.
    pub(crate) async fn told(&self, env: &TestEnv, kind: &str, words: &str) -> Result<Value> {
        self.wait(env, &format!("told by a {kind}: {words}"), |app| conditions(app, kind).contains(words))
            .await
    }

    /// Waits until its last operation failed and it is Degraded, and returns it.
    pub(crate) async fn failed(&self, env: &TestEnv) -> Result<Value> {
        self.wait(env, "Degraded after a failed operation", |app| {
            let status = &app["status"];
            has_failed(app) && status["health"]["status"] == "Degraded"
        })
        .await
    }

    /// How many pods of a Deployment that it delivers are available; an error when there is none.
    pub(crate) async fn available(&self, env: &TestEnv, deployment: &str) -> Result<i64> {
        let found = self.delivered(env, "Deployment", deployment).await?;
        Ok(found["status"]["availableReplicas"].as_i64().unwrap_or(0))
    }

    /// `kind name generation` of every Flux object where it delivers to.
    pub(crate) async fn flux_objects(&self, env: &TestEnv) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for kind in FLUX {
            for object in env.list(kind, self.destination()).await? {
                let metadata = &object["metadata"];
                let name = metadata["name"].as_str().context("no name")?;
                found.push(format!("{kind} {name} {}", metadata["generation"]));
            }
        }
        Ok(found)
    }
}

const FLUX: [&str; 6] =
    ["GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "HelmRelease", "Kustomization"];

/// The messages of an Application's conditions of that type, one per line; empty when there is none.
pub(crate) fn conditions(application: &Value, kind: &str) -> String {
    let all = application["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_kind = all.iter().filter(|condition| condition["type"] == kind);
    of_kind.filter_map(|condition| condition["message"].as_str()).collect::<Vec<_>>().join("\n")
}

/// What the chart podinfo calls its objects.
pub(crate) fn podinfo(app: &Application) -> String {
    format!("{}-podinfo", app.name())
}

/// The message of an object's Ready condition.
pub(crate) fn ready_message(object: &Value) -> String {
    conditions(object, "Ready")
}

/// The sync and the health status of an Application, as `kubectl get applications` shows them.
pub(crate) fn columns(application: &Value) -> [&str; 2] {
    let status = &application["status"];
    [&status["sync"]["status"], &status["health"]["status"]].map(|word| word.as_str().unwrap_or_default())
}

/// Its last operation failed, or an attempt of it: an automated one is tried again five times.
pub(crate) fn has_failed(app: &Value) -> bool {
    let state = &app["status"]["operationState"];
    let waits = state["phase"] == "Running" && !state["finishedAt"].is_null();
    state["phase"] == "Failed" || waits
}
