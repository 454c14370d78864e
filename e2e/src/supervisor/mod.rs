//! The process that owns a stack: starts its programs, serves the test sources, notices deaths, ends everything.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use axum::Router;
use axum::extract::{Path as Segments, State as Shared};
use axum::http::StatusCode;
use axum::routing::post;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::components::{self, Ready, Spec};
use crate::process::Process;
use crate::run::run;
use crate::sources::{self, Sources};
use crate::state::{Component, Phase, State, tail};
use crate::{bootstrap, build, http, launch, lock};

pub(crate) mod layout;

/// How long one program may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How much of a log is shown when its program died.
const TAIL: usize = 20;

/// A running stack, seen from its owner.
#[derive(Debug, Clone)]
struct Supervisor {
    state: Arc<Mutex<State>>,
    specs: Arc<Mutex<BTreeMap<&'static str, Spec>>>,
}

/// Runs the stack called `name`, whose `stack.json` was prepared, until it is told to end or is idle for too long.
pub async fn supervise(name: &str) -> Result<()> {
    let mut state = State::read(name)?.with_context(|| format!("no stack {name} was prepared"))?;
    state.supervisor = Process::own().context("no /proc")?;
    state.write()?;
    let supervisor = Supervisor { state: Arc::new(Mutex::new(state)), specs: Arc::default() };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Closing the terminal that `up` was typed in must not end the stack.
    let _hangup = signal(SignalKind::hangup())?;
    let live = async {
        if let Err(error) = supervisor.start().await {
            return Some(error);
        }
        supervisor.idle().await
    };
    let failure = tokio::select! {
        failure = live => failure,
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    supervisor.end(failure.as_ref())
}

/// Writes a line to the supervisor's log.
pub(crate) fn note(line: &str) {
    // A full disk must not end the stack.
    let _ = writeln!(std::io::stdout(), "{} {line}", jiff::Timestamp::now());
}

impl Supervisor {
    async fn start(&self) -> Result<()> {
        let state = self.snapshot();
        layout::write(&state)?;
        self.serve(&state).await?;
        futures::try_join!(self.fill_sources(&state), self.cluster(&state))?;
        self.update(|state| {
            state.phase = Phase::Ready;
            "everything runs".clone_into(&mut state.message);
        })
    }

    /// Test sources, and the door through which tests end and start components.
    async fn serve(&self, state: &State) -> Result<()> {
        let address = state.address("sources");
        let listener =
            tokio::net::TcpListener::bind(&address).await.with_context(|| format!("listen on {address}"))?;
        let sources = Router::new().fallback(sources::http::serve).with_state(Arc::new(state.clone()));
        let router = Router::new()
            .route("/control/{component}/{verb}", post(control))
            .with_state(self.clone())
            .fallback_service(sources);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                note(&format!("sources: {error}"));
            }
        });
        Ok(())
    }

    async fn fill_sources(&self, state: &State) -> Result<()> {
        self.run_all(components::servers(state)).await?;
        sources::seed::all(&Sources::new(state.clone())).await
    }

    async fn cluster(&self, state: &State) -> Result<()> {
        self.say("etcd and API server start")?;
        self.run_all(vec![components::etcd(state)]).await?;
        let redis = if state.options.argocd { vec![components::redis(state)] } else { Vec::new() };
        futures::try_join!(self.run_all(redis), self.api_server(state))?;
        self.say("CRDs and settings are applied")?;
        bootstrap::cluster(state).await?;
        self.say("controllers start")?;
        let around = self.run_all(components::around_the_api_server(state)?);
        let flux = async {
            self.register(components::flux(state));
            if state.options.flux_crds { self.flux(state).await } else { Ok(()) }
        };
        let argocd = async {
            let is_wanted = state.options.argocd && !state.options.argocd_later;
            if is_wanted { self.run_all(components::argocd(state)).await } else { Ok(()) }
        };
        futures::try_join!(around, flux, argocd)?;
        self.say("the Node becomes ready")?;
        bootstrap::node(state).await
    }

    async fn api_server(&self, state: &State) -> Result<()> {
        self.run_all(vec![components::api_server(state)]).await?;
        layout::kubeconfig(state)?;
        let begun = Instant::now();
        let ready = async || run(state, "kubectl", &["get", "--raw", "/readyz"], "").await?.text();
        while let Err(error) = ready().await {
            self.still_lives("kube-apiserver")?;
            if begun.elapsed() > READY_WITHIN {
                return Err(error.context("the API server does not become ready"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn flux(&self, state: &State) -> Result<()> {
        bootstrap::flux_crds(state).await?;
        self.run_all(components::flux(state)).await
    }

    /// Starts programs at once and waits until all are ready.
    async fn run_all(&self, specs: Vec<Spec>) -> Result<()> {
        self.register(specs.clone());
        for spec in &specs {
            self.spawn(spec)?;
        }
        futures::future::try_join_all(specs.iter().map(|spec| self.wait_ready(spec))).await.map(drop)
    }

    /// Remembers how programs are started.
    fn register(&self, specs: Vec<Spec>) {
        let mut known = self.specs.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(specs.into_iter().map(|spec| (spec.name, spec)));
    }

    fn spawn(&self, spec: &Spec) -> Result<()> {
        let state = self.snapshot();
        layout::scratch(&state, spec.name)?;
        let log = state.log(spec.name);
        let file = File::options().create(true).append(true).open(&log).context("open a log")?;
        let mut child = tokio::process::Command::new(&spec.program)
            .args(&spec.arguments)
            .envs(spec.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(state.data("tmp").join(spec.name))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {}", spec.program.display()))?;
        let process = child.id().and_then(Process::of);
        let name = spec.name;
        self.update(|state| {
            state.components.insert(name.to_owned(), Component { process, died: None, log });
        })?;
        let supervisor = self.clone();
        tokio::spawn(async move {
            let how = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
            supervisor.noticed(name, process, &how);
        });
        Ok(())
    }

    /// A program ended. Unless it was meant to, the stack has failed.
    fn noticed(&self, name: &str, process: Option<Process>, how: &str) {
        let updated = self.update(|state| {
            let Some(component) = state.components.get_mut(name) else { return };
            if component.process != process || state.phase == Phase::Stopping {
                return;
            }
            component.process = None;
            component.died = Some(how.to_owned());
            let log = component.log.clone();
            if state.phase == Phase::Ready {
                state.phase = Phase::Failed;
                state.message = obituary(name, how, &log);
            }
        });
        note(&format!("{name} ended: {how}"));
        if let Err(error) = updated {
            note(&format!("{error:#}"));
        }
    }

    async fn wait_ready(&self, spec: &Spec) -> Result<()> {
        let begun = Instant::now();
        let state = self.snapshot();
        loop {
            let ready = match spec.ready {
                Ready::Running => true,
                Ready::Listening(port) => tokio::net::TcpStream::connect(state.address(port)).await.is_ok(),
                Ready::Healthy(port, path) => {
                    http::get(&state.address(port), path).await.is_ok_and(|(status, _)| status == 200)
                }
            };
            self.still_lives(spec.name)?;
            if ready {
                return Ok(());
            }
            if begun.elapsed() > READY_WITHIN {
                bail!(
                    "{} is not ready after {READY_WITHIN:?}:\n{}",
                    spec.name,
                    tail(&state.log(spec.name), TAIL)
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn still_lives(&self, name: &str) -> Result<()> {
        let state = self.lock();
        let died =
            state.components.get(name).and_then(|component| Some((component.died.clone()?, &component.log)));
        died.map_or(Ok(()), |(how, log)| Err(anyhow!(obituary(name, &how, log))))
    }

    /// Returns once nobody has used the stack for as long as its options say; never, when they say nothing.
    async fn idle(&self) -> Option<anyhow::Error> {
        let (name, limit) = {
            let state = self.lock();
            (state.name.clone(), state.options.idle_exit.map(Duration::from_secs))
        };
        let Some(limit) = limit else { return std::future::pending().await };
        let mut since = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match lock::try_exclusive(&launch::in_use(&name)) {
                Ok(Some(alone)) if since.elapsed() > limit => {
                    // Whoever wants the stack now waits until it has ended, then starts it anew.
                    std::mem::forget(alone);
                    note("nobody uses the stack any more");
                    return None;
                }
                Ok(Some(_)) => {}
                Ok(None) => since = Instant::now(),
                Err(error) => return Some(error),
            }
        }
    }

    /// Ends every process at once. Their data goes with them, so none needs time to tidy up.
    fn end(&self, failure: Option<&anyhow::Error>) -> Result<()> {
        let state = self.snapshot();
        self.update(|state| state.phase = Phase::Stopping)?;
        launch::end_processes(&state);
        build::remove(&state.folder.join("data"))?;
        self.update(|state| {
            for component in state.components.values_mut() {
                component.process = None;
            }
            (state.phase, state.message) = match failure {
                None => (Phase::Down, "ended".to_owned()),
                Some(error) => (Phase::Failed, format!("{error:#}")),
            };
        })
    }

    async fn control(&self, name: &str, verb: &str) -> Result<()> {
        let state = self.snapshot();
        match verb {
            "start" if name == "flux" => self.flux(&state).await,
            "start" if name == "argocd" => self.run_all(components::argocd(&state)).await,
            "start" => {
                let spec = self.specs.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
                self.run_all(vec![spec.with_context(|| format!("no component {name}"))?]).await
            }
            "kill" => {
                let process = state.components.get(name).and_then(|component| component.process);
                let process = process.with_context(|| format!("{name} does not run"))?;
                self.update(|state| {
                    if let Some(component) = state.components.get_mut(name) {
                        component.process = None;
                    }
                })?;
                process.signal(Signal::KILL);
                while process.alive() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Ok(())
            }
            _ => bail!("neither start nor kill: {verb}"),
        }
    }

    fn say(&self, message: &str) -> Result<()> {
        note(message);
        self.update(|state| message.clone_into(&mut state.message))
    }

    fn snapshot(&self) -> State {
        self.lock().clone()
    }

    fn update(&self, change: impl FnOnce(&mut State)) -> Result<()> {
        let mut state = self.lock();
        change(&mut state);
        state.write()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn control(
    Shared(supervisor): Shared<Supervisor>,
    Segments((name, verb)): Segments<(String, String)>,
) -> (StatusCode, String) {
    note(&format!("asked to {verb} {name}"));
    match supervisor.control(&name, &verb).await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(error) => (StatusCode::CONFLICT, format!("{error:#}")),
    }
}

fn obituary(name: &str, how: &str, log: &std::path::Path) -> String {
    format!("{name} died ({how}); its log {} ends:\n{}", log.display(), tail(log, TAIL))
}
