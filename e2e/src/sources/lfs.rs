//! Git LFS: the two requests that it takes to fetch a file (git-lfs `docs/api/batch.md`, `docs/api/basic-transfers.md`), and
//! commits of what is stored there.

use anyhow::{Context as _, Result};
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::git::Repository;
use super::http::{file, header};
use crate::hex::hex;
use crate::state::State;

/// Where the files are asked for, below a repository.
pub(crate) const OBJECTS: &str = "info/lfs/objects/";
/// The largest list of files that are asked for.
const BODY_LIMIT: usize = 1 << 20;

impl Repository {
    /// Commits `content` as a file in Git LFS: what git itself has of it is a pointer.
    pub async fn commit_large(&self, branch: &str, path: &str, content: &str) -> Result<String> {
        let digest = hex(&Sha256::digest(content));
        let folder = self.folder().join("lfs/objects");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&digest), content)?;
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {}\n",
            content.len()
        );
        let attributes = format!("{path} filter=lfs diff=lfs merge=lfs -text\n");
        let files = [(path, Some(pointer.as_str())), (".gitattributes", Some(&attributes))];
        self.commit(branch, &files, "A large file").await
    }
}

/// Answers what is asked for below [`OBJECTS`]; `rest` is what follows.
pub(crate) async fn answer(
    state: &State,
    repository: &str,
    rest: &str,
    request: Request,
) -> Result<Response> {
    if rest != "batch" {
        return Ok(file(&state.data("git").join(format!("{repository}.git/lfs/objects")), rest).await);
    }
    let headers = request.headers();
    let (host, authorization) = (header(headers, "host"), header(headers, "authorization"));
    let body = to_bytes(request.into_body(), BODY_LIMIT).await.context("read the request")?;
    let asked: Value = serde_json::from_slice(&body).context("not a list of files")?;
    let place = format!("http://{host}/git/{repository}.git/{OBJECTS}");
    let objects = asked["objects"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(|object| {
        let href = format!("{place}{}", object["oid"].as_str().unwrap_or_default());
        let download = json!({"href": href, "header": {"Authorization": authorization}});
        json!({"oid": object["oid"], "size": object["size"], "actions": {"download": download}})
    });
    let answer = json!({"transfer": "basic", "objects": objects.collect::<Vec<_>>()}).to_string();
    let kind = [("content-type", "application/vnd.git-lfs+json")];
    Ok((StatusCode::OK, kind, answer).into_response())
}
