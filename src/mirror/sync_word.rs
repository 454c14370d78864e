//! Whether an Application, and each of its Flux objects, is `Synced`.

use super::compare::Relation;
use super::conditions;
use super::leftover::Leftover;
use super::leg::Leg;
use super::resource::Resource;
use super::view::View;

/// `Synced`, `OutOfSync`, or `Unknown` when the comparison is not to be had.
pub fn sync_word(view: &View<'_>) -> &'static str {
    if view.observed.translation.has_errors()
        || !view.violations.is_empty()
        || !conditions::comparison_errors(view).is_empty()
    {
        "Unknown"
    } else if view.is_complete() && view.is_synced() && !view.leftovers.iter().any(Leftover::is_difference) {
        "Synced"
    } else {
        "OutOfSync"
    }
}

pub(super) fn resource_sync(view: &View<'_>, resource: &Resource<'_>) -> &'static str {
    let delivers = view.leg_of(&resource.key).is_none_or(Leg::is_delivered);
    match resource.relation {
        Relation::Unknown => "Unknown",
        Relation::Matches | Relation::Referenced if delivers => "Synced",
        _ => "OutOfSync",
    }
}
