//! The registry's protocol (OCI distribution specification 1.1, *pull*): manifests and blobs by their digests.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::net::TcpListener;

use super::Store;
use super::image::MANIFEST_TYPE;

/// Where the artifacts come from.
pub trait Images: Send + Sync + 'static {
    /// What is in memory.
    fn store(&self) -> &Store;

    /// Renders what `repository` may hold and puts it into the store, until `is_there`, as far as there is such a repository.
    fn render<'a>(
        &'a self,
        repository: &'a str,
        is_there: &'a (dyn Fn() -> bool + Sync),
    ) -> BoxFuture<'a, ()>;

    /// Whether that `Authorization` header may read.
    fn permits<'a>(&'a self, authorization: &'a str) -> BoxFuture<'a, bool>;
}

/// Serves until `shutdown` ends.
///
/// # Errors
/// The listener broke down.
pub async fn serve(
    listener: TcpListener,
    images: Arc<dyn Images>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, routes(images)).with_graceful_shutdown(shutdown).await
}

fn routes(images: Arc<dyn Images>) -> Router {
    Router::new().route("/v2/", get(root)).route("/v2/{*path}", get(pull)).with_state(images)
}

/// Whether this is a registry, and whether the password is right.
async fn root(State(images): State<Arc<dyn Images>>, headers: HeaderMap) -> Response<Body> {
    if is_permitted(&*images, &headers).await {
        answer("application/json", None, b"{}")
    } else {
        unauthorized()
    }
}

async fn pull(
    State(images): State<Arc<dyn Images>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    // Before anything else: whether something is there is nobody's business either.
    if !is_permitted(&*images, &headers).await {
        return unauthorized();
    }
    let parts: Vec<&str> = path.rsplitn(3, '/').collect();
    let [digest, kind, repository] = parts.as_slice() else { return unknown("NAME_UNKNOWN", &path) };
    let found = match *kind {
        "manifests" => manifest(&*images, repository, digest).await,
        "blobs" => blob(&*images, repository, digest).await,
        _ => return unknown("NAME_UNKNOWN", &path),
    };
    match found {
        Some((content_type, bytes)) => answer(content_type, Some(digest), &bytes),
        None if *kind == "manifests" => unknown("MANIFEST_UNKNOWN", digest),
        None => unknown("BLOB_UNKNOWN", digest),
    }
}

async fn is_permitted(images: &dyn Images, headers: &HeaderMap) -> bool {
    match headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        Some(authorization) => images.permits(authorization).await,
        None => false,
    }
}

type Found = Option<(&'static str, Vec<u8>)>;

async fn manifest(images: &dyn Images, repository: &str, digest: &str) -> Found {
    let find = || images.store().get(repository, digest);
    let mut image = find();
    if image.is_none() {
        images.render(repository, &|| find().is_some()).await;
        image = find();
    }
    image.map(|image| (MANIFEST_TYPE, image.manifest.clone()))
}

async fn blob(images: &dyn Images, repository: &str, digest: &str) -> Found {
    let find = || images.store().with_blob(repository, digest);
    let mut image = find();
    if image.is_none() {
        images.render(repository, &|| find().is_some()).await;
        image = find();
    }
    image.and_then(|image| image.blobs.get(digest).map(|bytes| ("application/octet-stream", bytes.clone())))
}

fn answer(content_type: &str, digest: Option<&str>, bytes: &[u8]) -> Response<Body> {
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_LENGTH, bytes.len())
        .header("Docker-Distribution-Api-Version", "registry/2.0");
    if let Some(digest) = digest {
        response = response.header("Docker-Content-Digest", digest);
    }
    response.body(Body::from(bytes.to_vec())).unwrap_or_default()
}

fn unauthorized() -> Response<Body> {
    let mut response = error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "a password is needed");
    let challenge = header::HeaderValue::from_static("Basic realm=\"flux-subsystem\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn unknown(code: &str, what: &str) -> Response<Body> {
    error(StatusCode::NOT_FOUND, code, &format!("there is no {what}"))
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
