//! A place for one test: names of its own, short ways to the cluster, waiting that explains itself.

use std::ops::AsyncFnMut;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::Value;

use crate::environment;
use crate::kinds::{cluster_wide, resource};
use crate::run::Output;
use crate::sources::Sources;
use crate::stack::Stack;

/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// One test's surroundings. When dropped, its Applications and its namespace are deleted without waiting;
/// `STACK_KEEP=1` keeps them.
pub struct TestEnv {
    stack: Arc<Stack>,
    client: Client,
    /// The namespace to deliver to; it exists. Also the prefix of [`Self::name`].
    pub namespace: String,
    /// The namespace of Applications: `argocd`, unless changed with [`Self::with_control_namespace`].
    pub control: String,
}

impl TestEnv {
    pub(crate) async fn new(stack: Arc<Stack>, name: &str) -> Result<Self> {
        let namespace = format!("{}-{}", name.replace('_', "-"), unique());
        let env = Self { client: stack.admin().await?, stack, namespace, control: "argocd".to_owned() };
        let manifest = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n", env.namespace);
        env.apply(&manifest).await?;
        Ok(env)
    }

    /// The same test with its Applications in another namespace, which [`Stack::control_namespace`] makes. A bridge
    /// has to be started for it.
    pub async fn with_control_namespace(mut self, reconciliation: &str) -> Result<Self> {
        self.control = format!("{}-control", self.namespace);
        self.stack.control_namespace(&self.control, reconciliation).await?;
        Ok(self)
    }

    /// The stack it runs on.
    pub fn stack(&self) -> &Arc<Stack> {
        &self.stack
    }

    /// The repositories that Applications point at.
    pub fn sources(&self) -> Sources {
        self.stack.sources()
    }

