//! The states that an Application can be in, in the bridge's eyes.

use crate::argo::operation::Phase;
use crate::argo::status::ApplicationStatus;
use crate::mirror::View;

/// Each state has a name (a label of the metric `applications`) and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Stock Argo CD's: the bridge never writes to it.
    Ignored,
    /// Stock Argo CD has worked on it; nothing else is done before it has let go.
    Adopting,
    /// It lost the option: what the bridge made for it goes, and stock Argo CD takes it back.
    HandingBack,
    /// It is being deleted.
    Deleting,
    /// A field, a source or a missing CRD stands in the way; what was delivered keeps running.
    Failing,
    /// An operation runs.
    Syncing,
    /// Something differs from what is wanted and waits: for a Sync, or for Flux.
    OutOfSync,
    /// As wanted, and Flux or a workload is still at it.
    Progressing,
    /// As wanted, and not well.
    Degraded,
    /// Somebody suspended its Flux objects.
    Suspended,
    /// As wanted, and well.
    Delivered,
}

impl State {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Ignored,
        Self::Adopting,
        Self::HandingBack,
        Self::Deleting,
        Self::Failing,
        Self::Syncing,
        Self::OutOfSync,
        Self::Progressing,
        Self::Degraded,
        Self::Suspended,
        Self::Delivered,
    ];

    /// The state that `status` tells of `view`.
    pub fn of(view: &View<'_>, status: &ApplicationStatus) -> Self {
        let is_running = status
            .operation_state
            .as_ref()
            .is_some_and(|operation| matches!(operation.phase, Phase::Running | Phase::Terminating));
        if view.observed.translation.has_errors() || status.sync.status == "Unknown" {
            return Self::Failing;
        }
        match (is_running, status.sync.status.as_str(), status.health.status.as_str()) {
            (true, _, _) => Self::Syncing,
            (_, _, "Suspended") => Self::Suspended,
            (_, "OutOfSync", _) => Self::OutOfSync,
            (_, _, "Degraded" | "Unknown" | "Missing") => Self::Degraded,
            (_, _, "Progressing") => Self::Progressing,
            _ => Self::Delivered,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignored => "Ignored",
            Self::Adopting => "Adopting",
            Self::HandingBack => "HandingBack",
            Self::Deleting => "Deleting",
            Self::Failing => "Failing",
            Self::Syncing => "Syncing",
            Self::OutOfSync => "OutOfSync",
            Self::Progressing => "Progressing",
            Self::Degraded => "Degraded",
            Self::Suspended => "Suspended",
            Self::Delivered => "Delivered",
        }
    }
}
