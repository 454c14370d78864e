//! Git LFS: files that stand beside a bare repository, handed out by the batch API (git-lfs `docs/api/batch.md`).

use std::path::{Path, PathBuf};

use anyhow::Result;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use flux_subsystem::merge::deep_merge;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// Stores a file in Git LFS of the bare repository at `folder`; the pointer that stands for it in git.
pub(crate) fn store(folder: &Path, content: &str) -> Result<String> {
    let id = hex(&Sha256::digest(content));
    std::fs::create_dir_all(objects(folder))?;
    std::fs::write(objects(folder).join(&id), content)?;
    let size = content.len();
    Ok(format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize {size}\n"))
}

/// Answers what is asked below `url`, that of the API, by somebody with this `Authorization`.
pub(crate) async fn answer(
    folder: &Path,
    url: &str,
    path: &str,
    authorization: &str,
    body: &[u8],
) -> Result<Response> {
    if path != "objects/batch" {
        let id = path.rsplit('/').next().unwrap_or_default();
        return Ok(match tokio::fs::read(objects(folder).join(id)).await {
            Ok(bytes) => bytes.into_response(),
            Err(_) => (StatusCode::NOT_FOUND, "no such object\n").into_response(),
        });
    }
    let request: Value = serde_json::from_slice(body)?;
    let wanted = request["objects"].as_array().cloned().unwrap_or_default();
    let objects: Vec<Value> = wanted
        .into_iter()
        .map(|mut object| {
            let id = object["oid"].as_str().unwrap_or_default();
            let mut download = json!({ "href": format!("{url}/objects/{id}") });
            if !authorization.is_empty() {
                deep_merge(&mut download, json!({ "header": { "Authorization": authorization } }));
            }
            deep_merge(&mut object, json!({ "actions": { "download": download } }));
            object
        })
        .collect();
    let answer = json!({ "transfer": "basic", "objects": objects }).to_string();
    Ok(([("content-type", "application/vnd.git-lfs+json")], answer).into_response())
}

fn objects(folder: &Path) -> PathBuf {
    folder.join("lfs")
}
