//! The part of an API server that decisions rest on: versions, generations, preconditions, merge patches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::argo::Application;
use crate::argo::seconds;
use crate::credentials::{LiveSecret, SecretManifest};
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};
use crate::mirror::{compare, ownership, patch};
use crate::names;

/// Why a write was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The Application is not the one that was decided on.
    Stale,
    /// Something generated is left.
    NotGone,
    /// The API server says no, in these words.
    Denied(String),
}

/// What is stored.
#[derive(Clone, Debug)]
pub(super) struct ApiServer {
    pub(super) now: Timestamp,
    pub(super) app: Option<Value>,
    pub(super) objects: BTreeMap<ObjectKey, Value>,
    pub(super) namespaces: BTreeSet<String>,
    /// Secrets of Argo CD's namespace, by name.
    pub(super) secrets: BTreeMap<String, LiveSecret>,
    /// Kinds that an admission webhook denies.
    pub(super) denied: BTreeSet<FluxKind>,
    version: u64,
}

impl ApiServer {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            app: None,
            objects: BTreeMap::new(),
            namespaces: BTreeSet::from(["argocd".to_owned(), "apps".to_owned()]),
            secrets: BTreeMap::new(),
            denied: BTreeSet::new(),
            version: 1,
        }
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// A person, Argo CD's server or the bridge changes the Application; `null`s go, as a merge patch has it.
    pub(super) fn patch_application(&mut self, change: &Value) -> Result<(), Refused> {
        let Some(mut app) = self.app.clone() else { return Ok(()) };
        let wanted = change.pointer("/metadata/resourceVersion");
        if wanted.is_some() && wanted != app.pointer("/metadata/resourceVersion") {
            return Err(Refused::Stale);
        }
        patch::merge(&mut app, change);
        if Some(&app) == self.app.as_ref() {
            return Ok(());
        }
        let is_deleting = app.pointer("/metadata/deletionTimestamp").is_some();
        let finalizers = app.pointer("/metadata/finalizers").and_then(Value::as_array);
        if is_deleting && finalizers.is_none_or(Vec::is_empty) {
            self.app = None;
            return Ok(());
        }
        app["metadata"]["resourceVersion"] = json!(self.next_version());
        self.app = Some(app);
        Ok(())
    }

    /// `kubectl delete application`.
    pub(super) fn delete_application(&mut self) {
        let deleted = json!({"metadata": {"deletionTimestamp": seconds::text(self.now)}});
        self.patch_application(&deleted).unwrap();
    }

    pub(super) fn application(&self) -> Option<Arc<Application>> {
        self.app.clone().map(|app| Arc::new(serde_json::from_value(app).unwrap()))
    }

    /// Server-side apply, and the clean-up of what others had added.
    pub(super) fn apply(&mut self, manifest: &Manifest) -> Result<(), Refused> {
        if self.denied.contains(&manifest.key.kind) {
            return Err(Refused::Denied(format!("{}: admission webhook denied the request", manifest.key)));
        }
        if !self.namespaces.contains(&manifest.key.namespace) {
            let namespace = &manifest.key.namespace;
            return Err(Refused::Denied(format!("{}: namespaces \"{namespace}\" not found", manifest.key)));
        }
        let mut object = self.objects.get(&manifest.key).cloned().unwrap_or_else(|| json!({}));
        let wanted = manifest.to_value();
        patch::merge(&mut object, &wanted);
        // The CRD's default.
        if let Some(chart) = object.pointer_mut("/spec/chart/spec").and_then(Value::as_object_mut) {
            chart.entry("reconcileStrategy").or_insert_with(|| json!("ChartVersion"));
        }
        if let Some(surplus) = compare::clean_up(manifest, &object["spec"]) {
            patch::merge(&mut object, &surplus);
        }
        self.store(&manifest.key, object);
        Ok(())
    }

    /// A merge patch of spec and metadata; an object that is gone needs none.
    pub(super) fn patch_object(&mut self, key: &ObjectKey, change: &Value) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        patch::merge(&mut object, change);
        self.store(key, object);
    }

    /// Stores the object: a new one gets an identity, one whose spec changed a generation.
    pub(super) fn store(&mut self, key: &ObjectKey, mut object: Value) {
        let before = self.objects.get(key);
        if before == Some(&object) {
            return;
        }
        let generation = before.map_or(0, |before| before["metadata"]["generation"].as_i64().unwrap());
        let is_changed = before.is_none_or(|before| before["spec"] != object["spec"]);
        if before.is_none() {
            let uid = format!("{key} {}", self.next_version());
            object["metadata"]["uid"] = json!(uid);
            object["metadata"]["creationTimestamp"] = json!(seconds::text(self.now));
            object["metadata"]["name"] = json!(key.name);
            object["metadata"]["namespace"] = json!(key.namespace);
            object["apiVersion"] = json!(key.kind.api_version());
            object["kind"] = json!(key.kind.kind());
        }
        object["metadata"]["generation"] = json!(generation + i64::from(is_changed));
        object["metadata"]["resourceVersion"] = json!(self.next_version());
        self.objects.insert(key.clone(), object);
    }

    /// Flux's finalizer keeps the object until Flux has seen to its end.
    pub(super) fn delete(&mut self, key: &ObjectKey, uid: &str) {
        let now = seconds::text(self.now);
        let found = self.objects.get(key).filter(|object| object["metadata"]["uid"] == uid).cloned();
        if let Some(mut object) = found {
            patch::merge(&mut object, &json!({"metadata": {"deletionTimestamp": now}}));
            self.store(key, object);
        }
    }

    /// Server-side apply of a Secret.
    pub(super) fn apply_secret(&mut self, manifest: &SecretManifest) {
        let version = self.next_version();
        let uid = self.secrets.get(&manifest.name).map_or(version.clone(), |before| before.uid.clone());
        let secret = LiveSecret {
            name: manifest.name.clone(),
            uid,
            resource_version: version,
            labels: manifest.labels.clone(),
            annotations: manifest.annotations.clone(),
            is_deleting: false,
            data: manifest.data.clone(),
        };
        self.secrets.insert(secret.name.clone(), secret);
    }

    /// A Secret has no finalizer.
    pub(super) fn delete_secret(&mut self, name: &str, uid: &str) {
        self.secrets.retain(|_, secret| secret.name != name || secret.uid != uid);
    }

    /// Whether anything generated for the Application is left.
    pub(super) fn confirm_gone(&self, labels: &BTreeMap<String, String>) -> Result<(), Refused> {
        let app = self.application().unwrap();
        let is_left = self.objects.iter().any(|(key, object)| {
            let object = serde_json::from_value(object.clone()).unwrap();
            let live = Live { kind: key.kind, object: &object };
            let is_labelled = labels.iter().all(|(label, value)| live.label(label) == Some(value));
            is_labelled && ownership::owns(&app, "argocd", live)
        });
        let is_left =
            is_left || self.secrets.values().any(|secret| secret.owner() == Some(app.identity().as_str()));
        if is_left { Err(Refused::NotGone) } else { Ok(()) }
    }

    /// `spec.suspend` by hand.
    pub(super) fn suspend(&mut self, key: &ObjectKey, is_suspended: bool) {
        self.patch_object(key, &json!({"spec": {"suspend": is_suspended.then_some(true)}}));
    }

    /// The token that was asked with.
    pub(super) fn requested(object: &Value) -> Option<&str> {
        object["metadata"]["annotations"].get(names::ANNOTATION_REQUESTED_AT)?.as_str()
    }
}
