//! The bridge as the tests run it: the real binary, with nothing but the rights of its own manifests.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use flux_subsystem::merge::deep_merge;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::process::{Process, Usage};
use crate::progress::Progress;
use crate::run::run;
use crate::state::{State, tail};
use crate::supervisor::layout::render_kubeconfig;
use crate::{http, lock, paths, ports};

/// Name of the bridge's service account.
const ACCOUNT: &str = "flux-subsystem";
/// How long a bridge may take until `/readyz` answers 200.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a bridge of one's own is asked to be.
#[derive(Debug, Clone, Default)]
pub struct BridgeOptions {
    /// Name of the process, of its log and of its record; two at the same time need two names.
    pub name: String,
    /// The namespace of Applications it serves: `--argocd-namespace`.
    pub namespace: String,
    /// Further arguments after `run`.
    pub arguments: Vec<String>,
    /// Further environment variables.
    pub variables: Vec<(String, String)>,
    /// What a start waits for.
    pub until: Until,
}

/// When a bridge counts as started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// `/readyz` answers 200: its caches are filled.
    #[default]
    Ready,
    /// `/healthz` answers 200: it lives, in a cluster where it cannot become ready, as without the CRDs of Flux.
    Alive,
}

impl BridgeOptions {
    /// A bridge for the Applications of `namespace`, named after it.
    pub fn serving(namespace: &str) -> Self {
        Self { name: namespace.to_owned(), namespace: namespace.to_owned(), ..Self::default() }
    }
}

/// A running (or killed) bridge process. Ends when the value is dropped, unless it is the shared one; at the
/// latest with its stack.
#[derive(Debug)]
pub struct Bridge {
    record: Mutex<Record>,
    start: Start,
    /// To be reaped; the shared bridge may have been started by another process.
    child: Mutex<Option<Child>>,
    shared: bool,
}

/// Everything needed to start the process once more.
#[derive(Debug, Clone)]
struct Start {
    state: State,
    executable: PathBuf,
    kubeconfig: PathBuf,
    options: BridgeOptions,
    addresses: Addresses,
}

/// Where it listens, `127.0.0.1:PORT` each.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Addresses {
    /// Probes and metrics.
    http: String,
    /// What Flux fetches from it.
    artifacts: String,
}

impl Addresses {
    fn free() -> Result<Self> {
        let ports = ports::free(2)?;
        let address = |index: usize| ports.get(index).map(|port| format!("127.0.0.1:{port}"));
        let (http, artifacts) = address(0).zip(address(1)).context("no free ports")?;
        Ok(Self { http, artifacts })
    }
}

/// What the stack's folder says of it, so that its supervisor can end it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    process: Process,
    addresses: Addresses,
    built: SystemTime,
}

impl Bridge {
    /// Finds the shared bridge, or starts it; replaces one that an older binary runs.
    pub(crate) async fn shared(state: &State, kubeconfig: &Path) -> Result<Self> {
        let options = BridgeOptions { name: "bridge".to_owned(), ..BridgeOptions::serving("argocd") };
        let executable = built().await?;
        let _one_at_a_time = lock::exclusive(&format!("stack-{}.bridge.lock", state.name))?;
        let built = std::fs::metadata(&executable)?.modified()?;
        if let Some(record) = Record::read(state, &options.name).filter(|record| record.process.alive()) {
            if record.built == built {
                let start = Start::new(state, executable, kubeconfig, options, record.addresses.clone());
                let bridge = Self::of(start, record, None, true);
                bridge.wait_ready().await?;
                return Ok(bridge);
            }
            record.process.end(Duration::from_secs(10));
        }
        let start = Start::new(state, executable, kubeconfig, options, Addresses::free()?);
        let (record, child) = start.spawn()?;
        let bridge = Self::of(start, record, Some(child), true);
        bridge.wait_ready().await?;
        Ok(bridge)
    }

    /// Starts a bridge and waits until it has started, as `options.until` says.
    pub(crate) async fn start(state: &State, kubeconfig: &Path, options: BridgeOptions) -> Result<Self> {
        let executable = built().await?;
        let start = Start::new(state, executable, kubeconfig, options, Addresses::free()?);
        let (record, child) = start.spawn()?;
        let bridge = Self::of(start, record, Some(child), false);
        bridge.wait_started().await?;
        Ok(bridge)
    }

