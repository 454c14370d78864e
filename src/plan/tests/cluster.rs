//! The bridge's decisions, carried out in a cluster of the mind: one look, its steps, Flux's next move, the next look.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::step::CacheEntry;
use super::super::wish::{self, When};
use super::super::{Plan, Step, plan};
use super::api_server::{ApiServer, Refused};
use super::flux::Flux;
use super::word;
use crate::argo::Application;
use crate::argo::status::{ApplicationStatus, RevisionHistory};
use crate::argo::tracking::Tracking;
use crate::credentials::Repositories;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::fixtures::{App, context_of, now, open_project};
use crate::mirror::namespace::NamespaceMetadata;
use crate::mirror::{LiveObjects, Observed, Refresh, Refusal, Wish, patch};
use crate::names;
use crate::translate::{Context, RenderedSource, Translation, Want, translate};

type Objects = std::collections::BTreeMap<ObjectKey, Arc<kube::core::DynamicObject>>;

/// More looks than any story needs.
const PATIENCE: usize = 150;
/// A look that is due so soon happens.
const SOON: Duration = Duration::from_secs(15);

/// What the bridge asks the world outside of its cluster.
#[derive(Clone, Copy)]
struct Outside<'a> {
    /// The commit that the repository's branches are at.
    head: &'a str,
    /// What Argo CD knows of repositories, where that matters.
    repositories: Option<&'a Arc<Repositories>>,
}

/// What the paths of `app` hold is known once all its sources are fetched; what is rendered of them, always.
fn known(app: &Application, objects: &Objects, outside: Outside<'_>) -> Context {
    let context_of =
        |is_known| Context { repositories: outside.repositories.cloned(), ..context_of(app, is_known) };
    let probes = translate(app, &context_of(false)).objects;
    let mut files = probes.iter().filter(|probe| probe.key.kind == FluxKind::GitRepository);
    let is_fetched =
        |key: &ObjectKey| objects.get(key).is_some_and(|object| !object.data["status"]["artifact"].is_null());
    let mut context = context_of(files.all(|probe| is_fetched(&probe.key)));
    for want in translate(app, &context).wants {
        if let Want::Rendered { source, .. } = want {
            let named = app.sources()[source].target_revision.clone();
            let revision = if named.len() == 40 { named } else { outside.head.to_owned() };
            context.rendered.insert(
                source,
                RenderedSource {
                    digest: format!("sha256:{revision}"),
                    revision,
                    ..RenderedSource::default()
                },
            );
        }
    }
    context
}

/// What the operation of `app` wants, as the shell finds it out.
fn wished(app: &Application, objects: &Objects, outside: Outside<'_>) -> Option<Wish> {
    let known = |app: &Application, objects: &Objects| known(app, objects, outside);
    let wish = |app: Application| {
        let context = known(&app, objects);
        let translation = translate(&app, &context);
        Wish { app: app.into(), translation, context, failures: Vec::new() }
    };
    let mut wished = wish::with_its_source(app).map(wish);
    let base = wished.as_ref().map_or(app, |wish| &wish.app).clone();
    let unpinned = translate(&base, &known(&base, objects));
    for index in 0..base.sources().len() {
        let base = wished.as_ref().map_or(app, |wish| &wish.app);
        let Some((pinned, when)) = wish::pinned(base, index) else { continue };
        let free = translate(base, &known(base, objects));
        let pinned = wish(pinned);
        if when == When::Now || wish::is_due(app, index, objects, [&free, &unpinned], &pinned.translation) {
            wished = Some(pinned);
        }
    }
    wished
}

/// Bridge, API server and Flux.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) api: ApiServer,
    pub(super) flux: Flux,
    /// What Argo CD knows of repositories, where that matters.
    pub(super) repositories: Option<Arc<Repositories>>,
    /// What the bridge remembers: losing it costs a request, never an outcome.
    refresh: Option<Refresh>,
    refusal: Option<Refusal>,
    /// What Argo CD's Redis holds of the Application, apart from what it was asked for.
    pub(super) redis: Option<CacheEntry>,
    /// Steps in the cluster that were carried out.
    pub(super) log: Vec<String>,
    /// The bridge is killed before the step of that number.
    pub(super) kill_before: Option<usize>,
    /// Moves that Flux makes between two looks.
    pub(super) pace: usize,
    /// How far the bridge's clock is ahead of the API server's, in seconds.
    pub(super) skew: i64,
}

/// It does something in the cluster: Redis is told what to show along with everything else.
fn is_in_cluster(step: &Step) -> bool {
    !matches!(step, Step::Requeue(_) | Step::WriteCache(_))
}

impl Cluster {
    pub(super) fn with(app: &App) -> Self {
        let mut api = ApiServer::new(now());
        api.app = Some(app.0.clone());
        let (log, kill_before) = (Vec::new(), None);
        let (flux, redis, repositories) = (Flux::new(), None, None);
        Self {
            api,
            flux,
            repositories,
            refresh: None,
            refusal: None,
            redis,
            log,
            kill_before,
            pace: 1,
            skew: 0,
        }
    }

