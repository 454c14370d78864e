//! Applications and live Flux objects for tests, as sentences: `helm_release().ready("6.3.5")` in front of
//! `app("demo").chart("6.3.5").automated()`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::namespace::NamespaceMetadata;
use super::{LiveObjects, Observed, Refresh, patch};
use crate::argo::Application;
use crate::argo::status::seconds;
use crate::argo::tracking::Tracking;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::names;
use crate::project::{AppProject, Rendered};
use crate::translate::{Contents, Context, PathKind, Translation, translate};

/// Namespace that everything is delivered to.
pub(crate) const NAMESPACE: &str = "apps";
/// The commit that the git source of [`App::git`] offers.
pub(crate) const COMMIT: &str = "2f5c000000000000000000000000000000000001";

/// The moment of every reading.
pub(crate) fn now() -> Timestamp {
    "2026-01-01T00:10:00Z".parse().unwrap()
}

/// `seconds` before [`now`], as text.
pub(crate) fn ago(seconds: i64) -> String {
    seconds::text(now() - SignedDuration::from_secs(seconds))
}

/// A bridged, stamped Application in `argocd` that creates its Flux objects in [`NAMESPACE`].
pub(crate) fn app(name: &str) -> App {
    App(json!({
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "uid": "app",
            "resourceVersion": "1",
            "annotations": {names::ANNOTATION_SKIP_RECONCILE: "true", names::ANNOTATION_STAMPED: "true"},
        },
        "spec": {
            "project": "default",
            "destination": {"server": names::IN_CLUSTER_SERVER, "namespace": NAMESPACE},
            "syncPolicy": {"syncOptions": [names::OPTION_FLUX_SUBSYSTEM, names::OPTION_AUTO_CREATE]},
        },
    }))
}

/// The project `default` as Argo CD makes it: everything is allowed.
pub(crate) fn open_project() -> AppProject {
    project("default", &json!({}))
}

/// A project that allows everything but for what `spec` says otherwise.
pub(crate) fn project(name: &str, spec: &Value) -> AppProject {
    let mut project = json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }});
    patch::merge(&mut project["spec"], spec);
    serde_json::from_value(project).unwrap()
}

/// An Application in the making.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Value);

impl App {
    /// The merge patch `change` on top.
    pub(crate) fn with(mut self, change: &Value) -> Self {
        patch::merge(&mut self.0, change);
        self
    }

    /// The chart `podinfo` of a Helm repository.
    pub(crate) fn chart(self, version: &str) -> Self {
        let source =
            json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": version});
        self.with(&json!({"spec": {"source": source}}))
    }

    /// A chart in git that is rendered for another version of Kubernetes.
    pub(crate) fn rendered_chart(self) -> Self {
        self.git().with(&json!({"spec": {"source": {"helm": {"kubeVersion": "1.30.0"}}}}))
    }

    /// A kustomization in git, on branch `main`.
    pub(crate) fn git(self) -> Self {
        let source = json!({"repoURL": "https://git.example.org/demo.git", "path": "deploy", "targetRevision": "main"});
        self.with(&json!({"spec": {"source": source}}))
    }

    /// A path of a git repository that a config management plugin renders.
    pub(crate) fn plugin(self) -> Self {
        self.git().with(&json!({"spec": {"source": {"plugin": {"name": "printer"}}}}))
    }

    /// Several sources, each of them one of [`chart_source`], [`git_source`] and the like.
    pub(crate) fn sources(self, sources: &[Value]) -> Self {
        self.with(&json!({"spec": {"sources": sources}}))
    }

    /// Syncs happen by themselves; one that fails has failed, unless [`Self::retrying`] says otherwise.
    pub(crate) fn automated(self) -> Self {
        self.with(&json!({"spec": {"syncPolicy": {"automated": {}, "retry": {"limit": 0}}}}))
    }

    /// They also revert edits.
    pub(crate) fn pruning(self) -> Self {
        self.with(&json!({"spec": {"syncPolicy": {"automated": {"prune": true}}}}))
    }

    /// Edits of generated objects are reverted.
    pub(crate) fn self_heal(self) -> Self {
        self.automated().with(&json!({"spec": {"syncPolicy": {"automated": {"selfHeal": true}}}}))
    }

    /// An automated Sync that fails is tried again as `retry` says; `null`: as Argo CD does unless told otherwise.
    pub(crate) fn retrying(self, retry: &Value) -> Self {
        let mut app = self.with(&json!({"spec": {"syncPolicy": {"retry": null}}}));
        if !retry.is_null() {
            app.0["spec"]["syncPolicy"]["retry"] = retry.clone();
        }
        app
    }

    /// One more sync option.
    pub(crate) fn option(mut self, option: &str) -> Self {
        self.0["spec"]["syncPolicy"]["syncOptions"].as_array_mut().unwrap().push(json!(option));
        self
    }

