//! `cargo fuzz-translate`: mutated Applications, values, repositories, Secrets and policies through the translation.
//!
//! | module | what it holds |
//! |---|---|
//! | [`case`] | one case: an Application and the world that answers what a translation wants to know |
//! | [`seeds`] | where cases come from: the corpus, the goldens |
//! | [`mutate`] | how one case becomes another |
//! | [`outside`] | Argo CD's repository Secrets, and policies |
//! | [`check`] | what has to hold of every case |
//! | [`shrink`] | the smallest case that still fails in the same way |
//! | [`random`] | reproducible choices |
//! | [`watchdog`] | what becomes of a case that does not end |
//!
//! Every failure is written to `e2e/fuzz/regressions/` and replayed by a unit test from then on.

pub mod case;
pub mod check;
pub mod mutate;
pub mod outside;
pub mod random;
pub mod seeds;
pub mod shrink;
pub mod watchdog;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::paths;
use case::Case;
use check::Failure;

/// Where failures go.
pub fn regressions() -> PathBuf {
    paths::harness().join("fuzz/regressions")
}

/// Keeps a failure as an input that a unit test replays; returns its path.
pub fn keep(case: &Case, failure: &Failure) -> Result<PathBuf> {
    let text = serde_json::to_string_pretty(case)?;
    let digest = hex(&Sha256::digest(text.as_bytes())[..4]);
    let path = regressions().join(format!("{}-{digest}.json", failure.kind.word()));
    std::fs::create_dir_all(regressions())?;
    std::fs::write(&path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::random::Random;
    use super::*;

    #[test]
    fn what_once_failed_holds_now() {
        for entry in std::fs::read_dir(regressions()).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let case: Case = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                if let Err(failure) = check::check(&case) {
                    panic!("{}: {failure:?}", path.display());
                }
            }
        }
    }

    #[test]
    fn a_thousand_cases_hold() {
        let seeds = seeds::all().unwrap();
        assert!(seeds.len() > 150, "{}", seeds.len());
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let case = mutate::case(&seeds, &mut random);
            if let Err(failure) = check::check(&case) {
                panic!("{failure:?}\n{}", serde_json::to_string(&case).unwrap());
            }
        }
    }
}
