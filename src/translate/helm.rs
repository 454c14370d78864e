//! The `HelmRelease`: a real Helm release of what Argo CD would have rendered.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Placement, Source};
use super::helm_values::{self, Values};
use super::placement::is_dns_subdomain;
use super::value_files::{Home, Reader};
use super::{RepoPath, checked, dependencies, links, post_render, revision};
use crate::argo::source::HelmSource;
use crate::argo::zero;
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::merge::deep_merge;
use crate::names;

/// Where a release's chart comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChartFrom {
    /// A `HelmRepository`; of type `oci` when the flag is set.
    HelmRepository { oci: bool },
    /// A folder of a `GitRepository`.
    Git,
    /// An artifact of a registry; when it is a packed chart, its `OCIRepository` is the chart.
    Artifact,
}

/// How a chart becomes a release.
pub(super) enum Way {
    /// Flux renders it.
    Native(Native),
    /// Argo CD's repo-server renders it, and Flux delivers that.
    Rendered(Finished),
    /// The same, but without a release: another source has the one of that name.
    Unreleased,
}

/// What a release is whoever renders the chart.
struct Release {
    name: String,
    post_renderers: Vec<Value>,
}

/// A chart that Flux renders.
pub(super) struct Native {
    release: Release,
    values: Values,
}

/// A chart that the repo-server renders.
pub(super) struct Finished {
    release: Release,
    /// What Flux would not render as Argo CD does.
    pub(super) reason: &'static str,
    /// That takes looking into the source.
    pub(super) is_told_by_files: bool,
}

/// The way of a chart that delivers to `namespace`; `None` while something is wanted, or when a problem was noted.
pub(super) fn way(
    draft: &mut Draft<'_>,
    namespace: &str,
    source: &Source<'_>,
    from: ChartFrom,
) -> Option<Way> {
    let none = HelmSource::default();
    let helm = source.spec.helm.as_ref().unwrap_or(&none);
    let known = draft.problems.len();
    check_unsupported(draft, source, helm, from);
    check_namespace(draft);
    let name = release_name(draft, source, helm);
    let renderers = post_render::renderers(draft, source);
    let release = name.zip(renderers).map(|(name, post_renderers)| Release { name, post_renderers });
    let is_sound = draft.problems[known..].iter().all(|problem| problem.severity != super::Severity::Error);
    // What was found before.
    let said = draft.unfaithful.take().or_else(|| for_another_cluster(helm, namespace));
    let said = said.or_else(|| draft.context.checked_only.then_some(checked::REASON));
    let release = release.filter(|_| is_sound);
    let first =
        release.as_ref().map(|release| *draft.releases.entry(release.name.clone()).or_insert(source.index));
    if let Some(first) = first.filter(|first| *first != source.index) {
        return unreleased(draft, source, &release?, first);
    }
    if let Some(reason) = said {
        return Some(Way::Rendered(Finished { release: release?, reason, is_told_by_files: false }));
    }
    if from == ChartFrom::Artifact && !is_packed(draft, source) {
        let reason = "chart in an artifact that is no packed chart";
        return Some(Way::Rendered(Finished { release: release?, reason, is_told_by_files: true }));
    }
    let (problems, wants) = (draft.problems.len(), draft.wants.len());
    let is_whole = from != ChartFrom::Git || dependencies::check(draft, source).is_some();
    let values = home(draft, source, from).and_then(|home| helm_values::values(draft, source, helm, &home));
    let values = values.filter(|_| draft.unfaithful.is_none());
    let values = values.and_then(|values| links::of_chart(draft, source).map(|()| values));
    if let Some(reason) = draft.unfaithful.take() {
        // What Flux would need to know, and whatever else is wrong, is the repo-server's.
        draft.problems.truncate(problems);
        draft.wants.truncate(wants);
        return Some(Way::Rendered(Finished { release: release?, reason, is_told_by_files: true }));
    }
    Some(Way::Native(Native { release: release?, values: values.filter(|_| is_whole)? }))
}

/// A chart whose release would be that of the source `first`: two releases of one name in one namespace would be one release, each
/// chart taking the other's objects away. Stock Argo CD, which renders charts without releases, delivers the objects of both.
fn unreleased(draft: &mut Draft<'_>, source: &Source<'_>, release: &Release, first: usize) -> Option<Way> {
    let name = &release.name;
    let message = format!(
        "the release {name:?} is that of spec.sources[{first}] already, and Helm keeps one of a name in a namespace"
    );
    let field = source.at("helm.releaseName");
    let hint = "set another releaseName; what the chart names after its release is then named after that";
    if !release.post_renderers.is_empty() {
        return draft.error(
            field,
            format!("{message}; without a release, kustomize has nothing to change"),
            hint,
        );
    }
    let message = format!("{message}: the objects of this chart are delivered without a release");
    draft.warn(field, message, format!("for a release, {hint}"));
    Some(Way::Unreleased)
}

/// The `HelmRelease` of a chart that the source object `origin` fetches; `None` when a problem was noted.
pub(super) fn release(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    from: ChartFrom,
    origin: &ObjectKey,
    native: Native,
) -> Option<Manifest> {
    let none = HelmSource::default();
    let helm = source.spec.helm.as_ref().unwrap_or(&none);
    let Native { release, values } = native;
    let chart = chart(draft, placement, source, helm, from, origin, &values.files)?;
    let mut spec = spec(draft, placement, &release, chart, &action(helm));
    if !values.inline.is_empty() {
        deep_merge(&mut spec, json!({"values": values.inline}));
    }
    Some(placement.object(draft.app, FluxKind::HelmRelease, spec))
}

