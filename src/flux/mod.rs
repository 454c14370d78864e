//! What the bridge generates and reads of Flux: kinds, wanted objects, live objects.

pub mod defaults;
pub mod fields;
pub mod kind;
pub mod live;
pub mod manifest;
pub mod naming;

pub use kind::FluxKind;
pub use live::{Condition, Live};
pub use manifest::{Manifest, ObjectKey};
