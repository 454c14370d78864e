//! The repositories that the corpus points at, published once for each content of `e2e/parity/sources/`.
//!
//! `git/NAME` becomes the git repository `{{git}}/NAME.git` (the charts lie in `charts/` of each that has that folder),
//! `charts/NAME` a chart in three versions in `{{helm}}` and `oci://{{registry}}/charts`, `oci/NAME` the artifact
//! `oci://{{registry}}/NAME:1.0.0`.
//!
//! What asks for credentials: `{{git}}/private.git` and `{{helm}}-private` (some of the same, with a password), and everything
//! over `{{ssh}}` (with a key). Argo CD has a Secret for each; to charts, the private Helm repository is `@parity-private`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flux_subsystem::merge::deep_merge;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::entry::Places;
use crate::hex::hex;
use crate::{Server, Sources, TestEnv, build, lock, paths};

/// The versions of every chart.
const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.1.0", "2.0.0-rc.1"];

/// Publishes what is not there yet, and says where everything is.
pub async fn publish(env: &TestEnv) -> Result<Places> {
    let sources = &env.sources();
    let root = paths::harness().join("parity/sources");
    let name = format!("parity-{}", hash(&root)?);
    let places = Places {
        git: sources.git_url(&name).trim_end_matches(".git").to_owned(),
        ssh: sources.git_ssh_url(&name).trim_end_matches(".git").to_owned(),
        helm: sources.helm_url(&name),
        registry: format!("{}/{name}", sources.registry()),
    };
    let _one_at_a_time = lock::exclusive("parity-sources.lock")?;
    let marker = sources.marker(&name);
    if !marker.exists() {
        all(sources, &root, &name, &places).await.context("publish the sources of the corpus")?;
        std::fs::write(&marker, "").with_context(|| format!("write {}", marker.display()))?;
    }
    env.apply(&plain_http(&env.control, &name, &places)).await?;
    env.apply(&credentials(&env.control, &name, &places, &sources.ssh_identity()?)?).await?;
    Ok(places)
}

/// Tells Argo CD that the registry speaks HTTP: without it, it never looks for tags and artifacts there.
fn plain_http(control: &str, name: &str, places: &Places) -> String {
    let registry = &places.registry;
    [("oci", format!("oci://{registry}")), ("helm", registry.clone())]
        .map(|(kind, url)| {
            format!(
                "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}-{kind}\n  namespace: {control}\n  \
                 labels: {{argocd.argoproj.io/secret-type: repo-creds}}\nstringData:\n  url: {url}\n  type: {kind}\n  \
                 enableOCI: \"true\"\n  insecureOCIForceHttp: \"true\"\n"
            )
        })
        .concat()
}

/// User and password of what is private.
const LOGIN: (&str, &str) = ("me", "hunter2");

/// What Argo CD is told of everything private.
fn credentials(control: &str, name: &str, places: &Places, ssh_key: &str) -> Result<String> {
    let login =
        |kind: &str, url: String| json!({"type": kind, "url": url, "username": LOGIN.0, "password": LOGIN.1});
    let mut named = login("helm", format!("{}-private", places.helm));
    deep_merge(&mut named, json!({"name": "parity-private"}));
    let secrets = [
        ("private-git", "repository", login("git", format!("{}/private.git", places.git))),
        ("private-helm", "repository", named),
        ("ssh", "repo-creds", json!({"type": "git", "url": places.ssh, "sshPrivateKey": ssh_key})),
    ];
    let items = secrets.map(|(suffix, kind, data)| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": format!("{name}-{suffix}"),
                "namespace": control,
                "labels": {"argocd.argoproj.io/secret-type": kind},
            },
            "stringData": data,
        })
    });
    Ok(serde_json::to_string(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?)
}

async fn private(sources: &Sources, filled: &Path, name: &str) -> Result<()> {
    let (git, helm) = (format!("{name}/private"), format!("{name}-private"));
    sources.publish_git(&git, &filled.join("git/apps")).await?;
    sources.protect(Server::Git, &git, LOGIN.0, LOGIN.1)?;
    let chart = filled.join("charts/web");
    sources.publish_chart_folder(&chart, &VERSIONS[..1], &helm, &format!("{name}/private")).await?;
    sources.protect(Server::Helm, &helm, LOGIN.0, LOGIN.1)
}

async fn all(sources: &Sources, root: &Path, name: &str, places: &Places) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let filled = scratch.path().join("sources");
    build::copy_tree(root, &filled)?;
    fill(&filled, places)?;
    for chart in folders(&filled.join("charts"))? {
        sources.publish_chart_folder(&chart, &VERSIONS, name, &format!("{name}/charts")).await?;
    }
    for repository in folders(&filled.join("git"))? {
        if repository.join("charts").exists() {
            build::copy_tree(&filled.join("charts"), &repository.join("charts"))?;
        }
        let inside = format!("{name}/{}", word(&repository));
        sources.publish_git(&inside, &repository).await?;
        for tag in ["v1.0.0", "v1.1.0", "app/v0.9.0", "app/v1.0.0"] {
            sources.git_ref(&inside, &["tag", "--force", tag, "main"]).await?;
        }
        let annotated = ["tag", "--force", "--annotate", "--message", "v1.2.0", "v1.2.0", "main"];
        sources.git_ref(&inside, &annotated).await?;
        sources.git_ref(&inside, &["branch", "--force", "environments/dev", "main"]).await?;
    }
    private(sources, &filled, name).await?;
    for artifact in folders(&filled.join("oci"))? {
        sources.push_folder(&format!("{name}/{}", word(&artifact)), "1.0.0", &artifact).await?;
    }
    Ok(())
}

/// Writes addresses into files that name them.
fn fill(folder: &Path, places: &Places) -> Result<()> {
    for file in files(folder)? {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let filled = text
            .replace("HELM_REPOSITORY_URL", &places.helm)
            .replace("GIT_URL", &places.git)
            .replace("REGISTRY", &places.registry);
        if filled != text {
            std::fs::write(&file, filled).with_context(|| format!("write {}", file.display()))?;
        }
    }
    Ok(())
}

fn word(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root).with_context(|| format!("read {}", root.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).with_context(|| format!("read {}", root.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// A few digits that tell one content from another.
fn hash(root: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    for file in files(root)? {
        digest.update(file.strip_prefix(root)?.as_os_str().as_encoded_bytes());
        digest.update(std::fs::read(&file).with_context(|| format!("read {}", file.display()))?);
    }
    digest.update(include_bytes!("publish.rs"));
    Ok(hex(&digest.finalize()[..4]))
}