/// The `HelmRelease` of what the repo-server rendered into the artifact of `origin`: a chart of finished objects. Which CRDs
/// are among them, and whether the values fit, was the repo-server's to say.
pub(super) fn of_rendered(
    draft: &Draft<'_>,
    placement: &Placement,
    origin: &ObjectKey,
    finished: &Finished,
) -> Manifest {
    let chart = ("chartRef", placement.reference(origin));
    let spec = spec(draft, placement, &finished.release, chart, &action(&HelmSource::default()));
    placement.object(draft.app, FluxKind::HelmRelease, spec)
}

/// What holds for any `HelmRelease` of the Application.
fn spec(
    draft: &Draft<'_>,
    placement: &Placement,
    release: &Release,
    (key, chart): (&'static str, Value),
    action: &Value,
) -> Value {
    let mut spec = json!({
        "interval": names::WORKLOAD_INTERVAL,
        "releaseName": release.name,
        // Written out, so that `helm list` answers in the destination namespace whatever Flux's defaults are.
        "targetNamespace": placement.namespace,
        "storageNamespace": placement.namespace,
        key: chart,
        "install": action,
        "upgrade": action,
        "driftDetection": {"mode": if draft.app.self_heals() { "enabled" } else { "warn" }},
    });
    if !release.post_renderers.is_empty() {
        deep_merge(&mut spec, json!({"postRenderers": release.post_renderers}));
    }
    spec
}

/// The setting by which the chart is rendered for something else than the cluster, and namespace, that it is installed in.
fn for_another_cluster(helm: &HelmSource, namespace: &str) -> Option<&'static str> {
    let is_set = |name: &str| helm.rest.get(name).is_some_and(|value| !zero::is_empty(value));
    let elsewhere =
        is_set("namespace") && helm.rest.get("namespace").and_then(Value::as_str) != Some(namespace);
    if elsewhere {
        return Some("helm.namespace");
    }
    [("kubeVersion", "helm.kubeVersion"), ("apiVersions", "helm.apiVersions")]
        .into_iter()
        .find_map(|(name, reason)| is_set(name).then_some(reason))
}

/// `install` and `upgrade` alike. An action ends when its objects are applied and its hooks have run ([`super::waiting`]);
/// Helm waits for the Jobs and Pods among its hooks all the same (helm-controller `internal/action/wait.go`). Failed actions are tried again: Flux's other strategy remediates a failed install by
/// uninstalling, which would delete workloads that were taken over from Argo CD.
fn action(helm: &HelmSource) -> Value {
    let mut action = json!({
        "disableWait": true,
        "crds": if helm.skip_crds { "Skip" } else { "CreateReplace" },
        "strategy": {"name": "RetryOnFailure", "retryInterval": names::RETRY_INTERVAL},
    });
    if helm.rest.get("skipSchemaValidation") == Some(&Value::Bool(true)) {
        deep_merge(&mut action, json!({"disableSchemaValidation": true}));
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

/// Whether the artifact of the source is a packed chart, and the path the whole of it: nothing else can be a `chartRef`.
fn is_packed(draft: &Draft<'_>, source: &Source<'_>) -> bool {
    draft.context.contents.get(&source.index).is_some_and(|contents| contents.is_packed_chart)
}

/// A release stands in a namespace, also where everything in it is cluster-wide.
fn check_namespace(draft: &mut Draft<'_>) {
    if draft.app.spec.destination.namespace.is_empty() {
        let message = "the destination namespace is empty, and a Helm release stands in one";
        let hint = "name one: objects of the chart that say another go there all the same";
        draft.error::<()>("spec.destination.namespace", message, hint);
    }
}

/// Where the chart's files lie.
fn home(draft: &mut Draft<'_>, source: &Source<'_>, from: ChartFrom) -> Option<Home> {
    let root = RepoPath::default();
    match from {
        ChartFrom::HelmRepository { .. } => Some(Home { folder: root.clone(), root, reader: Reader::Flux }),
        ChartFrom::Git => Some(Home { folder: source.folder(draft)?, root, reader: Reader::Both }),
        ChartFrom::Artifact => {
            // The folder of a packed chart is the root to Argo CD (argo-cd `util/oci/client.go`).
            let root = draft.context.contents.get(&source.index)?.folder.clone();
            Some(Home { folder: root.clone(), root, reader: Reader::Bridge })
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

/// Names every Helm setting that is set and means nothing.
fn check_unsupported(draft: &mut Draft<'_>, source: &Source<'_>, helm: &HelmSource, from: ChartFrom) {
    if helm.pass_credentials && from != (ChartFrom::HelmRepository { oci: false }) {
        let hint = "it is for Helm repositories over HTTP";
        draft.warn(source.at("helm.passCredentials"), "has no effect on this source", hint);
    }
    for (name, value) in &helm.rest {
        let field = || source.at(&format!("helm.{name}"));
        match (name.as_str(), value) {
            (_, value) if zero::is_empty(value) => {}
            // Argo CD and Flux deliver by Helm 4 whatever is named here (argo-cd `util/helm/cmd.go`, `NewCmd`).
            ("version", Value::String(version)) if version == "v3" || version == "v4" => {}
            ("version", other) => {
                let message =
                    format!("helm version '{}' is not supported", other.as_str().unwrap_or_default());
                draft.error::<()>(field(), message, "leave it out: v3 and v4 mean the same");
            }
            // Flux runs tests only when it is told to, and Argo CD does not know them for hooks.
            ("skipTests" | "skipSchemaValidation", Value::Bool(_))
            | ("namespace" | "kubeVersion", Value::String(_))
            | ("apiVersions", Value::Array(_)) => {}
            _ => draft.unsupported(field(), "this setting is", ""),
        }
    }
}