    /// The Flux objects are somebody else's.
    pub(crate) fn reference(self) -> Self {
        self.with(&json!({"spec": {"syncPolicy": {"syncOptions": [names::OPTION_FLUX_SUBSYSTEM]}}}))
    }

    /// Stock Argo CD has seen it.
    pub(crate) fn unstamped(self) -> Self {
        self.with(&json!({"metadata": {"annotations": null}}))
    }

    /// The option is gone.
    pub(crate) fn plain(self) -> Self {
        self.with(&json!({"spec": {"syncPolicy": {"syncOptions": null}}}))
    }

    /// Stock Argo CD delivered `revision` and last compared `seconds` ago.
    pub(crate) fn stocks(self, revision: &str, seconds: i64) -> Self {
        let deployment =
            json!({"group": "apps", "kind": "Deployment", "namespace": NAMESPACE, "name": "demo"});
        let sync = json!({"status": "Synced", "revision": revision});
        let condition = json!({"type": "SharedResourceWarning", "message": "shared"});
        let history = json!([{"id": 0, "revision": revision, "deployedAt": ago(900)}]);
        self.delivered(revision).with(&json!({"status": {
            "resources": [deployment],
            "sync": sync,
            "health": {"status": "Healthy"},
            "conditions": [condition],
            "history": history,
            "reconciledAt": ago(seconds),
        }}))
    }

    /// Somebody asks for a refresh.
    pub(crate) fn refresh(self) -> Self {
        self.with(&json!({"metadata": {"annotations": {names::ANNOTATION_REFRESH: "normal"}}}))
    }

    /// Deletion takes along what was delivered.
    pub(crate) fn cascading(self) -> Self {
        self.with(&json!({"metadata": {"finalizers": [names::CASCADE_FINALIZERS[0]]}}))
    }

    /// Deletion was asked for.
    pub(crate) fn deleting(self) -> Self {
        self.with(&json!({"metadata": {"deletionTimestamp": ago(5)}}))
    }

    /// Somebody pressed Sync.
    pub(crate) fn requested(self) -> Self {
        self.operation(&json!({"sync": {}, "initiatedBy": {"username": "admin"}}))
    }

    /// `.operation` is there.
    pub(crate) fn operation(self, operation: &Value) -> Self {
        self.with(&json!({"operation": operation}))
    }

    /// The requested operation has been running for 30 seconds.
    pub(crate) fn running(self) -> Self {
        let operation = self.0["operation"].clone();
        let running = json!({"operation": operation, "phase": "Running", "startedAt": ago(30)});
        // Of an earlier one nothing is left (argo-cd `util/argo/argo.go`, `SetAppOperation`).
        self.with(&json!({"status": {"operationState": null}})).state(&running)
    }

    /// An automated operation about the present source has been running for 30 seconds.
    pub(crate) fn running_by_itself(self) -> Self {
        let operation = json!({"sync": {}, "initiatedBy": {"automated": true}});
        self.operation(&operation).running()
    }

    /// The last operation ended 100 seconds ago, at `revision`.
    pub(crate) fn ended(self, phase: &str, message: &str, revision: &str) -> Self {
        let result = json!({"revision": revision, "source": self.0["spec"]["source"]});
        self.state(&json!({
            "operation": {"sync": {"revision": revision}, "initiatedBy": {"automated": true}},
            "phase": phase,
            "message": message,
            "syncResult": result,
            "startedAt": ago(130),
            "finishedAt": ago(100),
        }))
    }

    /// The last operation delivered `revision`.
    pub(crate) fn delivered(self, revision: &str) -> Self {
        self.ended("Succeeded", "successfully synced (all tasks run)", revision)
    }

    fn state(self, state: &Value) -> Self {
        self.with(&json!({"status": {"operationState": state}}))
    }

    /// As the API server serves it.
    pub(crate) fn build(&self) -> Application {
        serde_json::from_value(self.0.clone()).unwrap()
    }

    /// What the bridge observes of it, with nothing in the cluster but its namespace.
    pub(crate) fn observed(&self) -> Observed {
        let app = self.build();
        let context = context_of(&app, true);
        let translation = translate(&app, &context);
        let is_asked = app.annotation(names::ANNOTATION_REFRESH).is_some();
        Observed {
            secrets: Vec::new(),
            now: now(),
            app: Arc::new(app),
            context,
            translation,
            wish: None,
            objects: BTreeMap::new(),
            namespace_exists: true,
            namespace_ends: false,
            brings_namespace: false,
            namespace: NamespaceMetadata::default(),
            absent_kinds: BTreeSet::new(),
            failures: Vec::new(),
            refusal: None,
            refresh: is_asked.then(|| Refresh { token: "refresh".into(), since: now() }),
            live_objects: LiveObjects { is_complete: true, ..LiveObjects::default() },
            tracking: Tracking::default(),
            syncing: 0,
            control_namespace: "argocd".into(),
            project: Some(Arc::new(open_project())),
            rendered: Rendered::Unneeded,
        }
    }

