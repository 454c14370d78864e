//! What is to be done, and what state that leaves an Application in.

use super::state::State;
use super::step::Step;
use crate::argo::status::ApplicationStatus;

/// What is to be done, and what state that leaves the Application in.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps, in order. A step that fails ends the plan.
    pub steps: Vec<Step>,
    /// The state the Application is in.
    pub state: State,
    /// What the status will say; `None` when the plan does not touch it.
    pub status: Option<ApplicationStatus>,
}

impl Plan {
    /// Nothing to do.
    pub fn nothing(state: State) -> Self {
        Self { steps: Vec::new(), state, status: None }
    }
}
