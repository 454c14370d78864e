//! One case: an Application, and a world that answers whatever its translation wants to know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flux_subsystem::argo::Application;
use flux_subsystem::flux::ObjectKey;
use flux_subsystem::merge::deep_merge;
use flux_subsystem::project::RenderedObject;
use flux_subsystem::translate::{
    Contents, Context, Delivered, File, FilePattern, GitNames, RemoteRefs, RenderedSource, Translation, Want,
    translate,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::outside::{self, Credentials};

/// Rounds of questions that a translation may need: each has to bring something that was not known before.
const MOST_ROUNDS: usize = 24;

/// An Application and its world.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Case {
    /// The Application.
    pub application: Value,
    /// Every repository holds these files.
    pub files: BTreeMap<String, String>,
    /// Every repository has these refs.
    pub refs: BTreeMap<String, String>,
    /// The ref that `HEAD` points to.
    pub head: Option<String>,
    /// What every source is resolved to.
    pub revision: String,
    /// A text for the door to YAML.
    pub text: String,
    /// Argo CD's repository Secrets.
    #[serde(default)]
    pub secrets: Vec<Credentials>,
    /// `ssh_known_hosts`.
    #[serde(default)]
    pub known_hosts: String,
    /// `spec` of policies.
    #[serde(default)]
    pub policies: Vec<Value>,
    /// All of it was delivered before, and every source holds one object that the others hold as well.
    #[serde(default)]
    pub is_delivered: bool,
}

/// How a translation went on asking.
#[derive(Debug)]
pub enum Asked {
    /// Everything was answered.
    Answered(Box<Translation>),
    /// It asked once more for what it had been told.
    Again(Want),
    /// It did not end.
    Forever,
}

/// What every source holds.
fn shared() -> RenderedObject {
    RenderedObject {
        kind: "ConfigMap".to_owned(),
        version: "v1".to_owned(),
        name: "shared".to_owned(),
        is_namespaced: Some(true),
        ..RenderedObject::default()
    }
}

/// The workload objects as they stand once they have delivered that, each with it in its inventory.
fn delivered(translation: &Translation) -> BTreeMap<ObjectKey, Delivered> {
    let workloads = translation.objects.iter().filter(|manifest| manifest.key.kind.is_workload());
    let standing = workloads.filter_map(|manifest| {
        let mut object = manifest.to_value();
        let ready = json!({"type": "Ready", "status": "True", "reason": "Succeeded", "message": ""});
        let status = json!({"observedGeneration": 1, "conditions": [ready]});
        deep_merge(&mut object, json!({"metadata": {"generation": 1}, "status": status}));
        let shared = ["", "ConfigMap", &translation.namespace, "shared"].map(str::to_owned);
        let object = Arc::new(serde_json::from_value(object).ok()?);
        let inventory = BTreeSet::from([shared]);
        Some((manifest.key.clone(), Delivered { object, taken_over: inventory.clone(), inventory }))
    });
    standing.collect()
}

impl Case {
    /// The Application, unless it is none.
    pub fn read(&self) -> Option<Application> {
        serde_json::from_value(self.application.clone()).ok()
    }

    /// Translates, answering until nothing is asked any more.
    pub fn translate(&self, app: &Application) -> Asked {
        let mut context = Context {
            control_namespace: "argocd".to_owned(),
            poll_interval: "120s".to_owned(),
            artifact_address: "bridge.argocd.svc:8082".to_owned(),
            repositories: Some(Arc::new(outside::repositories(&self.secrets, &self.known_hosts))),
            policy: outside::policy(&self.policies, app),
            git: Some(BTreeMap::new()),
            ..Context::default()
        };
        let mut told: Vec<Want> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let translation = translate(app, &context);
            if translation.wants.is_empty() || translation.has_errors() {
                if self.is_delivered && context.delivered.is_empty() && !translation.objects.is_empty() {
                    context.delivered = delivered(&translation);
                    continue;
                }
                return Asked::Answered(Box::new(translation));
            }
            for want in &translation.wants {
                if told.contains(want) {
                    return Asked::Again(want.clone());
                }
                self.answer(want, app, &mut context);
            }
            told.extend(translation.wants);
        }
        Asked::Forever
    }

    fn answer(&self, want: &Want, app: &Application, context: &mut Context) {
        match want {
            Want::Contents { source } => {
                let spec = app.sources().get(*source).cloned().unwrap_or_default();
                let is_oci = spec.repo_url.starts_with("oci://");
                let files = self.files.keys().map(String::as_str);
                context.contents.insert(*source, Contents::of(files, &spec.path, is_oci));
            }
            Want::Rendered { source, .. } => {
                let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
                let rendered =
                    RenderedSource { digest, revision: self.revision.clone(), ..RenderedSource::default() };
                context.rendered.insert(*source, rendered);
            }
            Want::Discovered { source } => {
                context.discovered.get_or_insert_default().insert(*source, String::new());
            }
            Want::Objects { source } => {
                let shared = if self.is_delivered { vec![shared()] } else { Vec::new() };
                context.objects.insert(*source, Ok(shared));
            }
            Want::RemoteRefs { url } => {
                let refs = RemoteRefs { head: self.head.clone(), refs: self.refs.clone() };
                context.refs.insert(url.clone(), refs);
            }
            Want::Files { source, pattern } => {
                let found = self.matching(pattern);
                context.files.entry(*source).or_default().insert(pattern.clone(), Arc::new(found));
            }
            // Some have links, and some have one to a folder.
            Want::Git { source, paths } => {
                let names = self.files.keys().filter(|path| !path.len().is_multiple_of(8)).cloned().collect();
                let is_readable = !self.files.len().is_multiple_of(5);
                let names = if is_readable { GitNames::Files(names) } else { GitNames::Unreadable };
                let known = context.git.get_or_insert_default().entry(*source).or_default();
                known.insert(paths.clone(), names);
            }
            Want::Address { url } => {
                let text = self.files.values().next().cloned().unwrap_or_default();
                context.addresses.insert(url.clone(), File::of(text.into_bytes()));
            }
            Want::Revision { source } => {
                context.revisions.insert(*source, self.revision.clone());
            }
        }
    }

    fn matching(&self, pattern: &FilePattern) -> Vec<(String, File)> {
        let Ok(matches) = pattern.matcher() else { return Vec::new() };
        let found = self.files.iter().filter(|(path, _)| matches(path));
        found.map(|(path, text)| (path.clone(), File::of(text.clone().into_bytes()))).collect()
    }
}
