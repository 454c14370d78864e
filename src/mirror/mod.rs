//! Flux objects → what an Application's status says. Pure: no `async`, client, clock, environment or file access.
//!
//! [`Observed`] is everything that was read, [`View`] what it means, [`status::desired`] what Argo CD's readers see of it.

pub mod application_health;
pub mod compare;
pub mod conditions;
pub mod drift;
pub mod guard;
pub mod health;
pub mod inventories;
pub mod inventory;
pub mod leftover;
pub mod leg;
pub mod live;
mod lockdown;
pub mod managed;
pub mod namespace;
mod object_health;
pub mod observed;
pub mod ownership;
pub mod patch;
pub mod resource;
pub mod revision;
pub mod sight;
pub mod source;
pub mod status;
pub mod summary;
pub mod sync_word;
pub mod tree;
pub mod view;
pub mod warnings;
pub mod workload;

pub use compare::Relation;
pub use inventories::Inventories;
pub use leg::Leg;
pub use live::{LiveObjects, Node, NodeKey};
pub use observed::{Observed, Refresh, Refusal, Wish};
pub use resource::Resource;
pub use source::SourceState;
pub use tree::Tree;
pub use view::View;
pub use workload::{Delivery, WorkloadState};

#[cfg(test)]
pub(crate) mod fixtures;
