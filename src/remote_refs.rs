//! The refs of a git repository over HTTP, as `git ls-remote` lists them.
//!
//! No git crate: those bring a whole implementation of git (or a C library) for what is one GET and a line format
//! (git `Documentation/gitprotocol-http.adoc` and `gitprotocol-pack.adoc`, "Reference Discovery").

mod parse;

use std::time::Duration;

use reqwest::{StatusCode, Url, header};

use crate::credentials::Login;
use crate::translate::context::RemoteRefs;

pub use parse::ParseError;

/// How long the whole answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes: some 700,000 refs.
const MAX_BODY: usize = 64 << 20;
/// What a server of the smart protocol calls its answer. (One of the dumb protocol, or a login page, calls it otherwise.)
const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";

/// Why the refs of a repository are unknown. Addresses in messages carry no credentials.
#[derive(Debug, thiserror::Error)]
pub enum RemoteRefsError {
    /// The address is none of HTTP.
    #[error("{0} is no http or https address")]
    Address(String),
    /// No answer, or it broke off. May pass.
    #[error("cannot list the refs of {url}")]
    Request {
        /// The repository.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// Refused: 401 and 403 ask for credentials, 404 is how many servers say the same.
    #[error("{url} answered {status}")]
    Status {
        /// The repository.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// Something else than git's smart protocol.
    #[error(
        "{url} does not speak git's smart HTTP protocol: it answered with content of type {content_type:?}"
    )]
    NotSmart {
        /// The repository.
        url: String,
        /// What the server called its answer.
        content_type: String,
    },
    /// More than anybody's refs.
    #[error("{url} lists more than {MAX_BODY} bytes of refs")]
    TooLarge {
        /// The repository.
        url: String,
    },
    /// The answer breaks the protocol.
    #[error("cannot read the refs of {url}")]
    Parse {
        /// The repository.
        url: String,
        /// Where it does.
        source: ParseError,
    },
}

/// Lists the refs of the repository at `url`, which is used as it stands (with or without `.git`).
///
/// A user and password in the address are sent as HTTP basic authentication, unless `login` says otherwise. Only the answer of this moment is
/// given: nothing is remembered, and nothing is tried twice.
pub async fn list(http: &reqwest::Client, url: &str, login: &Login) -> Result<RemoteRefs, RemoteRefsError> {
    let address = discovery(url)?;
    let url = shown(&address);
    let failed =
        |source: reqwest::Error| RemoteRefsError::Request { url: url.clone(), source: source.without_url() };
    let request = http.get(address).timeout(TIMEOUT);
    let request = match login {
        Login::Anonymous => request,
        Login::Basic(user, password) => request.basic_auth(user.exposed(), Some(password.exposed())),
        Login::Bearer(token) => request.bearer_auth(token.exposed()),
    };
    let response = request.send().await.map_err(failed)?;
    if response.status() != StatusCode::OK {
        return Err(RemoteRefsError::Status { url, status: response.status() });
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type != ADVERTISEMENT {
        return Err(RemoteRefsError::NotSmart { content_type: content_type.to_owned(), url });
    }
    let Some(body) = read(response).await.map_err(failed)? else {
        return Err(RemoteRefsError::TooLarge { url });
    };
    parse::advertisement(&body).map_err(|source| RemoteRefsError::Parse { url, source })
}

/// Where the smart protocol begins.
fn discovery(url: &str) -> Result<Url, RemoteRefsError> {
    let address = Url::parse(&format!("{}/info/refs?service=git-upload-pack", url.trim_end_matches('/')));
    match address {
        Ok(address) if matches!(address.scheme(), "http" | "https") => Ok(address),
        // It may be `git@host:path` or hold a password where no parser finds it: only the part after the user is shown.
        _ => Err(RemoteRefsError::Address(url.rsplit('@').next().unwrap_or_default().to_owned())),
    }
}

/// The repository's address without credentials, for messages.
fn shown(address: &Url) -> String {
    let mut url = address.clone();
    // Both fail for addresses without a host only, and those have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.as_str().strip_suffix("/info/refs").unwrap_or(url.as_str()).to_owned()
}

/// The body, or nothing when there is too much of it.
async fn read(mut response: reqwest::Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests;
