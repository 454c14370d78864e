//! The Application, as far as the bridge reads it (argo-cd `pkg/apis/application/v1alpha1/types.go`).
//!
//! Decoding is tolerant: a field that the bridge does not know is skipped, an enumeration is a string, so that one
//! odd Application cannot stop the watch of all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::{ApplicationSource, Destination};
use super::{ApplicationStatus, Operation, SourceHydrator};
use crate::names;

/// `argoproj.io/v1alpha1` Application.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Kubernetes' metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: ApplicationSpec,
    /// What is; a plain field, since the CRD has no status subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ApplicationStatus>,
    /// A request to act, written by Argo CD's server, CLI or an `ApplicationSet`, consumed by whoever answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Why not all of it is known; no field of the object.
    #[serde(skip)]
    pub unread: Option<String>,
}

impl kube::Resource for Application {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Application".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "argoproj.io".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "applications".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// `spec` of an Application.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSpec {
    /// The one source, unless `sources` holds any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// Several sources; when not empty, `source` is ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ApplicationSource>,
    /// The source hydrator; where there is one, `source` and `sources` are ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<SourceHydrator>,
    /// Where to.
    pub destination: Destination,
    /// The `AppProject`; empty means `default`.
    pub project: String,
    /// When and how to sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Differences that do not count; kept raw until they are translated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<Value>,
    /// Facts for the UI, without effect on delivery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<Value>,
    /// How many history entries are kept; 10 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i64>,
}

/// `spec.syncPolicy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPolicy {
    /// Present: syncs happen by themselves (unless `enabled: false`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// Options, matched to the letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<String>,
    /// Retry of failed operations; raw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Value>,
    /// Labels and annotations of the destination namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
}

/// `spec.syncPolicy.automated`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Automated {
    /// What left the source is deleted.
    pub prune: Option<bool>,
    /// Edits in the cluster are reverted.
    pub self_heal: Option<bool>,
    /// A sync may delete everything.
    pub allow_empty: Option<bool>,
    /// `false` switches automation off without losing its settings.
    pub enabled: Option<bool>,
}

