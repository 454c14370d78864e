//! Applications as people write them, in few words.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::TestEnv;
use serde_json::{Value, json};

/// An Application to be applied: bridged, automated with `prune`, with the cascade finalizer, and delivering to a
/// namespace of its own that does not exist yet, unless said otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    name: String,
    manifest: Value,
}

impl Application {
    /// An Application of that source (`repoURL` and so on).
    pub(crate) fn of(env: &TestEnv, source: &Value) -> Self {
        let name = env.name("app");
        let manifest = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": name,
                "namespace": env.control,
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {
                "project": "default",
                "destination": { "server": "https://kubernetes.default.svc", "namespace": env.name("ns") },
                "source": source,
                "syncPolicy": {
                    "automated": { "prune": true },
                    "syncOptions": ["CreateNamespace=true", "FluxSubsystem=true", "AutoCreateFluxResources=true"],
                },
            },
        });
        Self { name, manifest }
    }

    /// The chart podinfo of the shared Helm repository.
    pub(crate) fn chart(env: &TestEnv, version: &str) -> Self {
        let url = env.sources().helm_url("podinfo");
        Self::of(env, &json!({ "repoURL": url, "chart": "podinfo", "targetRevision": version }))
    }

    /// A path of a git repository.
    pub(crate) fn git(env: &TestEnv, url: &str, path: &str, revision: &str) -> Self {
        Self::of(env, &json!({ "repoURL": url, "path": path, "targetRevision": revision }))
    }

    /// Several sources.
    pub(crate) fn sources(env: &TestEnv, sources: &[Value]) -> Self {
        Self::of(env, &Value::Null).merge(&json!({ "spec": { "source": null, "sources": sources } }))
    }

    /// Another name, and another namespace to deliver to: for a test with several.
    pub(crate) fn named(mut self, env: &TestEnv, suffix: &str) -> Self {
        self.name = env.name(suffix);
        let change = json!({
            "metadata": { "name": self.name },
            "spec": { "destination": { "namespace": env.name(&format!("{suffix}-ns")) } },
        });
        self.merge(&change)
    }

    /// A Helm parameter, as `argocd app set -p NAME=VALUE` writes it.
    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Self {
        let parameters = &mut self.manifest["spec"]["source"]["helm"]["parameters"];
        if parameters.is_null() {
            *parameters = json!([]);
        }
        if let Some(list) = parameters.as_array_mut() {
            list.push(json!({ "name": name, "value": value }));
        }
        self
    }

    /// Without an automated sync policy: it waits for Syncs.
    pub(crate) fn manual(self) -> Self {
        self.merge(&json!({ "spec": { "syncPolicy": { "automated": null } } }))
    }

    /// With `selfHeal: true`.
    pub(crate) fn self_healing(self) -> Self {
        self.merge(&json!({ "spec": { "syncPolicy": { "automated": { "selfHeal": true } } } }))
    }

    /// Stock Argo CD's: without the options by which it joins.
    pub(crate) fn plain(self) -> Self {
        self.options(&["CreateNamespace=true"])
    }

    /// Without any finalizer.
    pub(crate) fn without_finalizer(self) -> Self {
        self.merge(&json!({ "metadata": { "finalizers": null } }))
    }

    /// With these sync options and no others.
    pub(crate) fn options(self, options: &[&str]) -> Self {
        self.merge(&json!({ "spec": { "syncPolicy": { "syncOptions": options } } }))
    }

    /// With an annotation.
    pub(crate) fn annotation(self, key: &str, value: &str) -> Self {
        self.merge(&json!({ "metadata": { "annotations": { key: value } } }))
    }

    /// With anything else: a JSON merge patch of the Application.
    pub(crate) fn merge(mut self, change: &Value) -> Self {
        merge(&mut self.manifest, change);
        self
    }

    /// Its name, which is also the name of its Flux objects.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The namespace that it delivers to.
    pub(crate) fn destination(&self) -> &str {
        self.manifest["spec"]["destination"]["namespace"].as_str().unwrap_or_default()
    }

    /// The manifest, to make another one of it.
    pub(crate) fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// The manifest (JSON, which is YAML).
    pub(crate) fn to_yaml(&self) -> String {
        self.manifest.to_string()
    }

    /// `kubectl apply`.
    pub(crate) async fn apply(&self, env: &TestEnv) -> Result<()> {
        env.apply(&self.to_yaml()).await
    }

    /// Waits until somebody else has created it.
    pub(crate) async fn appears(&self, env: &TestEnv) -> Result<()> {
        env.wait_until(&format!("Application {} is there", self.name), PATIENCE, async || {
            Ok(env.get("Application", &env.control, &self.name).await?.map(drop))
        })
        .await
    }

    /// `kubectl apply`, and waits until it is Synced and Healthy.
    pub(crate) async fn deliver(&self, env: &TestEnv) -> Result<Value> {
        self.apply(env).await?;
        self.settled(env).await
    }

    /// Waits until it is Synced and Healthy for the newest spec, with no operation under way.
    pub(crate) async fn settled(&self, env: &TestEnv) -> Result<Value> {
        self.wait(env, "Synced and Healthy, and at rest", |app| {
            let status = &app["status"];
            let compared = &status["sync"]["comparedTo"];
            let compared =
                compared["source"] == app["spec"]["source"] && compared["sources"] == app["spec"]["sources"];
            status["sync"]["status"] == "Synced"
                && status["health"]["status"] == "Healthy"
                && status["operationState"]["phase"] == "Succeeded"
                && app["operation"].is_null()
                && compared
        })
        .await
    }

    /// Waits until `check` is true of it, and returns it.
    pub(crate) async fn wait(
        &self,
        env: &TestEnv,
        what: &str,
        check: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let what = format!("Application {} is {what}", self.name);
        env.wait_until(&what, PATIENCE, async || {
            let app = env.application(&self.name).await?;
            let status = &app["status"];
            let shown =
                json!([status["sync"]["status"], status["health"], status["operationState"]["message"]]);
            if check(&app) {
                Ok(Some(app))
            } else {
                Err(anyhow::anyhow!("{shown}, {}", status["conditions"]))
            }
        })
        .await
    }

    /// Its line in `helm list`; an error when there is none or more than one.
    pub(crate) async fn release(&self, env: &TestEnv) -> Result<Value> {
        let listed = env.helm(&["list", "-n", self.destination(), "-o", "json"]).await?.json()?;
        let [release] = listed.as_array().map(Vec::as_slice).unwrap_or_default() else {
            anyhow::bail!("helm list shows {listed}");
        };
        Ok(release.clone())
    }

    /// The object of that kind and name in the namespace that it delivers to.
    pub(crate) async fn delivered(&self, env: &TestEnv, kind: &str, name: &str) -> Result<Value> {
        env.get(kind, self.destination(), name).await?.with_context(|| format!("no {kind} {name}"))
    }

    /// `status.history`.
    pub(crate) async fn history(&self, env: &TestEnv) -> Result<Vec<Value>> {
        let app = env.application(&self.name).await?;
        Ok(app["status"]["history"].as_array().cloned().unwrap_or_default())
    }

    /// Every version that it had since the resourceVersion `since` of any object, oldest first, as a watch tells them.
    pub(crate) async fn versions(&self, env: &TestEnv, since: &str) -> Result<Vec<Value>> {
        let (control, name) = (&env.control, &self.name);
        let path = format!(
            "/apis/argoproj.io/v1alpha1/namespaces/{control}/applications?watch=1&timeoutSeconds=1\
             &fieldSelector=metadata.name={name}&resourceVersion={since}"
        );
        let events = env.kubectl(&["get", "--raw", &path]).await?.text()?;
        let events = serde_json::Deserializer::from_str(&events).into_iter::<Value>();
        events.map(|event| Ok(event?["object"].take())).collect()
    }

    /// Presses Sync as argocd-server writes it (argo-cd `server/application/application.go`, `Sync`).
    pub(crate) async fn sync(&self, env: &TestEnv) -> Result<()> {
        let operation = json!({ "operation": {
            "initiatedBy": { "username": "admin" },
            "sync": { "syncStrategy": { "hook": {} }, "prune": true },
        } });
        let arguments = [
            "patch",
            "application",
            &self.name,
            "-n",
            &env.control,
            "--type=merge",
            "-p",
            &operation.to_string(),
        ];
        env.kubectl(&arguments).await?.text().map(drop)
    }

    /// `kubectl delete`, which waits until it is gone.
    pub(crate) async fn delete(&self, env: &TestEnv) -> Result<()> {
        env.kubectl(&["delete", "application", &self.name, "-n", &env.control, "--timeout=90s"])
            .await?
            .text()
            .map(drop)
    }
}

/// The resourceVersion of the test's namespace: everything that the test made came after it.
pub(crate) async fn beginning(env: &TestEnv) -> Result<String> {
    let namespace = env.get("Namespace", "", &env.namespace).await?.context("no namespace")?;
    Ok(namespace["metadata"]["resourceVersion"].as_str().context("no resourceVersion")?.to_owned())
}

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// JSON merge patch (RFC 7386).
fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, value) in change {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
