//! `FluxDeliveryPolicy`: what a platform team sets for the Flux objects of many Applications at once. Pure.
//!
//! Policies stand in Argo CD's own namespace and nowhere else: who may write there decides already who may deliver what,
//! with projects and repositories. An Application is governed by every policy whose selector fits it; each setting is
//! that of the policy with the highest `priority` that has it, and of equal ones that of the first by name.

mod crd;
mod effective;
mod parts;
mod resource;
mod select;
mod status;

pub use crd::{all_crds, crd_yaml};
pub use effective::{Effective, Setting};
pub use parts::{
    ApplicationSelector, ExpressionOperator, IgnoreRule, Image, Intervals, Kustomize, LabelExpression,
    Overridable, OverrideRule, Overrides, Patch, PostRenderer, RestrictedProjects, Target, Timeouts,
};
pub use resource::{
    FluxDeliveryPolicy, FluxDeliveryPolicySpec, FluxDeliveryPolicyStatus, PolicyCondition, PolicyRefusal,
};
pub use select::governs;
pub use status::{Census, Refused, desired};

/// Plural and group of the resource, as a CRD is named.
pub const CRD_NAME: &str = "fluxdeliverypolicies.flux-subsystem.dev";
