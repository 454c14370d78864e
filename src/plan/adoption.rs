//! Hand-made changes that flow back into the Application by themselves: [`crate::names::ANNOTATION_ADOPT_EDITS`].
//!
//! The Application is written first. What stands in the cluster is then what it wants, and the next look only renews the
//! fingerprint on the Flux object (`upkeep`): wherever the bridge is killed, nothing is left to repair.

use super::Step;
use super::steps::guarded;
use crate::adopt::wished;
use crate::mirror::View;

/// The steps that write edits back; `None` when there are none, when they cannot be kept, or when something goes first.
///
/// They come before self-healing, which would revert the edit, and after an operation that somebody asked for, which
/// delivers what the Application said when it was asked.
pub(super) fn steps(view: &View<'_>) -> Option<Vec<Step>> {
    let app = &view.observed.app;
    let last = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    let is_busy = app.operation.is_some() || last.is_some_and(|last| !last.phase.is_completed());
    if is_busy {
        return None;
    }
    let adoption = wished(view)?.ok()?;
    let message = format!("kept what was changed by hand: {}", adoption.edits.join(", "));
    Some(vec![
        Step::PatchApplication(guarded(app, adoption.patch)),
        Step::EmitEvent { is_warning: false, reason: "EditAdopted", message },
    ])
}