    /// A client with all rights, for the runtime of this test.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A name that no other test has: for Applications, repositories, further namespaces.
    pub fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.namespace)
    }

    /// Runs `kubectl`.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        self.stack.run("kubectl", arguments).await
    }

    /// Runs `kubectl` with text on its standard input.
    pub async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<Output> {
        self.stack.run_with_input("kubectl", arguments, input).await
    }

    /// Runs `helm`.
    pub async fn helm(&self, arguments: &[&str]) -> Result<Output> {
        self.stack.run("helm", arguments).await
    }

    /// Runs `flux`.
    pub async fn flux(&self, arguments: &[&str]) -> Result<Output> {
        self.stack.run("flux", arguments).await
    }

    /// Runs the `argocd` CLI against the stack's server.
    pub async fn argocd(&self, arguments: &[&str]) -> Result<Output> {
        self.stack.run("argocd", arguments).await
    }

    /// Applies YAML text (any number of documents) with `kubectl apply --server-side`.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        self.stack.apply(manifests).await
    }

    /// The object, or `None` when there is none. Cluster-wide kinds ignore the namespace.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        let found =
            self.api(kind, namespace)?.get_opt(name).await.with_context(|| format!("get {kind} {name}"))?;
        found.map(|object| serde_json::to_value(object).map_err(Into::into)).transpose()
    }

    /// All objects of a kind in a namespace; an empty namespace means everywhere.
    pub async fn list(&self, kind: &str, namespace: &str) -> Result<Vec<Value>> {
        let list = self.api(kind, namespace)?.list(&ListParams::default()).await;
        let list = list.with_context(|| format!("list {kind}"))?;
        list.items.into_iter().map(|object| serde_json::to_value(object).map_err(Into::into)).collect()
    }

    /// Changes an object by a JSON merge patch and returns what it became.
    pub async fn patch(&self, kind: &str, namespace: &str, name: &str, change: &Value) -> Result<Value> {
        let patched =
            self.api(kind, namespace)?.patch(name, &PatchParams::default(), &Patch::Merge(change)).await;
        Ok(serde_json::to_value(patched.with_context(|| format!("patch {kind} {name}"))?)?)
    }

    /// Asks for an object to be deleted; no error when there is none. Does not wait for finalizers.
    pub async fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        match self.api(kind, namespace)?.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop).with_context(|| format!("delete {kind} {name}")),
        }
    }

    /// The Application of that name in [`Self::control`]; an error when there is none.
    pub async fn application(&self, name: &str) -> Result<Value> {
        self.get("Application", &self.control, name).await?.with_context(|| format!("no Application {name}"))
    }

    fn api(&self, kind: &str, namespace: &str) -> Result<Api<DynamicObject>> {
        let resource = resource(kind)?;
        Ok(if namespace.is_empty() || cluster_wide(kind) {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        })
    }

    /// Looks again and again until `check` returns a value, and returns that. An error of `check` means "not yet,
    /// because": when `patience` runs out, the last one is reported together with the state of everything that
    /// belongs to this test.
    pub async fn wait_until<T>(
        &self,
        what: &str,
        patience: Duration,
        mut check: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            let reason = match check().await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => anyhow!("not yet"),
                Err(error) => error,
            };
            if begun.elapsed() > patience {
                let message = format!("waited {patience:?} until {what}: {reason:#}");
                eprintln!("{message}\n{}", self.report().await);
                return Err(anyhow!(message));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(PAUSES.1);
        }
    }

    /// Waits until the Application has that sync and health status, and returns it.
    pub async fn wait_for_application(&self, name: &str, sync: &str, health: &str) -> Result<Value> {
        let what = format!("Application {name} is {sync}/{health}");
        self.wait_until(&what, Duration::from_secs(60), async || {
            let application = self.application(name).await?;
            let status = &application["status"];
            let (is_sync, is_health) = (&status["sync"]["status"], &status["health"]["status"]);
            if is_sync == sync && is_health == health {
                return Ok(Some(application));
            }
            Err(anyhow!("it is {is_sync}/{is_health}, conditions {}", status["conditions"]))
        })
        .await
    }

    /// Waits until a Flux object's Ready condition has that status ("True", "False"), and returns the object.
    pub async fn wait_for_ready(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        status: &str,
    ) -> Result<Value> {
        let what = format!("{kind} {namespace}/{name} has Ready {status}");
        self.wait_until(&what, Duration::from_secs(60), async || {
            let object =
                self.get(kind, namespace, name).await?.with_context(|| format!("no {kind} {name}"))?;
            let ready = ready(&object);
            // The object's own `status.observedGeneration` stays behind while it fails.
            let current = ready["observedGeneration"] == object["metadata"]["generation"];
            if ready["status"] == status && current { Ok(Some(object)) } else { Err(anyhow!("{ready}")) }
        })
        .await
    }

    /// Waits until a Flux object's Ready condition is False with a message that contains `words`, and returns the
    /// object: on its way there it may be False for other reasons.
    pub async fn wait_for_failure(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        words: &str,
    ) -> Result<Value> {
        let what = format!("{kind} {namespace}/{name} fails with {words:?}");
        self.wait_until(&what, Duration::from_secs(60), async || {
            let object =
                self.get(kind, namespace, name).await?.with_context(|| format!("no {kind} {name}"))?;
            let ready = ready(&object);
            let says = ready["message"].as_str().is_some_and(|message| message.contains(words));
            if ready["status"] == "False" && says { Ok(Some(object)) } else { Err(anyhow!("{ready}")) }
        })
        .await
    }

    /// Waits until there is no such object any more. A namespace takes its turn behind all others that end at the same time: among
    /// some four hundred promises that is minutes.
    pub async fn wait_until_gone(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        let what = format!("{kind} {namespace}/{name} is gone");
        let patience = Duration::from_secs(if kind == "Namespace" { 900 } else { 60 });
        self.wait_until(&what, patience, async || match self.get(kind, namespace, name).await? {
            None => Ok(Some(())),
            Some(object) => Err(anyhow!("it is there, finalizers {}", object["metadata"]["finalizers"])),
        })
        .await
    }

    /// Everything that tells why this test waits in vain.
    pub async fn report(&self) -> String {
        let mut parts = Vec::new();
        let applications = self.list("Application", &self.control).await.unwrap_or_default();
        for application in applications.iter().filter(|item| self.owns(item)) {
            let name = application["metadata"]["name"].as_str().unwrap_or_default();
            let arguments = ["get", "application", "-n", &self.control, name, "-o", "yaml"];
            parts.push(section(&self.kubectl(&arguments).await));
        }
        let namespace = self.namespace.as_str();
        parts.push(section(&self.flux(&["get", "all", "-n", namespace]).await));
        parts.push(section(&self.kubectl(&["get", "deployments,pods", "-n", namespace]).await));
        parts.push(section(
            &self.kubectl(&["get", "events", "-n", namespace, "--sort-by=.lastTimestamp"]).await,
        ));
        let mut control =
            self.kubectl(&["get", "events", "-n", &self.control, "--sort-by=.lastTimestamp"]).await;
        if let Ok(output) = &mut control {
            let own: Vec<_> = output.stdout.lines().filter(|line| line.contains(namespace)).collect();
            output.stdout = own.join("\n");
        }
        parts.push(section(&control));
        let bridge = self.stack.state().log(if self.control == "argocd" { "bridge" } else { &self.control });
        parts.push(format!("--- {}\n{}", bridge.display(), crate::state::tail(&bridge, 40)));
        parts.join("\n")
    }

    fn owns(&self, application: &Value) -> bool {
        let destination = application["spec"]["destination"]["namespace"].as_str().unwrap_or_default();
        let name = application["metadata"]["name"].as_str().unwrap_or_default();
        name.starts_with(&self.namespace) || destination.starts_with(&self.namespace)
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        if std::env::var_os("STACK_KEEP").is_some() {
            return;
        }
        // Applications first, while the bridge can still clean up behind them; their namespaces go last.
        let script = r#"
for kind in applicationsets applications; do
  kubectl get "$kind" -n "$CONTROL" -o name | grep "/$PREFIX" | xargs -r kubectl delete -n "$CONTROL" --timeout=30s
done
kubectl get secrets -n "$CONTROL" -o name | grep "/$PREFIX" | xargs -r kubectl delete -n "$CONTROL" --wait=false
kubectl get namespaces -o name | grep "/$PREFIX" | xargs -r kubectl delete --wait=false
"#;
        let started = Command::new("sh")
            .args(["-c", script])
            .envs(environment::variables(self.stack.state()))
            .env("PREFIX", &self.namespace)
            .env("CONTROL", &self.control)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // What is left behind ends with the stack.
        drop(started);
    }
}

/// The Ready condition of an object; null when it has none.
fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default()
}

fn section(output: &Result<Output>) -> String {
    match output {
        Ok(output) => format!("--- {}\n{}{}", output.command, output.stdout, output.stderr),
        Err(error) => format!("--- {error:#}"),
    }
}

/// A few characters that no other test of this machine gets.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() % 36_000_000;
    format!("{time:x}{:x}", COUNT.fetch_add(1, Ordering::Relaxed))
}
