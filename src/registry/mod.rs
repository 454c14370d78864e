//! What Argo CD's repo-server rendered, served to Flux as OCI artifacts by the bridge itself.
//!
//! A read-only registry of digests (OCI distribution specification, the part named *pull*) over plain HTTP, as
//! source-controller serves its own artifacts, with a password for everything. Nothing is stored: an artifact that is asked
//! for and not in memory is rendered again. The same objects of the same revision always make the same digest.
//!
//! An `ExternalArtifact` would need no registry, but kustomize-controller takes one only behind a feature gate
//! (`ExternalArtifact`, off by default), which a stock Flux does not have open.

mod access;
mod chart;
mod endpoint;
mod image;
mod manifests;
mod server;
mod store;

pub use access::{Access, AccessError};
pub use chart::ChartMetadata;
pub use endpoint::publish;
pub use image::Image;
pub use manifests::{Finished, ManifestError, finish};
pub use server::{Images, serve};
pub use store::Store;
