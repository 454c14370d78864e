//! Files at addresses: value files that an Application names by a URL.

use std::time::Duration;

use crate::translate::File;
use crate::translate::files::MAX_FILE;

/// How long an answer may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// No answer, or it broke off.
    #[error("cannot fetch {url}")]
    Download {
        /// The address.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// Refused; in Helm's words (helm `pkg/getter/httpgetter.go`).
    #[error("failed to fetch {url} : {status}")]
    Status {
        /// The address.
        url: String,
        /// The answer.
        status: reqwest::StatusCode,
    },
}

/// The file at `url`, without credentials, as Helm fetches value files.
pub async fn fetch(http: &reqwest::Client, url: &str) -> Result<File, AddressError> {
    let failed =
        |source: reqwest::Error| AddressError::Download { url: redacted(url), source: source.without_url() };
    let mut response = http.get(url).timeout(TIMEOUT).send().await.map_err(failed)?;
    // Helm takes nothing but 200.
    if response.status() != reqwest::StatusCode::OK {
        return Err(AddressError::Status { url: redacted(url), status: response.status() });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
            return Ok(File::TooLarge);
        }
    }
    Ok(File::of(bytes))
}

/// The address without user, password and query, which may be secrets.
fn redacted(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else { return "the address".to_owned() };
    // Both fail for addresses that cannot have one.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{http_client, serve};
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    #[tokio::test]
    async fn a_file_is_fetched_and_a_refusal_told() {
        let large = vec![b'x'; usize::try_from(MAX_FILE).unwrap() + 1];
        let routes = Router::new()
            .route("/values.yaml", get(async || "a: 1"))
            .route("/large", get(async move || large))
            .route("/partial", get(async || StatusCode::NO_CONTENT));
        let address = serve(routes).await;
        let fetch = async |path: &str| fetch(&http_client(), &format!("http://u:p@{address}/{path}")).await;
        assert_eq!(fetch("values.yaml").await.unwrap(), File::Text("a: 1".into()));
        assert_eq!(fetch("large").await.unwrap(), File::TooLarge);
        for (path, status) in [("missing?token=x", "404 Not Found"), ("partial", "204 No Content")] {
            let error = fetch(path).await.unwrap_err().to_string();
            let bare = path.split('?').next().unwrap();
            assert_eq!(error, format!("failed to fetch http://{address}/{bare} : {status}"));
        }
    }
}
