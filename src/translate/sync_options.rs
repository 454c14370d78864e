//! Sync options of the Application, one by one: what Flux does, what it cannot do, and what cannot be left out.
//!
//! The options are matched to the letter, as Argo CD does (argo-cd `controller/sync.go`; gitops-engine
//! `pkg/sync/common/types.go`). One that Argo CD does not know has no effect there either.

use serde_json::{Value, json};

use super::draft::Draft;
use crate::flux::{FluxKind, Manifest};
use crate::merge::deep_merge;
use crate::names;

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Flux does so, or the bridge does.
    Kept,
    /// It has no effect; the sentence says why.
    Lost(&'static str),
    /// Delivery without it would do what it forbids; the sentence says how to get along.
    Refused(&'static str),
}
use Meaning::{Kept, Lost, Refused};

const ANNOTATE: &str =
    "annotate the objects: kustomize.toolkit.fluxcd.io/prune: disabled, or helm.sh/resource-policy: keep";
const BACKGROUND: &str = "Flux leaves dependent objects to Kubernetes, which deletes them in the background";

/// Every option that Argo CD reads from an Application, and the bridge's own.
const OPTIONS: [(&str, Meaning); 31] = [
    (names::OPTION_FLUX_SUBSYSTEM, Kept),
    (names::OPTION_AUTO_CREATE, Kept),
    ("AutoCreateFluxResources=false", Kept),
    (names::OPTION_CREATE_NAMESPACE, Kept),
    ("CreateNamespace=false", Kept),
    ("Prune=true", Kept),
    (names::OPTION_NO_PRUNE, Kept),
    ("Prune=confirm", Refused(ANNOTATE)),
    ("Delete=true", Kept),
    (names::OPTION_NO_DELETE, Kept),
    ("Delete=confirm", Refused(ANNOTATE)),
    ("PruneLast=true", Lost("Flux deletes what left the source right after it applied the rest")),
    ("PruneLast=false", Kept),
    ("PrunePropagationPolicy=background", Kept),
    ("PrunePropagationPolicy=foreground", Lost(BACKGROUND)),
    ("PrunePropagationPolicy=orphan", Refused("leave it out: dependent objects would be deleted")),
    (REPLACE, Kept),
    ("Replace=false", Kept),
    ("Force=true", Lost("Argo CD reads it from the annotations of single objects alone")),
    // Flux applies on the server's side alone.
    ("ServerSideApply=true", Kept),
    ("ServerSideApply=false", Lost("Flux applies on the server's side")),
    ("ClientSideApplyMigration=true", Kept),
    ("ClientSideApplyMigration=false", Lost("Flux takes over what kubectl applied on the client's side")),
    (NO_VALIDATION, Kept),
    ("Validate=true", Kept),
    // Flux applies custom resource definitions first, and tries again what it has no definition for.
    ("SkipDryRunOnMissingResource=true", Kept),
    ("SkipDryRunOnMissingResource=false", Kept),
    // Flux writes no object that is as it should be.
    ("ApplyOutOfSyncOnly=true", Kept),
    ("ApplyOutOfSyncOnly=false", Kept),
    (names::OPTION_RESPECT_IGNORE_DIFFERENCES, Kept),
    ("FailOnSharedResource=true", Lost("an object that two Applications deliver goes to the last one")),
];
const REPLACE: &str = "Replace=true";
const NO_VALIDATION: &str = "Validate=false";

/// Names each option that has no effect, or cannot be kept.
pub(super) fn check(draft: &mut Draft<'_>) {
    let options: &[String] = draft.app.spec.sync_policy.as_ref().map_or(&[], |policy| &policy.sync_options);
    for (index, option) in options.iter().enumerate() {
        let field = field(index);
        if let Some(first) = contradicted(option, &options[..index]) {
            let message = format!("Argo CD takes the first of {first} and {option}");
            draft.error::<()>(field, message, "take one of them out");
            continue;
        }
        match OPTIONS.iter().find(|(known, _)| known == option).map(|(_, meaning)| *meaning) {
            Some(Kept) => {}
            Some(Lost(why)) => draft.warn(field, format!("{option} has no effect: {why}"), ""),
            Some(Refused(hint)) => draft.unsupported(field, &format!("{option} is"), hint),
            None => {
                let hint = "Argo CD passes over it, too; options are matched to the letter";
                draft.warn(field, format!("{option} has no effect: it is no sync option"), hint);
            }
        }
    }
}

/// The one `before` an option that says something else of the same: of these Argo CD reads one value (argo-cd `types.go`,
/// `GetOptionValue`), while the others are either there or not.
fn contradicted<'a>(option: &str, before: &'a [String]) -> Option<&'a str> {
    let key = |option: &str| option.split_once('=').map(|(key, _)| key.to_owned());
    let own = key(option).filter(|key| matches!(key.as_str(), "Prune" | "Delete"))?;
    let first = before.iter().find(|other| key(other).as_ref() == Some(&own))?;
    (first != option).then_some(first)
}

