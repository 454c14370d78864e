//! Advisory file locks (`flock(2)`), held until the returned file is dropped or its process ends.

use std::fs::{File, TryLockError};

use anyhow::{Context as _, Result};

use crate::paths;

/// Takes the lock `name` for this process alone, waiting for others.
pub(crate) fn exclusive(name: &str) -> Result<File> {
    let file = open(name)?;
    file.lock().with_context(|| format!("lock {name}"))?;
    Ok(file)
}

/// Takes the lock `name` for this process alone; `None` when somebody else holds it.
pub(crate) fn try_exclusive(name: &str) -> Result<Option<File>> {
    let file = open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {name}")),
    }
}

/// Takes the lock `name` together with others who share it, waiting for one who does not.
pub(crate) fn shared(name: &str) -> Result<File> {
    let file = open(name)?;
    file.lock_shared().with_context(|| format!("lock {name}"))?;
    Ok(file)
}

fn open(name: &str) -> Result<File> {
    let path = paths::lock(name)?;
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))
}
