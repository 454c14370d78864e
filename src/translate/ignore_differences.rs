//! `spec.ignoreDifferences`, and what argocd-cm says of the same for everybody: fields that do not count.
//!
//! Flux has rules of its own for that, on a `HelmRelease` (`driftDetection.ignore`) and on a Kustomization (`ignore`). They
//! leave alone what has changed in the cluster; a Kustomization does so on every apply, which is what Argo CD does with
//! `RespectIgnoreDifferences=true`. Rules about Flux's own kinds hold for the objects that the bridge compares itself.

use serde_json::{Map, Value, json};

use super::customizations::IgnoreDifferences;
use super::draft::Draft;
use super::jq;
use crate::flux::{FluxKind, Manifest};
use crate::names;
use crate::project::{glob, glob_regex};

/// A rule whose fields are all JSON pointers, not one of them without a way to an object.
struct Rule {
    from: IgnoreDifferences,
    pointers: Vec<String>,
}

/// Writes the rules into the objects that have a word for them, and names those that have none.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest]) {
    let rules = rules(draft);
    for object in objects.iter_mut() {
        match object.key.kind {
            FluxKind::HelmRelease => extend(&mut object.spec, "/driftDetection", &rules),
            FluxKind::Kustomization => extend(&mut object.spec, "", &rules),
            _ => {}
        }
        object.ignored = rules
            .iter()
            .filter(|rule| is_about(rule, object))
            .flat_map(|rule| rule.pointers.clone())
            .collect();
    }
    if !rules.is_empty() && objects.iter().any(|object| object.key.kind == FluxKind::HelmRelease) {
        // Drift rules are for the time between.
        let why = "on a Helm release: an upgrade writes what the chart renders";
        warn_of_writes(draft, why, "let the chart leave the fields out");
    }
    if objects.iter().any(|object| !object.ignored.is_empty()) {
        let why = "on Flux's own objects: a Sync writes the generated ones whole";
        warn_of_writes(draft, why, "set the fields by an annotation flamingo/KIND-override");
    }
}

/// What a Sync writes although its differences are ignored.
fn warn_of_writes(draft: &mut Draft<'_>, why: &str, hint: &str) {
    let options = draft.app.spec.sync_policy.iter().flat_map(|policy| &policy.sync_options);
    let mut options = options.enumerate();
    let option = names::OPTION_RESPECT_IGNORE_DIFFERENCES;
    let Some((index, _)) = options.find(|(_, other)| *other == option) else { return };
    draft.warn(
        format!("spec.syncPolicy.syncOptions[{index}]"),
        format!("{option} has no effect {why}"),
        hint,
    );
}

fn rules(draft: &mut Draft<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (app, context) = (draft.app, draft.context);
    for (index, value) in app.spec.ignore_differences.iter().enumerate() {
        let field = format!("spec.ignoreDifferences[{index}]");
        match serde_json::from_value::<IgnoreDifferences>(value.clone()) {
            Ok(rule) => rules.extend(self::rule(draft, &field, &rule)),
            Err(error) => draft.warn(field, format!("has no effect: it cannot be read: {error}"), ""),
        }
    }
    for rule in &context.ignore_differences {
        let field = format!("ignoreDifferences of {}/{} in argocd-cm", rule.group, rule.kind);
        rules.extend(self::rule(draft, &field, rule));
    }
    rules
}

