//! How Flux's objects name each other, and what the bridge calls those beside them.

use super::{FluxKind, Live, Manifest, ObjectKey, fields};
use crate::names;

/// Flux says so on what it makes (helm-controller `internal/reconcile/helmchart_template.go`, `buildHelmChartFromTemplate`).
pub fn is_made_for(workload: Live<'_>, chart: Live<'_>) -> bool {
    let label = |key| chart.label(key).unwrap_or_default();
    label(names::LABEL_HELM_RELEASE_NAME) == workload.name()
        && label(names::LABEL_HELM_RELEASE_NAMESPACE) == workload.namespace()
}

/// The source object that a workload object names.
pub fn source_key(workload: Live<'_>) -> Option<ObjectKey> {
    let reference = [fields::SOURCE_REFERENCE, fields::CHART_TEMPLATE_SOURCE, fields::CHART_REFERENCE]
        .into_iter()
        .find_map(|field| workload.at(field))?;
    let text = |field: &str| reference.get(field).and_then(serde_json::Value::as_str);
    let kind = FluxKind::parse(text("kind")?)?;
    Some(ObjectKey::new(kind, text("namespace").unwrap_or(workload.namespace()), text("name")?))
}

/// The `HelmChart` that Flux makes for a `HelmRelease` with `spec.chart` (helm-controller
/// `internal/reconcile/helmchart_template.go`: `NAMESPACE-NAME`, in the namespace of its source).
pub fn chart_key(workload: Live<'_>) -> Option<ObjectKey> {
    workload.at(fields::CHART_TEMPLATE)?;
    let namespace = workload.text(fields::CHART_TEMPLATE_SOURCE_NAMESPACE).unwrap_or(workload.namespace());
    let name = format!("{}-{}", workload.namespace(), workload.name());
    Some(ObjectKey::new(FluxKind::HelmChart, namespace, &name))
}

/// The same for a `HelmRelease` that is wanted, and may be gone: its `HelmChart` may outlive it for a moment.
pub fn wanted_chart_key(wanted: &Manifest) -> Option<ObjectKey> {
    let chart = wanted.spec.pointer("/chart/spec")?;
    let namespace = chart.pointer("/sourceRef/namespace").and_then(serde_json::Value::as_str);
    let (own, name) = (wanted.key.namespace.as_str(), wanted.key.name.as_str());
    Some(ObjectKey::new(FluxKind::HelmChart, namespace.unwrap_or(own), &format!("{own}-{name}")))
}

/// Name of a Secret that a source object reads; `what` it holds tells those of one source apart, and their types.
pub fn secret(source: &crate::flux::ObjectKey, what: &str) -> String {
    let kind = source.kind.kind().to_lowercase();
    format!("{}-{kind}-{what}", source.name)
}
