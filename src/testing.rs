//! What several unit tests need to talk HTTP over loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
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

/// How an API server answers lists with `list`, and watches: it ends the first one at once, refuses the second one, as one does
/// that has just started, and lets the third one stand. How many there were is counted.
pub(crate) fn refusing_once(list: String) -> (MethodRouter, Arc<AtomicUsize>) {
    let watches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&watches);
    let answer = async move |RawQuery(query): RawQuery| {
        if !query.is_some_and(|query| query.contains("watch=true")) {
            return list.into_response();
        }
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => Response::default(),
            1 => (StatusCode::FORBIDDEN, r#"{"status": "Failure", "code": 403, "message": "no"}"#)
                .into_response(),
            _ => Body::from_stream(futures::stream::pending::<io::Result<String>>()).into_response(),
        }
    };
    (get(answer), watches)
}

/// A client of an API server that answers with `routes` alone.
pub(crate) async fn api_server(routes: Router) -> Client {
    // As above.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = format!("http://{}", serve(routes).await);
    Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap()
}
