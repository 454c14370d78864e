//! Where Flux waits until what it has applied is healthy, before it calls it delivered.
//!
//! As with stock Argo CD, something is delivered when it is applied, and its health is read off the live objects. A Flux that
//! waits holds one of its few workers for as long, shows nothing of a release before its end, and does not get to an edit or a
//! deletion. So it waits for the sake of an order alone: where others depend on the object, where Helm's tests follow, and
//! where a policy or an override says so. Where it does not wait, it takes an object that does not come up for no failure:
//! the remediation that an override may set acts on what cannot be applied.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Context;
use crate::flux::{FluxKind, Live, Manifest, ObjectKey};

/// What policies, and dependencies from elsewhere, ask for. Called before the Application's own overrides, which come later
/// and so may take it back.
pub(super) fn apply(context: &Context, objects: &mut [Manifest]) {
    let is_policy = context.policy.wait_for_health.as_ref().is_some_and(|setting| setting.value);
    for object in objects {
        if is_policy || context.awaited.contains(&object.key) {
            wait(object);
        }
    }
}

/// What the overrides among `objects` ask for: dependencies between them, and Helm's tests.
pub(super) fn follow_overrides(objects: &mut [Manifest]) {
    let awaited: BTreeSet<ObjectKey> =
        objects.iter().flat_map(|object| dependencies(&object.key, &object.spec)).collect();
    for object in objects {
        let is_tested = object.spec.pointer("/test/enable") == Some(&Value::Bool(true));
        if is_tested || awaited.contains(&object.key) {
            wait(object);
        }
    }
}

/// Tells Flux to wait, unless the object says something of that itself.
pub(super) fn wait(object: &mut Manifest) {
    match object.key.kind {
        FluxKind::Kustomization => {
            if let Some(spec) = object.spec.as_object_mut() {
                spec.entry("wait").or_insert(Value::Bool(true));
            }
        }
        FluxKind::HelmRelease => {
            for action in ["/install", "/upgrade"] {
                if let Some(action) = object.spec.pointer_mut(action).and_then(Value::as_object_mut) {
                    wait_for_action(action);
                }
            }
        }
        _ => {}
    }
}

fn wait_for_action(action: &mut Map<String, Value>) {
    if action.get("disableWait") == Some(&Value::Bool(true)) {
        action.remove("disableWait");
    }
}

/// What the live workload object depends on (`spec.dependsOn`).
pub(crate) fn dependencies_of(live: Live<'_>) -> Vec<ObjectKey> {
    dependencies(&live.key(), live.spec())
}

/// The same of the spec of the object at `key`: objects of its kind, in its namespace unless they name another.
fn dependencies(key: &ObjectKey, spec: &Value) -> Vec<ObjectKey> {
    let all = spec.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
    let one = |dependency: &Value| {
        let text = |field: &str| dependency.get(field).and_then(Value::as_str);
        let namespace = text("namespace").filter(|namespace| !namespace.is_empty());
        Some(ObjectKey::new(key.kind, namespace.unwrap_or(&key.namespace), text("name")?))
    };
    all.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::policy::Setting;
    use crate::translate::{Contents, PathKind, translate};
    use rstest::rstest;
    use serde_json::json;

    /// What an Application with a chart and a kustomization becomes, by kind.
    fn translated(annotations: &Value, context: Context) -> [Value; 2] {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "argocd", "annotations": annotations},
            "spec": {
                "project": "team",
                "sources": [
                    {"repoURL": "https://charts.example.org", "chart": "db", "targetRevision": "1.2.3"},
                    {"repoURL": "https://git.example.org/shop", "path": "web", "targetRevision": "0123".repeat(10)},
                    {"repoURL": "https://git.example.org/shop", "path": "app", "targetRevision": "0123".repeat(10)},
                ],
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"},
                "syncPolicy": {"syncOptions": ["FluxSubsystem=true", "AutoCreateFluxResources=true"]},
            },
        }))
        .unwrap();
        let contents = Contents { kind: PathKind::Kustomization, ..Contents::default() };
        let context = Context {
            contents: [(1, contents.clone()), (2, contents)].into(),
            objects: (0..3).map(|index| (index, Ok(Vec::new()))).collect(),
            control_namespace: "argocd".to_owned(),
            ..context
        };
        let translation = translate(&app, &context);
        assert!(translation.is_complete(), "{:?} {:?}", translation.problems, translation.wants);
        ["shop", "shop-2"].map(|name| {
            let found = translation.objects.iter().find(|o| o.key.kind.is_workload() && o.key.name == name);
            found.unwrap().spec.clone()
        })
    }

    /// Whether Flux waits for the chart, and for the first kustomization.
    fn waits(annotations: &Value, context: Context) -> (bool, bool) {
        let [release, kustomization] = translated(annotations, context);
        let of_release = ["/install", "/upgrade"].map(|action| {
            let action = release.pointer(action).unwrap();
            action.get("disableWait") != Some(&json!(true))
        });
        assert_eq!(of_release[0], of_release[1], "{release}");
        (of_release[0], kustomization.get("wait") == Some(&json!(true)))
    }

    const KUSTOMIZE: &str = "flamingo/kustomize-override";
    const HELM: &str = "flamingo/helmrelease-override";

    #[rstest]
    #[case::nobody_asks(json!({}), (false, false))]
    #[case::one_source_after_another(
        json!({"flamingo/kustomize-override.3": "spec: {dependsOn: [{name: shop-2}]}"}), (false, true)
    )]
    #[case::after_one_elsewhere(
        json!({"flamingo/kustomize-override.3": "spec: {dependsOn: [{name: shop-2, namespace: other}]}"}), (false, false)
    )]
    #[case::tests(json!({HELM: "spec: {test: {enable: true}}"}), (true, false))]
    #[case::no_tests(json!({HELM: "spec: {test: {enable: false}}"}), (false, false))]
    #[case::an_override(json!({KUSTOMIZE: "spec: {wait: true}"}), (false, true))]
    #[case::an_override_of_a_release(
        json!({HELM: "spec: {install: {disableWait: null}, upgrade: {disableWait: false}}"}), (true, false)
    )]
    #[case::an_override_against_the_order(
        json!({
            "flamingo/kustomize-override.2": "spec: {wait: false}",
            "flamingo/kustomize-override.3": "spec: {dependsOn: [{name: shop-2}]}",
        }),
        (false, false)
    )]
    fn who_asks_in_the_application(#[case] annotations: Value, #[case] expected: (bool, bool)) {
        assert_eq!(waits(&annotations, Context::default()), expected);
    }

    #[test]
    fn a_policy_asks_for_all_and_an_override_may_take_it_back() {
        let context = || {
            let mut context = Context::default();
            let setting = Setting { value: true, policy: "careful".to_owned() };
            context.policy.wait_for_health = Some(setting);
            context
        };
        assert_eq!(waits(&json!({}), context()), (true, true));
        assert_eq!(waits(&json!({KUSTOMIZE: "spec: {wait: false}"}), context()), (true, false));
    }

    #[test]
    fn what_others_depend_on_is_waited_for() {
        let awaited = |kind, name: &str| Context {
            awaited: [ObjectKey::new(kind, "prod", name)].into(),
            ..Context::default()
        };
        assert_eq!(waits(&json!({}), awaited(FluxKind::HelmRelease, "shop")), (true, false));
        assert_eq!(waits(&json!({}), awaited(FluxKind::Kustomization, "shop-2")), (false, true));
        assert_eq!(waits(&json!({}), awaited(FluxKind::Kustomization, "shop")), (false, false));
    }
}
