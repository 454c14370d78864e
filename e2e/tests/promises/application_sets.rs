//! ApplicationSets as people write them, in few words.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{TestEnv, http};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

/// The annotation by which stock Argo CD leaves an Application alone, and the mark that the bridge put it there.
pub(crate) const STAMP: [&str; 2] = ["argocd.argoproj.io/skip-reconcile", "flux-subsystem.dev/stamped"];

/// An ApplicationSet to be applied. Its template is an Application whose name and destination hold `{{.name}}`.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationSet {
    name: String,
    manifest: Value,
}

impl ApplicationSet {
    /// One Application for each element, which is a map with at least `name`: the suffix of the Application's name.
    pub(crate) fn of(env: &TestEnv, template: Application, elements: &Value) -> Self {
        Self::generated(env, &template.named(env, "{{.name}}"), &json!({ "list": { "elements": elements } }))
    }

    /// Applications of any other generator; the template says where its values go.
    pub(crate) fn generated(env: &TestEnv, template: &Application, generator: &Value) -> Self {
        let name = env.name("set");
        let mut template = template.manifest().clone();
        // The template of an ApplicationSet is no object of its own.
        if let Some(fields) = template.as_object_mut() {
            fields.retain(|field, _| field == "metadata" || field == "spec");
        }
        let manifest = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": { "name": name, "namespace": env.control },
            "spec": {
                "goTemplate": true,
                "goTemplateOptions": ["missingkey=error"],
                "generators": [generator],
                "template": template,
            },
        });
        Self { name, manifest }
    }

    /// Sets a field of `spec`.
    pub(crate) fn with(mut self, field: &str, value: &Value) -> Self {
        self.manifest["spec"][field] = value.clone();
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `kubectl apply`.
    pub(crate) async fn apply(&self, env: &TestEnv) -> Result<()> {
        env.apply(&self.manifest.to_string()).await
    }

    /// The ApplicationSet as it is.
    pub(crate) async fn live(&self, env: &TestEnv) -> Result<Value> {
        let found = env.get("ApplicationSet", &env.control, &self.name).await?;
        found.with_context(|| format!("no ApplicationSet {}", self.name))
    }

    /// How often its controller has looked at it.
    pub(crate) async fn reconciles(&self, env: &TestEnv) -> Result<u32> {
        let address = env.stack().state().address("argocd-applicationset-controller-metrics");
        let (_, metrics) = http::get(&address, "/metrics").await?;
        let own = format!("name=\"{}\"", self.name);
        let mut lines = metrics.lines().filter(|line| line.starts_with("argocd_appset_reconcile_count{"));
        let line = lines.find(|line| line.contains(&own)).context("it was never reconciled")?;
        Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
    }

    /// Waits until its controller has looked at it so many times more.
    pub(crate) async fn reconciled(&self, env: &TestEnv, times: u32) -> Result<()> {
        let begun = self.reconciles(env).await?;
        let what = format!("ApplicationSet {} is reconciled {times} times", self.name);
        env.wait_until(&what, PATIENCE, async || {
            let seen = self.reconciles(env).await? - begun;
            ensure!(seen >= times, "{seen} times so far");
            Ok(Some(()))
        })
        .await
    }

    /// Has its controller look at it now, and waits until it has.
    pub(crate) async fn refresh(&self, env: &TestEnv) -> Result<()> {
        let asked = json!({ "metadata": { "annotations": {
            "argocd.argoproj.io/application-set-refresh": "true",
        } } });
        env.patch("ApplicationSet", &env.control, &self.name, &asked).await?;
        env.wait_until("its refresh is answered", Duration::from_secs(60), async || {
            let annotations = &self.live(env).await?["metadata"]["annotations"];
            Ok(annotations["argocd.argoproj.io/application-set-refresh"].is_null().then_some(()))
        })
        .await
    }

    /// `kubectl delete`, which waits until it is gone.
    pub(crate) async fn delete(&self, env: &TestEnv) -> Result<()> {
        let control = &env.control;
        let arguments = ["delete", "applicationset", &self.name, "-n", control, "--timeout=60s"];
        env.kubectl(&arguments).await?.text().map(drop)
    }
}

/// Whether both annotations of the stamp are there.
pub(crate) fn is_stamped(application: &Value) -> bool {
    STAMP.iter().all(|key| application["metadata"]["annotations"][key] == "true")
}
