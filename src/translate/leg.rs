//! One source on its way through a translation.

use crate::flux::{Manifest, ObjectKey};

/// One source, as far as it got.
#[derive(Default)]
pub(super) struct Leg {
    /// The source object.
    pub(super) origin: Option<ObjectKey>,
    /// The source object whose artifact holds everything that the path holds.
    pub(super) artifact: Option<ObjectKey>,
    /// The workload object; `None` while something is unknown, and when a problem was noted.
    pub(super) workload: Option<Manifest>,
    /// Argo CD's word for the source; empty while unknown.
    pub(super) source_type: &'static str,
}
