//! The `HelmRelease`: a real Helm release of what Argo CD would have rendered.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Placement, Source};
use super::placement::is_dns_subdomain;
use super::{RepoPath, helm_values, revision, value_files};
use crate::argo::application::HelmSource;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::names;

/// Where a release's chart comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChartFrom {
    /// A `HelmRepository`; of type `oci` when the flag is set.
    HelmRepository { oci: bool },
    /// A folder of a `GitRepository`.
    Git,
    /// An `OCIRepository` that is the chart.
    Artifact,
}

/// The `HelmRelease` of a chart that the source object `origin` fetches; `None` when a problem was noted.
pub(super) fn release(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    from: ChartFrom,
    origin: &ObjectKey,
) -> Option<Manifest> {
    let none = HelmSource::default();
    let helm = source.spec.helm.as_ref().unwrap_or(&none);
    let known = draft.problems.len();
    check_unsupported(draft, source, helm, from, &placement.namespace);
    let name = release_name(draft, source, helm);
    let chart = chart(draft, placement, source, helm, from, origin);
    let values = helm_values::values(draft, source, helm);
    if draft.problems[known..].iter().any(|problem| problem.severity == super::Severity::Error) {
        return None;
    }
    let (key, chart) = chart?;
    let mut spec = json!({
        "interval": names::WORKLOAD_INTERVAL,
        "releaseName": name?,
        // Written out, so that `helm list` answers in the destination namespace whatever Flux's defaults are.
        "targetNamespace": placement.namespace,
        "storageNamespace": placement.namespace,
        key: chart,
        "install": action(helm),
        "upgrade": action(helm),
        "driftDetection": {"mode": if draft.app.self_heals() { "enabled" } else { "warn" }},
    });
    let values = values?;
    if !values.is_empty() {
        spec["values"] = Value::Object(values);
    }
    Some(placement.object(draft.app, FluxKind::HelmRelease, spec))
}

/// `install` and `upgrade` alike. Failed actions are tried again: Flux's other strategy remediates a failed install by
/// uninstalling, which would delete workloads that were taken over from Argo CD.
fn action(helm: &HelmSource) -> Value {
    let mut action = json!({
        "crds": if helm.skip_crds { "Skip" } else { "CreateReplace" },
        "strategy": {"name": "RetryOnFailure", "retryInterval": names::RETRY_INTERVAL},
    });
    if helm.rest.get("skipSchemaValidation") == Some(&Value::Bool(true)) {
        action["disableSchemaValidation"] = Value::Bool(true);
    }
    action
}

/// The Application's bare name unless set (argo-cd `repository.go`, `helmTemplate`).
fn release_name(draft: &mut Draft<'_>, source: &Source<'_>, helm: &HelmSource) -> Option<String> {
    let (field, name, hint) = if helm.release_name.is_empty() {
        ("metadata.name".to_owned(), draft.app.name(), "set helm.releaseName")
    } else {
        (source.at("helm.releaseName"), helm.release_name.as_str(), "")
    };
    if name.len() > names::MAX_RELEASE_NAME {
        let max = names::MAX_RELEASE_NAME;
        return draft.error(
            field,
            format!("{name:?} is longer than {max} characters, Helm's limit for a release name"),
            hint,
        );
    }
    if is_dns_subdomain(name) {
        Some(name.to_owned())
    } else {
        draft.error(field, format!("{name:?} is not a valid name for a Helm release"), hint)
    }
}

/// `chart` or `chartRef`, with its key in the spec.
fn chart(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    helm: &HelmSource,
    from: ChartFrom,
    origin: &ObjectKey,
) -> Option<(&'static str, Value)> {
    let mut spec = Map::new();
    let root = RepoPath::default();
    let files = match from {
        ChartFrom::HelmRepository { oci } => {
            let files = value_files::resolve(draft, source, helm, &root);
            spec.insert("chart".to_owned(), json!(source.spec.chart));
            spec.insert("version".to_owned(), json!(revision::chart(draft, source)?));
            if oci {
                // A HelmRepository of type oci is never fetched itself: the HelmChart is what looks for new versions.
                spec.insert("interval".to_owned(), json!(draft.context.poll_interval));
            }
            files?
        }
        ChartFrom::Git => {
            let folder = source.folder(draft)?;
            spec.insert("chart".to_owned(), json!(folder.dotted()));
            // Argo CD renders every commit; Flux's default would wait for a new version in Chart.yaml.
            spec.insert("reconcileStrategy".to_owned(), json!("Revision"));
            value_files::resolve(draft, source, helm, &folder)?
        }
        ChartFrom::Artifact => {
            if !helm.value_files.is_empty() {
                draft.unsupported(
                    source.at("helm.valueFiles"),
                    "value files of an OCI artifact are",
                    "use valuesObject",
                );
            }
            return Some(("chartRef", placement.reference(origin)));
        }
    };
    spec.insert("sourceRef".to_owned(), placement.reference(origin));
    if !files.is_empty() {
        spec.insert("valuesFiles".to_owned(), json!(files));
        if helm.ignore_missing_value_files {
            spec.insert("ignoreMissingValuesFiles".to_owned(), Value::Bool(true));
        }
    }
    Some(("chart", json!({"spec": spec})))
}

/// Names every Helm setting that is set and has no place in a `HelmRelease`.
fn check_unsupported(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    from: ChartFrom,
    namespace: &str,
) {
    if helm.pass_credentials && from != (ChartFrom::HelmRepository { oci: false }) {
        let hint = "it is for Helm repositories over HTTP";
        draft.warn(source.at("helm.passCredentials"), "has no effect on this source", hint);
    }
    for (name, value) in &helm.rest {
        let field = || source.at(&format!("helm.{name}"));
        match (name.as_str(), value) {
            (_, value) if super::is_empty(value) => {}
            // Flux delivers by Helm's library whatever is named here, and runs tests only when it is told to.
            ("version", Value::String(version)) if version == "v3" => {}
            ("skipTests" | "skipSchemaValidation", Value::Bool(_)) => {}
            ("namespace", Value::String(other)) if other == namespace => {}
            _ => draft.unsupported(field(), "this setting is", ""),
        }
    }
}
