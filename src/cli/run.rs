//! `flux-subsystem run`: the controller.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::argo_cd::ArgoCdArgs;
use super::cluster;
use super::redis::RedisArgs;
use crate::controller::{self, Options, READINESS_CACHES};
use crate::lease;
use crate::metrics::Metrics;
use crate::repo_server::RepoServer;
use crate::serve::{self, Readiness};
use crate::telemetry::{self, LogFormat, LogLevel};
use crate::{names, registry};

/// Name of the Lease, in the control namespace.
const LEASE_NAME: &str = "flux-subsystem";
/// How long a connection may take to whoever serves an artifact or a file.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bridge the Applications of one Argo CD to the Flux of the same cluster, until SIGTERM
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Namespace that Argo CD runs in; its Applications are bridged
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd", value_name = "NAMESPACE")]
    pub argocd_namespace: String,
    /// Address of /healthz, /readyz, /metrics and /log-level
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "HOST:PORT")]
    pub http_address: SocketAddr,
    /// Address from which Flux fetches what Argo CD's repo-server rendered (plugins, jsonnet, …), as an OCI registry
    #[arg(long, default_value = "0.0.0.0:8082", value_name = "HOST:PORT")]
    pub artifact_listen_address: SocketAddr,
    /// The same address as Flux knows it [default: flux-subsystem-artifacts.ARGOCD_NAMESPACE.svc:8082]
    #[arg(long, value_name = "HOST:PORT")]
    pub artifact_address: Option<String>,
    /// How many Applications are reconciled at once
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// How much memory answers from outside (artifacts, refs, what the repo-server rendered) may take together, in MiB; more of it
    /// spares Flux and the repo-server questions that were answered before
    #[arg(long, default_value_t = 48, value_name = "MIB", value_parser = clap::value_parser!(u32).range(8..))]
    pub lookup_memory: u32,
    /// Take part in the election of a leader; on by default in a Pod (`POD_NAMESPACE` is set), where there may be several
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub leader_elect: Option<bool>,
    /// How the log is written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Argo CD's own set-up.
    #[command(flatten)]
    pub argo_cd: ArgoCdArgs,
    /// Argo CD's Redis. Last, since its heading would cover what follows.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// Runs until SIGTERM or SIGINT, or until the lease is lost.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Fails when a provider is installed already, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(operate(args));
    // A name that is being looked up, or an archive that is being read, holds up nobody.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

async fn operate(args: Args) -> anyhow::Result<()> {
    let level = telemetry::init(args.log_format)?;
    let client = client().await?;
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::waiting_for([READINESS_CACHES]);
    let stop = CancellationToken::new();
    let server = serve(&args, &readiness, &metrics, level, &stop).await?;
    tokio::spawn(cancel_on_signal(stop.clone())?);
    let result = lead(args, client, &metrics, readiness, stop.clone()).await;
    stop.cancel();
    server.await.context("the HTTP server broke down")?;
    result
}

/// Waits for the lease where there is one, then controls until the end of either.
async fn lead(
    args: Args,
    client: Client,
    metrics: &Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let elects = args.leader_elect.unwrap_or_else(|| std::env::var_os("POD_NAMESPACE").is_some());
    if !elects {
        return control(args, client, metrics, readiness, stop).await;
    }
    // A replica that stands by is ready to: an update of the Deployment must not wait for its turn.
    readiness.set(READINESS_CACHES, true);
    let identity = lease::identity(std::env::var("POD_NAME").ok().as_deref());
    let election = lease::acquire(
        client.clone(),
        &args.argocd_namespace,
        LEASE_NAME,
        &identity,
        lease::DEFAULT_DURATION,
    );
    let leadership = tokio::select! {
        leadership = election => leadership?,
        () = stop.cancelled() => return Ok(()),
    };
    readiness.set(READINESS_CACHES, false);
    metrics.set_leader(true);
    tokio::select! {
        result = control(args, client, metrics, readiness, stop) => {
            leadership.release().await;
            result
        }
        // Another replica may lead already: nothing may be written any more, not even to finish.
        lost = leadership.lost() => Err(anyhow::anyhow!("the lease is lost: {lost:?}")),
    }
}

async fn control(
    args: Args,
    client: Client,
    metrics: &Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build().context("HTTP client")?;
    let settings = args.argo_cd.settle(&client, &args.argocd_namespace);
    let Some(argo_cd) = stop.run_until_cancelled(settings).await else { return Ok(()) };
    let argo_cd = argo_cd?;
    let address = args.artifact_listen_address;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("--artifact-listen-address {address}"))?;
    if let Some(here) = pod_address()? {
        let publishing =
            registry::publish(client.clone(), args.argocd_namespace.clone(), here, address.port());
        tokio::spawn(stop.clone().run_until_cancelled_owned(publishing));
    }
    let artifact_address = args.artifact_address.clone();
    let options = Options {
        artifact_address: artifact_address.unwrap_or_else(|| names::artifact_address(&args.argocd_namespace)),
        control_namespace: args.argocd_namespace,
        application_namespaces: argo_cd.namespaces,
        repo_server: RepoServer::new(&argo_cd.repo_server)?,
        lookup_memory: usize::try_from(args.lookup_memory).unwrap_or(usize::MAX >> 20) << 20,
        concurrency: args.concurrency,
        reconcile_timeout: Duration::from_secs(90),
        redis: args.redis.overrides()?,
    };
    tracing::info!(?options, version = env!("CARGO_PKG_VERSION"), "controlling");
    controller::run(client, http, options, listener, Arc::clone(metrics), readiness, stop).await;
    Ok(())
}

/// Where Flux finds this replica, in a Pod.
fn pod_address() -> anyhow::Result<Option<IpAddr>> {
    let Ok(address) = std::env::var("POD_IP") else { return Ok(None) };
    Ok(Some(address.parse().with_context(|| format!("POD_IP {address:?} is no address"))?))
}

async fn client() -> anyhow::Result<Client> {
    let config =
        kube::Config::infer().await.context("no way to the API server: set KUBECONFIG, or run in a Pod")?;
    let address = config.cluster_url.to_string();
    let client = cluster::client(config)?;
    let version = client
        .apiserver_version()
        .await
        .with_context(|| format!("the API server at {address} does not answer"))?;
    tracing::info!(address, version = version.git_version, "connected");
    Ok(client)
}

async fn serve(
    args: &Args,
    readiness: &Readiness,
    metrics: &Arc<Metrics>,
    level: LogLevel,
    stop: &CancellationToken,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let address = args.http_address;
    let listener = TcpListener::bind(address).await.with_context(|| format!("--http-address {address}"))?;
    let server =
        serve::serve(listener, readiness.clone(), Arc::clone(metrics), level, stop.clone().cancelled_owned());
    let stop = stop.clone();
    Ok(tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the HTTP server broke down");
            stop.cancel();
        }
    }))
}

fn cancel_on_signal(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stop.cancelled() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    })
}
