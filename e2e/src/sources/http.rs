//! The HTTP server of Helm repositories (files) and git repositories (the real `git http-backend` behind it).

use std::path::{Component, Path};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Server, authorization_of, lfs, outage};
use crate::environment;
use crate::state::State;

/// The largest request body: a git client's list of what it wants and has.
const BODY_LIMIT: usize = 64 << 20;

/// Answers one request; every answer is logged to standard output, which is the supervisor's log.
pub(crate) async fn serve(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let response = answer(&state, request)
        .await
        .unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response());
    crate::supervisor::note(&format!("{line} {}", response.status().as_u16()));
    response
}

async fn answer(state: &State, request: Request) -> Result<Response> {
    let path = request.uri().path().to_owned();
    if let Some(rest) = path.strip_prefix("/helm/") {
        let repository = rest.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(refusal) = refusal(state, Server::Helm, repository, request.headers()) {
            return Ok(refusal);
        }
        return Ok(file(&state.data("helm-repositories"), rest).await);
    }
    if let Some(rest) = path.strip_prefix("/git/") {
        let (repository, inside) = split_repository(rest);
        if let Some(refusal) = refusal(state, Server::Git, repository, request.headers()) {
            return Ok(refusal);
        }
        if let Some(path) = inside.strip_prefix("info/lfs/") {
            return large_files(state, repository, path, request).await;
        }
        return backend(state, &format!("/{repository}.git/{inside}"), request).await;
    }
    Ok((StatusCode::NOT_FOUND, "no such source\n").into_response())
}

/// The repository is taken down, or asks for a password that the request does not have.
fn refusal(state: &State, server: Server, repository: &str, headers: &HeaderMap) -> Option<Response> {
    if outage(state, server, repository).exists() {
        return Some((StatusCode::SERVICE_UNAVAILABLE, "taken down\n").into_response());
    }
    let wanted = std::fs::read_to_string(authorization_of(state, server, repository)).ok()?;
    if header(headers, "authorization") == wanted {
        return None;
    }
    let challenge = [("www-authenticate", "Basic realm=\"sources\"")];
    Some((StatusCode::UNAUTHORIZED, challenge, "no password, or a wrong one\n").into_response())
}

async fn file(root: &Path, relative: &str) -> Response {
    let inside = Path::new(relative).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return (StatusCode::BAD_REQUEST, "not a path below the root\n").into_response();
    }
    match tokio::fs::read(root.join(relative)).await {
        Ok(bytes) => bytes.into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

/// Splits `team/fleet.git/info/refs` into the repository and what is asked of it; `.git` may be left out.
fn split_repository(path: &str) -> (&str, &str) {
    let services =
        ["/info/refs", "/info/lfs/", "/git-upload-pack", "/git-receive-pack", "/HEAD", "/objects/"];
    let at = services.iter().filter_map(|service| path.find(service)).min().unwrap_or(path.len());
    let (repository, inside) = path.split_at(at);
    (repository.strip_suffix(".git").unwrap_or(repository), inside.trim_start_matches('/'))
}

async fn large_files(state: &State, repository: &str, path: &str, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.context("read the request")?;
    let folder = state.data("git").join(format!("{repository}.git"));
    let url = format!("http://{}/git/{repository}.git/info/lfs", state.address("sources"));
    lfs::answer(&folder, &url, path, &header(&parts.headers, "authorization"), &body).await
}

/// Hands the request to `git http-backend` as a CGI program: RFC 3875 and `git-http-backend(1)`.
async fn backend(state: &State, path: &str, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.context("read the request")?;
    let header = |name: &str| header(&parts.headers, name);
    let mut child = Command::new("git")
        .arg("http-backend")
        .envs(environment::git_isolation())
        .env("GIT_PROJECT_ROOT", state.data("git"))
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("run git http-backend")?;
    let mut input = child.stdin.take().context("no standard input")?;
    let write = async {
        // The program may answer without reading all of it.
        let _ = input.write_all(&body).await;
        drop(input);
    };
    let ((), output) = futures::join!(write, child.wait_with_output());
    cgi_response(&output?.stdout)
}

/// Turns a CGI program's output into a response.
fn cgi_response(output: &[u8]) -> Result<Response> {
    let (end, skip) = match find(output, b"\r\n\r\n") {
        Some(at) => (at, 4),
        None => (find(output, b"\n\n").context("git http-backend sent no header")?, 2),
    };
    let head = std::str::from_utf8(&output[..end]).context("a header that is not text")?;
    let mut builder = Response::builder();
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { bail!("not a header: {line}") };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            builder = builder.status(code.parse::<u16>().context("not a status")?);
        } else {
            builder = builder.header(name, value);
        }
    }
    Ok(builder.body(Body::from(output[end + skip..].to_vec()))?)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_found_with_and_without_their_suffix() {
        assert_eq!(split_repository("fleet.git/info/refs"), ("fleet", "info/refs"));
        assert_eq!(split_repository("fleet.git/info/lfs/objects/batch"), ("fleet", "info/lfs/objects/batch"));
        assert_eq!(split_repository("team/fleet/git-upload-pack"), ("team/fleet", "git-upload-pack"));
    }

    #[test]
    fn a_status_header_becomes_the_status() {
        let response = cgi_response(b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno").unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "text/plain");
    }
}
