//! The decision core as a whole: what it decides in each situation, and where its decisions lead.

mod adoption;
mod api_server;
mod cluster;
mod convergence;
mod crashes;
mod deletion;
mod flux;
mod guards;
mod operations;
mod places;
mod private;
mod projects;
mod retries;
mod secrets;
mod several;
mod switch;
mod table;
mod wishes;

use super::{Plan, Step, plan};
use crate::argo::operation::{OperationState, Phase};
use crate::flux::FluxKind;
use crate::mirror::Observed;
use serde_json::Value;

/// The plan's steps in the cluster, a word each: `ApplyObject HelmRelease`. What Redis is told goes with every plan.
fn words(plan: &Plan) -> Vec<String> {
    plan.steps.iter().filter(|step| !matches!(step, Step::WriteCache(_))).map(word).collect()
}

fn word(step: &Step) -> String {
    match step {
        Step::ApplyObject(manifest) | Step::TryObject(manifest) => {
            format!("{} {}", step.name(), manifest.key.kind.kind())
        }
        Step::PatchObject { key, .. } | Step::DeleteObject { key, .. } => {
            format!("{} {}", step.name(), key.kind.kind())
        }
        Step::EmitEvent { reason, .. } => format!("{} {reason}", step.name()),
        _ => step.name().to_owned(),
    }
}

/// The merge patch of the Application among the steps.
fn patch_of(plan: &Plan) -> &Value {
    let found = plan.steps.iter().find_map(|step| match step {
        Step::PatchApplication(patch) => Some(patch),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no patch among {:?}", words(plan)))
}

/// The plan writes a Flux object of that kind.
fn writes(plan: &Plan, wanted: FluxKind) -> bool {
    plan.steps.iter().any(|step| match step {
        Step::ApplyObject(manifest) => manifest.key.kind == wanted,
        Step::PatchObject { key, .. } | Step::DeleteObject { key, .. } => key.kind == wanted,
        _ => false,
    })
}

/// The plan writes any Flux object.
fn writes_flux(plan: &Plan) -> bool {
    FluxKind::ALL.into_iter().any(|kind| writes(plan, kind))
}

/// The operation as the plan leaves it.
fn operation(plan: &Plan) -> &OperationState {
    plan.status.as_ref().and_then(|status| status.operation_state.as_ref()).expect("an operation")
}

/// Phase and message of the operation that the plan for `observed` leaves.
fn outcome(observed: &Observed) -> (Phase, String) {
    let plan = plan(observed);
    let operation = operation(&plan);
    (operation.phase.clone(), operation.message.clone())
}
