//! Flux's revisions, as Argo CD's readers understand them.

use crate::flux::Live;
use crate::flux::fields;
use crate::names;

/// The bare revision: commit of `main@sha1:COMMIT`, digest of `1.0.5@sha256:…`, version of `6.3.5`.
///
/// Argo CD's repo-server refuses anything but a bare commit (argo-cd `reposerver/repository/repository.go`, "must be
/// resolved"), and its OCI client writes digests with their algorithm.
pub fn bare(revision: &str) -> &str {
    let last = revision.rsplit_once('@').map_or(revision, |(_, last)| last);
    last.strip_prefix("sha1:").unwrap_or(last)
}

/// What a source object offers: of what the repo-server rendered the revision that it was rendered from, which is the one
/// that people know; else the bare revision of its artifact. Empty while there is none.
pub fn offered(source: Live<'_>) -> &str {
    if is_rendered(source) {
        let metadata = source.at(fields::ARTIFACT_METADATA);
        metadata
            .and_then(|metadata| metadata.get(names::ANNOTATION_IMAGE_REVISION)?.as_str())
            .unwrap_or_default()
    } else {
        bare(source.artifact_revision().unwrap_or_default())
    }
}

/// What a Kustomization has delivered from `source`, in the same words.
pub fn delivered<'a>(kustomization: Live<'a>, source: Option<Live<'_>>) -> &'a str {
    let field = if source.is_some_and(is_rendered) {
        fields::LAST_APPLIED_ORIGIN_REVISION
    } else {
        fields::LAST_APPLIED_REVISION
    };
    bare(kustomization.text(field).unwrap_or_default())
}

/// The bridge made it to fetch what the repo-server rendered.
fn is_rendered(source: Live<'_>) -> bool {
    source.annotation(names::ANNOTATION_RENDERED).is_some()
}

/// A chart version without the suffix that Flux adds when it repackages a chart (`+1` for merged value files,
/// `+COMMIT` for charts from git, `+DIGEST` for charts from OCI).
pub fn chart_version(revision: &str) -> &str {
    revision.split_once('+').map_or(revision, |(version, _)| version)
}

/// Whether `version` is one version, with all of its three numbers, and not a range (semver.org).
pub fn is_full_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_clean = !version.contains(|c: char| c.is_whitespace() || ",|*<>=".contains(c));
    is_clean && core.split('.').count() == 3 && core.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("6.3.5", true)]
    #[case("7.0.0-rc.1", true)]
    #[case("1.2.3+build.5", true)]
    #[case("1.2", false)]
    #[case("6.x.x", false)]
    #[case("1.2.*", false)]
    #[case("~1.2.3", false)]
    #[case("1.2.3 - 2.0.0", false)]
    #[case("1.2.3,2.0.0", false)]
    #[case("1.2.3 || 2.0.0", false)]
    #[case("", false)]
    fn full_versions_are_no_ranges(#[case] version: &str, #[case] full: bool) {
        assert_eq!(is_full_version(version), full);
    }

    #[rstest]
    #[case("main@sha1:2f5c", "2f5c")]
    #[case("sha1:2f5c", "2f5c")]
    #[case("refs/heads/main@sha1:2f5c", "2f5c")]
    #[case("v1.0@sha1:2f5c", "2f5c")]
    #[case("1.0.5@sha256:ab", "sha256:ab")]
    #[case("sha256:ab", "sha256:ab")]
    #[case("6.3.5", "6.3.5")]
    #[case("feature@home@sha1:2f5c", "2f5c")]
    fn revisions_are_bare(#[case] flux: &str, #[case] argo: &str) {
        assert_eq!(bare(flux), argo);
    }

    #[test]
    fn what_was_rendered_has_the_revision_that_it_was_rendered_from() {
        let metadata = json!({names::ANNOTATION_IMAGE_REVISION: "2f5c"});
        let artifact = json!({"revision": "sha256:ab", "metadata": metadata});
        let mut source =
            object(FluxKind::OciRepository, &json!({"spec": {}, "status": {"artifact": artifact}}));
        let status = json!({"lastAppliedRevision": "sha256:ab", "lastAppliedOriginRevision": "2f5c"});
        let workload = object(FluxKind::Kustomization, &json!({"spec": {}, "status": status}));
        let workload = Live { kind: FluxKind::Kustomization, object: &workload };
        // Somebody's own artifact may carry the annotation, too: Argo CD shows its digest.
        let live = Live { kind: FluxKind::OciRepository, object: &source };
        assert_eq!((offered(live), delivered(workload, Some(live))), ("sha256:ab", "sha256:ab"));
        let mark = [(names::ANNOTATION_RENDERED.to_owned(), "plugin".to_owned())];
        source.metadata.annotations = Some(mark.into());
        let live = Live { kind: FluxKind::OciRepository, object: &source };
        assert_eq!((offered(live), delivered(workload, Some(live))), ("2f5c", "2f5c"));
    }

    #[test]
    fn flux_suffixes_go() {
        assert_eq!(chart_version("6.3.5+2f5c1d"), "6.3.5");
        assert_eq!(chart_version("6.3.5-rc.1"), "6.3.5-rc.1");
    }
}