    fn of(start: Start, record: Record, child: Option<Child>, shared: bool) -> Self {
        Self { record: Mutex::new(record), start, child: Mutex::new(child), shared }
    }

    /// The process.
    pub fn process(&self) -> Process {
        self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner).process
    }

    /// Whether the process runs.
    pub fn alive(&self) -> bool {
        self.process().alive()
    }

    /// CPU seconds and resident memory so far; an error once it has ended.
    pub fn usage(&self) -> Result<Usage> {
        self.process().usage().context("the bridge does not run")
    }

    /// Ends the process as a crash would: SIGKILL, effective when this returns.
    pub fn kill(&self) {
        self.stop(Signal::KILL);
    }

    /// Ends the process as Kubernetes does: SIGTERM; returns once it is gone, killing it after ten seconds.
    pub fn terminate(&self) {
        self.stop(Signal::TERM);
    }

    fn stop(&self, signal: Signal) {
        let process = self.process();
        process.signal(signal);
        if !process.wait(Duration::from_secs(10)) {
            process.end(Duration::from_secs(10));
        }
        let child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // It is gone; this only takes its exit status away.
            let _ = child.wait();
        }
    }

    /// Starts the process again (after ending it, if it still runs) and waits until it has started.
    pub async fn restart(&self) -> Result<()> {
        self.launch()?;
        self.wait_started().await
    }

    /// Starts the process again without waiting for anything: to kill it in the middle of something.
    pub fn launch(&self) -> Result<()> {
        if self.alive() {
            self.terminate();
        }
        let (record, child) = self.start.spawn()?;
        *self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = record;
        *self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(child);
        Ok(())
    }

    /// Waits until it has started, as its options say; an error with the end of the log when the process ends
    /// instead.
    pub async fn wait_started(&self) -> Result<()> {
        match self.start.options.until {
            Until::Ready => self.wait_ready().await,
            Until::Alive => self.wait_for("/healthz").await,
        }
    }

    /// Waits until `/readyz` answers 200; an error with the end of the log when the process ends instead.
    pub async fn wait_ready(&self) -> Result<()> {
        self.wait_for("/readyz").await
    }

    async fn wait_for(&self, path: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Ok((200, _)) = http::get(&self.start.addresses.http, path).await {
                return Ok(());
            }
            if !self.alive() {
                bail!("the bridge ended before it was ready; its log ends:\n{}", self.tail(30));
            }
            if begun.elapsed() > READY_WITHIN {
                bail!(
                    "the bridge does not answer {path} with 200 after {READY_WITHIN:?}; its log ends:\n{}",
                    self.tail(30)
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `127.0.0.1:PORT` of its HTTP server.
    pub fn address(&self) -> &str {
        &self.start.addresses.http
    }

    /// `127.0.0.1:PORT` of what Flux fetches from it.
    pub fn artifact_address(&self) -> &str {
        &self.start.addresses.artifacts
    }

    /// The body of `GET /metrics`.
    pub async fn metrics(&self) -> Result<String> {
        Ok(http::get(&self.start.addresses.http, "/metrics").await?.1)
    }

    /// The sum over all series of a metric, or of those that have every `label="value"` of `labels`.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        Ok(sum(&self.metrics().await?, name, labels))
    }

    /// Everything it has logged, over all its restarts.
    pub fn log(&self) -> String {
        tail(&self.log_path(), usize::MAX)
    }

    /// The last `lines` lines of its log.
    pub fn tail(&self, lines: usize) -> String {
        tail(&self.log_path(), lines)
    }

    fn log_path(&self) -> PathBuf {
        self.start.state.log(&self.start.options.name)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if !self.shared {
            self.kill();
            // The supervisor would find nothing to end; leaving it behind harms nobody.
            let _ = std::fs::remove_file(Record::path(&self.start.state, &self.start.options.name));
        }
    }
}

impl Start {
    fn new(
        state: &State,
        executable: PathBuf,
        kubeconfig: &Path,
        options: BridgeOptions,
        addresses: Addresses,
    ) -> Self {
        Self { state: state.clone(), executable, kubeconfig: kubeconfig.to_owned(), options, addresses }
    }

    fn spawn(&self) -> Result<(Record, Child)> {
        let path = self.state.log(&self.options.name);
        let log = File::options().create(true).append(true).open(&path)?;
        let child = Command::new(&self.executable)
            .args([
                "run",
                "--argocd-namespace",
                &self.options.namespace,
                "--http-address",
                &self.addresses.http,
            ])
            .args(["--artifact-listen-address", &self.addresses.artifacts])
            .args(["--artifact-address", &self.addresses.artifacts])
            .args(&self.options.arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(self.options.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: closing the terminal is not meant for a bridge that its stack owns.
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.executable.display()))?;
        let process = Process::of(child.id()).context("the bridge ended at once")?;
        let built = std::fs::metadata(&self.executable)?.modified()?;
        let record = Record { process, addresses: self.addresses.clone(), built };
        std::fs::write(Record::path(&self.state, &self.options.name), serde_json::to_vec(&record)?)?;
        Ok((record, child))
    }
}

impl Record {
    fn path(state: &State, name: &str) -> PathBuf {
        state.guests().join(format!("{name}.json"))
    }

    fn read(state: &State, name: &str) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(state, name)).ok()?).ok()
    }
}

