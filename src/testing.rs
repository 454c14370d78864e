//! What several unit tests need to talk HTTP over loopback.

use std::net::SocketAddr;

use axum::Router;
use kube::Client;
use tokio::net::TcpListener;

/// A client as `main` makes it: TLS needs a provider that is installed once per process.
pub(crate) fn http_client() -> reqwest::Client {
    // The second test of a process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Serves `routes` on a port of its own until the test's runtime ends, and says where.
pub(crate) async fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// A client of an API server that answers with `routes` alone.
pub(crate) async fn api_server(routes: Router) -> Client {
    // As above.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = format!("http://{}", serve(routes).await);
    Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap()
}
