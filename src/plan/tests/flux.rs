//! A script of what Flux does with its objects, one transition an object and turn (facts of the real controllers:
//! source-controller, helm-controller, kustomize-controller).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api_server::ApiServer;
use crate::argo::seconds;
use crate::flux::{FluxKind, ObjectKey};
use crate::mirror::patch;
use crate::names;

/// The outside world, and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Flux {
    /// Versions of the chart in the repository.
    pub(super) versions: BTreeSet<String>,
    /// Head of the git branch.
    pub(super) commit: String,
    /// The same of some repositories, by a part of their addresses.
    pub(super) commits: BTreeMap<&'static str, String>,
    /// Commits that build to nothing.
    pub(super) empty: BTreeSet<String>,
    /// Repositories do not answer.
    pub(super) is_offline: bool,
    /// Installs, upgrades and applies of what contains the first fail with the words of the second.
    pub(super) failure: Option<(&'static str, String)>,
    /// Uninstalls that happened.
    pub(super) uninstalls: usize,
    /// Looks at a new commit by a Kustomization that prunes.
    pub(super) prunes: usize,
    /// What Helm keeps of releases: name and revision.
    pub(super) records: BTreeSet<(String, i64)>,
    /// Helm revisions and applied commits, in order.
    pub(super) deliveries: Vec<String>,
}

impl Flux {
    pub(super) fn new() -> Self {
        Self {
            versions: ["6.3.5".to_owned()].into(),
            commit: "2f5c000000000000000000000000000000000001".into(),
            commits: BTreeMap::new(),
            empty: BTreeSet::new(),
            is_offline: false,
            failure: None,
            uninstalls: 0,
            prunes: 0,
            records: BTreeSet::new(),
            deliveries: Vec::new(),
        }
    }

    /// One transition of each object; whether anything changed.
    pub(super) fn turn(&mut self, api: &mut ApiServer) -> bool {
        let before = api.objects.clone();
        for key in before.keys() {
            match key.kind {
                FluxKind::HelmRepository | FluxKind::GitRepository | FluxKind::OciRepository => {
                    self.source(api, key);
                }
                FluxKind::HelmChart => self.chart(api, key),
                FluxKind::HelmRelease => self.release(api, key),
                FluxKind::Kustomization => self.kustomization(api, key),
            }
        }
        api.objects != before
    }

    fn source(&self, api: &mut ApiServer, key: &ObjectKey) {
        let object = api.objects[key].clone();
        if is_deleting(&object) {
            api.objects.remove(key);
            return;
        }
        let revision = match key.kind {
            FluxKind::GitRepository => {
                let branch = object.pointer("/spec/ref/branch").and_then(Value::as_str).unwrap_or("main");
                match object.pointer("/spec/ref/commit").and_then(Value::as_str) {
                    Some(commit) => format!("sha1:{commit}"),
                    None => format!("{branch}@sha1:{}", self.head(&object)),
                }
            }
            FluxKind::OciRepository if object.pointer("/spec/ref/digest").is_some() => {
                object["spec"]["ref"]["digest"].as_str().unwrap().to_owned()
            }
            _ => format!("sha256:{}", self.versions.iter().cloned().collect::<Vec<_>>().join("-")),
        };
        let is_hopeless = self.is_offline && said(&object, "FetchFailed").is_some();
        let is_news = object["status"]["artifact"]["revision"] != revision.as_str() && !is_hopeless;
        let is_recovered = !self.is_offline && said(&object, "FetchFailed").is_some();
        let is_due = !is_handled(&object) || is_news || is_recovered;
        if is_due && !is_said(&object, "Progressing") {
            say(api, key, &json!({}), "Unknown", "Progressing", "building artifact", None);
        } else if is_due && self.is_offline {
            let failure = ("FetchFailed", "failed to fetch: connection refused");
            say(api, key, &handled(&object), "False", "Failed", failure.1, Some(failure));
        } else if is_due || is_said(&object, "Progressing") {
            Self::stored(api, key, &object, &revision);
        }
    }

    fn head(&self, repository: &Value) -> &str {
        let url = repository["spec"]["url"].as_str().unwrap_or_default();
        self.commits.iter().find(|(part, _)| url.contains(**part)).map_or(&self.commit, |(_, commit)| commit)
    }

    fn stored(api: &mut ApiServer, key: &ObjectKey, object: &Value, revision: &str) {
        let mut status = handled(object);
        patch::merge(&mut status, &observed(object));
        if object["status"]["artifact"]["revision"] != revision {
            let mut artifact = json!({"revision": revision, "lastUpdateTime": seconds::text(api.now)});
            if let (FluxKind::OciRepository, Some(commit)) = (key.kind, revision.strip_prefix("sha256:")) {
                artifact["metadata"] = json!({names::ANNOTATION_IMAGE_REVISION: commit});
            }
            patch::merge(&mut status, &json!({"artifact": artifact}));
        }
        say(api, key, &status, "True", "Succeeded", "stored artifact", None);
    }

