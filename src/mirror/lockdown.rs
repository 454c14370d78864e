//! Flux with `--no-cross-namespace-refs`: it refuses a workload object whose source stands in another namespace, as those do
//! that read Argo CD's credentials and those that Argo CD renders.

use crate::flux::fields;
use crate::flux::naming::source_key;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::names;

/// kustomize-controller (`internal/controller/kustomization_controller.go`, `getSource`) and helm-controller
/// (`internal/acl/acl.go`, `AllowsAccessTo`).
const REFUSALS: [&str; 2] =
    ["cross-namespace references have been blocked", "cross-namespace references are not allowed"];

/// What the workload object says of its failure, with the cause and the way out where Flux refuses its source.
pub(super) fn explained(live: Live<'_>, message: String) -> String {
    let is_refused = REFUSALS.iter().any(|words| message.contains(words));
    match origin(live).filter(|_| is_refused) {
        Some(origin) => {
            format!(
                "{} runs with {} and refuses {origin}: {}",
                controller(live),
                FLAG,
                way_out(live, &origin)
            )
        }
        None => message,
    }
}

/// A note on a `HelmRelease` that waits for its `HelmChart` in another namespace: helm-controller refuses that without a
/// word in the object (`internal/reconcile/helmchart_template.go`, `Reconcile`).
pub(super) fn silence(live: Live<'_>) -> Option<String> {
    let origin = origin(live).filter(|_| live.at(fields::CHART).is_some())?;
    let is_known = live.object.metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty());
    let made = live.text(fields::HELM_CHART).and_then(|chart| chart.split('/').next());
    let waits = is_known && made != Some(origin.namespace.as_str()) && !live.is_suspended();
    waits.then(|| {
        format!(
            "{} waits for its HelmChart; where that lasts, helm-controller runs with {FLAG} and refuses {origin}: {}",
            live.key(),
            way_out(live, &origin)
        )
    })
}

const FLAG: &str = "--no-cross-namespace-refs";

const fn controller(live: Live<'_>) -> &'static str {
    match live.kind {
        FluxKind::HelmRelease => "helm-controller",
        _ => "kustomize-controller",
    }
}

fn way_out(live: Live<'_>, origin: &ObjectKey) -> String {
    let kind = origin.kind.override_name().unwrap_or_default();
    format!(
        "start it without that flag, or, unless Argo CD renders the source, have it read a Secret of the namespace {} (annotation \
         {}{kind}-override with spec.secretRef)",
        live.namespace(),
        names::OVERRIDE_PREFIX
    )
}

/// The source of the workload object, where it stands in another namespace.
fn origin(live: Live<'_>) -> Option<ObjectKey> {
    source_key(live).filter(|source| source.namespace != live.namespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::DynamicObject;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn object(spec: &Value, status: &Value) -> DynamicObject {
        let metadata = json!({"name": "demo", "namespace": "apps", "finalizers": ["finalizers.fluxcd.io"]});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn a_refused_source_has_a_cause_and_a_way_out() {
        let source = json!({"kind": "GitRepository", "name": "apps-demo", "namespace": "argocd"});
        let object = object(&json!({"sourceRef": source}), &json!({}));
        let live = Live { kind: FluxKind::Kustomization, object: &object };
        let said =
            "can't access 'GitRepository/argocd/apps-demo', cross-namespace references have been blocked";
        assert_eq!(
            explained(live, said.into()),
            "kustomize-controller runs with --no-cross-namespace-refs and refuses GitRepository argocd/apps-demo: start it \
             without that flag, or, unless Argo CD renders the source, have it read a Secret of the namespace apps (annotation \
             flamingo/gitrepository-override with spec.secretRef)"
        );
        assert_eq!(explained(live, "timed out".into()), "timed out");
        assert_eq!(silence(live), None, "a Kustomization says what it is about");
    }

    #[rstest]
    #[case::silent("argocd", json!({}), true)]
    #[case::of_an_older_source("argocd", json!({"helmChart": "apps/apps-demo"}), true)]
    #[case::made("argocd", json!({"helmChart": "argocd/apps-demo"}), false)]
    #[case::in_its_own_namespace("apps", json!({}), false)]
    fn a_release_that_waits_in_silence_is_noticed(
        #[case] namespace: &str,
        #[case] status: Value,
        #[case] expected: bool,
    ) {
        let source = json!({"kind": "HelmRepository", "name": "apps-demo", "namespace": namespace});
        let object = object(&json!({"chart": {"spec": {"sourceRef": source}}}), &status);
        let note = silence(Live { kind: FluxKind::HelmRelease, object: &object });
        let says =
            "helm-controller runs with --no-cross-namespace-refs and refuses HelmRepository argocd/apps-demo";
        assert_eq!(note.is_some_and(|note| note.contains(says)), expected);
    }
}