/// Applies the manifests as shipped and makes a kubeconfig for their service account; returns its path.
pub(crate) async fn install(state: &State) -> Result<PathBuf> {
    let manifests = paths::workspace().join("manifests");
    let arguments =
        ["apply", "--server-side", "--force-conflicts", "-k", &manifests.display().to_string(), "-o", "json"];
    let applied = run(state, "kubectl", &arguments, "").await?.text().context("apply manifests/")?;
    // kubectl prints one JSON value per object, or one List, depending on how many there are.
    let objects: Vec<Value> =
        serde_json::Deserializer::from_str(&applied).into_iter().collect::<Result<_, _>>()?;
    let flat =
        objects.iter().flat_map(|object| object["items"].as_array().cloned().unwrap_or(vec![object.clone()]));
    let account =
        flat.into_iter().find(|object| object["kind"] == "ServiceAccount").context("no ServiceAccount")?;
    let name = account["metadata"]["name"].as_str().context("a ServiceAccount without a name")?;
    let namespace =
        account["metadata"]["namespace"].as_str().context("a ServiceAccount without a namespace")?;
    let token = run(state, "kubectl", &["create", "token", name, "-n", namespace, "--duration=24h"], "")
        .await?
        .text()?;
    let further = manifests.join("any-namespace").display().to_string();
    run(state, "kubectl", &["apply", "--server-side", "--force-conflicts", "-k", &further], "")
        .await?
        .text()?;
    admission(state).await?;
    let path = state.data("bridge-kubeconfig");
    std::fs::write(&path, render_kubeconfig(state, name, token.trim()))?;
    Ok(path)
}

/// Waits until the admission policy has taken effect, which the API server lets follow a moment after it was applied:
/// an Application that comes in between is deployed by stock Argo CD, too.
async fn admission(state: &State) -> Result<()> {
    let probe = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": "admission-probe", "namespace": "argocd" },
        "spec": {
            "project": "default", "destination": {},
            "syncPolicy": { "syncOptions": ["FluxSubsystem=true"] },
        },
    })
    .to_string();
    let begun = Instant::now();
    while begun.elapsed() < READY_WITHIN {
        // A dry run ends with admission: nothing is stored.
        let create = ["create", "--dry-run=server", "--filename=-", "--output=json"];
        let admitted = run(state, "kubectl", &create, &probe).await?.json()?;
        if admitted["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"] == "true" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the admission policy of manifests/ has no effect after {READY_WITHIN:?}")
}