    /// The same with live objects.
    pub(crate) fn beside(&self, objects: impl IntoIterator<Item = Object>) -> Observed {
        let mut observed = self.observed();
        for object in objects {
            let (key, live) = object.build(&observed.translation.objects);
            observed.objects.insert(key, Arc::new(live));
        }
        observed
    }
}

/// A source: the chart `podinfo`.
pub(crate) fn chart_source(version: &str) -> Value {
    json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": version})
}

/// A source: a path on the branch `main` of a git repository.
pub(crate) fn git_source(repository: &str, path: &str) -> Value {
    json!({"repoURL": format!("https://git.example.org/{repository}.git"), "path": path, "targetRevision": "main"})
}

/// What is known of `app`; `is_known`: what its path holds is (a kustomization).
pub(crate) fn context_of(app: &Application, is_known: bool) -> Context {
    let contents = Contents { kind: PathKind::Kustomization, ..Contents::default() };
    let known = (0..app.sources().len()).map(|index| (index, contents.clone()));
    let context = Context {
        control_namespace: "argocd".into(),
        poll_interval: "2m".into(),
        contents: if is_known { known.collect() } else { BTreeMap::new() },
        objects: (0..app.sources().len()).map(|index| (index, Ok(Vec::new()))).collect(),
        ..Context::default()
    };
    let wants_refs = translate(app, &context).wants;
    let refs = wants_refs.iter().filter_map(|want| match want {
        crate::translate::Want::RemoteRefs { url } => {
            Some((url.clone(), crate::translate::RemoteRefs::assume("main")?))
        }
        _ => None,
    });
    let refs = refs.collect();
    Context { refs, ..context }
}

/// What `app` becomes; `is_known`: what its path holds is known (a kustomization).
pub(crate) fn translated(app: &Application, is_known: bool) -> Translation {
    translate(app, &context_of(app, is_known))
}

/// A live `HelmRepository`, as wanted.
pub(crate) fn helm_repository() -> Object {
    Object::new(FluxKind::HelmRepository)
}

/// A live `GitRepository`, as wanted.
pub(crate) fn git_repository() -> Object {
    Object::new(FluxKind::GitRepository)
}

/// The `HelmChart` that Flux made.
pub(crate) fn helm_chart() -> Object {
    Object::new(FluxKind::HelmChart)
}

/// A live `HelmRelease`, as wanted.
pub(crate) fn helm_release() -> Object {
    Object::new(FluxKind::HelmRelease)
}

/// A live Kustomization, as wanted.
pub(crate) fn kustomization() -> Object {
    Object::new(FluxKind::Kustomization)
}

/// A live object in the making: what differs from the wanted one of that kind.
#[derive(Clone)]
pub(crate) struct Object {
    kind: FluxKind,
    change: Value,
}

impl Object {
    fn new(kind: FluxKind) -> Self {
        let metadata = json!({"generation": 1, "uid": kind.plural(), "creationTimestamp": ago(600)});
        Self { kind, change: json!({"metadata": metadata}) }
    }

    /// The merge patch `change` on top.
    pub(crate) fn with(mut self, change: Value) -> Self {
        crate::merge::deep_merge(&mut self.change, change);
        self
    }

    fn status(self, status: &Value, conditions: &Value) -> Self {
        self.with(json!({"status": status})).with(json!({"status": {"conditions": conditions}}))
    }

    /// A source whose artifact is `revision`.
    pub(crate) fn fetched(self, revision: &str) -> Self {
        let status = json!({"observedGeneration": 1, "artifact": {"revision": revision}});
        self.status(&status, &json!([condition("Ready", "True", "Succeeded", "stored artifact")]))
    }

    /// A source that Flux is fetching.
    pub(crate) fn fetching(self) -> Self {
        self.status(&json!({}), &json!([condition("Ready", "Unknown", "Progressing", "building artifact")]))
    }

    /// A source that cannot be fetched; an artifact it had stays.
    pub(crate) fn unfetched(self, reason: &str, message: &str) -> Self {
        let conditions = json!([
            condition("Ready", "False", reason, message),
            condition("FetchFailed", "True", reason, message)
        ]);
        self.status(&json!({"observedGeneration": 1}), &conditions)
    }

