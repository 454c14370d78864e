//! What a cluster has to have for the bridge to work, judged. Pure: no `async`, client, clock, environment or file access.
//!
//! `cli::doctor` reads, this module says what it means: one [`Finding`] a check, with its way out.

pub mod applications;
pub mod bridge;
pub mod crds;
pub mod network;
pub mod redis;
pub mod rights;
pub mod versions;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As it should be.
    Ok,
    /// The bridge works, with less than it could do; or nobody can tell.
    Warn,
    /// Something does not work.
    Fail,
}

impl Level {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found, a sentence.
    pub finding: String,
    /// The way out; empty where nothing is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fix: String,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, finding: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, finding: finding.into(), fix: String::new() }
    }

    /// Not as good as it could be.
    pub fn warn(check: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, finding: finding.into(), fix: fix.into() }
    }

    /// Does not work.
    pub fn fail(check: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, finding: finding.into(), fix: fix.into() }
    }
}

/// The two namespaces that everything is about.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// Argo CD's, and the bridge's.
    pub argocd: String,
    /// Flux's.
    pub flux: String,
}

/// The first few of many, and how many more there are.
pub(crate) fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_short() {
        let names = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
        assert_eq!(some(&names(2)), "0, 1");
        assert_eq!(some(&names(5)), "0, 1, 2, 3, 4");
        assert_eq!(some(&names(7)), "0, 1, 2, 3, 4 and 2 more");
    }
}
