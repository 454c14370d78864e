//! Where the harness keeps things: one cache shared by all clones, one folder per stack.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The cache folder: `$FLUX_SUBSYSTEM_CACHE`, else `$XDG_CACHE_HOME/flux-subsystem`, else `~/.cache/flux-subsystem`.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = if let Some(path) = set("FLUX_SUBSYSTEM_CACHE") {
        path
    } else if let Some(path) = set("XDG_CACHE_HOME") {
        path.join("flux-subsystem")
    } else {
        set("HOME")
            .context("neither FLUX_SUBSYSTEM_CACHE, XDG_CACHE_HOME nor HOME is set")?
            .join(".cache/flux-subsystem")
    };
    std::path::absolute(&path).with_context(|| format!("{}: not a usable path", path.display()))
}

/// The folder of built programs.
pub fn programs() -> Result<PathBuf> {
    Ok(cache()?.join("programs"))
}

/// The folder that holds one folder per stack.
pub fn stacks() -> Result<PathBuf> {
    Ok(cache()?.join("stacks"))
}

/// The lock file of that name. Lock files are never deleted: a deleted one could be held by two.
pub fn lock(name: &str) -> Result<PathBuf> {
    let folder = cache()?.join("locks");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder.join(name))
}

/// The folder of this crate in the clone it was built from.
pub fn harness() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The root of the clone.
pub fn workspace() -> &'static Path {
    harness().parent().unwrap_or(harness())
}

/// The consumer module of the program called `name`.
pub fn consumer_module(name: &str) -> PathBuf {
    harness().join("programs").join(name)
}

/// The folder of content for the test sources.
pub fn sources() -> PathBuf {
    harness().join("sources")
}