/// A service account of the bridge's name in another namespace, with the bridge's rights there: its roles and bindings (in
/// `list`) as an installation for that namespace has them. Kubernetes's own and Argo CD's are left out.
pub(crate) fn moved(list: &Value, namespace: &str) -> Value {
    let ours = |item: &&Value| item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flux-subsystem";
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter(ours);
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": ACCOUNT, "namespace": namespace } });
    let moved = items.map(|item| {
        let mut copy = item.clone();
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        let metadata = if item["metadata"]["namespace"].is_null() {
            json!({ "name": format!("{name}-{namespace}") })
        } else {
            json!({ "name": name, "namespace": namespace })
        };
        if let Some(fields) = copy.as_object_mut() {
            fields.insert("metadata".to_owned(), metadata);
        }
        for subject in copy.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            deep_merge(subject, json!({ "namespace": namespace }));
        }
        copy
    });
    let items: Vec<Value> = std::iter::once(account).chain(moved).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// A kubeconfig for the service account that [`moved`] made.
pub(crate) async fn moved_kubeconfig(state: &State, namespace: &str) -> Result<PathBuf> {
    let arguments = ["create", "token", ACCOUNT, "-n", namespace, "--duration=24h"];
    let token = run(state, "kubectl", &arguments, "").await?.text()?;
    let path = state.data(&format!("{namespace}-bridge-kubeconfig"));
    std::fs::write(&path, render_kubeconfig(state, ACCOUNT, token.trim()))?;
    Ok(path)
}

/// The path of the bridge's binary, built first; once for each process.
async fn built() -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || {
        tokio::task::spawn_blocking(|| built_binary("flux-subsystem")).await.context("the build panicked")?
    };
    BUILT.get_or_try_init(build).await.cloned()
}

/// The path of a binary of this workspace, built first with the profile this code was built with.
pub fn built_binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    if own.file_name().is_some_and(|file| file == name) {
        return Ok(own);
    }
    let progress = Progress::start(format!("cargo build {name}"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace's features, as in `cargo test --workspace`: else the dependencies are built twice.
    cargo.args([
        "build",
        "--quiet",
        "--workspace",
        "--message-format",
        "json-render-diagnostics",
        "--bin",
        name,
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What an outer cargo says of its own package would make build scripts run again.
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            cargo.env_remove(&variable);
        }
    }
    let output = cargo.current_dir(paths::workspace()).stdin(Stdio::null()).output().context("run cargo")?;
    if !output.status.success() {
        bail!("cargo build --bin {name}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    progress.done();
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>().flatten();
    let paths = messages.filter(|message| message["target"]["name"] == name);
    let path = paths.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).last();
    path.with_context(|| format!("cargo built no {name}"))
}

/// Sums the series of a metric in Prometheus's text format.
fn sum(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let series = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    });
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_chosen_by_name_and_labels() {
        let text = "# HELP w x\nw_total{kind=\"a\",outcome=\"ok\"} 2\nw_total{kind=\"b\",outcome=\"ok\"} 3\nw_total_x 9\n";
        assert!((sum(text, "w_total", &[]) - 5.0).abs() < f64::EPSILON);
        assert!((sum(text, "w_total", &[("kind", "b")]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn only_the_bridges_roles_move() {
        let part_of = json!({ "app.kubernetes.io/part-of": "flux-subsystem" });
        let subjects = json!([{ "kind": "ServiceAccount", "name": "flux-subsystem", "namespace": "argocd" }]);
        let list = json!({ "items": [
            { "kind": "Role", "metadata": { "name": "x", "namespace": "argocd", "labels": part_of } },
            { "kind": "Role", "metadata": { "name": "y", "namespace": "argocd" } },
            { "kind": "ClusterRoleBinding", "metadata": { "name": "z", "labels": part_of }, "subjects": subjects },
        ] });
        let moved = moved(&list, "other");
        let items = moved["items"].as_array().unwrap();
        let metadata: Vec<_> = items.iter().map(|item| &item["metadata"]).collect();
        let here = |name: &str| json!({ "name": name, "namespace": "other" });
        assert_eq!(metadata, [&here("flux-subsystem"), &here("x"), &json!({ "name": "z-other" })]);
        assert_eq!(items[2]["subjects"][0]["namespace"], "other");
    }
}
