//! A running stack as tests, demonstrations and measurements hold it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, bail};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::hex::hex;
use crate::process::Process;
use crate::redis::Redis;
use crate::run::{Output, run};
use crate::sources::Sources;
use crate::state::{Options, State};
use crate::test_env::TestEnv;
use crate::{bootstrap, build, http, launch, paths, programs};
use crate::{bridge, bridge::Bridge, bridge::BridgeOptions};

/// How long the stack of the tests stays after the last of them.
const IDLE: u64 = 60;

/// A stack that is up and stays up for as long as this value lives.
#[derive(Debug)]
pub struct Stack {
    state: State,
    /// Says to the supervisor that the stack is used.
    _in_use: Option<File>,
    /// Nobody else may use it, so it ends with this value.
    own: bool,
    credentials: OnceCell<PathBuf>,
    shared_bridge: OnceCell<Bridge>,
}

impl Stack {
    /// The stack that all tests of this clone share, with Argo CD, the manifests of the bridge applied, and one
    /// bridge running for the namespace `argocd`. Started by whoever comes first; ends by itself a minute after
    /// the last test.
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: OnceCell<Result<Arc<Stack>, String>> = OnceCell::const_new();
        let start = async {
            let stack = Self::plain().await?;
            stack.shared_bridge().await?;
            Ok(stack)
        };
        // A failure is kept, too: eight tests that each try for minutes say no more than one does.
        let stack = SHARED
            .get_or_init(async || start.await.map_err(|error: anyhow::Error| format!("{error:#}")))
            .await;
        stack.clone().map_err(|message| anyhow!("the shared stack: {message}"))
    }

    /// The same stack as [`Self::shared`], without waiting for a bridge.
    pub async fn plain() -> Result<Arc<Self>> {
        static PLAIN: OnceCell<Result<Arc<Stack>, String>> = OnceCell::const_new();
        let stack = PLAIN
            .get_or_init(async || {
                let options = Options { argocd: true, idle_exit: Some(IDLE), ..Options::default() };
                Self::start(clone_name(), options, false)
                    .await
                    .map(Arc::new)
                    .map_err(|error| format!("{error:#}"))
            })
            .await;
        stack.clone().map_err(|message| anyhow!("the shared stack: {message}"))
    }

    /// A stack of one's own, for what would disturb others; it ends when the value is dropped.
    pub async fn private(options: Options) -> Result<Arc<Self>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("private-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let options = Options { idle_exit: Some(5), ..options };
        blocking(|| launch::sweep("private-")).await?;
        Self::start(name, options, true).await.map(Arc::new)
    }

    /// Brings the stack called `name` up, or finds it up, and leaves it running: what `cargo stack up` does.
    pub async fn up(name: &str, options: Options) -> Result<Arc<Self>> {
        let name = name.to_owned();
        let state = blocking(move || launch::up(&name, &options, &bridge::built_binary("stack")?)).await?;
        Ok(Arc::new(Self::new(state, None, false)))
    }

    async fn start(name: String, options: Options, own: bool) -> Result<Self> {
        let up = move || launch::up_shared(&name, &options, &bridge::built_binary("stack")?);
        let (state, in_use) = blocking(up).await?;
        Ok(Self::new(state, Some(in_use), own))
    }

    fn new(state: State, in_use: Option<File>, own: bool) -> Self {
        Self { state, _in_use: in_use, own, credentials: OnceCell::new(), shared_bridge: OnceCell::new() }
    }

    /// Names, ports, paths.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The repositories that Applications point at.
    pub fn sources(&self) -> Sources {
        Sources::new(self.state.clone())
    }

    /// The Redis that Argo CD uses.
    pub fn redis(&self) -> Redis {
        Redis::of(&self.state)
    }

    /// A client with all rights. Each call makes a new one: a client ends with the runtime that made it, and every
    /// test has a runtime of its own.
    pub async fn admin(&self) -> Result<Client> {
        client(&self.state.kubeconfig()).await
    }

    /// A client with the rights of the bridge's service account.
    pub async fn as_bridge(&self) -> Result<Client> {
        client(&self.bridge_kubeconfig().await?).await
    }

    /// Runs a program (`kubectl`, `helm`, `flux`, `argocd`, `git`, …) in the stack's environment.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        run(&self.state, program, arguments, "").await
    }

    /// The same with text on its standard input.
    pub async fn run_with_input(&self, program: &str, arguments: &[&str], input: &str) -> Result<Output> {
        run(&self.state, program, arguments, input).await
    }

    /// Applies YAML as the administrator.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        bootstrap::apply(&self.state, manifests).await
    }

    /// Installs the CRDs of Flux and starts its controllers, in a stack that came up without.
    pub async fn install_flux_crds(&self) -> Result<()> {
        self.control("flux", "start").await
    }

    /// Builds Argo CD where it is missing and starts it, in a stack that came up with [`Options::argocd_later`]; nothing is
    /// done where it runs already.
    pub async fn start_argocd(&self) -> Result<()> {
        blocking(|| build::ensure(&programs::of_stack(true))).await?;
        let state = State::read(&self.state.name)?.context("the stack is gone")?;
        let runs = state.components.get("argocd-server").and_then(|component| component.process);
        if runs.is_some_and(Process::alive) { Ok(()) } else { self.control("argocd", "start").await }
    }

    /// Ends a component with SIGKILL.
    pub async fn kill_component(&self, name: &str) -> Result<()> {
        self.control(name, "kill").await
    }

    /// Starts a component again and waits until it is ready.
    pub async fn start_component(&self, name: &str) -> Result<()> {
        self.control(name, "start").await
    }

    async fn control(&self, component: &str, verb: &str) -> Result<()> {
        let address = self.state.address("sources");
        match http::post(&address, &format!("/control/{component}/{verb}")).await? {
            (200, _) => Ok(()),
            (status, body) => bail!("{verb} {component}: {status} {body}"),
        }
    }

    /// Makes a namespace that holds Applications beside `argocd`: Argo CD's settings with that
    /// `timeout.reconciliation`, and a service account with the rights that the bridge has in `argocd`. Stock Argo CD does
    /// not watch it.
    pub async fn control_namespace(&self, namespace: &str, reconciliation: &str) -> Result<()> {
        self.bridge_kubeconfig().await?;
        self.apply(&bootstrap::control_namespace(&self.state, namespace, reconciliation)?).await?;
        let roles = self
            .run("kubectl", &["get", "roles,rolebindings,clusterrolebindings", "-n", "argocd", "-o", "json"])
            .await?
            .json()?;
        self.apply(&bridge::moved(&roles, namespace).to_string()).await
    }

    /// A kubeconfig with nothing but a token of the bridge's service account, after `kubectl apply -k manifests/`.
    pub async fn bridge_kubeconfig(&self) -> Result<PathBuf> {
        self.credentials.get_or_try_init(|| bridge::install(&self.state)).await.cloned()
    }

    /// The bridge that all tests share; it serves the namespace `argocd`.
    pub async fn shared_bridge(&self) -> Result<&Bridge> {
        self.shared_bridge
            .get_or_try_init(async || {
                let kubeconfig = self.bridge_kubeconfig().await?;
                Bridge::shared(&self.state, &kubeconfig).await
            })
            .await
    }

    /// Starts a bridge of one's own and waits until it is ready.
    pub async fn bridge(&self, options: BridgeOptions) -> Result<Bridge> {
        let kubeconfig = match options.namespace.as_str() {
            "argocd" => self.bridge_kubeconfig().await?,
            namespace => bridge::moved_kubeconfig(&self.state, namespace).await?,
        };
        Bridge::start(&self.state, &kubeconfig, options).await
    }

    /// A place for one test: a namespace to deliver to, names of its own, cleaned up afterwards.
    pub async fn test(self: &Arc<Self>, name: &str) -> Result<TestEnv> {
        TestEnv::new(self.clone(), name).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.own {
            // The supervisor does the rest; nobody waits for it here.
            self.state.supervisor.signal(Signal::TERM);
        }
    }
}

/// One stack for each clone.
fn clone_name() -> String {
    let hash = Sha256::digest(paths::workspace().as_os_str().as_encoded_bytes());
    format!("test-{}", hex(&hash[..4]))
}

async fn client(kubeconfig: &std::path::Path) -> Result<Client> {
    let read = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Client::try_from(config).context("make a Kubernetes client")
}

/// Runs work that blocks (builds, waiting for a stack) beside the async runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work panicked")?
}
