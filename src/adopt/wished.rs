//! Applications that ask for their edits to be kept.

use super::{Adoption, Refusal, adopt};
use crate::mirror::{Relation, View};
use crate::names;

/// What the edits come to; `None` when there are none, or when the Application does not ask for them to be kept
/// ([`names::ANNOTATION_ADOPT_EDITS`]).
pub fn wished(view: &View<'_>) -> Option<Result<Adoption, Refusal>> {
    let observed = view.observed;
    let is_wished = observed.app.annotation(names::ANNOTATION_ADOPT_EDITS) == Some("true");
    let is_edited = view.resources.iter().any(|resource| resource.relation == Relation::Edited);
    if !is_wished || !is_edited || !view.is_complete() {
        return None;
    }
    adopt(&observed.app, &observed.context, |key| observed.live(key)).transpose()
}
