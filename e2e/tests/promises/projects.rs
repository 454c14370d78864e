//! `AppProject`s of a test, and plain Applications beside bridged ones.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

/// A project of the test that allows everything but for what `spec` (a merge patch) says otherwise; its name.
pub(crate) async fn project(env: &TestEnv, spec: &Value) -> Result<String> {
    project_in(env, &env.control, spec).await
}

/// The same in another namespace than that of the Applications.
pub(crate) async fn project_in(env: &TestEnv, namespace: &str, spec: &Value) -> Result<String> {
    let name = env.name("project");
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{ "server": "*", "namespace": "*" }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
        },
    });
    env.apply(&project.to_string()).await?;
    env.patch("AppProject", namespace, &name, &json!({ "spec": spec })).await?;
    Ok(name)
}

/// Changes the project by a merge patch of its spec.
pub(crate) async fn restrict(env: &TestEnv, name: &str, spec: &Value) -> Result<()> {
    env.patch("AppProject", &env.control, name, &json!({ "spec": spec })).await.map(drop)
}

impl Application {
    /// In that project.
    pub(crate) fn in_project(self, project: &str) -> Self {
        self.merge(&json!({ "spec": { "project": project } }))
    }
}

/// The conditions as Argo CD's server shows them, as `TYPE: MESSAGE`, sorted.
pub(crate) async fn conditions(env: &TestEnv, app: &Application) -> Result<Vec<String>> {
    let app = env.argocd(&["app", "get", app.name(), "-o", "json"]).await?.json()?;
    let conditions = app["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut lines = conditions.iter().map(line).collect::<Result<Vec<_>>>()?;
    lines.sort();
    Ok(lines)
}

fn line(condition: &Value) -> Result<String> {
    let text = |field: &str| condition[field].as_str().with_context(|| format!("no {field} in {condition}"));
    Ok(format!("{}: {}", text("type")?, text("message")?))
}

/// Nothing of Flux's is in the namespace that the Application delivers to.
pub(crate) async fn nothing_of_flux(env: &TestEnv, app: &Application) -> Result<()> {
    for kind in ["HelmRepository", "GitRepository", "HelmRelease", "Kustomization"] {
        let found = env.list(kind, app.destination()).await?;
        anyhow::ensure!(found.is_empty(), "{kind} in {}: {found:?}", app.destination());
    }
    Ok(())
}

/// Waits until the Kustomization of the Application is suspended: Flux delivers nothing by itself.
pub(crate) async fn held(env: &TestEnv, app: &Application) -> Result<()> {
    env.wait_until("Flux delivers nothing by itself", PATIENCE, async || {
        let kustomization = app.delivered(env, "Kustomization", app.name()).await?;
        Ok((kustomization["spec"]["suspend"] == true).then_some(()))
    })
    .await
}
