//! Secrets: as the bridge wants them, and as they stand in the cluster. Neither shows what it holds.

use std::collections::BTreeMap;
use std::fmt;

use crate::argo::Application;
use crate::flux::manifest::owner_marks;
use crate::names;

/// What a Secret holds. `Debug` names the keys alone, and there is no way into JSON but [`SecretData::exposed`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(BTreeMap<String, Vec<u8>>);

impl SecretData {
    /// The values themselves: for the API server, and for whoever asked to see them.
    pub fn exposed(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.0
    }

    /// The text at `key`; bytes that are no UTF-8 are replaced, as Go's printing does.
    pub fn text(&self, key: &str) -> String {
        self.0.get(key).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    /// Adds a value, unless it is empty.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// It holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Vec<u8>)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A text that is nobody's business: `Debug` says whether there is one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// The text itself.
    pub fn exposed(&self) -> &str {
        &self.0
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Sensitive {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "hidden" })
    }
}

/// A Secret that the bridge wants. It has no namespace: Secrets stand in Argo CD's own and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretManifest {
    /// Name.
    pub name: String,
    /// Labels, the owner's among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations, the owner's among them.
    pub annotations: BTreeMap<String, String>,
    /// Kubernetes' type, which cannot be changed later: the name has to differ where the type does.
    pub kind: &'static str,
    /// What it holds.
    pub data: SecretData,
}

impl SecretManifest {
    /// A Secret that belongs to `app`, with the labels and the annotation that say so.
    pub fn owned_by(app: &Application, name: String, kind: &'static str, data: SecretData) -> Self {
        let (labels, annotations) = owner_marks(app);
        Self { name, labels, annotations, kind, data }
    }

    /// `live` is as wanted; what others have added to its metadata is theirs.
    pub fn is_met_by(&self, live: &LiveSecret) -> bool {
        let has_all = |wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>| {
            wanted.iter().all(|(key, value)| found.get(key) == Some(value))
        };
        self.data == live.data
            && has_all(&self.labels, &live.labels)
            && has_all(&self.annotations, &live.annotations)
    }
}

/// A Secret of Argo CD's namespace as it stands in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSecret {
    /// Name.
    pub name: String,
    /// Kubernetes' identity of this very object.
    pub uid: String,
    /// Rises with each write.
    pub resource_version: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Deletion was asked for.
    pub is_deleting: bool,
    /// What it holds.
    pub data: SecretData,
}

impl LiveSecret {
    /// `NAMESPACE/NAME` of the Application that the bridge made it for: both marks are there (invariant 2).
    pub fn owner(&self) -> Option<&str> {
        let is_generated = self.labels.get(names::LABEL_GENERATED).is_some_and(|value| value == "true");
        self.annotations.get(names::ANNOTATION_APPLICATION).map(String::as_str).filter(|_| is_generated)
    }

    /// Argo CD's word for what the Secret is for: `repository`, `repo-creds` and others.
    pub fn argo_type(&self) -> Option<&str> {
        self.labels.get(names::LABEL_ARGO_SECRET_TYPE).map(String::as_str)
    }
}

/// Argo CD's word for a Secret about all repositories below an address.
pub(super) const REPO_CREDS: &str = "repo-creds";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_value_shows() {
        let data = SecretData::default().with("password", "hunter2").with("empty", "");
        let app = Application::default();
        let wanted = SecretManifest::owned_by(&app, "a".into(), "Opaque", data.clone());
        let live = LiveSecret { data, ..LiveSecret::default() };
        for text in [format!("{wanted:#?}"), format!("{live:?}")] {
            assert!(text.contains("password") && !text.contains("hunter2"), "{text}");
            // Nor as a list of bytes.
            assert!(!text.contains("104, 117"), "{text}");
        }
        assert_eq!(live.data.exposed().len(), 1);
    }
}
