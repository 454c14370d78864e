//! Argo CD Applications, delivered by Flux.
pub mod argo;
pub mod artifact;
pub mod cli;
pub mod controller;
pub mod digest;
pub mod flux;
pub mod lease;
pub mod merge;
pub mod metrics;
pub mod mirror;
pub mod names;
pub mod plan;
pub mod remote_refs;
pub mod serve;
pub mod telemetry;
pub mod translate;
pub mod yaml;

#[cfg(test)]
mod testing;

#[cfg(test)]
mod purity;
