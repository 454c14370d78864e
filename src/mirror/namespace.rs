//! The destination namespace: what stands in its metadata, and which Application keeps it there.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::argo::Application;
use crate::argo::application::ManagedNamespaceMetadata;
use crate::flux::FluxKind;
use crate::names;

/// The field managers of namespaces begin with this; the Application's identity follows.
const MANAGER_PREFIX: &str = "flux-subsystem/";
/// The longest name of a field manager (apimachinery `validation.go`, `FieldManagerMaxLength`).
const MAX_MANAGER: usize = 128;

/// The annotation by which a chart's object stays when its release goes.
const HELM_KEEPS: (&str, &str) = ("helm.sh/resource-policy", "keep");
/// The label or annotation by which a Kustomization's object stays.
const FLUX_KEEPS: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");

/// `labels` or `annotations`, and a key.
type Field = (String, String);

/// Labels and annotations of a live namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceMetadata {
    fields: BTreeMap<Field, String>,
    /// By the field manager of an Application, what it has applied.
    applied: BTreeMap<String, BTreeSet<Field>>,
}

/// A field that another Application keeps at another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// `labels` or `annotations`.
    pub map: String,
    /// The key.
    pub key: String,
    /// `NAMESPACE/NAME` of the other Application; shortened with a hash where it is very long.
    pub owner: String,
}

/// Who `app` writes namespaces as. Each Application has a name of its own, so that what one no longer wants goes, and what
/// another one wants stays.
pub fn manager(app: &Application) -> String {
    names::shorten(&format!("{MANAGER_PREFIX}{}", app.identity()), MAX_MANAGER)
}

/// Whether that field manager is one of a namespace's.
pub fn is_manager(name: &str) -> bool {
    name.starts_with(MANAGER_PREFIX)
}

impl NamespaceMetadata {
    /// Reads it.
    pub fn of(metadata: &ObjectMeta) -> Self {
        let labels = metadata.labels.iter().flatten().map(|field| ("labels", field));
        let annotations = metadata.annotations.iter().flatten().map(|field| ("annotations", field));
        let fields = labels.chain(annotations);
        let fields = fields.map(|(map, (key, value))| ((map.to_owned(), key.clone()), value.clone()));
        let mut applied: BTreeMap<String, BTreeSet<Field>> = BTreeMap::new();
        for entry in metadata.managed_fields.iter().flatten() {
            let (Some(manager), Some(owned)) = (&entry.manager, &entry.fields_v1) else { continue };
            if is_manager(manager) {
                applied.entry(manager.clone()).or_default().extend(owned_fields(&owned.0));
            }
        }
        Self { fields: fields.collect(), applied }
    }

    /// The name of the `HelmRelease` or Kustomization that stands in the namespace, which is called `name`, and delivered it
    /// (helm-controller `internal/postrender/common_renderer.go`, `originLabels`; fluxcd/pkg `ssa/manager.go`, `GetOwnerLabels`).
    pub fn bringer(&self, name: &str) -> Option<&str> {
        let label = |key: String| self.fields.get(&("labels".to_owned(), key)).map(String::as_str);
        let bringer = |kind: FluxKind| {
            let is_within = label(format!("{}/namespace", kind.group())) == Some(name);
            label(format!("{}/name", kind.group())).filter(|_| is_within)
        };
        [FluxKind::HelmRelease, FluxKind::Kustomization].into_iter().find_map(bringer)
    }

    /// It says that it outlives what delivered it, in Helm's words or in Flux's (fluxcd/pkg `ssa/utils/metadata.go`,
    /// `AnyInMetadata`).
    pub fn is_kept(&self) -> bool {
        let says = |map: &str, (key, value): (&str, &str)| {
            self.fields.get(&(map.to_owned(), key.to_owned())).is_some_and(|found| found == value)
        };
        says("annotations", HELM_KEEPS)
            || ["labels", "annotations"].into_iter().any(|map| says(map, FLUX_KEEPS))
    }

    /// What `wanted` says and another Application keeps at another value.
    pub fn disputes(&self, app: &Application, wanted: &ManagedNamespaceMetadata) -> Vec<Dispute> {
        let own = manager(app);
        let others = || self.applied.iter().filter(|(manager, _)| **manager != own);
        let differing =
            fields(wanted).into_iter().filter(|(field, value)| self.fields.get(field) != Some(value));
        let disputed = differing.filter_map(|(field, _)| {
            let (owner, _) = others().find(|(_, owned)| owned.contains(&field))?;
            let owner = owner.trim_start_matches(MANAGER_PREFIX).to_owned();
            Some(Dispute { map: field.0, key: field.1, owner })
        });
        disputed.collect()
    }

    /// What `app` has to apply for the namespace to be as `wanted`; `None` when it is. What another Application keeps is left
    /// to it.
    pub fn change(
        &self,
        app: &Application,
        wanted: &ManagedNamespaceMetadata,
    ) -> Option<ManagedNamespaceMetadata> {
        let disputes = self.disputes(app, wanted);
        let mut wanted = wanted.clone();
        for Dispute { map, key, .. } in disputes {
            let map = if map == "labels" { &mut wanted.labels } else { &mut wanted.annotations };
            if let Some(map) = map {
                map.remove(&key);
            }
        }
        let fields = fields(&wanted);
        let differs = fields.iter().any(|(field, value)| self.fields.get(field) != Some(value));
        let applied = self.applied.get(&manager(app));
        let has_more = applied.is_some_and(|applied| applied.iter().any(|field| !fields.contains_key(field)));
        (differs || has_more).then_some(wanted)
    }
}

