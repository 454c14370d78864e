//! Existing Flux objects → the Application that shows, or generates, them. Pure: no `async`, client, clock, environment or
//! file access.
//!
//! The way back of [`crate::translate`]. In reference mode the Application only names the workload object (the labels are
//! those of the original's `flamingo generate-app`). With auto-create it says all that the objects say, and the proof is
//! made by translating it: what comes out has to be what stands in the cluster, field by field.

mod proof;
mod refusal;
mod source;
#[cfg(test)]
mod tests;

pub use proof::prove;
pub use refusal::Refusal;
pub use source::origin;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::argo::Application;
use crate::argo::application::{Automated, SyncPolicy};
use crate::argo::source::Destination;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::names;

/// `spec.project`, names and mode of the Application to be.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the Application.
    pub name: String,
    /// Namespace of the Application.
    pub namespace: String,
    /// Its `AppProject`.
    pub project: String,
    /// The Application generates the Flux objects from now on, instead of referring to them.
    pub auto_create: bool,
}

/// The Flux objects that the Application is made from.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The `HelmRelease` or Kustomization.
    pub workload: Live<'a>,
    /// The source object that it names; `None` for one that is missing, or of a kind that Argo CD has no word for.
    pub source: Option<Live<'a>>,
}

/// An Application whose translation is what stands in the cluster.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The Application.
    pub app: Application,
    /// What it becomes.
    pub objects: Vec<Manifest>,
    /// Those of them that stand in the cluster already, and wait to be taken over.
    pub existing: Vec<ObjectKey>,
    /// What will be otherwise than it is, a sentence each; never something that changes what is delivered.
    pub notes: Vec<String>,
}

/// The Application, as far as its own fields go: complete in reference mode, else the beginning of [`prove`].
pub fn draft(request: &Request, found: Found<'_>) -> Result<Application, Refusal> {
    let workload = found.workload;
    let identity = format!("{}/{}", request.namespace, request.name);
    // An earlier try may have marked it.
    if let Some(owner) = workload.owner().filter(|owner| workload.is_generated() && *owner != identity) {
        return Err(Refusal::new(format!("{} belongs to Application {owner} already", workload.key())));
    }
    let mut app = Application::default();
    app.metadata.name = Some(request.name.clone());
    app.metadata.namespace = Some(request.namespace.clone());
    app.metadata.labels = Some(labels(found));
    app.spec.project.clone_from(&request.project);
    app.spec.destination = Destination {
        server: names::IN_CLUSTER_SERVER.to_owned(),
        namespace: workload.namespace().to_owned(),
        ..Destination::default()
    };
    app.spec.source = Some(match (found.source, request.auto_create) {
        (Some(source), _) => source::application_source(workload, source),
        (None, false) => source::loopback(),
        (None, true) => {
            let key = origin(workload)?;
            return Err(Refusal::new(format!(
                "{} names {key}, which does not exist: nothing says where to fetch from (create it first)",
                workload.key()
            )));
        }
    });
    app.spec.sync_policy = Some(sync_policy(request, workload));
    Ok(app)
}

/// The labels that the original's CLI writes.
fn labels(found: Found<'_>) -> BTreeMap<String, String> {
    let workload = found.workload;
    let source_type = found.source.map(|source| source.kind.kind()).unwrap_or_default();
    [
        (names::LABEL_MANAGED_BY, names::MANAGED_BY),
        (names::LABEL_WORKLOAD_NAME, workload.name()),
        (names::LABEL_WORKLOAD_TYPE, workload.kind.kind()),
        (names::LABEL_SOURCE_TYPE, source_type),
        (names::LABEL_DESTINATION_NAMESPACE, workload.namespace()),
        (names::LABEL_CLUSTER_NAME, names::IN_CLUSTER_NAME),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// As the objects behave now: Flux delivers what is new without being asked, a Kustomization always corrects drift, a
/// `HelmRelease` on demand.
fn sync_policy(request: &Request, workload: Live<'_>) -> SyncPolicy {
    let mut options = vec![names::OPTION_FLUX_SUBSYSTEM.to_owned()];
    if !request.auto_create {
        return SyncPolicy { sync_options: options, ..SyncPolicy::default() };
    }
    options.push(names::OPTION_AUTO_CREATE.to_owned());
    let (prunes, heals) = if workload.kind == FluxKind::HelmRelease {
        (true, workload.text(fields::DRIFT_DETECTION_MODE) == Some("enabled"))
    } else {
        (workload.at(fields::PRUNE).and_then(Value::as_bool) == Some(true), true)
    };
    // Flux prunes whatever left the source, be it everything.
    let automated = Automated {
        prune: Some(prunes),
        self_heal: Some(heals),
        allow_empty: prunes.then_some(true),
        ..Automated::default()
    };
    SyncPolicy { automated: Some(automated), sync_options: options, ..SyncPolicy::default() }
}