    /// What the bridge sees; `None` when the Application is gone.
    pub(super) fn observe(&mut self) -> Option<Observed> {
        let app = self.api.application()?;
        let is_asked = app.annotation(names::ANNOTATION_REFRESH).is_some();
        let now = self.api.now + SignedDuration::from_secs(self.skew);
        let fresh = Refresh { token: now.to_string(), since: now };
        self.refresh = is_asked.then(|| self.refresh.clone().unwrap_or(fresh));
        let objects = self.api.objects.iter();
        let objects: Objects = objects
            .map(|(key, object)| (key.clone(), Arc::new(serde_json::from_value(object.clone()).unwrap())))
            .collect();
        let outside = Outside { head: &self.flux.commit, repositories: self.repositories.as_ref() };
        let context = known(&app, &objects, outside);
        let namespace_exists = self.api.namespaces.contains(app.flux_namespace());
        Some(Observed {
            now,
            translation: if app.is_bridged() { translate(&app, &context) } else { Translation::default() },
            context,
            wish: wished(&app, &objects, outside),
            app,
            secrets: self.api.secrets.values().cloned().map(Arc::new).collect(),
            objects,
            namespace_ends: false,
            brings_namespace: false,
            namespace_exists,
            namespace: NamespaceMetadata::default(),
            absent_kinds: std::collections::BTreeSet::new(),
            failures: Vec::new(),
            refusal: self.refusal.clone(),
            refresh: self.refresh.clone(),
            live_objects: LiveObjects { is_complete: true, ..LiveObjects::default() },
            tracking: Tracking::default(),
            syncing: 0,
            control_namespace: "argocd".into(),
            project: Some(Arc::new(open_project())),
            rendered: crate::project::Rendered::Unneeded,
        })
    }

    /// One look of the bridge and its steps. The plan, unless the Application is gone.
    pub(super) fn look(&mut self) -> Option<Plan> {
        let observed = self.observe()?;
        let plan = plan(&observed);
        for step in &plan.steps {
            if self.kill_before == Some(self.log.len()) && is_in_cluster(step) {
                // Another process goes on, and remembers nothing.
                (self.refresh, self.refusal, self.kill_before) = (None, None, None);
                return Some(plan);
            }
            match self.perform(step) {
                Ok(()) => self.assert_no_source_lacks_its_secret(),
                Err(Refused::Denied(message)) => {
                    self.refusal = Some(Refusal { message, at: observed.now });
                    return Some(plan);
                }
                Err(Refused::Stale | Refused::NotGone) => return Some(plan),
            }
        }
        self.refusal = None;
        Some(plan)
    }

    fn perform(&mut self, step: &Step) -> Result<(), Refused> {
        if is_in_cluster(step) {
            self.log.push(word(step));
        }
        match step {
            Step::CreateNamespace { name, .. } | Step::ApplyNamespace { name, .. } => {
                self.api.namespaces.insert(name.clone());
            }
            Step::ApplyObject(manifest) => self.api.apply(manifest)?,
            Step::TryObject(manifest) => self.api.clone().apply(manifest)?,
            Step::PatchObject { key, patch } => self.api.patch_object(key, patch),
            Step::DeleteObject { key, uid } => self.api.delete(key, uid),
            Step::ConfirmGone { labels } => self.api.confirm_gone(labels)?,
            Step::ApplySecret { manifest, .. } => self.api.apply_secret(manifest),
            Step::DeleteSecret { name, uid } => self.api.delete_secret(name, uid),
            Step::DeleteReleaseRecords { release, versions, .. } => {
                self.flux.records.retain(|(name, version)| name != release || !versions.contains(version));
            }
            Step::PatchApplication(patch) => self.api.patch_application(patch)?,
            Step::WriteCache(entry) => self.redis = Some(CacheEntry { is_forced: false, ..*entry.clone() }),
            Step::DropCache => self.redis = None,
            Step::EmitEvent { .. } | Step::Requeue(_) => {}
        }
        Ok(())
    }

    /// Looks and moves until nothing happens any more; what is due later than [`SOON`] is left for then.
    pub(super) fn settle(&mut self) -> &mut Self {
        for _ in 0..PATIENCE {
            let Some(plan) = self.look() else { return self };
            let mut is_moving = plan.steps.iter().any(is_in_cluster);
            for _ in 0..self.pace {
                is_moving |= self.flux.turn(&mut self.api);
            }
            let due = plan.steps.iter().filter_map(|step| match step {
                Step::Requeue(delay) if *delay <= SOON => Some(*delay),
                _ => None,
            });
            let due = due.min();
            if !is_moving && due.is_none() {
                return self;
            }
            let wait = due.filter(|_| !is_moving).map_or(1, |due| due.as_secs().max(1));
            self.api.pass(i64::try_from(wait).unwrap());
        }
        panic!("no end in sight: {:#?}", self.log.iter().rev().take(20).collect::<Vec<_>>());
    }

    /// Looks on for `seconds`, once in each.
    pub(super) fn run(&mut self, seconds: usize) -> &mut Self {
        for _ in 0..seconds {
            self.look();
            self.flux.turn(&mut self.api);
            self.api.pass(1);
        }
        self
    }

