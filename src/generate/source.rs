//! The source of the Application: where its Flux source object fetches from, in Argo CD's words.

use serde_json::{Map, Value};

use super::Refusal;
use crate::argo::ApplicationSource;
use crate::flux::fields;
use crate::flux::{FluxKind, Live, ObjectKey};

/// What the original writes where Argo CD has no word for the source; in reference mode nobody fetches from it.
const LOOPBACK: &str = "flux://loopback";

/// The source object that a workload object names.
///
/// Kinds without an equivalent in Argo CD (`Bucket`, `ExternalArtifact`, a `HelmChart` of its own) are refused.
pub fn origin(workload: Live<'_>) -> Result<ObjectKey, Refusal> {
    let named = match workload.kind {
        FluxKind::HelmRelease => [fields::CHART_TEMPLATE_SOURCE, fields::CHART_REFERENCE],
        _ => [fields::SOURCE_REFERENCE, fields::SOURCE_REFERENCE],
    };
    let key = workload.key();
    let Some(reference) =
        named.iter().find_map(|field| workload.at(*field).filter(|found| found.is_object()))
    else {
        return Err(Refusal::new(format!("{key} names no source")));
    };
    let text = |field: &str| reference.get(field).and_then(Value::as_str);
    let (kind, name) = (text("kind").unwrap_or_default(), text("name").unwrap_or_default());
    let namespace = text("namespace").unwrap_or(workload.namespace());
    match FluxKind::parse(kind).filter(|kind| kind.is_source() && *kind != FluxKind::HelmChart) {
        Some(kind) => Ok(ObjectKey::new(kind, namespace, name)),
        None => Err(Refusal::new(format!(
            "{key} is fed by {kind} {namespace}/{name}, which no source of an Application can name (without \
             --auto-create an Application refers to it as it is)"
        ))),
    }
}

/// The source in reference mode, when there is no better word.
pub(super) fn loopback() -> ApplicationSource {
    ApplicationSource { repo_url: LOOPBACK.to_owned(), path: ".".to_owned(), ..ApplicationSource::default() }
}

/// The source that becomes this one again.
pub(super) fn application_source(workload: Live<'_>, source: Live<'_>) -> ApplicationSource {
    let url = source.text(fields::URL).unwrap_or_default();
    let mut found = ApplicationSource { repo_url: url.to_owned(), ..ApplicationSource::default() };
    if source.kind == FluxKind::HelmRepository {
        if source.is_static() {
            // Stock Argo CD names the registry of a chart without a scheme.
            url.strip_prefix("oci://").unwrap_or(url).clone_into(&mut found.repo_url);
        }
        workload.text(fields::CHART_TEMPLATE_CHART).unwrap_or_default().clone_into(&mut found.chart);
        workload.text(fields::CHART_TEMPLATE_VERSION).unwrap_or("*").clone_into(&mut found.target_revision);
        return found;
    }
    let path = match workload.kind {
        FluxKind::HelmRelease => workload.text(fields::CHART_TEMPLATE_CHART),
        _ => workload.text(fields::PATH),
    };
    found.path = path_of(path.unwrap_or_default());
    found.target_revision = revision(source);
    found
}

/// Relative to the root, which is `.`; Flux takes a leading slash for the same.
fn path_of(path: &str) -> String {
    let path = path.trim_start_matches("./").trim_matches('/');
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

/// The word of `spec.ref` that counts (fluxcd/pkg `git/gogit/client.go`; source-controller `ocirepository_controller.go`).
fn revision(source: Live<'_>) -> String {
    let reference = source.at(fields::REFERENCE).and_then(Value::as_object);
    let none = Map::new();
    let reference = reference.unwrap_or(&none);
    let order: &[&str] = match source.kind {
        FluxKind::OciRepository => &["digest", "semver", "tag"],
        _ => &["commit", "name", "tag", "semver", "branch"],
    };
    let found =
        order.iter().find_map(|field| reference.get(*field)?.as_str()).filter(|text| !text.is_empty());
    let default = if source.kind == FluxKind::OciRepository { "latest" } else { "master" };
    found.unwrap_or(default).to_owned()
}
