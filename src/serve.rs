//! The program's own HTTP endpoints: probes, metrics, log level. Nothing of them touches the cluster.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::telemetry::LogLevel;

/// What Prometheus wants to read as the type of `OpenMetrics` text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long requests under way may hold up the end of the program.
const DRAIN: Duration = Duration::from_secs(3);
/// The longest list of log directives anybody needs, in bytes.
const MAX_LOG_LEVEL: usize = 1024;

/// What has to be there before the program can do its work, each part by name. Clones share one state.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<RwLock<BTreeMap<&'static str, bool>>>);

impl Readiness {
    /// Not ready before each of `parts` has been [`set`](Self::set).
    pub fn waiting_for(parts: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Arc::new(RwLock::new(parts.into_iter().map(|part| (part, false)).collect())))
    }

    /// A part is there, or is not; a part that was unknown is waited for from now on.
    pub fn set(&self, part: &'static str, is_there: bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(part, is_there);
    }

    /// The parts that are not there, by name; none of them means ready.
    pub fn missing(&self) -> Vec<&'static str> {
        let parts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter(|(_, is_there)| !**is_there).map(|(part, _)| *part).collect()
    }
}

#[derive(Clone)]
struct Shared {
    readiness: Readiness,
    metrics: Arc<Metrics>,
    level: LogLevel,
}

/// Serves until `shutdown` ends, then gives requests under way a moment to finish.
///
/// The caller binds `listener`, so that an address in use ends the program at its start and port 0 can be asked for
/// what it became.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    level: LogLevel,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app =
        routes(Shared { readiness, metrics, level }).into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        shutdown.await;
        // Nobody listens any more when the server has ended by itself.
        let _ = stopping.send(());
    });
    let too_slow = async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server => ended,
        () = too_slow => Ok(()),
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/log-level", get(log_level).put(set_log_level).layer(DefaultBodyLimit::max(MAX_LOG_LEVEL)))
        .with_state(shared)
}

async fn readyz(State(shared): State<Shared>) -> Response {
    let missing = shared.readiness.missing();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", missing.join("\nwaiting for ")))
        .into_response()
}

async fn metrics(State(shared): State<Shared>) -> Response {
    match shared.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn log_level(State(shared): State<Shared>) -> String {
    shared.level.current() + "\n"
}

/// From the same machine only, which a `kubectl port-forward` counts as: whoever may open one may see the logs too.
async fn set_log_level(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    level: String,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "only from the same machine, such as by kubectl port-forward\n")
            .into_response();
    }
    match shared.level.set(&level) {
        Ok(()) => {
            tracing::info!(level = shared.level.current(), "log level changed");
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;