    fn chart(&self, api: &mut ApiServer, key: &ObjectKey) {
        let object = api.objects[key].clone();
        if is_deleting(&object) {
            api.objects.remove(key);
            return;
        }
        let name = object["spec"]["sourceRef"]["name"].as_str().unwrap_or_default();
        let repository = api.objects.get(&ObjectKey::new(FluxKind::HelmRepository, &key.namespace, name));
        if repository.is_none_or(|repository| repository["status"]["artifact"].is_null()) {
            let failure = ("FetchFailed", "no artifact available for HelmRepository source 'demo'");
            say(api, key, &handled(&object), "False", "NoSourceArtifact", failure.1, Some(failure));
            return;
        }
        let wanted = object["spec"]["version"].as_str().unwrap_or("*");
        let is_range = wanted.contains(['*', 'x']);
        let found = if is_range { self.versions.last() } else { self.versions.get(wanted) };
        let Some(version) = found else {
            let message =
                format!("chart pull error: no 'podinfo' chart with version matching '{wanted}' found");
            let failure = ("FetchFailed", message.as_str());
            say(api, key, &handled(&object), "False", "ChartPullError", failure.1, Some(failure));
            return;
        };
        let mut status = handled(&object);
        patch::merge(&mut status, &observed(&object));
        patch::merge(&mut status, &json!({"artifact": {"revision": version}}));
        say(api, key, &status, "True", "ChartPullSucceeded", "pulled chart", None);
    }

    fn release(&mut self, api: &mut ApiServer, key: &ObjectKey) {
        let object = api.objects[key].clone();
        // The chart stands beside its source; the one beside an older source goes.
        let place = object["spec"]["chart"]["spec"]["sourceRef"]["namespace"].as_str();
        let name = format!("{}-{}", key.namespace, key.name);
        let chart_key = ObjectKey::new(FluxKind::HelmChart, place.unwrap_or(&key.namespace), &name);
        api.objects.retain(|other, _| {
            other.kind != FluxKind::HelmChart || other.name != name || *other == chart_key
        });
        if is_deleting(&object) {
            if object["spec"]["suspend"] != true {
                self.uninstalls += 1;
                self.records.clear();
                api.objects.remove(&chart_key);
            }
            api.objects.remove(key);
            return;
        }
        if object["spec"]["suspend"] == true {
            let mut handled_only = object.clone();
            patch::merge(&mut handled_only, &json!({"status": handled(&object)}));
            api.store(key, handled_only);
            return;
        }
        if object["spec"]["chartRef"].is_object() {
            api.objects.remove(&chart_key);
            self.release_of_artifact(api, key, &object);
            return;
        }
        let mut chart = api.objects.get(&chart_key).cloned().unwrap_or_else(|| json!({}));
        let mut spec = object["spec"]["chart"]["spec"].clone();
        patch::merge(&mut spec, &json!({"interval": object["spec"]["interval"]}));
        let is_new_chart = chart["spec"] != spec;
        chart["spec"] = spec;
        chart["metadata"]["labels"] = json!({
            names::LABEL_HELM_RELEASE_NAME: key.name,
            names::LABEL_HELM_RELEASE_NAMESPACE: key.namespace,
        });
        api.store(&chart_key, chart.clone());
        let is_stored = !chart["status"]["artifact"].is_null()
            && chart["status"]["observedGeneration"] == chart["metadata"]["generation"];
        if is_new_chart || !is_stored {
            say(api, key, &handled(&object), "False", "SourceNotReady", "HelmChart is not ready", None);
            return;
        }
        let version = chart["status"]["artifact"]["revision"].clone();
        let attempted = json!({"lastAttemptedRevision": version, "lastAttemptedRevisionDigest": null});
        self.roll_out(api, key, &object, &version, &attempted, &json!({"chartVersion": version}));
    }

    /// A release whose chart is an artifact of a registry.
    fn release_of_artifact(&mut self, api: &mut ApiServer, key: &ObjectKey, object: &Value) {
        let reference = |field: &str| object["spec"]["chartRef"][field].as_str();
        let namespace = reference("namespace").unwrap_or(&key.namespace);
        let source =
            ObjectKey::new(FluxKind::OciRepository, namespace, reference("name").unwrap_or_default());
        let artifact =
            api.objects.get(&source).map(|source| source["status"]["artifact"]["revision"].clone());
        let Some(digest) = artifact.filter(|digest| !digest.is_null()) else {
            say(api, key, &handled(object), "False", "SourceNotReady", "OCIRepository is not ready", None);
            return;
        };
        let attempted = json!({"lastAttemptedRevision": "1.2.3+ab", "lastAttemptedRevisionDigest": digest});
        self.roll_out(
            api,
            key,
            object,
            &digest,
            &attempted,
            &json!({"chartVersion": "1.2.3+ab", "ociDigest": digest}),
        );
    }

