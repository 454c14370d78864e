//! What the bridge reads and writes of Argo CD: partial types, tolerant of what they do not know.

pub mod application;
pub mod duration;
mod hydrator;
pub mod operation;
pub mod plugins;
pub mod protection;
pub mod repository_url;
pub mod schema;
pub mod status;
pub mod tracking;
pub(crate) mod zero;

pub use application::{Application, ApplicationSource};
pub use hydrator::SourceHydrator;
pub use operation::{Operation, OperationState, Phase};
pub use protection::{Protection, Stays};
pub use status::ApplicationStatus;

/// Go's `strconv.ParseBool`.
pub fn bool_of(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
