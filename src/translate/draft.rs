//! What a translation gathers on its way: problems and wants.

use std::collections::BTreeMap;

use super::{Context, Problem, RepoPath, Want, draft};
use crate::argo::{Application, ApplicationSource};
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::merge::deep_merge;
use crate::policy::Refused;
use serde_json::{Value, json};

/// One translation at work. Steps return `None` when they noted a problem or a want instead of a result.
pub(super) struct Draft<'a> {
    pub(super) app: &'a Application,
    pub(super) context: &'a Context,
    pub(super) problems: Vec<Problem>,
    pub(super) wants: Vec<Want>,
    /// What is worth knowing and no problem: a field and a sentence.
    pub(super) notes: Vec<(String, String)>,
    /// What policies refused.
    pub(super) refused: Vec<Refused>,
    /// What Flux would not render of a chart as Argo CD does.
    pub(super) unfaithful: Option<&'static str>,
    /// Names of the releases that sources have, and which: Helm keeps one of a name in a namespace.
    pub(super) releases: BTreeMap<String, usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(app: &'a Application, context: &'a Context) -> Self {
        Self {
            app,
            context,
            problems: Vec::new(),
            wants: Vec::new(),
            notes: Vec::new(),
            refused: Vec::new(),
            unfaithful: None,
            releases: BTreeMap::new(),
        }
    }

    /// Notes an error; `None`, so that a step can end with it.
    pub(super) fn error<T>(
        &mut self,
        field: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.problems.push(Problem::error(field, message, hint));
        None
    }

    /// Notes an error about something that a later version will translate.
    pub(super) fn unsupported(&mut self, field: impl Into<String>, what: &str, hint: impl Into<String>) {
        self.problems.push(Problem::error(field, format!("{what} not supported yet"), hint));
    }

    /// Notes what Flux would not render of a chart as Argo CD does; `None`, so that a step can end with it.
    pub(super) fn unfaithful<T>(&mut self, what: &'static str) -> Option<T> {
        self.unfaithful.get_or_insert(what);
        None
    }

    /// Notes an error that a policy is the reason of.
    pub(super) fn refuse(&mut self, field: &str, policy: String, message: String) {
        let hint = "take it out, or ask who keeps the policy";
        self.problems.push(Problem::error(field, &message, hint));
        self.refused.push(Refused { policy, field: field.to_owned(), message });
    }

    /// Notes a field without effect.
    pub(super) fn warn(
        &mut self,
        field: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(Problem::warning(field, message, hint));
    }

    /// Notes something that has to be found out; `None`, so that a step can end with it.
    pub(super) fn want<T>(&mut self, want: Want) -> Option<T> {
        if !self.wants.contains(&want) {
            self.wants.push(want);
        }
        None
    }
}

/// What a source hydrator delivers.
const HYDRATED: &str = "spec.sourceHydrator.syncSource";

/// The source being translated, and how the Application names it.
pub(super) struct Source<'a> {
    pub(super) spec: &'a ApplicationSource,
    pub(super) index: usize,
    field: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(app: &'a Application, index: usize, spec: &'a ApplicationSource) -> Self {
        let field = if app.has_multiple_sources() {
            format!("spec.sources[{index}]")
        } else if app.spec.source_hydrator.is_some() {
            HYDRATED.to_owned()
        } else {
            "spec.source".to_owned()
        };
        Self { spec, index, field }
    }

    /// The same source with other settings.
    pub(super) fn with<'b>(&self, spec: &'b ApplicationSource) -> Source<'b> {
        Source { spec, index: self.index, field: self.field.clone() }
    }

    /// Path of a field of this source in the Application.
    pub(super) fn at(&self, field: &str) -> String {
        match field {
            // The hydrator has a word of its own for it.
            "targetRevision" if self.field == HYDRATED => format!("{HYDRATED}.targetBranch"),
            field => format!("{}.{field}", self.field),
        }
    }

    /// Whether the source delivers something; one that others only refer to has neither path nor chart.
    pub(super) fn renders(&self) -> bool {
        !self.spec.path.is_empty() || !self.spec.chart.is_empty()
    }

    /// The folder that `path` names; a path that leaves the repository is an error.
    pub(super) fn folder(&self, draft: &mut Draft<'_>) -> Option<RepoPath> {
        match RepoPath::folder(&self.spec.path) {
            Ok(folder) => Some(folder),
            Err(message) => draft.error(self.at("path"), message, "name a folder inside the repository"),
        }
    }
}

/// Where generated objects stand, and what those of one source are called.
#[derive(Clone)]
pub(super) struct Placement {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Placement {
    pub(super) fn key(&self, kind: FluxKind) -> ObjectKey {
        ObjectKey::new(kind, &self.namespace, &self.name)
    }

    /// How a workload object that stands here names `origin`.
    pub(super) fn reference(&self, origin: &ObjectKey) -> Value {
        let mut reference = json!({"kind": origin.kind.kind(), "name": origin.name});
        if origin.namespace != self.namespace {
            deep_merge(&mut reference, json!({"namespace": origin.namespace}));
        }
        reference
    }

    pub(super) fn object(&self, app: &Application, kind: FluxKind, spec: Value) -> Manifest {
        Manifest::owned_by(app, self.key(kind), spec)
    }
}

/// Path of a field of the source with that index in the Application, as problems name it; of the source itself when `name`
/// is empty.
pub fn source_field(app: &Application, index: usize, name: &str) -> String {
    let spec = app.sources().get(index).cloned().unwrap_or_default();
    draft::Source::new(app, index, &spec).at(name).trim_end_matches('.').to_owned()
}
