//! What a policy lets the annotations `flamingo/KIND-override` and `flamingo/KIND-replace` change.
//!
//! The objects before and after are compared, so that it does not matter by which annotation, and in which form, a field was
//! written.

use serde_json::{Value, json};

use super::jq::escaped;
use crate::flux::Manifest;
use crate::policy::{Effective, OverrideRule, Setting};
use crate::project::Impersonation;

/// They say who Flux delivers as, and where to; a policy that sets a `ServiceAccount` decides about both.
const IDENTITY: [&str; 2] = ["/spec/serviceAccountName", "/spec/kubeConfig"];

/// What of an object in Argo CD's own namespace an Application may change, whatever policies say. Secrets that Applications have
/// no business with stand beside it: another address, or another Secret, would carry them away.
const IN_CONTROL_NAMESPACE: [&str; 10] = [
    "/metadata/annotations",
    "/metadata/labels",
    "/spec/ignore",
    "/spec/interval",
    "/spec/layerSelector",
    "/spec/recurseSubmodules",
    "/spec/ref",
    "/spec/sparseCheckout",
    "/spec/suspend",
    "/spec/timeout",
];

/// The first change from `before` to `after` that may not be made of an object in Argo CD's own namespace.
pub(super) fn trespass(control_namespace: &str, before: &Manifest, after: &Manifest) -> Option<String> {
    if before.key.namespace != control_namespace || !before.key.kind.is_source() {
        return None;
    }
    let mut changes = Vec::new();
    changed(&comparable(before), &comparable(after), "", &mut changes);
    let is_free = |change: &String| IN_CONTROL_NAMESPACE.iter().any(|field| is_below(change, field));
    let change = changes.into_iter().find(|change| !is_free(change))?;
    let free = IN_CONTROL_NAMESPACE.join(", ");
    Some(format!("{change} may not be set: of an object beside Argo CD's Secrets only {free} may"))
}

/// The first change from `before` to `after` of whom Flux delivers as, where the project says that.
pub(super) fn disguise(impersonation: &Impersonation, before: &Manifest, after: &Manifest) -> Option<String> {
    let Impersonation::As { project, .. } = impersonation else { return None };
    let mut changes = Vec::new();
    changed(&comparable(before), &comparable(after), "", &mut changes);
    let change = changes.into_iter().find(|change| IDENTITY.iter().any(|field| is_below(change, field)))?;
    Some(format!("{change} may not be set: AppProject {project} says who delivers"))
}

/// A change that a policy does not let pass.
pub(super) struct Refusal {
    /// Name of the policy.
    pub(super) policy: String,
    /// A sentence.
    pub(super) message: String,
}

/// The first change from `before` to `after` that `policy` does not let pass.
pub(super) fn refusal(policy: &Effective, before: &Manifest, after: &Manifest) -> Option<Refusal> {
    if policy.overrides.is_none() && policy.service_account_name.is_none() {
        return None;
    }
    let kind = before.key.kind.kind();
    let rules = policy.overrides.as_ref().map(|rules| paths(rules, kind));
    let identity = policy.service_account_name.as_ref().map(|account| account.policy.as_str());
    let mut changes = Vec::new();
    changed(&comparable(before), &comparable(after), "", &mut changes);
    changes.iter().find_map(|change| {
        let covering = rules.iter().flatten().filter(|path| is_below(change, path));
        let is_about_identity = |path: &str| IDENTITY.iter().any(|field| is_below(path, field));
        if let Some(name) = identity.filter(|_| is_about_identity(change)) {
            let is_listed = covering.into_iter().any(|path| is_about_identity(path));
            let message = format!("{change} may not be set: FluxDeliveryPolicy {name} says who delivers");
            return (!is_listed).then(|| Refusal { policy: name.to_owned(), message });
        }
        let setting = policy.overrides.as_ref()?;
        covering.into_iter().next().is_none().then(|| not_listed(setting, kind, change))
    })
}

fn not_listed(setting: &Setting<Vec<OverrideRule>>, kind: &str, change: &str) -> Refusal {
    let name = &setting.policy;
    let all = paths(setting, kind);
    let all = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
    Refusal {
        policy: name.clone(),
        message: format!("{change} may not be set: FluxDeliveryPolicy {name} allows {all} of a {kind}"),
    }
}

