//! `--source-dir`: which folder holds the repository of which source.

use std::path::PathBuf;
use std::str::FromStr;

use super::checkout::Checkout;
use crate::argo::{Application, ApplicationSource};

/// One `--source-dir`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceDir {
    /// Position (counted from one), `ref` or `name` of a source; `None` for the repository that all sources come from.
    source: Option<String>,
    folder: PathBuf,
}

impl FromStr for SourceDir {
    type Err = std::convert::Infallible;

    /// `DIR` or `SOURCE=DIR`. A `ref` has no slash in it, so a folder with `=` in its name can be written as `./a=b`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.split_once('=').filter(|(source, _)| !source.is_empty() && !source.contains('/'));
        Ok(match named {
            Some((source, folder)) => Self { source: Some(source.to_owned()), folder: folder.into() },
            None => Self { source: None, folder: text.into() },
        })
    }
}

/// All of them, opened.
#[derive(Debug, Default)]
pub(super) struct Checkouts(Vec<(Option<String>, Checkout)>);

impl Checkouts {
    /// Lists the files of each folder.
    pub(super) fn open(folders: &[SourceDir]) -> anyhow::Result<Self> {
        let open = |dir: &SourceDir| Ok((dir.source.clone(), Checkout::open(&dir.folder)?));
        Ok(Self(folders.iter().map(open).collect::<anyhow::Result<_>>()?))
    }

    /// The repository of the source with that index: the folder that is given for it, or for another source of the same
    /// revision; else the only one there is, as long as all sources come from one repository.
    pub(super) fn of(&self, app: &Application, index: usize) -> Option<&Checkout> {
        let sources = app.sources();
        let source = sources.get(index)?;
        let alike = |other: &ApplicationSource| {
            other.repo_url == source.repo_url && other.target_revision == source.target_revision
        };
        let others = sources.iter().enumerate().filter(|(other, spec)| *other != index && alike(spec));
        self.given(index, source)
            .or_else(|| others.into_iter().find_map(|(other, spec)| self.given(other, spec)))
            .or_else(|| {
                let is_one =
                    sources.iter().filter(|s| s.chart.is_empty()).all(|s| s.repo_url == source.repo_url);
                self.0.iter().find(|(name, _)| is_one && name.is_none()).map(|(_, checkout)| checkout)
            })
    }

    fn given(&self, index: usize, source: &ApplicationSource) -> Option<&Checkout> {
        let is_it = |name: &String| names(name, index, source);
        self.0.iter().find(|(name, _)| name.as_ref().is_some_and(is_it)).map(|(_, checkout)| checkout)
    }
}

/// Whether `name` means the source with that index: its position (counted from one), its `ref` or its `name`.
pub(super) fn names(name: &str, index: usize, source: &ApplicationSource) -> bool {
    name == (index + 1).to_string() || name == source.reference || name == source.name
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("clone", None, "clone")]
    #[case("values=clone", Some("values"), "clone")]
    #[case("2=/a=b", Some("2"), "/a=b")]
    #[case("./a=b", None, "./a=b")]
    #[case("=b", None, "=b")]
    fn folders_are_read(#[case] text: &str, #[case] source: Option<&str>, #[case] folder: &str) {
        let expected = SourceDir { source: source.map(str::to_owned), folder: folder.into() };
        assert_eq!(text.parse(), Ok(expected));
    }
}
