//! The cluster that a person's kubeconfig names, and how long its API server may take.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use kube::client::ClientBuilder;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tower::BoxError;
use tower::util::MapFutureLayer;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take to begin, further tries included: a little longer than the API server gives itself
/// (kube-apiserver `--request-timeout`). A watch begins at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);
/// How long nothing may come of an answer that has begun: a little longer than a watch lives (kube-runtime `watcher.rs`,
/// 290 s and a margin).
const READ_TIMEOUT: Duration = Duration::from_secs(310);

/// A client of that cluster which waits for nothing for ever; kube's own waits for the beginning of an answer as long as the
/// connection stands.
pub(super) fn client(config: Config) -> Result<Client, kube::Error> {
    client_within(config, ANSWER_TIMEOUT)
}

fn client_within(mut config: Config, limit: Duration) -> Result<Client, kube::Error> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Or the time that a connection was not in use would count, too.
    config.reset_reader_on_write = true;
    let in_time = MapFutureLayer::new(move |answer| in_time(answer, limit));
    Ok(ClientBuilder::try_from(config)?.with_layer(&in_time).build())
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, BoxError>>,
    limit: Duration,
) -> Result<T, BoxError> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let why = format!("the API server has not answered within {limit:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
    })
}

/// Which cluster; as kubectl finds it unless told otherwise.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// Kubeconfig file; KUBECONFIG, else ~/.kube/config, else the service account of the Pod
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; the current one unless named
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    /// A client for that cluster.
    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        // Fails when a provider is installed already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("--kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(file, &options).await?
            }
            (None, Some(name)) => {
                Config::from_kubeconfig(&options).await.with_context(|| format!("--context {name}"))?
            }
            (None, None) => {
                Config::infer().await.context("no way to a cluster: set KUBECONFIG or --kubeconfig")?
            }
        };
        Ok(client(config)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing;

    fn config(address: impl std::fmt::Display) -> Config {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Config::new(format!("http://{address}").parse().unwrap())
    }

    #[tokio::test]
    async fn an_api_server_that_takes_connections_and_does_not_answer_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap());
        let client = client_within(config, Duration::from_millis(200)).unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(5), client.apiserver_version()).await;
        let error = format!("{:#}", anyhow::Error::from(answer.expect("it gives up").unwrap_err()));
        assert!(error.contains("has not answered within 200ms"), "{error}");
    }

    /// As of a watch: the limit counts until the answer begins.
    #[tokio::test]
    async fn an_answer_that_has_begun_may_go_on() {
        let limit = Duration::from_millis(300);
        let routes = Router::new().route(
            "/slow",
            get(async move || {
                let end = async move {
                    tokio::time::sleep(limit * 2).await;
                    Ok::<_, io::Error>("end")
                };
                let begin = futures::stream::once(async { Ok("begin, ") });
                axum::body::Body::from_stream(futures::StreamExt::chain(begin, futures::stream::once(end)))
            }),
        );
        let client = client_within(config(testing::serve(routes).await), limit).unwrap();
        let begun = Instant::now();
        let request = http::Request::get("/slow").body(Vec::new()).unwrap();
        assert_eq!(client.request_text(request).await.unwrap(), "begin, end");
        assert!(begun.elapsed() > limit);
    }
}
