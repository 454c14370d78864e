//! Argo CD Applications, delivered by Flux.
pub mod argo;
pub mod digest;
pub mod flux;
pub mod names;
pub mod translate;