/// The pointers that are allowed for the kind.
fn paths<'a>(rules: &'a Setting<Vec<OverrideRule>>, kind: &str) -> Vec<&'a str> {
    let of_kind = rules
        .value
        .iter()
        .filter(|rule| rule.kinds.is_empty() || rule.kinds.iter().any(|other| other.kind() == kind));
    of_kind.flat_map(|rule| rule.paths.iter().map(String::as_str)).collect()
}

/// `pointer` is `path`, or below it.
fn is_below(pointer: &str, path: &str) -> bool {
    pointer.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn comparable(object: &Manifest) -> Value {
    json!({"metadata": {"labels": object.labels, "annotations": object.annotations}, "spec": object.spec})
}

/// The pointers of everything that differs, as far down as maps go.
fn changed(before: &Value, after: &Value, pointer: &str, found: &mut Vec<String>) {
    let nothing = json!({});
    let (a, b) = match (before, after) {
        (Value::Object(a), Value::Object(b)) => (a, b),
        // What is added or taken away as a whole is looked at in its parts.
        (Value::Object(a), Value::Null) if !a.is_empty() => return changed(before, &nothing, pointer, found),
        (Value::Null, Value::Object(b)) if !b.is_empty() => return changed(&nothing, after, pointer, found),
        (before, after) => {
            if before != after {
                found.push(pointer.to_owned());
            }
            return;
        }
    };
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let path = format!("{pointer}/{}", escaped(key));
        let (old, new) = (a.get(key), b.get(key));
        // In chart values, a null that comes or goes is a change.
        if old.is_some() != new.is_some() && old.or(new) == Some(&Value::Null) {
            found.push(path);
        } else {
            changed(old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null), &path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::argo::Application;
    use crate::flux::FluxKind;
    use crate::policy::{Effective, FluxDeliveryPolicy, Setting};
    use crate::project::Impersonation;
    use crate::translate::{Context, Translation, translate};
    use rstest::rstest;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn refused(policy: &Value, annotation: &str, text: &str) -> Option<String> {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd", "annotations": {annotation: text}},
            "spec": {
                "source": {"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        }))
        .unwrap();
        let policy: FluxDeliveryPolicy = serde_json::from_value(json!({
            "apiVersion": "flux-subsystem.dev/v1alpha1", "kind": "FluxDeliveryPolicy",
            "metadata": {"name": "team"}, "spec": policy,
        }))
        .unwrap();
        let policy = Effective::of(&app, &[Arc::new(policy)]);
        let translation = translate(&app, &Context { policy, ..Context::default() });
        assert_eq!(translation.has_errors(), translation.objects.is_empty());
        assert_eq!(translation.has_errors(), !translation.refused.is_empty(), "{:?}", translation.problems);
        translation.refused.first().map(|refused| {
            assert_eq!(refused.field, format!("metadata.annotations[{annotation}]"));
            refused.message.clone()
        })
    }

    const OVERRIDE: &str = "flamingo/helmrelease-override";

    #[rstest]
    #[case::listed("spec: {timeout: 3m}", None)]
    #[case::below_what_is_listed("spec: {values: {ui: {message: hi}}}", None)]
    #[case::not_listed("spec: {values: {replicas: 3}}", Some("/spec/values/replicas"))]
    #[case::nothing_changed("spec: {releaseName: demo}", None)]
    #[case::metadata("metadata: {labels: {a: b}}", Some("/metadata/labels/a"))]
    #[case::taken_away("spec: {driftDetection: null}", Some("/spec/driftDetection/mode"))]
    #[case::both("spec: {timeout: 3m, suspend: true}", Some("/spec/suspend"))]
    #[case::null_value("spec: {values: {a: null}}", Some("/spec/values/a"))]
    #[case::alike_in_the_beginning("spec: {timeoutSeconds: 3}", Some("/spec/timeoutSeconds"))]
    fn what_is_listed_may_be_changed(#[case] text: &str, #[case] field: Option<&str>) {
        let policy = json!({"overrides": {"allowed": [
            {"kinds": ["HelmRelease"], "paths": ["/spec/timeout", "/spec/values/ui"]},
            {"kinds": ["Kustomization"], "paths": [""]},
        ]}});
        let expected = field.map(|field| {
            format!(
                "{field} may not be set: FluxDeliveryPolicy team allows /spec/timeout, /spec/values/ui of a HelmRelease"
            )
        });
        assert_eq!(refused(&policy, OVERRIDE, text), expected);
    }

    #[rstest]
    #[case::replaced("flamingo/helmrelease-replace", "interval: 1m", json!([]), true)]
    #[case::another_kind("flamingo/helmrepository-override", "spec: {timeout: 1m}", json!([]), true)]
    #[case::everything(OVERRIDE, "spec: {suspend: true}", json!([{"paths": [""]}]), false)]
    fn both_annotations_and_all_kinds_are_held(
        #[case] annotation: &str,
        #[case] text: &str,
        #[case] allowed: Value,
        #[case] is_refused: bool,
    ) {
        let policy = json!({"overrides": {"allowed": allowed}});
        assert_eq!(refused(&policy, annotation, text).is_some(), is_refused);
    }

    #[rstest]
    #[case::no_list(json!(null), "spec: {serviceAccountName: admin}", true)]
    #[case::taken_away(json!(null), "spec: {serviceAccountName: null}", true)]
    #[case::elsewhere(json!(null), "spec: {kubeConfig: {secretRef: {name: a}}}", true)]
    #[case::something_else(json!(null), "spec: {timeout: 3m}", false)]
    #[case::everything_is_not_enough(json!([{"paths": ["", "/spec"]}]), "spec: {serviceAccountName: admin}", true)]
    #[case::by_another_name(json!([{"paths": ["/spec/kubeConfig"]}]), "spec: {serviceAccountName: admin}", true)]
    #[case::by_its_name(json!([{"paths": ["/spec/serviceAccountName"]}]), "spec: {serviceAccountName: admin}", false)]
    fn the_service_account_is_the_policy_s(
        #[case] allowed: Value,
        #[case] text: &str,
        #[case] is_refused: bool,
    ) {
        let mut policy = json!({"serviceAccountName": "deployer"});
        if !allowed.is_null() {
            policy["overrides"] = json!({"allowed": allowed});
        }
        assert_eq!(refused(&policy, OVERRIDE, text).is_some(), is_refused);
    }

    #[rstest]
    #[case::another_address("argocd", "spec: {url: https://evil.example.org}", true)]
    #[case::another_secret("argocd", "spec: {secretRef: {name: repo}}", true)]
    #[case::harmless("argocd", "metadata: {labels: {a: b}}\nspec: {timeout: 30s}", false)]
    #[case::elsewhere("apps", "spec: {secretRef: {name: repo}}", false)]
    fn beside_argo_cds_secrets_little_may_be_changed(
        #[case] namespace: &str,
        #[case] text: &str,
        #[case] is_refused: bool,
    ) {
        let app: Application = serde_json::from_value(json!({
            "metadata": {
                "name": "demo", "namespace": "argocd", "annotations": {"flamingo/helmrepository-override": text},
            },
            "spec": {
                "source": {"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        }))
        .unwrap();
        let context = Context { control_namespace: "argocd".to_owned(), ..Context::default() };
        assert_eq!(translate(&app, &context).has_errors(), is_refused);
    }

    fn impersonated(text: &str, account: &str) -> Translation {
        let app: Application = serde_json::from_value(json!({
            "metadata": {
                "name": "demo", "namespace": "argocd", "annotations": {"flamingo/helmrelease-override": text},
            },
            "spec": {
                "source": {"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        }))
        .unwrap();
        let service_account_name = Setting { value: account.to_owned(), policy: "base".to_owned() };
        let context = Context {
            impersonation: Impersonation::As { account: "deployer".to_owned(), project: "team".to_owned() },
            policy: Effective {
                service_account_name: (!account.is_empty()).then_some(service_account_name),
                ..Effective::default()
            },
            ..Context::default()
        };
        translate(&app, &context)
    }

    #[rstest]
    #[case::harmless("spec: {timeout: 30s}", "", false)]
    #[case::said_by_a_policy_too("spec: {timeout: 30s}", "deployer", false)]
    #[case::said_otherwise_by_a_policy("spec: {timeout: 30s}", "other", true)]
    #[case::another_account("spec: {serviceAccountName: admin}", "", true)]
    #[case::none("spec: {serviceAccountName: null}", "", true)]
    #[case::another_cluster("spec: {kubeConfig: {secretRef: {name: a}}}", "", true)]
    fn whom_a_project_has_it_delivered_as_stays(
        #[case] text: &str,
        #[case] account: &str,
        #[case] is_refused: bool,
    ) {
        let translation = impersonated(text, account);
        assert_eq!(translation.has_errors(), is_refused, "{:?}", translation.problems);
        let release = translation.objects.iter().find(|object| object.key.kind == FluxKind::HelmRelease);
        assert!(release.is_none_or(|release| release.spec["serviceAccountName"] == "deployer"));
        assert_eq!(release.is_none(), is_refused);
    }
}