fn fields(wanted: &ManagedNamespaceMetadata) -> BTreeMap<Field, String> {
    let labels = wanted.labels.iter().flatten().map(|field| ("labels", field));
    let annotations = wanted.annotations.iter().flatten().map(|field| ("annotations", field));
    let all = labels.chain(annotations);
    all.map(|(map, (key, value))| ((map.to_owned(), key.clone()), value.clone())).collect()
}

/// Labels and annotations in a `fieldsV1` of managed fields: keys begin with `f:`.
fn owned_fields(fields: &Value) -> BTreeSet<Field> {
    let of = |map: &str| {
        let keys = fields["f:metadata"][format!("f:{map}")].as_object().cloned().unwrap_or_default();
        let keys = keys.into_iter().filter_map(|(key, _)| key.strip_prefix("f:").map(str::to_owned));
        keys.map(|key| (map.to_owned(), key)).collect::<Vec<_>>()
    };
    of("labels").into_iter().chain(of("annotations")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn app() -> Application {
        serde_json::from_value(json!({"metadata": {"name": "demo", "namespace": "argocd"}})).unwrap()
    }

    fn live(labels: &Value, managers: &Value) -> NamespaceMetadata {
        let managed: Vec<Value> = managers
            .as_object()
            .unwrap()
            .iter()
            .map(|(manager, keys)| {
                let keys = keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                let keys: serde_json::Map<_, _> = keys.map(|key| (format!("f:{key}"), json!({}))).collect();
                json!({"manager": manager, "operation": "Apply",
                    "fieldsV1": {"f:metadata": {"f:labels": keys}}})
            })
            .collect();
        let metadata = json!({"labels": labels, "managedFields": managed});
        NamespaceMetadata::of(&serde_json::from_value(metadata).unwrap())
    }

    fn wanted(labels: &Value) -> ManagedNamespaceMetadata {
        serde_json::from_value(json!({ "labels": labels })).unwrap()
    }

    const OWN: &str = "flux-subsystem/argocd/demo";
    const OTHER: &str = "flux-subsystem/argocd/other";

    #[rstest]
    #[case::as_wanted(json!({"a": "1"}), json!({OWN: ["a"]}), json!({"a": "1"}), None)]
    #[case::somebody_else_had_the_same_idea(json!({"a": "1"}), json!({"kubectl": ["a"]}), json!({"a": "1"}), None)]
    #[case::missing(json!({}), json!({}), json!({"a": "1"}), Some(json!({"a": "1"})))]
    #[case::edited(json!({"a": "2"}), json!({"kubectl-edit": ["a"]}), json!({"a": "1"}), Some(json!({"a": "1"})))]
    #[case::no_longer_wanted(json!({"a": "1", "b": "1"}), json!({OWN: ["a", "b"]}), json!({"a": "1"}), Some(json!({"a": "1"})))]
    #[case::of_somebody_else(json!({"a": "1", "b": "1"}), json!({OWN: ["a"], OTHER: ["b"]}), json!({"a": "1"}), None)]
    #[case::disputed(json!({"a": "2"}), json!({OTHER: ["a"]}), json!({"a": "1"}), None)]
    #[case::agreed(json!({"a": "1"}), json!({OTHER: ["a"]}), json!({"a": "1"}), None)]
    #[case::partly_disputed(json!({"a": "2"}), json!({OTHER: ["a"]}), json!({"a": "1", "b": "1"}), Some(json!({"b": "1"})))]
    fn only_what_differs_is_applied(
        #[case] labels: Value,
        #[case] managers: Value,
        #[case] wish: Value,
        #[case] expected: Option<Value>,
    ) {
        let change = live(&labels, &managers).change(&app(), &wanted(&wish));
        assert_eq!(change.map(|change| json!(change.labels)), expected);
    }

    #[rstest]
    #[case::of_a_folder(json!({"kustomize.toolkit.fluxcd.io/name": "demo", "kustomize.toolkit.fluxcd.io/namespace": "apps"}), Some("demo"))]
    #[case::of_a_chart(json!({"helm.toolkit.fluxcd.io/name": "demo-2", "helm.toolkit.fluxcd.io/namespace": "apps"}), Some("demo-2"))]
    #[case::from_elsewhere(json!({"helm.toolkit.fluxcd.io/name": "demo", "helm.toolkit.fluxcd.io/namespace": "flux-system"}), None)]
    #[case::by_hand(json!({"name": "apps"}), None)]
    fn who_brought_it_is_in_its_labels(#[case] labels: Value, #[case] expected: Option<&str>) {
        assert_eq!(live(&labels, &json!({})).bringer("apps"), expected);
    }

    #[rstest]
    #[case::by_helm(json!({"annotations": {"helm.sh/resource-policy": "keep"}}), true)]
    #[case::by_flux(json!({"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}), true)]
    #[case::by_a_label(json!({"labels": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}), true)]
    #[case::otherwise(json!({"annotations": {"kustomize.toolkit.fluxcd.io/prune": "enabled"}}), false)]
    fn it_may_say_that_it_stays(#[case] metadata: Value, #[case] expected: bool) {
        let metadata = NamespaceMetadata::of(&serde_json::from_value(metadata).unwrap());
        assert_eq!(metadata.is_kept(), expected);
    }

    #[test]
    fn a_dispute_names_the_other_application() {
        let disputes =
            live(&json!({"a": "2"}), &json!({OTHER: ["a"]})).disputes(&app(), &wanted(&json!({"a": "1"})));
        let expected = Dispute { map: "labels".into(), key: "a".into(), owner: "argocd/other".into() };
        assert_eq!(disputes, [expected]);
    }
}