/// `spec.syncPolicy.managedNamespaceMetadata`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ManagedNamespaceMetadata {
    /// Labels of the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Application {
    /// Name, or `""` for an object that has none yet.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace, or `""` for an object that has none yet.
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Where the Flux objects stand: in the destination namespace, or in the Application's own where it names none, because
    /// what it delivers is cluster-wide or says its namespace itself.
    pub fn flux_namespace(&self) -> &str {
        let destination = self.spec.destination.namespace.as_str();
        if destination.is_empty() { self.namespace() } else { destination }
    }

    /// `NAMESPACE/NAME`: the identity that generated objects carry in [`names::ANNOTATION_APPLICATION`].
    pub fn identity(&self) -> String {
        format!("{}/{}", self.namespace(), self.name())
    }

    /// Argo CD's instance name: the bare name in the control namespace, else `NAMESPACE_NAME` (types.go, `InstanceName`).
    pub fn instance_name(&self, control_namespace: &str) -> String {
        if self.namespace() == control_namespace || self.namespace().is_empty() {
            self.name().to_owned()
        } else {
            format!("{}_{}", self.namespace(), self.name())
        }
    }

    /// Value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether `option` stands among the sync options, to the letter, as Argo CD matches them.
    pub fn has_sync_option(&self, option: &str) -> bool {
        self.spec.sync_policy.as_ref().is_some_and(|policy| policy.sync_options.iter().any(|o| o == option))
    }

    /// Whether Flux delivers this Application: exactly `FluxSubsystem=true` is among its sync options.
    pub fn is_bridged(&self) -> bool {
        self.has_sync_option(names::OPTION_FLUX_SUBSYSTEM)
    }

    /// Whether stock Argo CD leaves the Application alone (Go's `strconv.ParseBool` on the annotation).
    pub fn is_skipped_by_argo(&self) -> bool {
        self.annotation(names::ANNOTATION_SKIP_RECONCILE).and_then(super::bool_of) == Some(true)
    }

    /// The automated policy, if it is there and not switched off (types.go, `IsAutomatedSyncEnabled`).
    pub fn automated(&self) -> Option<&Automated> {
        let automated = self.spec.sync_policy.as_ref()?.automated.as_ref()?;
        (automated.enabled != Some(false)).then_some(automated)
    }

    /// Whether edits in the cluster are reverted.
    pub fn self_heals(&self) -> bool {
        self.automated().is_some_and(|automated| automated.self_heal == Some(true))
    }

    /// Labels and annotations that the destination namespace is to have; with the sync option that makes it the
    /// Application's to keep (argo-cd `controller/sync.go`).
    pub fn managed_namespace_metadata(&self) -> Option<&ManagedNamespaceMetadata> {
        let metadata = self.spec.sync_policy.as_ref()?.managed_namespace_metadata.as_ref();
        let is_kept = self.has_sync_option(names::OPTION_CREATE_NAMESPACE)
            && !self.spec.destination.namespace.is_empty();
        metadata.filter(|_| is_kept)
    }

    /// Whether an automated sync deletes what left the source.
    pub fn prunes(&self) -> bool {
        self.may_prune() && self.automated().is_some_and(|automated| automated.prune == Some(true))
    }

    /// Whether any sync may delete what left the source.
    pub fn may_prune(&self) -> bool {
        !self.has_sync_option(names::OPTION_NO_PRUNE)
    }

    /// The sources that count: the hydrator's sync source, else `sources` when there are any, else `source` (types.go,
    /// `GetSources`).
    pub fn sources(&self) -> &[ApplicationSource] {
        match &self.spec {
            ApplicationSpec { source_hydrator: Some(hydrator), .. } => {
                std::slice::from_ref(hydrator.sync_source())
            }
            spec if spec.sources.is_empty() => spec.source.as_slice(),
            spec => &spec.sources,
        }
    }

    /// The same, to be delivered otherwise than the Application says. What is written into a hydrator's sync source counts
    /// for [`Application::sources`], and is never written to the cluster.
    pub fn sources_mut(&mut self) -> &mut [ApplicationSource] {
        match &mut self.spec {
            ApplicationSpec { source_hydrator: Some(hydrator), .. } => {
                std::slice::from_mut(hydrator.sync_source_mut())
            }
            spec if spec.sources.is_empty() => spec.source.as_mut_slice(),
            spec => &mut spec.sources,
        }
    }

    /// What status and operations call `source`: the one source that counts, unless `sources` is in use.
    pub fn single_source(&self) -> Option<&ApplicationSource> {
        self.sources().first().filter(|_| !self.has_multiple_sources())
    }

    /// What status and operations call `sources`: those that count, where `sources` is in use.
    pub fn multiple_sources(&self) -> &[ApplicationSource] {
        if self.has_multiple_sources() { self.sources() } else { &[] }
    }

    /// Whether `sources` is in use (types.go, `HasMultipleSources`): one entry in it is enough.
    pub fn has_multiple_sources(&self) -> bool {
        self.spec.source_hydrator.is_none() && !self.spec.sources.is_empty()
    }

    /// Argo CD's finalizers on the Application that ask for a cascading deletion.
    pub fn cascades(&self) -> bool {
        self.finalizers().any(|finalizer| names::CASCADE_FINALIZERS.contains(&finalizer))
    }

    /// All finalizers.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.metadata.finalizers.iter().flatten().map(String::as_str)
    }

    /// Whether deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// The project's name; empty means `default`.
    pub fn project(&self) -> &str {
        if self.spec.project.is_empty() { "default" } else { &self.spec.project }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app(spec: &Value) -> Application {
        serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "argocd"}, "spec": spec}))
            .unwrap()
    }

    #[test]
    fn only_the_exact_option_bridges() {
        for (option, bridged) in [
            ("FluxSubsystem=true", true),
            ("FluxSubsystem=false", false),
            ("fluxsubsystem=true", false),
            ("FluxSubsystem=true ", false),
            ("FluxSubsystem", false),
        ] {
            assert_eq!(
                app(&json!({"syncPolicy": {"syncOptions": [option]}})).is_bridged(),
                bridged,
                "{option}"
            );
        }
        assert!(!app(&json!({})).is_bridged());
    }

    #[test]
    fn automated_can_be_switched_off() {
        assert!(app(&json!({"syncPolicy": {"automated": {}}})).automated().is_some());
        assert!(app(&json!({"syncPolicy": {"automated": {"enabled": true}}})).automated().is_some());
        assert!(
            app(&json!({"syncPolicy": {"automated": {"enabled": false, "selfHeal": true}}}))
                .automated()
                .is_none()
        );
        assert!(
            !app(&json!({"syncPolicy": {"automated": {"enabled": false, "selfHeal": true}}})).self_heals()
        );
    }

    #[test]
    fn sources_win_over_source_only_when_there_are_any() {
        let one = app(&json!({"source": {"repoURL": "a"}, "sources": []}));
        assert_eq!(one.sources()[0].repo_url, "a");
        let two = app(&json!({"source": {"repoURL": "a"}, "sources": [{"repoURL": "b"}]}));
        assert_eq!(two.sources()[0].repo_url, "b");
        let hydrator = json!({"drySource": {"repoURL": "c"}, "syncSource": {"targetBranch": "d"}});
        let hydrated = app(&json!({"sourceHydrator": hydrator, "sources": [{"repoURL": "b"}]}));
        assert_eq!(hydrated.sources()[0].repo_url, "c");
        assert!(!hydrated.has_multiple_sources());
        let counting = |app: &Application| (app.single_source().is_some(), app.multiple_sources().len());
        assert_eq!([counting(&one), counting(&two), counting(&hydrated)], [(true, 0), (false, 1), (true, 0)]);
    }
}
