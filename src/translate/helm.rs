//! The `HelmRelease`: a real Helm release of what Argo CD would have rendered.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Placement, Source};
use super::placement::is_dns_subdomain;
use super::value_files::{self, Home, Reader};
use super::{FilePattern, RepoPath, helm_values, post_render, revision};
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
    let home = home(draft, source, helm, from);
    let values = home.and_then(|home| helm_values::values(draft, source, helm, &home));
    let files = values.as_ref().map_or(&[][..], |values| &values.files);
    let chart = chart(draft, placement, source, helm, from, origin, files);
    let renderers = post_render::renderers(draft, source);
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
    let values = values?.inline;
    if !values.is_empty() {
        spec["values"] = Value::Object(values);
    }
    let renderers = renderers?;
    if !renderers.is_empty() {
        spec["postRenderers"] = Value::Array(renderers);
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

/// Where the chart's files lie.
fn home(draft: &mut Draft<'_>, source: &Source<'_>, helm: &HelmSource, from: ChartFrom) -> Option<Home> {
    let root = RepoPath::default();
    match from {
        ChartFrom::HelmRepository { .. } => Some(Home { folder: root.clone(), root, reader: Reader::Flux }),
        ChartFrom::Git => Some(Home { folder: source.folder(draft)?, root, reader: Reader::Both }),
        ChartFrom::Artifact if helm.value_files.is_empty() && helm.file_parameters.is_empty() => {
            Some(Home { folder: root.clone(), root, reader: Reader::Bridge })
        }
        ChartFrom::Artifact => {
            // A packed chart lies in a folder of its name, which Argo CD takes for the root (argo-cd `util/oci/client.go`).
            let charts =
                value_files::look_up(draft, source.index, FilePattern::Glob("*/Chart.yaml".to_owned()))?;
            let folder = charts.first().and_then(|(path, _)| path.split('/').next()).unwrap_or_default();
            let root = RepoPath::folder(folder).unwrap_or_default();
            Some(Home {
                folder: root.join(&source.spec.path).unwrap_or_default(),
                root,
                reader: Reader::Bridge,
            })
        }
    }
}

/// `chart` or `chartRef`, with its key in the spec; `files` are its `valuesFiles`.
fn chart(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    helm: &HelmSource,
    from: ChartFrom,
    origin: &ObjectKey,
    files: &[String],
) -> Option<(&'static str, Value)> {
    let mut spec = Map::new();
    match from {
        ChartFrom::HelmRepository { oci } => {
            spec.insert("chart".to_owned(), json!(source.spec.chart));
            spec.insert("version".to_owned(), json!(revision::chart(draft, source)?));
            if oci {
                // A HelmRepository of type oci is never fetched itself: the HelmChart is what looks for new versions.
                spec.insert("interval".to_owned(), json!(draft.context.poll_interval));
            }
        }
        ChartFrom::Git => {
            spec.insert("chart".to_owned(), json!(source.folder(draft)?.dotted()));
            // Argo CD renders every commit; Flux's default would wait for a new version in Chart.yaml.
            spec.insert("reconcileStrategy".to_owned(), json!("Revision"));
        }
        ChartFrom::Artifact => {
            return Some(("chartRef", placement.reference(origin)));
        }
    }
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
            // Argo CD and Flux deliver by Helm 4 whatever is named here (argo-cd `util/helm/cmd.go`, `NewCmd`).
            ("version", Value::String(version)) if version == "v3" || version == "v4" => {}
            ("version", other) => {
                let message =
                    format!("helm version '{}' is not supported", other.as_str().unwrap_or_default());
                draft.error::<()>(field(), message, "leave it out: v3 and v4 mean the same");
            }
            // Flux runs tests only when it is told to, and Argo CD does not know them for hooks.
            ("skipTests" | "skipSchemaValidation", Value::Bool(_)) => {}
            ("namespace", Value::String(other)) if other == namespace => {}
            ("namespace", Value::String(other)) => {
                let message = format!(
                    "objects that name no namespace would go to {other:?} with Helm, and to {namespace:?} with Argo CD"
                );
                let hint = "leave it out, or deliver to that namespace: destination.namespace";
                draft.error::<()>(field(), message, hint);
            }
            ("kubeVersion" | "apiVersions", _) => {
                let message =
                    "Flux tells charts the versions of the cluster they are installed in, and no others";
                draft.error::<()>(field(), message, "leave it out, or give the chart a value to go by");
            }
            _ => draft.unsupported(field(), "this setting is", ""),
        }
    }
}