    /// A change of the Application by a person or by Argo CD's server.
    pub(super) fn edit(&mut self, change: &Value) -> &mut Self {
        self.api.patch_application(change).unwrap();
        self
    }

    /// The Sync button.
    pub(super) fn press_sync(&mut self) -> &mut Self {
        self.edit(&json!({"operation": {"sync": {}, "initiatedBy": {"username": "admin"}}}))
    }

    /// `argocd app rollback`, as Argo CD's server writes it.
    pub(super) fn roll_back(&mut self, id: usize) -> &mut Self {
        let entry = json!(self.status().history[id]);
        let sync = json!({
            "revision": entry["revision"],
            "revisions": entry["revisions"],
            // What Go makes of a source that is not there.
            "source": if entry["source"].is_null() { json!({"repoURL": ""}) } else { entry["source"].clone() },
            "sources": entry["sources"],
            "syncStrategy": {"apply": {}},
        });
        let sync = patch::without_nulls(sync);
        self.operate(&sync)
    }

    /// An operation that a person asks for.
    pub(super) fn operate(&mut self, sync: &Value) -> &mut Self {
        let operation = json!({"sync": sync, "initiatedBy": {"username": "admin"}});
        // What `SetAppOperation` does.
        self.edit(&json!({"operation": operation, "status": {"operationState": null}}))
    }

    /// How many carried out steps begin with `prefix`.
    pub(super) fn count(&self, prefix: &str) -> usize {
        self.log.iter().filter(|step| step.starts_with(prefix)).count()
    }

    pub(super) fn app(&self) -> Application {
        serde_json::from_value(self.api.app.clone().expect("the Application")).unwrap()
    }

    pub(super) fn status(&self) -> ApplicationStatus {
        self.app().status.unwrap_or_default()
    }

    /// `Synced/Healthy` and the like.
    pub(super) fn words(&self) -> String {
        let status = self.status();
        format!("{}/{}", status.sync.status, status.health.status)
    }

    /// The revisions in the history, oldest first; those of several sources with commas between them.
    pub(super) fn history(&self) -> Vec<String> {
        let revisions = |entry: &RevisionHistory| match entry.revisions.as_slice() {
            [] => entry.revision.clone(),
            several => several.join(","),
        };
        self.status().history.iter().map(revisions).collect()
    }

    /// What is there once times, counters and requests are left out.
    pub(super) fn end(&self) -> Value {
        let objects: Vec<Value> = self
            .api
            .objects
            .iter()
            .map(|(key, object)| {
                let suspended = object["metadata"]["annotations"].get(names::ANNOTATION_SUSPENDED);
                json!([key.to_string(), object["spec"], suspended, object["status"]["artifact"]["revision"]])
            })
            .collect();
        let secrets: Vec<Value> = self
            .api
            .secrets
            .values()
            .map(|secret| json!([secret.name, secret.data.text("username"), secret.data.text("password")]))
            .collect();
        let app = self.api.app.as_ref().map(|app| {
            let status = &app["status"];
            let operation = &status["operationState"];
            let annotations = app["metadata"]["annotations"].as_object();
            json!({
                "sync": status["sync"],
                "health": status["health"]["status"],
                "history": self.history(),
                "operation": [operation["phase"], operation["message"], app["operation"]],
                "conditions": self.status().conditions.iter().map(|c| c.message.clone()).collect::<Vec<_>>(),
                "annotations": annotations.map(|all| all.keys().cloned().collect::<Vec<_>>()),
            })
        });
        let mut deliveries = self.flux.deliveries.clone();
        if self.api.app.as_ref().is_some_and(|app| app["spec"]["sources"].is_array()) {
            // Which of two workload objects comes first is chance.
            deliveries.sort();
        }
        json!({"app": app, "objects": objects, "secrets": secrets, "deliveries": deliveries, "uninstalls": self.flux.uninstalls,
            "records": self.flux.records, "is_shown": self.redis.is_some()})
    }

    /// Flux would fail to fetch.
    fn assert_no_source_lacks_its_secret(&self) {
        for (key, object) in self.api.objects.iter().filter(|(key, _)| key.kind.is_source()) {
            let name = object["spec"]["secretRef"]["name"].as_str();
            // What is rendered has a Secret that no Application owns.
            let name = name.filter(|name| *name != names::ARTIFACTS);
            assert!(name.is_none_or(|name| self.api.secrets.contains_key(name)), "{key} reads {name:?}");
        }
    }

    /// The next look finds nothing to do.
    pub(super) fn assert_silent(&mut self) -> &mut Self {
        for _ in 0..3 {
            self.api.pass(600);
            let shown = self.redis.clone();
            let plan = self.look();
            let steps = plan.map(|plan| plan.steps).unwrap_or_default();
            let found: Vec<_> = steps.iter().filter(|step| !matches!(step, Step::WriteCache(_))).collect();
            assert!(found.is_empty(), "{found:#?}");
            assert_eq!(self.redis, shown);
        }
        self
    }

    /// Moment of the next look.
    pub(super) fn now(&self) -> Timestamp {
        self.api.now
    }
}
