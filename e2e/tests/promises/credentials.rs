//! Argo CD's repository Secrets, as `argocd repo add` writes them.

use anyhow::Result;
use flux_subsystem_e2e::TestEnv;
use serde_json::{Map, Value, json};

use crate::applications::Application;

/// A Secret of that type (`repository`, `repo-creds`) in Argo CD's namespace; its name.
pub(crate) async fn secret(env: &TestEnv, kind: &str, suffix: &str, data: &[(&str, &str)]) -> Result<String> {
    let name = env.name(suffix);
    let data: Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": env.control,
            "labels": {"argocd.argoproj.io/secret-type": kind},
        },
        "stringData": data,
    });
    env.apply(&manifest.to_string()).await?;
    Ok(name)
}

/// The Secrets that the bridge made for the Application, in Argo CD's namespace.
pub(crate) async fn generated(env: &TestEnv, app: &Application) -> Result<Vec<Value>> {
    let owner = format!("{}/{}", env.control, app.name());
    let secrets = env.list("Secret", &env.control).await?;
    let is_own =
        |secret: &Value| secret["metadata"]["annotations"]["flux-subsystem.dev/application"] == *owner;
    Ok(secrets.into_iter().filter(is_own).collect())
}
