//! What an `AppProject` allows an Application: sources, destinations, kinds of objects, times. Pure.
//!
//! The rules and the sentences are stock Argo CD's (argo-cd `pkg/apis/application/v1alpha1/app_project_types.go` and
//! `types.go`, `util/argo/argo.go`), so that a bridged Application is refused in the words of a plain one. One thing is
//! left out: repositories and clusters that are scoped to a project by their Secrets add nothing here, since the bridge
//! reads no Secrets; what they allow has to be named in the project.

mod app_project;
mod cron;
mod delivery;
mod filter;
mod impersonation;
mod live;
mod parts;
mod pattern;
mod permission;
mod verdict;
mod virtual_project;
mod window;

pub use app_project::{
    AppProject, AppProjectSpec, ClusterResource, DestinationServiceAccount, GroupKind, SyncWindow,
};
pub use delivery::{Refused, Rendered, RenderedObject, refusal_of_means, refusals};
pub use filter::ResourcesFilter;
pub use impersonation::{Impersonation, impersonation};
pub use live::Permissions;
pub(crate) use pattern::glob_without_separator as glob;
pub use pattern::{glob_regex, is_in_namespaces, is_regex};
pub(crate) use verdict::this_cluster;
pub use verdict::{INVALID_SPEC_ERROR, UNKNOWN_ERROR, Violation, is_verdict, violations};
pub use virtual_project::{global_project_names, virtual_project};
pub use window::{Windows, matching};