fn rule(draft: &mut Draft<'_>, field: &str, rule: &IgnoreDifferences) -> Option<Rule> {
    let mut pointers = Vec::new();
    for (index, pointer) in rule.json_pointers.iter().enumerate() {
        if pointer.starts_with('/') {
            pointers.push(pointer.clone());
        } else {
            let hint = "JSON pointers begin with a slash; Argo CD passes over this one, too";
            draft.warn(format!("{field}.jsonPointers[{index}]"), format!("{pointer:?} has no effect"), hint);
        }
    }
    for (index, expression) in rule.jq_path_expressions.iter().enumerate() {
        if let Some(pointer) = jq::pointer(expression) {
            pointers.push(pointer);
        } else {
            let message = format!("{expression:?} has no effect: Flux ignores fields by JSON pointers");
            let hint = "name the fields in jsonPointers, or annotate the object: kustomize.toolkit.fluxcd.io/ssa of a \
                        Kustomization's, helm.toolkit.fluxcd.io/driftDetection of a release's";
            draft.warn(format!("{field}.jqPathExpressions[{index}]"), message, hint);
        }
    }
    if !rule.managed_fields_managers.is_empty() {
        draft.warn(
            format!("{field}.managedFieldsManagers"),
            "has no effect: Flux ignores fields by JSON pointers",
            "name the fields in jsonPointers",
        );
    }
    let is_readable = glob_regex(&rule.group).is_some() && glob_regex(&rule.kind).is_some();
    if !is_readable {
        draft.warn(field, "has no effect: its group or kind is no glob", "Argo CD passes over it, too");
    }
    let from = rule.clone();
    (is_readable && !pointers.is_empty()).then_some(Rule { from, pointers })
}

/// Adds the rules to the list `ignore` below `parent`.
fn extend(spec: &mut Value, parent: &str, rules: &[Rule]) {
    let Some(parent) = spec.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    if rules.is_empty() {
        return;
    }
    let list = parent.entry("ignore").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.extend(rules.iter().map(|rule| json!({"paths": rule.pointers, "target": target(&rule.from)})));
    }
}

/// Which objects, in the regular expressions of Flux (fluxcd/pkg `ssa/jsondiff/selector.go`): an empty field is any.
fn target(rule: &IgnoreDifferences) -> Value {
    let exactly = |text: &str| (!text.is_empty()).then(|| regex::escape(text));
    let by_glob = |glob: &str| match glob {
        "*" | "**" => None,
        "" => Some("^$".to_owned()),
        glob => glob_regex(glob),
    };
    let fields = [
        ("group", by_glob(&rule.group)),
        ("kind", by_glob(&rule.kind)),
        ("namespace", exactly(&rule.namespace)),
        ("name", exactly(&rule.name)),
    ];
    let fields = fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), json!(value?))));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// The rule is about this very object (argo-cd `util/argo/normalizers/diff_normalizer.go`, `Normalize`).
