//! One object of an Application, as it stands beside what is wanted of it.

use super::compare::Relation;
use crate::flux::{Live, Manifest, ObjectKey};

/// One object of the Application: wanted or referenced, with its live counterpart.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    /// Which object.
    pub key: ObjectKey,
    /// What is wanted of it; `None` for a reference.
    pub manifest: Option<&'a Manifest>,
    /// The live object.
    pub live: Option<Live<'a>>,
    /// How the two stand to each other.
    pub relation: Relation,
}
