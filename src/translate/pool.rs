//! The source objects of an Application: sources that say the same share one.

use crate::flux::{Manifest, ObjectKey};
use crate::names;

/// The source objects so far, in the order in which they were needed.
#[derive(Default)]
pub(super) struct Pool(Vec<Manifest>);

impl Pool {
    /// The key under which `wanted` is fetched: that of an object with the same spec, if there is one, else its own.
    ///
    /// Its name may be taken by another fetch of the same source (all of its files beside some of them); then it gets a
    /// name of its own.
    pub(super) fn share(&mut self, mut wanted: Manifest) -> ObjectKey {
        let is_same = |known: &&Manifest| {
            known.key.kind == wanted.key.kind
                && known.key.namespace == wanted.key.namespace
                && known.spec == wanted.spec
        };
        if let Some(known) = self.0.iter().find(is_same) {
            return known.key.clone();
        }
        if self.0.iter().any(|known| known.key == wanted.key) {
            wanted.key.name = names::shorten(&format!("{}-files", wanted.key.name), names::MAX_LABEL_VALUE);
        }
        let key = wanted.key.clone();
        self.0.push(wanted);
        key
    }

    /// All of them.
    pub(super) fn into_objects(self) -> Vec<Manifest> {
        self.0
    }
}