    /// Installs or upgrades to `chart`, of which the record says what `record` does.
    fn roll_out(
        &mut self,
        api: &mut ApiServer,
        key: &ObjectKey,
        object: &Value,
        chart: &Value,
        attempted: &Value,
        record: &Value,
    ) {
        let wish = json!([chart, object["spec"]["values"]]).to_string();
        let name = object["spec"]["releaseName"].as_str().unwrap_or_default().to_owned();
        let last = self.records.iter().map(|(_, revision)| *revision).max().unwrap_or(0);
        let is_stored = object["status"]["x-delivered"] == wish.as_str();
        let revision = if is_stored { last } else { last + 1 };
        let deliveries = self.deliveries.len();
        self.deliver(api, key, object, &wish, attempted, |is_done| {
            let status = if is_done { "deployed" } else { "failed" };
            let mut record = record.clone();
            patch::merge(&mut record, &json!({"status": status, "name": name, "version": revision}));
            json!({"history": [record]})
        });
        if self.deliveries.len() > deliveries {
            self.records.insert((name, revision));
        }
    }

    fn kustomization(&mut self, api: &mut ApiServer, key: &ObjectKey) {
        let object = api.objects[key].clone();
        if is_deleting(&object) {
            let leaves = object["spec"]["suspend"] == true || object["spec"]["deletionPolicy"] == "Orphan";
            self.uninstalls += usize::from(!leaves);
            api.objects.remove(key);
            return;
        }
        if object["spec"]["suspend"] == true {
            let mut handled_only = object.clone();
            patch::merge(&mut handled_only, &json!({"status": handled(&object)}));
            api.store(key, handled_only);
            return;
        }
        let reference = |field: &str| object["spec"]["sourceRef"][field].as_str();
        let source = api.objects.get(&ObjectKey::new(
            reference("kind").and_then(FluxKind::parse).unwrap(),
            reference("namespace").unwrap_or(&key.namespace),
            reference("name").unwrap_or_default(),
        ));
        let origin = source
            .and_then(|source| source["status"]["artifact"]["metadata"].get(names::ANNOTATION_IMAGE_REVISION))
            .cloned();
        let revision =
            source.map(|source| source["status"]["artifact"]["revision"].clone()).unwrap_or_default();
        if revision.is_null() {
            say(api, key, &handled(&object), "False", "ArtifactFailed", "Source artifact not found", None);
            return;
        }
        if Self::waits(api, key, &object, &revision) {
            return;
        }
        let now = seconds::text(api.now);
        let is_guard = object["metadata"]["labels"][names::LABEL_ROLE] == names::ROLE_GUARD;
        let is_empty = self.empty.iter().any(|commit| revision.as_str().is_some_and(|r| r.ends_with(commit)));
        let entries =
            if is_guard && !is_empty { json!([{"id": "apps_a__ConfigMap", "v": "v1"}]) } else { json!([]) };
        let deliveries = self.deliveries.len();
        if object["spec"]["prune"] == true && object["status"]["lastAppliedRevision"] != revision {
            self.prunes += 1;
        }
        let wish = revision.as_str().unwrap().to_owned();
        self.deliver(api, key, &object, &wish, &json!({"lastAttemptedRevision": revision}), |is_done| {
            if is_done {
                json!({
                    "lastAppliedRevision": revision,
                    "lastAppliedOriginRevision": origin,
                    "history": [{"lastReconciled": now}],
                    "inventory": {"entries": entries},
                })
            } else {
                json!({})
            }
        });
        if is_guard {
            self.deliveries.truncate(deliveries);
        }
    }

