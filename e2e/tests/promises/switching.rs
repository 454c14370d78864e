//! The switch between stock Argo CD and the bridge, and what tells which of them delivers.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

use crate::applications::Application;

pub(crate) const PLAIN: [&str; 1] = ["CreateNamespace=true"];
pub(crate) const BRIDGED: [&str; 3] =
    ["CreateNamespace=true", "FluxSubsystem=true", "AutoCreateFluxResources=true"];

impl Application {
    /// Changes its sync options and nothing else, as `kubectl edit` does.
    pub(crate) async fn switch(&self, env: &TestEnv, options: &[&str]) -> Result<()> {
        let change = json!({ "spec": { "syncPolicy": { "syncOptions": options } } });
        env.patch("Application", &env.control, self.name(), &change).await.map(drop)
    }

    /// Waits until Flux delivers it, and it is Synced and Healthy, and at rest.
    pub(crate) async fn taken_over(&self, env: &TestEnv) -> Result<Value> {
        self.wait(env, "Synced and Healthy by Flux's hand", |app| {
            let resources = app["status"]["resources"].to_string();
            resources.contains("toolkit.fluxcd.io")
                && is_well(app)
                && app["status"]["operationState"]["phase"] == "Succeeded"
                && app["operation"].is_null()
        })
        .await
    }

    /// Creates it beside Flux objects that are there, and waits until it shows them as Synced and Healthy.
    pub(crate) async fn taken_over_by_reference(&self, env: &TestEnv) -> Result<Value> {
        self.apply(env).await?;
        self.wait(env, "Synced and Healthy as Flux is", |app| {
            app["status"]["resources"].to_string().contains("toolkit.fluxcd.io") && is_well(app)
        })
        .await
    }

    /// Switches it back: stock Argo CD takes over the very same Pods, and nothing of Flux stays behind.
    pub(crate) async fn goes_back(&self, env: &TestEnv, pods: &BTreeSet<String>) -> Result<()> {
        self.switch(env, &PLAIN).await?;
        self.handed_back(env).await?;
        assert_eq!(self.pods(env).await?, *pods, "handed back");
        assert_eq!(self.left_behind(env).await?, Vec::<String>::new());
        Ok(())
    }

    /// Waits until stock Argo CD delivers it, and it is Synced and Healthy, and at rest.
    pub(crate) async fn handed_back(&self, env: &TestEnv) -> Result<Value> {
        self.wait(env, "Synced and Healthy by stock Argo CD's hand", |app| {
            let resources = app["status"]["resources"].to_string();
            resources.contains("\"Deployment\"")
                && !resources.contains("toolkit.fluxcd.io")
                && is_well(app)
                && app["operation"].is_null()
                && our_annotations(app).is_empty()
        })
        .await
    }

    /// Names and uids of its pods, those of hooks and tests left out.
    pub(crate) async fn pods(&self, env: &TestEnv) -> Result<BTreeSet<String>> {
        let pods = env.list("Pod", self.destination()).await?;
        let of_replica_set = |pod: &&Value| pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet";
        let found: BTreeSet<_> = pods
            .iter()
            .filter(of_replica_set)
            .map(|pod| format!("{} {}", pod["metadata"]["name"], pod["metadata"]["uid"]))
            .collect();
        ensure!(!found.is_empty(), "no pods in {}", self.destination());
        Ok(found)
    }

    /// `KIND NAME` of every object in the destination that is Flux's, the bridge's or Helm's.
    pub(crate) async fn left_behind(&self, env: &TestEnv) -> Result<Vec<String>> {
        let mut left = self.flux_objects(env).await?;
        let secrets = env.list("Secret", self.destination()).await?;
        let names = secrets.iter().filter_map(|secret| secret["metadata"]["name"].as_str());
        left.extend(
            names.filter(|name| name.starts_with("sh.helm.release")).map(|name| format!("Secret {name}")),
        );
        Ok(left)
    }

    /// Messages of the events of that reason about it.
    pub(crate) async fn events(&self, env: &TestEnv, reason: &str) -> Result<Vec<String>> {
        let field = format!("--field-selector=involvedObject.name={},reason={reason}", self.name());
        let events =
            env.kubectl(&["get", "events", "-n", &env.control, &field, "-o", "json"]).await?.json()?;
        let items = events["items"].as_array().context("no items")?;
        Ok(items.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)).collect())
    }
}

fn is_well(app: &Value) -> bool {
    app["status"]["sync"]["status"] == "Synced" && app["status"]["health"]["status"] == "Healthy"
}

/// The annotations by which the bridge marks an Application.
pub(crate) fn our_annotations(app: &Value) -> Vec<&str> {
    let annotations = app["metadata"]["annotations"].as_object();
    let keys = annotations.into_iter().flatten().map(|(key, _)| key.as_str());
    keys.filter(|key| key.contains("flux-subsystem.dev") || key.ends_with("skip-reconcile")).collect()
}