fn field(index: usize) -> String {
    format!("spec.syncPolicy.syncOptions[{index}]")
}

/// Writes the options into the objects that have a word for them.
pub(super) fn apply(draft: &mut Draft<'_>, objects: &mut [Manifest]) {
    for object in objects {
        match object.key.kind {
            FluxKind::HelmRelease => release(draft, &mut object.spec),
            FluxKind::Kustomization => kustomization(draft, &mut object.spec),
            _ => {}
        }
    }
}

fn kustomization(draft: &mut Draft<'_>, spec: &mut Value) {
    if draft.app.has_sync_option(names::OPTION_NO_DELETE) {
        deep_merge(spec, json!({"deletionPolicy": "Orphan"}));
    }
    if let Some(field) = place(draft, NO_VALIDATION) {
        let why =
            "Flux applies manifests on the server's side, which takes no field that the schema does not have";
        draft.warn(
            field,
            format!("{NO_VALIDATION} has no effect: {why}"),
            "take the field out of the manifest",
        );
    }
}

fn release(draft: &mut Draft<'_>, spec: &mut Value) {
    if place(draft, NO_VALIDATION).is_some() {
        let unchecked = json!({"disableOpenAPIValidation": true});
        deep_merge(spec, json!({"install": unchecked, "upgrade": unchecked}));
    }
    // Helm replaces (as opposed to: patches) only what it does not apply on the server's side (helm-controller
    // `internal/action/upgrade.go`).
    if place(draft, REPLACE).is_some() {
        deep_merge(spec, json!({"upgrade": {"force": true, "serverSideApply": "disabled"}}));
    }
    let Some(field) = place(draft, names::OPTION_NO_PRUNE) else { return };
    if draft.app.has_sync_option(names::OPTION_NO_DELETE) {
        // Helm's own word for both at once.
        let keep = json!({"annotations": {"helm.sh/resource-policy": "keep"}});
        deep_merge(spec, json!({"commonMetadata": keep}));
    } else {
        draft.unsupported(
            field,
            "Prune=false without Delete=false on a Helm release is",
            "add Delete=false (Helm keeps both or nothing), or annotate the objects: helm.sh/resource-policy: keep",
        );
    }
}

