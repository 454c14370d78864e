//! Application → Flux objects. Pure: no `async`, client, clock, environment or file access.
//!
//! Translation never fails halfway: whatever cannot be expressed is a [`Problem`] with a field path, a severity, a
//! sentence and a hint. What it does not know yet (what a path holds, which refs a repository has) it asks for as a
//! [`Want`]; whoever calls it answers in the [`Context`] and calls again.

pub mod context;
pub mod problem;

pub use context::{Contents, Context, PathKind, RemoteRefs, Want};
pub use problem::{Problem, Severity};

use crate::flux::{Manifest, ObjectKey};

/// What an Application becomes.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Generated objects in the order of application; empty in reference mode, and when a problem forbids delivery.
    ///
    /// While [`Translation::wants`] is not empty the list may hold the source objects alone: enough to find out.
    pub objects: Vec<Manifest>,
    /// Reference mode (no `AutoCreateFluxResources=true`): the workload objects to look for, the likelier one first.
    pub references: Vec<ObjectKey>,
    /// What cannot be, or is not yet, expressed.
    pub problems: Vec<Problem>,
    /// What has to be found out before the translation is complete.
    pub wants: Vec<Want>,
    /// Argo CD's word for what the source is: `Helm`, `Kustomize` or `Directory`; empty while unknown.
    pub source_type: String,
    /// Namespace the generated objects and their workloads live in.
    pub namespace: String,
}

impl Translation {
    /// Something is wrong with the Application itself: nothing of it may be applied.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Nothing is left to find out and nothing is wrong: `objects` is everything.
    pub fn is_complete(&self) -> bool {
        self.wants.is_empty() && !self.has_errors()
    }
}
