//! Flux artifacts in the OCI registry, pushed by the real `flux`.

use anyhow::{Context as _, Result};

use super::{Edits, Sources, edit};

impl Sources {
    /// Pushes `files` as the Flux artifact `REPOSITORY:TAG`; returns its digest (`sha256:…`).
    pub async fn push_artifact(&self, repository: &str, tag: &str, files: Edits<'_>) -> Result<String> {
        let scratch = tempfile::tempdir_in(self.state.data("scratch"))?;
        let content = scratch.path().join("content");
        std::fs::create_dir_all(&content)?;
        edit(&content, files)?;
        let (url, revision) = (format!("{}:{tag}", self.oci_url(repository)), format!("{tag}@stack"));
        let source = self.git_url("fleet");
        let path = content.display().to_string();
        let arguments = [
            "push",
            "artifact",
            &url,
            "--path",
            &path,
            "--source",
            &source,
            "--revision",
            &revision,
            "-o",
            "json",
        ];
        let printed = self.run(scratch.path(), "flux", &arguments).await?;
        let pushed: serde_json::Value =
            serde_json::from_str(&printed).context("read what flux push printed")?;
        Ok(pushed["digest"].as_str().context("flux push printed no digest")?.to_owned())
    }
}
