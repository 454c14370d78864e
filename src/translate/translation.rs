//! What a translation comes to.

use super::guard;
use super::want::Want;
use crate::credentials::SecretManifest;
use crate::flux::{Manifest, ObjectKey};
use crate::policy::Refused;
use crate::problem::{Problem, Severity};

/// What an Application becomes.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Generated objects in the order of application; empty in reference mode, and when a problem forbids delivery.
    ///
    /// While [`Translation::wants`] is not empty the list may hold the source objects alone: enough to find out.
    pub objects: Vec<Manifest>,
    /// Generated objects that deliver nothing: guards of Kustomizations among `objects`, to be applied before them.
    pub guards: Vec<Manifest>,
    /// Secrets that the sources among them read; they stand in Argo CD's namespace.
    pub secrets: Vec<SecretManifest>,
    /// Reference mode (no `AutoCreateFluxResources=true`): the workload objects to look for, the likelier one first.
    pub references: Vec<ObjectKey>,
    /// What cannot be, or is not yet, expressed.
    pub problems: Vec<Problem>,
    /// What is worth knowing and no problem: path of a field in the Application, and a sentence.
    pub notes: Vec<(String, String)>,
    /// Those of the problems that a policy is the reason of.
    pub refused: Vec<Refused>,
    /// What has to be found out before the translation is complete.
    pub wants: Vec<Want>,
    /// The way of each source of the Application into the cluster, by its index there; as far as it is known.
    pub routes: Vec<Route>,
    /// The source object whose artifact holds all files of each source, by its index in the Application; `None` for a chart
    /// from a Helm repository.
    pub artifacts: Vec<Option<ObjectKey>>,
    /// Argo CD's word for what the first source is that delivers: `Helm`, `Kustomize`, `Directory` or `Plugin`; empty while unknown.
    pub source_type: String,
    /// Namespace the generated objects and their workloads live in.
    pub namespace: String,
    /// A source takes over what an earlier one still delivers: `objects` are those of a step on the way.
    pub is_handing_over: bool,
}

/// The way of one source of the Application into the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The Flux source object that it is fetched by; its revision is that of the source.
    pub origin: Option<ObjectKey>,
    /// The workload object that delivers it; `None` for a source that others only refer to.
    pub workload: Option<ObjectKey>,
    /// Argo CD's word for what the source is: `Helm`, `Kustomize`, `Directory` or `Plugin`; empty while unknown, and for a
    /// source that others only refer to.
    pub source_type: String,
}

impl Translation {
    /// Something is wrong with the Application itself: nothing of it may be applied.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The source object whose artifact holds all files of the source with that index.
    pub fn artifact_of(&self, source: usize) -> Option<&Manifest> {
        let key = self.artifacts.get(source)?.as_ref()?;
        self.objects.iter().find(|manifest| manifest.key == *key)
    }

    /// The guard of a workload object.
    pub fn guard_of(&self, workload: &ObjectKey) -> Option<&Manifest> {
        self.guards.iter().find(|manifest| manifest.key == guard::key(workload))
    }

    /// Everything generated, in the order of application.
    pub fn all_objects(&self) -> impl Iterator<Item = &Manifest> {
        let (sources, workloads): (Vec<_>, Vec<_>) =
            self.objects.iter().partition(|manifest| manifest.key.kind.is_source());
        sources.into_iter().chain(&self.guards).chain(workloads)
    }

    /// The source object that the source with that index is delivered from.
    pub fn origin_of(&self, source: usize) -> Option<&Manifest> {
        let key = self.routes.get(source)?.origin.as_ref()?;
        self.objects.iter().find(|manifest| manifest.key == *key)
    }

    /// Nothing is left to find out and nothing is wrong: `objects` is everything.
    pub fn is_complete(&self) -> bool {
        self.wants.is_empty() && !self.has_errors()
    }
}
