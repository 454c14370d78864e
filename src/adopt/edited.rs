//! What somebody changed by hand.

use serde_json::Value;

use super::place::Place;
use crate::flux::{Live, Manifest, ObjectKey};

/// One object that somebody changed since the bridge applied what it wants now.
pub(super) struct Edited<'a> {
    pub(super) wanted: Manifest,
    pub(super) live: Live<'a>,
    /// The live spec as comparisons see it.
    pub(super) spec: Value,
    pub(super) place: Place,
}

impl Edited<'_> {
    pub(super) fn key(&self) -> &ObjectKey {
        &self.wanted.key
    }
}
