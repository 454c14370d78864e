//! Sources that others refer to by their `ref`, checked as stock Argo CD does (argo-cd `util/argo/argo.go`,
//! `GetRefSources`; `reposerver/repository/repository.go`, `runManifestGenAsync`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft::{Draft, Source};
use super::leg::Leg;
use super::{Want, commit};
use crate::argo::ApplicationSource;
use crate::names;

/// Notes every `ref` that is none, or leads nowhere.
pub(super) fn check(draft: &mut Draft<'_>, sources: &[Source<'_>]) {
    if !draft.app.has_multiple_sources() {
        let source = sources.iter().find(|source| !source.spec.reference.is_empty());
        if let Some(source) = source {
            draft.warn(source.at("ref"), "has no effect: only sources refer to each other", "leave it out");
        }
        return;
    }
    let mut known: BTreeMap<&str, &Source<'_>> = BTreeMap::new();
    for source in sources {
        let reference = source.spec.reference.as_str();
        if reference.is_empty() {
            continue;
        }
        let field = source.at("ref");
        if !is_word(reference) {
            let message =
                format!("sources.ref {reference} cannot contain any special characters except '_' and '-'");
            draft.error::<()>(field, message, "");
        } else if known.insert(reference, source).is_some() {
            let message = "invalid sources: multiple sources had the same `ref` key";
            draft.error::<()>(field, message, "give each source a ref of its own");
        }
    }
    for source in sources {
        check_uses(draft, source, &known);
    }
}

/// Whether files of other sources are looked for in `target`.
pub(super) fn is_used(target: &Source<'_>, sources: &[Source<'_>]) -> bool {
    let reference = target.spec.reference.as_str();
    let uses = |source: &Source<'_>| uses(source.spec).iter().any(|(_, used)| *used == reference);
    !reference.is_empty() && sources.iter().any(uses)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What the files of one chart refer to. An unknown `ref`, or one of a chart, is told where the file is looked for.
fn check_uses(draft: &mut Draft<'_>, source: &Source<'_>, known: &BTreeMap<&str, &Source<'_>>) {
    let mut used: Vec<&Source<'_>> = Vec::new();
    for (field, reference) in uses(source.spec) {
        let Some(target) = known.get(reference) else { continue };
        if used.iter().any(|other| other.index == target.index) {
            continue;
        }
        let field = source.at(&field);
        if target.spec.repo_url.starts_with("oci://") {
            draft.error::<()>(
                field,
                format!("${reference} is no git repository: files of an artifact cannot be referred to"),
                "keep the files in a git repository",
            );
            continue;
        }
        check_revisions(draft, source, &field, target, &used);
        used.push(target);
    }
}

/// One repository has one revision while an Application is rendered.
fn check_revisions(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    field: &str,
    target: &Source<'_>,
    used: &[&Source<'_>],
) {
    let (reference, revision) = (&target.spec.reference, &target.spec.target_revision);
    if let Some(other) = used.iter().find(|other| is_same_repository(other.spec, target.spec)) {
        let (other, its) = (&other.spec.reference, &other.spec.target_revision);
        if its != revision {
            draft.error::<()>(
                field,
                format!(
                    "cannot reference multiple revisions for the same repository (${reference} references {revision:?} \
                     while ${other} references {its:?})"
                ),
                "use one targetRevision for both",
            );
        }
    }
    let own = &source.spec.target_revision;
    if is_same_repository(source.spec, target.spec) && differs(draft, source.spec, target.spec) {
        draft.error::<()>(
            field,
            format!(
                "cannot reference a different revision of the same repository (${reference} references {revision:?} \
                 while the application references {own:?})"
            ),
            "use one targetRevision for both",
        );
    }
}

/// Whether the revisions of two sources of one repository are known to be different commits.
fn differs(draft: &Draft<'_>, one: &ApplicationSource, other: &ApplicationSource) -> bool {
    if one.target_revision == other.target_revision {
        return false;
    }
    let commit = |source: &ApplicationSource| {
        let revision = source.target_revision.as_str();
        let refs = draft.context.refs.get(&source.repo_url);
        refs.and_then(|refs| refs.commit(revision))
            .or_else(|| commit::is_commit(revision).then(|| revision.to_ascii_lowercase()))
    };
    commit(one).zip(commit(other)).is_some_and(|(one, other)| one != other)
}

/// Both are of one git repository.
pub(crate) fn is_same_repository(one: &ApplicationSource, other: &ApplicationSource) -> bool {
    one.chart.is_empty() && normalised(&one.repo_url) == normalised(&other.repo_url)
}

/// As Argo CD compares addresses of repositories (argo-cd `util/git/git.go`, `NormalizeGitURL`).
fn normalised(url: &str) -> String {
    let url = url.trim().to_lowercase();
    let url = url.strip_suffix(".git").unwrap_or(&url);
    match url.split_once("://") {
        Some(("ssh", rest)) => rest.to_owned(),
        Some(_) => url.to_owned(),
        None => url.replacen(':', "/", 1),
    }
}

/// The revisions of the other sources that the values of each chart are from, written on its workload object: the live one
/// tells which of them are delivered.
pub(super) fn note_revisions(draft: &mut Draft<'_>, sources: &[Source<'_>], legs: &mut [Leg]) {
    if !draft.app.has_multiple_sources() {
        return;
    }
    for (source, leg) in sources.iter().zip(legs) {
        let revisions = revisions(draft, source).unwrap_or_default();
        if let Some(workload) = leg.workload.as_mut().filter(|_| !revisions.is_empty()) {
            let text = Value::Object(revisions).to_string();
            workload.annotations.insert(names::ANNOTATION_VALUE_REVISIONS.to_owned(), text);
        }
    }
}

/// The revisions of those that `source` takes files from; `None` while one of them is wanted.
pub(super) fn revisions(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Map<String, Value>> {
    let mut revisions = Map::new();
    if !draft.app.has_multiple_sources() {
        return Some(revisions);
    }
    let (sources, mut is_known) = (draft.app.sources(), true);
    for (_, reference) in uses(source.spec) {
        let Some(target) = sources.iter().position(|target| target.reference == reference) else { continue };
        if let Some(revision) = draft.context.revisions.get(&target) {
            revisions.insert(target.to_string(), json!(revision));
        } else {
            draft.want::<()>(Want::Revision { source: target });
            is_known = false;
        }
    }
    is_known.then_some(revisions)
}

/// Each `$ref/…` among the files that a chart is rendered with, and its field.
fn uses(spec: &ApplicationSource) -> Vec<(String, &str)> {
    let Some(helm) = &spec.helm else { return Vec::new() };
    let values = helm
        .value_files
        .iter()
        .enumerate()
        .map(|(index, file)| (format!("helm.valueFiles[{index}]"), file.as_str()));
    let parameters =
        helm.file_parameters.iter().enumerate().map(|(index, parameter)| {
            (format!("helm.fileParameters[{index}].path"), parameter.path.as_str())
        });
    let referred = values.chain(parameters).filter_map(|(field, file)| {
        Some((field, file.strip_prefix('$')?.split('/').next().unwrap_or_default()))
    });
    referred.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://git.example.org/Org/Repo.git", "https://git.example.org/org/repo")]
    #[case("git@git.example.org:org/repo.git", "git@git.example.org/org/repo")]
    #[case("ssh://git@git.example.org/org/repo", "git@git.example.org/org/repo")]
    fn one_form_of_an_address(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(normalised(url), expected);
    }
}
