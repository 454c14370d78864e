//! What Flux has no word for (config management plugins, jsonnet, …): Argo CD's own repo-server renders it, the bridge
//! serves the result as an OCI artifact, and Flux fetches and delivers that. A chart that Flux would render otherwise than Argo
//! CD does (for another version of Kubernetes, say) is served as a chart of finished objects, so that it is a release all the
//! same: `helm list` shows it, Helm runs its hooks.
//!
//! The artifact stands in Argo CD's own namespace, beside the Secret with the password for it: what a plugin renders may
//! hold secrets, and whoever may read that Secret may read those of Argo CD's repositories anyway.

use serde_json::{Value, json};

use super::draft::{Draft, Placement, Source};
use super::{Form, RenderedSource, Want, references, sources};
use crate::flux::{FluxKind, Manifest, ObjectKey};
use crate::names;

/// End of the name that the fetching object would have as a source of its own.
const RENDERED: &str = "rendered";
/// The longest name of an Application in the address of its artifacts, which may have 255 characters in all.
const MAX_NAME: usize = 128;

/// The `OCIRepository` that fetches what the repo-server renders of `source`; `None` while that is wanted.
pub(super) fn artifact(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    reason: &str,
    form: Form,
) -> Option<Manifest> {
    let context = draft.context;
    let Some(rendered) = context.rendered.get(&source.index) else {
        // Rendered with the files that the others show.
        references::revisions(draft, source)?;
        return draft.want(Want::Rendered { source: source.index, form });
    };
    let key = ObjectKey::new(
        FluxKind::OciRepository,
        &context.control_namespace,
        // Beside it may stand the source itself, where it needs credentials to be looked at.
        &names::private_source(&placement.namespace, &format!("{}-{RENDERED}", placement.name)),
    );
    let mut manifest = Manifest::owned_by(draft.app, key, spec(draft, source, rendered, form));
    manifest.annotations.insert(names::ANNOTATION_RENDERED.to_owned(), reason.to_owned());
    Some(manifest)
}

/// The same for a chart: what is rendered of it is served as a chart again.
pub(super) fn chart(
    draft: &mut Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    reason: &str,
) -> Option<Manifest> {
    artifact(draft, placement, source, reason, Form::Own).map(sources::as_chart)
}

/// Why values in the spec of a `HelmRelease` would do nothing: its chart, one of `objects`, is finished. `None` where they do
/// something, or are none.
pub(super) fn ignores_values<'a>(release: &Manifest, objects: &'a [Manifest]) -> Option<&'a str> {
    let has_values = ["values", "valuesFrom"].iter().any(|field| release.spec.get(*field).is_some());
    if release.key.kind != FluxKind::HelmRelease || !has_values {
        return None;
    }
    let chart = release.spec.get("chartRef")?;
    let text = |field: &str| chart.get(field).and_then(Value::as_str);
    let namespace = text("namespace").unwrap_or(&release.key.namespace);
    let key = ObjectKey::new(FluxKind::OciRepository, namespace, text("name")?);
    let origin = objects.iter().find(|object| object.key == key)?;
    origin.annotations.get(names::ANNOTATION_RENDERED).map(String::as_str)
}

fn spec(draft: &Draft<'_>, source: &Source<'_>, rendered: &RenderedSource, form: Form) -> Value {
    let repository = repository(draft.app.namespace(), draft.app.name(), source.index, form);
    json!({
        "interval": draft.context.poll_interval,
        "url": format!("oci://{}/{repository}", draft.context.artifact_address),
        "ref": {"digest": rendered.digest},
        // Served over plain HTTP inside of the cluster, as source-controller serves its own artifacts.
        "insecure": true,
        "secretRef": {"name": names::ARTIFACTS},
    })
}

/// The repository of a source's artifacts in the bridge's registry.
pub fn repository(namespace: &str, application: &str, source: usize, form: Form) -> String {
    let end = if form == Form::Objects { "-objects" } else { "" };
    format!("{namespace}/{}/{source}{end}", names::shorten(application, MAX_NAME))
}

/// The source whose artifacts are in that repository, by its index.
pub fn source(repository: &str) -> Option<usize> {
    repository.rsplit('/').next()?.split('-').next()?.parse().ok()
}
