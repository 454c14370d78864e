//! The source hydrator of an Application (argo-cd `types.go`, `SourceHydrator`): stock Argo CD renders the *dry* source
//! and commits the result to a branch; what is delivered is that branch, the *sync* source.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::ApplicationSource;

/// `spec.sourceHydrator`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct SourceHydrator {
    /// As the Application writes it.
    raw: Value,
    sync: ApplicationSource,
}

impl SourceHydrator {
    /// The source that is delivered (`GetSyncSource`): plain files on a branch, from the dry source's repository unless
    /// another one is named.
    pub fn sync_source(&self) -> &ApplicationSource {
        &self.sync
    }

    /// The same, to be delivered in another revision.
    pub fn sync_source_mut(&mut self) -> &mut ApplicationSource {
        &mut self.sync
    }

    /// Address of the repository that is rendered.
    pub fn dry_repository(&self) -> &str {
        self.text("/drySource/repoURL")
    }

    /// The branch that rendered manifests wait on for somebody to move them to the sync source's; `None` without one.
    pub fn hydrate_to(&self) -> Option<&str> {
        let is_set = self.raw.get("hydrateTo").is_some_and(|to| !to.is_null());
        is_set.then(|| self.text("/hydrateTo/targetBranch"))
    }

    fn text(&self, pointer: &str) -> &str {
        text(&self.raw, pointer)
    }
}

fn text<'a>(raw: &'a Value, pointer: &str) -> &'a str {
    raw.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl From<Value> for SourceHydrator {
    fn from(raw: Value) -> Self {
        let own = text(&raw, "/syncSource/repoURL");
        let sync = ApplicationSource {
            repo_url: if own.is_empty() { text(&raw, "/drySource/repoURL") } else { own }.to_owned(),
            path: text(&raw, "/syncSource/path").to_owned(),
            target_revision: text(&raw, "/syncSource/targetBranch").to_owned(),
            ..ApplicationSource::default()
        };
        Self { raw, sync }
    }
}

impl From<SourceHydrator> for Value {
    fn from(hydrator: SourceHydrator) -> Self {
        hydrator.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::the_dry_repository(json!({"targetBranch": "env/prod", "path": "shop"}), "https://git.example.org/dry")]
    #[case::its_own(
        json!({"targetBranch": "env/prod", "path": "shop", "repoURL": "https://git.example.org/wet"}),
        "https://git.example.org/wet"
    )]
    fn what_is_delivered(#[case] sync: Value, #[case] url: &str) {
        let raw = json!({
            "drySource": {"repoURL": "https://git.example.org/dry", "path": "chart", "targetRevision": "main"},
            "syncSource": sync,
        });
        let hydrator: SourceHydrator = serde_json::from_value(raw.clone()).unwrap();
        let source = hydrator.sync_source();
        assert_eq!(
            (source.repo_url.as_str(), source.path.as_str(), source.target_revision.as_str()),
            (url, "shop", "env/prod")
        );
        assert_eq!(serde_json::to_value(hydrator).unwrap(), raw, "it is written back as it was read");
    }
}