/// Where the option stands among those of the Application.
fn place(draft: &Draft<'_>, option: &str) -> Option<String> {
    let options = &draft.app.spec.sync_policy.as_ref()?.sync_options;
    options.iter().position(|other| other == option).map(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::translate::{Contents, Context, Severity, translate};
    use rstest::rstest;

    fn translated(source: &Value, options: &[&str]) -> crate::translate::Translation {
        let mut options = options.to_vec();
        options.extend(["FluxSubsystem=true", "AutoCreateFluxResources=true"]);
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "demo", "namespace": "argocd"},
            "spec": {
                "source": source,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "apps"},
                "syncPolicy": {"automated": {"prune": true}, "syncOptions": options},
            },
        }))
        .unwrap();
        let assumed = Contents::assume(&app.sources()[0]).map(|contents| (0, contents));
        translate(&app, &Context { contents: assumed.into_iter().collect(), ..Context::default() })
    }

    fn chart() -> Value {
        json!({"repoURL": "https://charts.example.org", "chart": "podinfo", "targetRevision": "6.3.5"})
    }

    fn kustomization() -> Value {
        json!({"repoURL": "https://example.org/a.git", "path": "deploy", "targetRevision": "a".repeat(40),
            "kustomize": {"namePrefix": "x-"}})
    }

    fn workload(source: &Value, options: &[&str]) -> Value {
        let translation = translated(source, options);
        let workload = translation.objects.into_iter().find(|object| object.key.kind.is_workload());
        workload.unwrap_or_else(|| panic!("{:?}", translation.problems)).spec
    }

    #[rstest]
    #[case::validation(chart(), &["Validate=false"], "/install/disableOpenAPIValidation", json!(true))]
    #[case::validation(chart(), &["Validate=false"], "/upgrade/disableOpenAPIValidation", json!(true))]
    #[case::replace(chart(), &["Replace=true"], "/upgrade/force", json!(true))]
    #[case::replace(chart(), &["Replace=true"], "/upgrade/serverSideApply", json!("disabled"))]
    #[case::replace(kustomization(), &["Replace=true"], "/force", json!(true))]
    #[case::prune(kustomization(), &[], "/prune", json!(true))]
    #[case::no_prune(kustomization(), &["Prune=false"], "/prune", json!(false))]
    #[case::no_delete(kustomization(), &["Delete=false"], "/deletionPolicy", json!("Orphan"))]
    #[case::keep(
        chart(), &["Prune=false", "Delete=false"], "/commonMetadata/annotations/helm.sh~1resource-policy", json!("keep")
    )]
    fn what_flux_has_a_word_for(
        #[case] source: Value,
        #[case] options: &[&str],
        #[case] pointer: &str,
        #[case] expected: Value,
    ) {
        assert_eq!(workload(&source, options).pointer(pointer), Some(&expected));
    }

    #[rstest]
    #[case::lost(chart(), "PruneLast=true", Some(Severity::Warning))]
    #[case::refused(chart(), "Delete=confirm", Some(Severity::Error))]
    #[case::orphans(chart(), "PrunePropagationPolicy=orphan", Some(Severity::Error))]
    #[case::half_of_keeping(chart(), "Prune=false", Some(Severity::Error))]
    #[case::validation(kustomization(), "Validate=false", Some(Severity::Warning))]
    #[case::misspelt(chart(), "CreateNamespaces=true", Some(Severity::Warning))]
    #[case::kept(chart(), "ApplyOutOfSyncOnly=true", None)]
    #[case::nothing_lost(chart(), "Delete=false", None)]
    fn what_is_said(#[case] source: Value, #[case] option: &str, #[case] expected: Option<Severity>) {
        let problems = translated(&source, &[option]).problems;
        let found = problems.iter().find(|problem| problem.field == "spec.syncPolicy.syncOptions[0]");
        assert_eq!(found.map(|problem| problem.severity), expected, "{problems:?}");
    }

    #[rstest]
    #[case(&["Prune=true", "Prune=false"], Some("Argo CD takes the first of Prune=true and Prune=false"))]
    #[case(&["Prune=false", "Prune=false"], None)]
    #[case(&["Delete=false", "Prune=true"], None)]
    #[case(&["Replace=true", "Replace=false"], None)]
    fn of_two_values_one_has_to_go(#[case] options: &[&str], #[case] expected: Option<&str>) {
        let problems = translated(&kustomization(), options).problems;
        let found = problems.iter().find(|problem| problem.field == "spec.syncPolicy.syncOptions[1]");
        assert_eq!(found.map(|problem| problem.message.as_str()), expected, "{problems:?}");
    }

    #[test]
    fn every_option_is_there_once() {
        let words: std::collections::BTreeSet<&str> = OPTIONS.iter().map(|(option, _)| *option).collect();
        assert_eq!(words.len(), OPTIONS.len());
    }
}
