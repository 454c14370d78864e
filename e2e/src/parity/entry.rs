//! One entry of the corpus: an Application, and what is expected of its two deliveries.
//!
//! A folder `e2e/parity/corpus/NAME/` holds `application.yaml`, whose leading comment says what is tried; where the
//! outcome is not that both deliver the same, `expect.yaml` ([`Expectation`]); and, where something has to be in the
//! cluster first, `before.yaml`. All three are templates: `{{git}}`, `{{ssh}}`, `{{helm}}` and `{{registry}}` are where the
//! repositories of `e2e/parity/sources/` are served, `{{name}}` and `{{namespace}}` the Application's name and the
//! namespace it delivers to, which differ between the deliveries.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flux_subsystem::yaml;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::paths;

/// One Application to be delivered twice.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its folder's name; also the beginning of the names in the cluster.
    pub name: String,
    /// One sentence: what is tried.
    pub about: String,
    /// The Application, a template.
    pub application: String,
    /// What has to be in the cluster first, a template; empty for nothing.
    pub before: String,
    /// What is expected.
    pub expectation: Expectation,
    /// What a user's own Application has to keep: its name and its namespace.
    pub fixed: Option<Fixed>,
}

/// Names that both deliveries share, one after the other.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// Name of the Application.
    pub name: String,
    /// Namespace that it delivers to.
    pub namespace: String,
}

/// `expect.yaml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Expectation {
    /// How the two deliveries compare.
    pub expect: Outcome,
    /// Why that is so and right; for the table.
    pub reason: String,
    /// Words: each is in the explanation, and each difference holds one of them.
    pub says: Vec<String>,
    /// The deliveries share their names, one after the other: for objects whose names no template reaches.
    pub in_turn: bool,
}

/// How two deliveries compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Both delivered, and the live objects are the same.
    #[default]
    Identical,
    /// Both delivered, and something is not the same; or only Argo CD refused.
    Differs,
    /// The bridge refused.
    Refused,
    /// Both refused.
    RefusedByBoth,
}

impl Outcome {
    /// As the table says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Differs => "differs",
            Self::Refused => "refused",
            Self::RefusedByBoth => "refused by both",
        }
    }
}

/// What templates are filled with.
#[derive(Debug, Clone)]
pub struct Places {
    /// URL of the folder of git repositories.
    pub git: String,
    /// The same over SSH.
    pub ssh: String,
    /// URL of the Helm repository.
    pub helm: String,
    /// Address in the registry, without a scheme.
    pub registry: String,
}

impl Places {
    /// Fills a template.
    pub fn fill(&self, template: &str, name: &str, namespace: &str) -> String {
        let pairs = [
            ("{{git}}", self.git.as_str()),
            ("{{ssh}}", &self.ssh),
            ("{{helm}}", &self.helm),
            ("{{registry}}", &self.registry),
            ("{{name}}", name),
            ("{{namespace}}", namespace),
        ];
        pairs.iter().fold(template.to_owned(), |text, (key, value)| text.replace(key, value))
    }
}

/// The folder of the corpus.
pub fn corpus() -> PathBuf {
    paths::harness().join("parity/corpus")
}

impl Entry {
    /// Reads all entries of the corpus, or those that one of `wanted` is the name or the beginning of the name of; an
    /// error where it is of none.
    pub fn read_all(wanted: &[String]) -> Result<Vec<Self>> {
        let folder = corpus();
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .with_context(|| format!("read {}", folder.display()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        for word in wanted {
            anyhow::ensure!(
                names.iter().any(|name| name.starts_with(word.as_str())),
                "no entry of the corpus begins with {word:?}; `cargo parity --list` names all"
            );
        }
        let is_wanted = |name: &String| {
            let is_meant = |word: &String| {
                if names.contains(word) { name == word } else { name.starts_with(word.as_str()) }
            };
            wanted.is_empty() || wanted.iter().any(is_meant)
        };
        names.iter().filter(|name| is_wanted(name)).map(|name| Self::read(&folder.join(name))).collect()
    }

    fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = |file: &str| folder.join(file);
        let application = std::fs::read_to_string(file("application.yaml"))
            .with_context(|| format!("read the application.yaml of {name}"))?;
        let comment: Vec<&str> = application.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let optional = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let expect = optional(file("expect.yaml"));
        let expectation = if expect.is_empty() {
            Expectation::default()
        } else {
            let value = yaml::parse(&expect).with_context(|| format!("the expect.yaml of {name}"))?;
            serde_json::from_value(value).with_context(|| format!("the expect.yaml of {name}"))?
        };
        Ok(Self {
            about: comment.join(" "),
            application,
            before: optional(file("before.yaml")),
            expectation,
            name,
            fixed: None,
        })
    }
}

/// One YAML document as a value.
pub(crate) fn parse(text: &str, what: &str) -> Result<Value> {
    yaml::parse(text).with_context(|| format!("{what} is not YAML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_says_of_every_entry_what_is_tried_and_why_it_is_not_identical() {
        let entries = Entry::read_all(&[]).unwrap();
        assert!(entries.len() >= 80, "{}", entries.len());
        for entry in &entries {
            assert!(!entry.about.is_empty(), "{}: no leading comment", entry.name);
            assert!(entry.name.len() <= 32, "{}: too long for names in the cluster", entry.name);
            let expectation = &entry.expectation;
            let is_identical = expectation.expect == Outcome::Identical;
            assert_eq!(is_identical, expectation.reason.is_empty(), "{}: reason", entry.name);
            assert_eq!(is_identical, expectation.says.is_empty(), "{}: says", entry.name);
        }
    }

    #[test]
    fn templates_are_filled() {
        let places = Places { git: "g".into(), ssh: "s".into(), helm: "h".into(), registry: "r".into() };
        assert_eq!(places.fill("{{git}}/a.git {{name}} {{namespace}}", "n", "ns"), "g/a.git n ns");
    }
}
