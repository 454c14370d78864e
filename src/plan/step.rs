//! One thing to do.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use crate::credentials::SecretManifest;
use crate::flux::{Manifest, ObjectKey};
use crate::mirror::{Tree, View, managed};

/// One thing to do. The executor performs it with exactly one request, but for [`Step::ApplyObject`] on an edited
/// object (a second one removes what others had added), [`Step::DeleteReleaseRecords`] (one a record) and
/// [`Step::ConfirmGone`] (one a kind).
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create the destination namespace; one that exists is left as it is.
    CreateNamespace {
        /// Its name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// Its annotations.
        annotations: BTreeMap<String, String>,
        /// Who applies them, beside whatever others do.
        manager: String,
    },
    /// Server-side apply of labels and annotations of the destination namespace; everything else of it is left as it is.
    ApplyNamespace {
        /// Its name.
        name: String,
        /// Labels; one that `manager` had applied and is not among them goes.
        labels: BTreeMap<String, String>,
        /// Annotations, likewise.
        annotations: BTreeMap<String, String>,
        /// Who applies them.
        manager: String,
    },
    /// Server-side apply of a generated object.
    ApplyObject(Manifest),
    /// The same as a dry run: nothing is changed.
    TryObject(Manifest),
    /// Merge patch of a Flux object: suspension, requests.
    PatchObject {
        /// Which object.
        key: ObjectKey,
        /// What changes.
        patch: Value,
    },
    /// Delete a generated object.
    DeleteObject {
        /// Which object.
        key: ObjectKey,
        /// The very object that was seen; another one of that name stays.
        uid: String,
    },
    /// Create a Secret in Argo CD's namespace, or bring the bridge's own up to date.
    ApplySecret {
        /// What is wanted.
        manifest: SecretManifest,
        /// The Secret that is there; without it, one of that name is somebody else's and stays.
        over: Option<KnownSecret>,
    },
    /// Delete a generated Secret in Argo CD's namespace.
    DeleteSecret {
        /// Its name.
        name: String,
        /// The very Secret that was seen; another one of that name stays.
        uid: String,
    },
    /// Delete the records that Helm keeps of a release, without reading them: Secrets `sh.helm.release.v1.RELEASE.vN`
    /// (Helm `pkg/storage/storage.go`, `makeKey`), one request each, some of them at once. Those that are not there are none.
    DeleteReleaseRecords {
        /// Their namespace.
        namespace: String,
        /// Name of the release.
        release: String,
        /// Its revisions.
        versions: RangeInclusive<i64>,
    },
    /// Ask the API server, not the caches, whether anything generated for the Application is left; if so, the plan ends.
    ConfirmGone {
        /// Owner labels to look for.
        labels: BTreeMap<String, String>,
    },
    /// Merge patch of the Application, guarded by its resourceVersion.
    PatchApplication(Value),
    /// What Argo CD's server shows of the Application: written to Argo CD's Redis where it differs from what was written
    /// last, and again before it expires there. Without Redis, nothing.
    WriteCache(Box<CacheEntry>),
    /// Take the Application out of Argo CD's Redis.
    DropCache,
    /// Kubernetes event on the Application.
    EmitEvent {
        /// `Warning` instead of `Normal`.
        is_warning: bool,
        /// One word.
        reason: &'static str,
        /// A sentence.
        message: String,
    },
    /// Look again after that time, whatever happens or does not.
    Requeue(Duration),
}

/// A Secret that the bridge has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSecret {
    /// The very Secret that was seen.
    pub uid: String,
    /// Keys of its data that are not wanted.
    pub surplus: Vec<String>,
}

/// What Argo CD's server reads from Redis (argo-cd `util/cache/appstate/cache.go`).
#[derive(Clone, Debug, PartialEq)]
pub struct CacheEntry {
    /// `ApplicationTree`.
    pub tree: Value,
    /// Array of `ResourceDiff`.
    pub managed_resources: Value,
    /// Write it though it has not changed: somebody asked for a refresh, perhaps because Redis lost it.
    pub is_forced: bool,
}

impl Step {
    /// What Argo CD's server is to show of `view`, whose tree is `tree`.
    pub(super) fn write_cache(view: &View<'_>, tree: &Tree, is_forced: bool) -> Self {
        let entry = CacheEntry { tree: tree.to_json(), managed_resources: managed::to_json(view), is_forced };
        Self::WriteCache(Box::new(entry))
    }

    /// The word for it in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateNamespace { .. } => "CreateNamespace",
            Self::ApplyNamespace { .. } => "ApplyNamespace",
            Self::ApplyObject(_) => "ApplyObject",
            Self::TryObject(_) => "TryObject",
            Self::PatchObject { .. } => "PatchObject",
            Self::DeleteObject { .. } => "DeleteObject",
            Self::ApplySecret { .. } => "ApplySecret",
            Self::DeleteSecret { .. } => "DeleteSecret",
            Self::DeleteReleaseRecords { .. } => "DeleteReleaseRecords",
            Self::ConfirmGone { .. } => "ConfirmGone",
            Self::PatchApplication(_) => "PatchApplication",
            Self::WriteCache(_) => "WriteCache",
            Self::DropCache => "DropCache",
            Self::EmitEvent { .. } => "EmitEvent",
            Self::Requeue(_) => "Requeue",
        }
    }

    /// It changes something in the cluster.
    pub const fn is_write(&self) -> bool {
        let is_elsewhere = matches!(self, Self::WriteCache(_) | Self::DropCache);
        !is_elsewhere && !matches!(self, Self::ConfirmGone { .. } | Self::TryObject(_) | Self::Requeue(_))
    }
}