    /// A dependency that is not ready; it is looked at again when something happens to the object or its source, and else
    /// only after a while.
    fn waits(api: &mut ApiServer, key: &ObjectKey, object: &Value, revision: &Value) -> bool {
        let depends = object["spec"]["dependsOn"].as_array().cloned().unwrap_or_default();
        let is_ready = |one: &Value| {
            let name = one["name"].as_str().unwrap_or_default();
            let Some(other) = api.objects.get(&ObjectKey { name: name.to_owned(), ..key.clone() }) else {
                return false;
            };
            let entries = other["status"]["inventory"]["entries"].as_array();
            if one.get("readyExpr").is_some() {
                return entries.is_some_and(|entries| !entries.is_empty());
            }
            let is_true = said(other, "Ready").is_some_and(|ready| ready["status"] == "True");
            is_true
                && other["status"]["observedGeneration"] == other["metadata"]["generation"]
                && other["status"]["lastAppliedRevision"] == *revision
        };
        let is_held = said(object, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady");
        if is_held && is_handled(object) && object["status"]["x-held"] == *revision {
            return true;
        }
        if depends.iter().all(is_ready)
            || object["status"]["lastAppliedRevision"] == *revision && is_handled(object)
        {
            return false;
        }
        let mut status = handled(object);
        patch::merge(&mut status, &json!({"x-held": revision}));
        say(api, key, &status, "False", "DependencyNotReady", "dependency is not ready", None);
        true
    }

    /// Runs when something is new or was asked for: first `Unknown`, in the next turn the outcome. A failure is tried
    /// again when its cause has gone.
    fn deliver(
        &mut self,
        api: &mut ApiServer,
        key: &ObjectKey,
        object: &Value,
        wish: &str,
        attempted: &Value,
        outcome: impl Fn(bool) -> Value,
    ) {
        // A force counts when it comes with the request that it was written for.
        let forced_at = object["metadata"]["annotations"].get(names::ANNOTATION_FORCE_AT);
        let is_forced = forced_at.is_some()
            && forced_at.and_then(Value::as_str) == ApiServer::requested(object)
            && forced_at != object["status"].get("lastHandledForceAt");
        let is_delivered = object["status"]["x-delivered"] == wish && !is_forced;
        let has_failed = said(object, "Ready").is_some_and(|ready| ready["reason"] == "InstallFailed");
        let failure = self.failure.clone().filter(|(cause, _)| wish.contains(cause)).map(|(_, words)| words);
        let is_retry = has_failed && failure.is_none();
        let is_tried = has_failed && object["status"]["x-tried"] == wish && !is_retry;
        let has_waited = said(object, "Ready").is_some_and(|ready| ready["reason"] == "SourceNotReady");
        let is_due = !is_handled(object) || !(is_delivered || is_tried) || has_waited;
        if is_due && !is_said(object, "Progressing") {
            let mut status = attempted.clone();
            patch::merge(&mut status, &json!({"x-tried": wish}));
            say(api, key, &status, "Unknown", "Progressing", "Running 'upgrade' action", None);
            return;
        }
        if !is_due && !is_said(object, "Progressing") {
            return;
        }
        let mut status = handled(object);
        if let Some(failure) = failure.filter(|_| !is_delivered) {
            patch::merge(&mut status, &outcome(false));
            say(api, key, &status, "False", "InstallFailed", &failure, None);
            return;
        }
        if !is_delivered {
            self.deliveries.push(wish.to_owned());
        }
        patch::merge(&mut status, &outcome(true));
        patch::merge(&mut status, &observed(object));
        patch::merge(&mut status, &json!({"x-delivered": wish}));
        if is_forced {
            patch::merge(&mut status, &json!({"lastHandledForceAt": forced_at}));
        }
        say(api, key, &status, "True", "InstallSucceeded", "delivered", None);
    }
}

fn is_deleting(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

fn said<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn is_said(object: &Value, reason: &str) -> bool {
    said(object, "Ready").is_some_and(|ready| {
        ready["reason"] == reason && ready["observedGeneration"] == object["metadata"]["generation"]
    })
}

/// The present spec was looked at, and the last request answered.
fn is_handled(object: &Value) -> bool {
    let is_seen = said(object, "Ready")
        .is_some_and(|ready| ready["observedGeneration"] == object["metadata"]["generation"]);
    is_seen && ApiServer::requested(object) == object["status"]["lastHandledReconcileAt"].as_str()
}

fn handled(object: &Value) -> Value {
    ApiServer::requested(object).map_or_else(|| json!({}), |token| json!({"lastHandledReconcileAt": token}))
}

fn observed(object: &Value) -> Value {
    json!({"observedGeneration": object["metadata"]["generation"]})
}

/// Writes the status: `Ready` and, for a source, what failed.
fn say(
    api: &mut ApiServer,
    key: &ObjectKey,
    status: &Value,
    ready: &str,
    reason: &str,
    message: &str,
    failure: Option<(&str, &str)>,
) {
    let mut object = api.objects[key].clone();
    let generation = object["metadata"]["generation"].clone();
    let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation});
    let mut conditions = vec![condition("Ready", ready, message)];
    conditions.extend(failure.map(|(kind, message)| condition(kind, "True", message)));
    patch::merge(&mut object, &json!({"status": status}));
    object["status"]["conditions"] = json!(conditions);
    api.store(key, object);
}
