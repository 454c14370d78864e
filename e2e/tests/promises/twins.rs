//! One source delivered twice: plain by Argo CD, bridged by Flux, and what stands in the cluster afterwards compared.

use std::collections::BTreeMap;

use anyhow::Result;
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::Application;

/// The kinds that the sources of these tests hold.
const KINDS: [&str; 3] = ["ConfigMap", "Deployment", "Service"];

/// The same source twice, each into a namespace of its own.
pub(crate) struct Twins {
    pub(crate) plain: Application,
    pub(crate) bridged: Application,
}

impl Twins {
    /// Applies both.
    pub(crate) async fn apply(env: &TestEnv, name: &str, source: &Value) -> Result<Self> {
        Self::of(env, name, |app| app.merge(&json!({ "spec": { "source": source } }))).await
    }

    /// The same with whatever `change` makes of an Application without a source.
    pub(crate) async fn of(
        env: &TestEnv,
        name: &str,
        change: impl Fn(Application) -> Application,
    ) -> Result<Self> {
        let one =
            |suffix: &str| change(Application::of(env, &Value::Null)).named(env, &format!("{name}-{suffix}"));
        let (plain, bridged) = (one("plain").plain(), one("flux"));
        for app in [&plain, &bridged] {
            app.apply(env).await?;
        }
        Ok(Self { plain, bridged })
    }

    /// Waits for both, and fails when they delivered anything that differs; returns what both delivered, by kind and name.
    pub(crate) async fn alike(&self, env: &TestEnv) -> Result<BTreeMap<String, Value>> {
        self.plain.settled(env).await?;
        self.bridged.settled(env).await?;
        let (plain, bridged) = (objects(env, &self.plain).await?, objects(env, &self.bridged).await?);
        assert_eq!(bridged, plain, "{}", self.bridged.name());
        Ok(plain)
    }

    /// Why Argo CD's repo-server renders the bridged one, whose workload object is of that kind; `None` where Flux does.
    pub(crate) async fn reason(&self, env: &TestEnv, kind: &str) -> Result<Option<String>> {
        let workload = self.bridged.delivered(env, kind, self.bridged.name()).await?;
        let reference = ["sourceRef", "chartRef"].map(|field| workload["spec"][field].clone());
        let Some(reference) = reference.iter().find(|reference| reference["kind"] == "OCIRepository") else {
            return Ok(None);
        };
        let name = reference["name"].as_str().unwrap_or_default();
        let source = env.get("OCIRepository", &env.control, name).await?.unwrap_or_default();
        let reason = &source["metadata"]["annotations"]["flux-subsystem.dev/rendered"];
        Ok(reason.as_str().map(str::to_owned))
    }

    /// Whether Argo CD's repo-server renders the bridged one, as its source object says.
    pub(crate) async fn is_rendered(&self, env: &TestEnv) -> Result<bool> {
        let workload = self.bridged.delivered(env, "Kustomization", self.bridged.name()).await?;
        Ok(workload["spec"]["sourceRef"]["kind"] == "OCIRepository")
    }
}

/// What an Application delivered, without what the tools and the API server write on it.
async fn objects(env: &TestEnv, app: &Application) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for kind in KINDS {
        for object in env.list(kind, app.destination()).await? {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if name != "kube-root-ca.crt" {
                found.insert(format!("{kind} {name}"), bare(&object, app.destination())?);
            }
        }
    }
    Ok(found)
}

fn bare(object: &Value, namespace: &str) -> Result<Value> {
    let is_tools = |key: &str| {
        [
            "argocd.argoproj.io/",
            "kustomize.toolkit.fluxcd.io/",
            "kubectl.kubernetes.io/",
            "deployment.kubernetes.io/",
            "helm.toolkit.fluxcd.io/",
            "meta.helm.sh/",
            "app.kubernetes.io/managed-by",
        ]
        .iter()
        .any(|prefix| key.starts_with(prefix))
    };
    let entries = |field: &str| -> BTreeMap<String, Value> {
        let entries = object["metadata"][field].as_object().cloned().unwrap_or_default();
        entries.into_iter().filter(|(key, _)| !is_tools(key)).collect()
    };
    let mut spec = object["spec"].clone();
    for address in ["clusterIP", "clusterIPs"] {
        if let Some(fields) = spec.as_object_mut() {
            fields.remove(address);
        }
    }
    let bare = json!({
        "labels": entries("labels"), "annotations": entries("annotations"), "spec": spec, "data": object["data"],
    });
    Ok(serde_json::from_str(&bare.to_string().replace(namespace, "NAMESPACE"))?)
}
