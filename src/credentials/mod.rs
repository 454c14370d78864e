//! Credentials and trust: Argo CD's repository Secrets and ConfigMaps → Secrets that Flux reads. Pure: no `async`, client,
//! clock, environment or file access.
//!
//! # The rule
//!
//! **Never a secret in a place its reader could not already read.** Argo CD's repository Secrets stand in Argo CD's
//! namespace. So do the Flux Secrets that are made of them, and so do the source objects that use them, since Flux reads
//! Secrets from the namespace of the source object alone. Whoever may read the copy could already read the original: the
//! workload object in the destination namespace refers to the source across namespaces, and no tenant's namespace ever
//! holds a credential of Argo CD's. What keeps it:
//!
//! * [`SecretManifest`] has no namespace: the executor writes into Argo CD's and knows no other.
//! * The bridge's rights on Secrets end at that namespace (`manifests/rbac.yaml`), but for the deletion of Helm's release
//!   records, unread.
//! * An override annotation is an Application author's, who may not be trusted with Argo CD's Secrets: one that says where
//!   a source is fetched from, or with which Secret, gets a source in the destination namespace, with nothing of Argo CD's
//!   ([`crate::translate`], `private`). Nor may it refer to any other source object of Argo CD's namespace.
//! * [`SecretData`] and [`Sensitive`] show nothing of themselves in `Debug` and have no `Serialize`: what is not written on
//!   purpose cannot end in a log, an event, a condition, a metric or Redis.

mod charts;
mod flux;
mod known_hosts;
mod login;
mod proxy;
mod repository;
mod secret;
mod store;
mod url;

pub use charts::ForCharts;
pub use flux::{Access, Fetcher, Part, Role, access};
pub use login::Login;
pub use repository::{Repository, SecretVersion};
pub use secret::{LiveSecret, SecretData, SecretManifest, Sensitive};
pub use store::Repositories;
pub use url::Address;
