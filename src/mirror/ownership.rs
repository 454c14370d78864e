//! Whose a Flux object is.
//!
//! The marks on an object say for which Application it was made, and whoever may write Flux objects in some namespace can write
//! them there. So they count only where that Application can have objects: in Argo CD's own namespace, in the one where its
//! objects stand at present, and wherever its status lists the very object. The bridge lists an object before it writes it
//! (`plan/mod.rs`), and until it is gone: what is left in a former place is known after any restart.

use crate::argo::Application;
use crate::argo::status::ResourceStatus;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::translate;

/// The bridge made `live` for `app`: both marks are on it, and it stands where `app` can have objects (invariant 2).
pub fn owns(app: &Application, control_namespace: &str, live: Live<'_>) -> bool {
    live.is_marked_for(&app.identity()) && may_own(app, control_namespace, &live.key())
}

/// Whether `app` can have an object there, whatever is written on it.
pub fn may_own(app: &Application, control_namespace: &str, key: &ObjectKey) -> bool {
    [control_namespace, app.flux_namespace()].contains(&key.namespace.as_str()) || is_listed(app, key)
}

/// Whether the status of `app` lists the object.
pub fn is_listed(app: &Application, key: &ObjectKey) -> bool {
    app.status.as_ref().is_some_and(|status| is_among(&status.resources, key))
}

/// Whether `resources` (`status.resources`) list the object. A guard is known by the Kustomization that it guards.
pub fn is_among(resources: &[ResourceStatus], key: &ObjectKey) -> bool {
    let mut listed = resources.iter().filter_map(key_of);
    listed.any(|listed| listed == *key || translate::guard_key(&listed) == *key)
}

/// The Flux object that an entry of `status.resources` names.
fn key_of(listed: &ResourceStatus) -> Option<ObjectKey> {
    let kind = FluxKind::parse(&listed.kind)?;
    (listed.group == kind.group()).then(|| ObjectKey::new(kind, &listed.namespace, &listed.name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::flux::live::tests::object;
    use crate::names;

    fn app() -> Application {
        let listed = |kind: FluxKind, namespace: &str| json!({"group": kind.group(), "kind": kind.kind(), "namespace": namespace, "name": "demo"});
        let resources = [
            listed(FluxKind::Kustomization, "before"),
            listed(FluxKind::GitRepository, "before"),
            json!({"group": "apps", "kind": "HelmRelease", "namespace": "elsewhere", "name": "demo"}),
        ];
        let app = json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {"destination": {"namespace": "apps"}},
            "status": {"resources": resources},
        });
        serde_json::from_value(app).unwrap()
    }

    fn is_owned(kind: FluxKind, namespace: &str, name: &str, labels: &Value) -> bool {
        let metadata = json!({
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {names::ANNOTATION_APPLICATION: "argocd/demo"},
        });
        let object = object(kind, &json!({"metadata": metadata}));
        owns(&app(), "argocd", Live { kind, object: &object })
    }

    #[rstest]
    #[case::its_namespace(FluxKind::HelmRelease, "apps", "demo", true)]
    #[case::of_any_name(FluxKind::HelmRelease, "apps", "demo-2", true)]
    #[case::argo_cds_namespace(FluxKind::GitRepository, "argocd", "apps-demo-1a2b3c4d", true)]
    #[case::a_former_place(FluxKind::Kustomization, "before", "demo", true)]
    #[case::its_source(FluxKind::GitRepository, "before", "demo", true)]
    #[case::its_guard(FluxKind::Kustomization, "before", "demo-prune-guard", true)]
    #[case::beside_it(FluxKind::Kustomization, "before", "other", false)]
    #[case::of_another_kind(FluxKind::HelmRelease, "before", "demo", false)]
    #[case::somebody_elses_namespace(FluxKind::HelmRelease, "tenant", "demo", false)]
    #[case::a_kind_of_that_name(FluxKind::HelmRelease, "elsewhere", "demo", false)]
    fn marks_count_where_the_application_can_have_objects(
        #[case] kind: FluxKind,
        #[case] namespace: &str,
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_owned(kind, namespace, name, &json!({names::LABEL_GENERATED: "true"})), expected);
        assert!(!is_owned(kind, namespace, name, &json!({})));
    }

    #[test]
    fn without_a_destination_its_own_namespace_counts() {
        let mut app = app();
        app.spec.destination.namespace.clear();
        app.metadata.namespace = Some("team".into());
        let key = |namespace| ObjectKey::new(FluxKind::Kustomization, namespace, "demo");
        assert!(may_own(&app, "argocd", &key("team")) && !may_own(&app, "argocd", &key("apps")));
    }
}