    /// A workload object that delivered `revision`: a chart version, or what the source offers.
    pub(crate) fn ready(self, revision: &str) -> Self {
        let status = match self.kind {
            FluxKind::HelmRelease => json!({
                "observedGeneration": 1,
                "lastAttemptedRevision": revision,
                "history": [{"chartVersion": revision, "status": "deployed"}],
            }),
            _ => {
                json!({"observedGeneration": 1, "lastAppliedRevision": revision, "lastAttemptedRevision": revision})
            }
        };
        self.status(&status, &json!([condition("Ready", "True", "Succeeded", "delivered")]))
    }

    /// A workload object that Flux is at.
    pub(crate) fn progressing(self, message: &str) -> Self {
        let conditions = json!([
            condition("Ready", "Unknown", "Progressing", message),
            condition("Reconciling", "True", "Progressing", message)
        ]);
        self.status(&json!({}), &conditions)
    }

    /// A workload object whose attempt at `revision` failed.
    pub(crate) fn failed(self, revision: &str, reason: &str, message: &str) -> Self {
        let status = json!({"observedGeneration": 1, "lastAttemptedRevision": revision});
        self.status(&status, &json!([condition("Ready", "False", reason, message)]))
    }

    /// Suspended by the bridge until a Sync.
    pub(crate) fn waiting(self) -> Self {
        self.held(names::SUSPENDED_UNTIL_SYNC)
    }

    /// Suspended by the bridge for that reason.
    pub(crate) fn held(self, reason: &str) -> Self {
        let metadata = json!({"annotations": {names::ANNOTATION_SUSPENDED: reason}});
        self.with(json!({"metadata": metadata, "spec": {"suspend": true}}))
    }

    /// Suspended by a person.
    pub(crate) fn suspended(self) -> Self {
        self.with(json!({"spec": {"suspend": true}}))
    }

    /// Edited by hand.
    pub(crate) fn edited(self) -> Self {
        self.with(json!({"spec": {"interval": "99m"}}))
    }

    /// Applied from an older wish.
    pub(crate) fn outdated(self) -> Self {
        self.with(json!({
            "metadata": {"annotations": {names::ANNOTATION_DIGEST: "older"}},
            "spec": {"interval": "98m"},
        }))
    }

    /// Asked to reconcile with `token`.
    pub(crate) fn asked(self, token: &str) -> Self {
        self.with(json!({"metadata": {"annotations": {names::ANNOTATION_REQUESTED_AT: token}}}))
    }

    /// Asked with `token`, and done.
    pub(crate) fn answered(self, token: &str) -> Self {
        self.asked(token).with(json!({"status": {"lastHandledReconcileAt": token}}))
    }

    /// Flux has not looked at the present spec.
    pub(crate) fn unobserved(self) -> Self {
        self.with(json!({"metadata": {"generation": 2}}))
    }

    /// Owned by another Application.
    pub(crate) fn foreign(self) -> Self {
        self.with(json!({"metadata": {"annotations": {names::ANNOTATION_APPLICATION: "argocd/other"}}}))
    }

    /// Made by a person.
    pub(crate) fn unowned(self) -> Self {
        self.with(json!({"metadata": {"labels": null}}))
    }

    /// On its way out.
    pub(crate) fn deleting(self) -> Self {
        self.with(json!({"metadata": {"deletionTimestamp": ago(1)}}))
    }

    /// The same of another name: one of several of its kind.
    pub(crate) fn named(self, name: &str, wanted: &[Manifest]) -> (ObjectKey, DynamicObject) {
        let same: Vec<Manifest> =
            wanted.iter().filter(|manifest| manifest.key.name == name).cloned().collect();
        self.build(&same)
    }

    pub(crate) fn build(self, wanted: &[Manifest]) -> (ObjectKey, DynamicObject) {
        let manifest = wanted.iter().find(|manifest| manifest.key.kind == self.kind);
        let release = wanted.iter().find(|manifest| manifest.key.kind == FluxKind::HelmRelease);
        let mut object = match (manifest, release) {
            (Some(manifest), _) => manifest.to_value(),
            (None, Some(release)) if self.kind == FluxKind::HelmChart => chart_of(&release.spec),
            _ if self.kind == FluxKind::HelmChart => bare(self.kind, "apps-demo", &self.change["spec"]),
            _ => bare(self.kind, "demo", &self.change["spec"]),
        };
        patch::merge(&mut object, &self.change);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let name = object.metadata.name.clone().unwrap();
        let namespace = object.metadata.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
        (ObjectKey::new(self.kind, &namespace, &name), object)
    }
}

fn chart_of(release: &Value) -> Value {
    let mut spec = release["chart"]["spec"].clone();
    patch::merge(
        &mut spec,
        &json!({"interval": names::WORKLOAD_INTERVAL, "reconcileStrategy": "ChartVersion"}),
    );
    bare(FluxKind::HelmChart, "apps-demo", &spec)
}

fn bare(kind: FluxKind, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind(),
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}

/// One of `status.conditions`, of generation 1.
pub(crate) fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1})
}
