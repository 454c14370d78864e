//! A GitHub App's key is exchanged for a token that lets Flux fetch, by the App's installation or by the repository's owner; a
//! bearer token is sent as it is.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use flux_subsystem_e2e::sources::Server;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::credentials::{generated, secret};

const TOKEN: &str = "installation-token";

type Asked = Arc<Mutex<Vec<String>>>;

/// As much of GitHub's API as an App needs to get a token; its address, and which paths were asked for.
async fn github() -> Result<(String, Asked)> {
    let asked = Asked::default();
    let routes = Router::new()
        .route("/api/v3/app/installations/{id}/access_tokens", post(token))
        .route("/api/v3/orgs/{owner}/installation", get(installation))
        .route("/api/v3/users/{owner}/installation", get(installation))
        .route("/api/v3/app/installations", get(installations))
        .with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok((format!("http://{address}/api/v3"), asked))
}

/// Whoever asks shows that he is the App.
fn is_app(headers: &HeaderMap) -> bool {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    authorization.strip_prefix("Bearer ").is_some_and(|token| token.split('.').count() == 3)
}

async fn token(State(asked): State<Asked>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    if !is_app(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    note(&asked, &format!("token {id}"));
    let answer = json!({"token": TOKEN, "expires_at": "2099-01-01T00:00:00Z"});
    (StatusCode::CREATED, in_json(&answer)).into_response()
}

async fn installation(State(asked): State<Asked>, Path(owner): Path<String>, headers: HeaderMap) -> Response {
    if !is_app(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    note(&asked, &format!("installation {owner}"));
    in_json(&json!({"id": 7, "account": {"login": owner}})).into_response()
}

async fn installations(headers: HeaderMap) -> Response {
    if !is_app(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    in_json(&json!([{"id": 7, "account": {"login": "git"}}])).into_response()
}

fn in_json(answer: &Value) -> impl IntoResponse + use<> {
    ([("content-type", "application/json")], answer.to_string())
}

fn note(asked: &Asked, what: &str) {
    asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(what.to_owned());
}

/// A git repository that wants what GitHub would: any user with that token.
async fn fleet(env: &TestEnv) -> Result<String> {
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect(Server::Git, &name, "x-access-token", TOKEN)?;
    Ok(url)
}

/// An RSA key, as GitHub hands them out.
async fn key(env: &TestEnv) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("key");
    let file = path.display().to_string();
    let arguments = ["-t", "rsa", "-b", "2048", "-m", "PEM", "-q", "-N", "", "-C", "app", "-f", &file];
    env.stack().run("ssh-keygen", &arguments).await?.text()?;
    Ok(std::fs::read_to_string(path)?)
}

#[tokio::test]
async fn an_app_with_its_installation() -> Result<()> {
    let env = Stack::shared().await?.test("github-app").await?;
    let (url, key, (api, asked)) = (fleet(&env).await?, key(&env).await?, github().await?);
    let data = [
        ("url", url.as_str()),
        ("githubAppID", "1"),
        ("githubAppInstallationID", "2"),
        ("githubAppPrivateKey", &key),
        ("githubAppEnterpriseBaseUrl", &api),
    ];
    secret(&env, "repository", "repo", &data).await?;
    let app = Application::git(&env, &url, "plain", "HEAD");
    app.deliver(&env).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    let asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    assert!(asked.iter().all(|what| what == "token 2") && !asked.is_empty(), "{asked:?}");
    let own = generated(&env, &app).await?;
    assert!(own[0]["data"]["githubAppPrivateKey"].is_string() && own[0]["data"]["password"].is_null());
    Ok(())
}

#[tokio::test]
async fn an_app_without_its_installation() -> Result<()> {
    let env = Stack::shared().await?.test("github-owner").await?;
    let (url, key, (api, asked)) = (fleet(&env).await?, key(&env).await?, github().await?);
    let data = [
        ("url", url.as_str()),
        ("githubAppID", "1"),
        ("githubAppPrivateKey", &key),
        ("githubAppEnterpriseBaseUrl", &api),
    ];
    secret(&env, "repository", "repo", &data).await?;
    Application::git(&env, &url, "plain", "main").deliver(&env).await?;
    let asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    assert!(asked.iter().any(|what| what == "token 7"), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_bearer_token() -> Result<()> {
    let env = Stack::shared().await?.test("bearer").await?;
    let name = env.name("fleet");
    let url = env.sources().create_fleet(&name).await?.url();
    env.sources().protect_with_token(Server::Git, &name, "bearer-token")?;
    secret(&env, "repository", "repo", &[("url", &url), ("bearerToken", "bearer-token")]).await?;
    Application::git(&env, &url, "plain", "HEAD").deliver(&env).await?;
    Ok(())
}