fn is_about(rule: &Rule, object: &Manifest) -> bool {
    let key = &object.key;
    let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    glob(&rule.from.group, key.kind.group())
        && glob(&rule.from.kind, key.kind.kind())
        && is(&rule.from.name, &key.name)
        && is(&rule.from.namespace, &key.namespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::argo::Application;
    use crate::translate::customizations;
    use crate::translate::{Contents, Context, PathKind, Translation, translate};
    use rstest::rstest;

    fn translated(source: &Value, rules: &Value, context: &Context) -> Translation {
        let options = ["FluxSubsystem=true", "AutoCreateFluxResources=true", "RespectIgnoreDifferences=true"];
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {
                "source": source, "ignoreDifferences": rules,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
                "syncPolicy": {"syncOptions": options},
            },
        }))
        .unwrap();
        let assumed = Contents::assume(&app.sources()[0]).map(|contents| (0, contents));
        translate(&app, &Context { contents: assumed.into_iter().collect(), ..context.clone() })
    }

    fn chart() -> Value {
        json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"})
    }

    fn ignored(source: &Value, rules: &Value, pointer: &str) -> Value {
        let contents = Contents { kind: PathKind::Kustomization, ..Contents::default() };
        let context = Context { contents: [(0, contents)].into(), ..Context::default() };
        let translation = translated(source, rules, &context);
        let workload = translation.objects.into_iter().find(|object| object.key.kind.is_workload()).unwrap();
        workload.spec.pointer(pointer).cloned().unwrap_or_default()
    }

    #[rstest]
    #[case::pointers(
        json!({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}),
        json!({"paths": ["/spec/replicas"], "target": {"group": "apps", "kind": "Deployment"}})
    )]
    #[case::one_object(
        json!({"kind": "ConfigMap", "name": "a.b", "namespace": "x", "jsonPointers": ["/data"]}),
        json!({"paths": ["/data"], "target": {"group": "^$", "kind": "ConfigMap", "name": r"a\.b", "namespace": "x"}})
    )]
    #[case::globs(
        json!({"group": "*", "kind": "*Set", "jqPathExpressions": [".spec.replicas"]}),
        json!({"paths": ["/spec/replicas"], "target": {"kind": ".*Set"}})
    )]
    #[case::dots(
        json!({"group": "networking.k8s.io", "kind": "Ingress", "jsonPointers": ["/spec", "/a"]}),
        json!({"paths": ["/spec", "/a"], "target": {"group": r"networking\.k8s\.io", "kind": "Ingress"}})
    )]
    fn rules_become_flux_s(#[case] rule: Value, #[case] expected: Value) {
        let kustomize = json!({"repoURL": "https://example.org/a.git", "path": "deploy",
            "targetRevision": "a".repeat(40), "kustomize": {"namePrefix": "x-"}});
        let rules = json!([rule]);
        assert_eq!(ignored(&chart(), &rules, "/driftDetection/ignore"), json!([expected]));
        assert_eq!(ignored(&kustomize, &rules, "/ignore"), json!([expected]));
    }

    #[rstest]
    #[case::jq(json!({"kind": "A", "jqPathExpressions": [".a[].b"]}), "spec.ignoreDifferences[0].jqPathExpressions[0]")]
    #[case::managers(json!({"kind": "A", "managedFieldsManagers": ["x"]}), "spec.ignoreDifferences[0].managedFieldsManagers")]
    #[case::no_pointer(json!({"kind": "A", "jsonPointers": ["spec/x"]}), "spec.ignoreDifferences[0].jsonPointers[0]")]
    #[case::no_glob(json!({"kind": "[A", "jsonPointers": ["/spec"]}), "spec.ignoreDifferences[0]")]
    #[case::upgrades(json!({"kind": "A", "jsonPointers": ["/spec"]}), "spec.syncPolicy.syncOptions[2]")]
    fn what_flux_has_no_word_for_is_named(#[case] rule: Value, #[case] field: &str) {
        let translation = translated(&chart(), &json!([rule]), &Context::default());
        let fields: Vec<_> = translation.problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, [field]);
    }

    #[test]
    fn a_rule_about_flux_s_own_kind_is_kept_with_the_object() {
        let rules = json!([{"group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease", "name": "demo",
            "jsonPointers": ["/spec/timeout"]}]);
        let translation = translated(&chart(), &rules, &Context::default());
        let ignored: Vec<_> = translation.objects.iter().map(|object| object.ignored.as_slice()).collect();
        assert_eq!(ignored, [&[][..], &["/spec/timeout".to_owned()][..]]);
        let message = &translation.problems.last().unwrap().message;
        assert!(message.ends_with("a Sync writes the generated ones whole"), "{message}");
    }

    #[test]
    fn rules_for_everybody_come_from_argocd_cm() {
        let settings = BTreeMap::from(
            [
                (
                    "resource.customizations.ignoreDifferences.apps_Deployment",
                    "jsonPointers: [/spec/replicas]",
                ),
                ("resource.customizations.ignoreDifferences.all", "jqPathExpressions: [.metadata.labels]"),
                ("resource.customizations.health.apps_Deployment", "return {}"),
                ("resource.customizations", "Secret:\n  ignoreDifferences: |\n    jsonPointers: [/data]\n"),
                ("resource.customizations.ignoreDifferences.a_b_c", "jsonPointers: [/x]"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let rules = customizations(&settings);
        let told: Vec<_> = rules.iter().map(|rule| format!("{}/{}", rule.group, rule.kind)).collect();
        assert_eq!(told, ["/Secret", "*/*", "apps/Deployment"]);
        let context = Context { ignore_differences: rules, ..Context::default() };
        let translation = translated(&chart(), &json!([]), &context);
        let ignore = &translation.objects[1].spec["driftDetection"]["ignore"];
        assert_eq!(ignore[1], json!({"paths": ["/metadata/labels"], "target": {}}));
    }
}
