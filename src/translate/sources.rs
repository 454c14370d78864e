//! The Flux source objects: where an Application's `repoURL` is fetched from.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Placement, Source};
use super::ssh_address::scp_form;
use super::{ignore, revision};
use crate::argo::repository_url::{user_of, without_user};
use crate::flux::{FluxKind, Manifest};
use crate::merge::deep_merge;
use crate::names;

/// Where a source comes from, by Argo CD's own order of asking (argo-cd `repository.go`, source client choice).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A chart from a Helm repository over HTTP.
    HelmHttp,
    /// A chart from a registry, named by repository and chart.
    HelmOci,
    /// An artifact of a registry, a chart or manifests.
    Oci,
    /// A git repository.
    Git,
}

/// The origin of `source`; a source that names too little, or an unknown scheme, is an error.
pub(super) fn origin(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Origin> {
    let spec = source.spec;
    let is_referred_to = draft.app.has_multiple_sources() && !spec.reference.is_empty();
    if spec.repo_url.is_empty() || !source.renders() && !is_referred_to {
        let field = source.at("repoURL");
        let (path, chart, reference) = (source.at("path"), source.at("chart"), source.at("ref"));
        let either = if draft.app.has_multiple_sources() {
            format!("{path}, {chart}, or {reference}")
        } else {
            format!("{path} or {chart}")
        };
        return draft.error(
            field.clone(),
            format!("{field} and either {either} are required"),
            "write path: . for the root of a repository",
        );
    }
    if let Some(address) = spec.repo_url.strip_prefix("oci://") {
        return Some(oci_origin(draft, source, address));
    }
    if spec.chart.is_empty() {
        return Some(Origin::Git);
    }
    match spec.repo_url.split_once("://") {
        None => Some(Origin::HelmOci),
        Some(("http" | "https", _)) => Some(Origin::HelmHttp),
        Some((scheme, _)) => draft.error(
            source.at("repoURL"),
            format!("a Helm repository cannot be read over {scheme}://"),
            "use https://, or a registry without a scheme",
        ),
    }
}

/// Argo CD ignores `chart` beside an `oci://` address, which must then name the chart's artifact itself. An address that
/// does not end in the chart's name cannot be that artifact; there it is the registry that holds the chart.
fn oci_origin(draft: &mut Draft<'_>, source: &Source<'_>, address: &str) -> Origin {
    let chart = source.spec.chart.as_str();
    let last = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if chart.is_empty() || last == chart || !source.spec.path.is_empty() {
        if !chart.is_empty() {
            let hint =
                if source.spec.path.is_empty() { "write path: . in its place" } else { "leave it out" };
            draft.warn(source.at("chart"), "has no effect beside an oci:// address", hint);
        }
        return Origin::Oci;
    }
    Origin::HelmOci
}

/// The address in a form that the `GitRepository` CRD takes: `http://`, `https://` or `ssh://`.
fn git_url(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<String> {
    let url = source.spec.repo_url.as_str();
    if let Some((host, path)) = scp_form(url) {
        return Some(format!("ssh://{host}/{}", path.trim_start_matches('/')));
    }
    match url.split_once("://") {
        Some(("http" | "https" | "ssh", _)) => Some(url.to_owned()),
        _ => draft.error(
            source.at("repoURL"),
            format!("{url:?} is not an address that Flux fetches git repositories from"),
            "use https://, http:// or ssh://",
        ),
    }
}

/// `GitRepository` with everything that the repository holds.
pub(super) fn git(draft: &mut Draft<'_>, placement: &Placement, source: &Source<'_>) -> Option<Manifest> {
    let url = git_url(draft, source)?;
    let reference = revision::git(draft, source)?;
    let mut spec = common(draft, url);
    spec.insert("ref".to_owned(), reference);
    // Argo CD always fetches submodules (argo-cd `util/git/client.go`, `Submodule`).
    spec.insert("recurseSubmodules".to_owned(), Value::Bool(true));
    spec.insert("ignore".to_owned(), json!(ignore::NOTHING));
    Some(placement.object(draft.app, FluxKind::GitRepository, Value::Object(spec)))
}

/// `OCIRepository` for an artifact of manifests, or one whose contents are not known yet.
pub(super) fn oci(draft: &Draft<'_>, placement: &Placement, source: &Source<'_>) -> Manifest {
    let mut spec = common(draft, source.spec.repo_url.trim_end_matches('/').to_owned());
    spec.insert("ref".to_owned(), revision::oci(source));
    spec.insert("ignore".to_owned(), json!(ignore::NOTHING));
    placement.object(draft.app, FluxKind::OciRepository, Value::Object(spec))
}

/// The same artifact as the packed chart that `chartRef` of a `HelmRelease` needs.
pub(super) fn as_chart(mut repository: Manifest) -> Manifest {
    let copy = json!({"layerSelector": {"mediaType": names::MEDIA_TYPE_CHART, "operation": "copy"}});
    deep_merge(&mut repository.spec, copy);
    // Copied as it is.
    if let Some(spec) = repository.spec.as_object_mut() {
        spec.remove("ignore");
    }
    repository
}

/// The same source without the files that `ignore` names.
pub(super) fn narrowed(mut repository: Manifest, ignore: &str) -> Manifest {
    deep_merge(&mut repository.spec, json!({"ignore": ignore}));
    repository
}

/// `HelmRepository` for a chart that is named by repository and chart.
pub(super) fn helm(
    draft: &Draft<'_>,
    placement: &Placement,
    source: &Source<'_>,
    origin: Origin,
) -> Manifest {
    let url = source.spec.repo_url.as_str();
    let passes = source.spec.helm.as_ref().is_some_and(|helm| helm.pass_credentials);
    let mut spec;
    if origin == Origin::HelmOci {
        let address = url.strip_prefix("oci://").unwrap_or(url).trim_end_matches('/');
        spec = common(draft, format!("oci://{address}"));
        spec.insert("type".to_owned(), json!("oci"));
    } else {
        spec = common(draft, url.to_owned());
    }
    if passes && origin == Origin::HelmHttp {
        spec.insert("passCredentials".to_owned(), Value::Bool(true));
    }
    placement.object(draft.app, FluxKind::HelmRepository, Value::Object(spec))
}

fn common(draft: &Draft<'_>, url: String) -> Map<String, Value> {
    let mut spec = Map::new();
    spec.insert("interval".to_owned(), json!(draft.context.poll_interval));
    // User and password go into a Secret, in Argo CD's namespace, as if a repository's Secret had them.
    let url = if user_of(&url).is_some() { without_user(&url) } else { url };
    spec.insert("url".to_owned(), Value::String(url));
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("git@git.example.org:org/repo.git", Some(("git@git.example.org", "org/repo.git")))]
    #[case("git.example.org:repo", Some(("git.example.org", "repo")))]
    #[case("https://git.example.org/repo", None)]
    #[case("ssh://git@git.example.org:2222/repo", None)]
    #[case("git.example.org/org/repo", None)]
    #[case("./a:b", None)]
    fn scp_forms(#[case] url: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(scp_form(url), expected);
    }
}
