//! What several unit tests need to talk HTTP over loopback.

use std::net::SocketAddr;

use axum::Router;
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
