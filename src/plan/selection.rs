//! `operation.sync.resources`: a Sync of some of the resources. Of the Flux objects any may be selected; what they deliver
//! comes as a whole.

use serde_json::Value;

use crate::argo::operation::SyncOperation;
use crate::flux::ObjectKey;
use crate::mirror::View;

/// The Flux objects that a Sync is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// `None`: all of them.
    only: Option<Vec<ObjectKey>>,
}

impl Selection {
    /// What `sync` selects; a sentence when that is not to be had from Flux.
    pub(super) fn of(view: &View<'_>, sync: &SyncOperation) -> Result<Self, String> {
        if sync.resources.is_empty() {
            return Ok(Self { only: None });
        }
        let selected = sync.resources.iter().map(|resource| find(view, resource));
        Ok(Self { only: Some(selected.collect::<Result<_, _>>()?) })
    }

    /// Whether the object is among them.
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }

    /// Whether nothing was selected, and so everything is meant.
    pub(super) fn is_all(&self) -> bool {
        self.only.is_none()
    }
}

/// The Flux object that one entry names (argo-cd `types.go`, `SyncOperationResource`; without a namespace any).
fn find(view: &View<'_>, resource: &Value) -> Result<ObjectKey, String> {
    let field = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, kind, namespace, name) = (field("group"), field("kind"), field("namespace"), field("name"));
    let is_meant = |key: &&ObjectKey| {
        key.kind.group() == group
            && key.kind.kind() == kind
            && key.name == name
            && (namespace.is_empty() || key.namespace == namespace)
    };
    let keys = || view.resources.iter().map(|resource| &resource.key);
    keys().find(is_meant).cloned().ok_or_else(|| {
        let own: Vec<String> = keys().map(ToString::to_string).collect();
        format!(
            "{kind} {name} cannot be synced by itself: Flux delivers it together with everything else (sync without \
             selecting, or select among {})",
            own.join(", ")
        )
    })
}
