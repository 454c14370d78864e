//! `targetRevision` → the `ref` of a Flux source, or the version of a chart.

use serde_json::{Value, json};

use super::commit::{is_abbreviation, is_commit};
use super::draft::{Draft, Source};
use super::newest::newest;
use super::semver::{Semver, classify, is_version};
use super::ssh_address::is_ssh;
use super::{RemoteRefs, Want};
use crate::argo::ApplicationSource;

/// `spec.ref` of a `GitRepository` (argo-cd `util/git/client.go`, `lsRemote`, with the same sentence when nothing fits).
pub(super) fn git(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Value> {
    let revision = source.spec.target_revision.as_str();
    if is_commit(revision) {
        return Some(by_commit(revision, draft.context.refs.get(&source.spec.repo_url)));
    }
    if revision.starts_with("refs/") {
        return Some(json!({"name": revision}));
    }
    let prefix = source.spec.tag_prefix.as_str();
    if !prefix.is_empty() && classify(revision) != Semver::Neither {
        return prefixed(draft, source, prefix);
    }
    if !prefix.is_empty() {
        draft.warn(
            source.at("tagPrefix"),
            format!("has no effect: {} is neither a version nor a range", source.at("targetRevision")),
            "leave it out",
        );
    }
    if classify(revision) == Semver::Constraint {
        return Some(json!({"semver": revision}));
    }
    let context = draft.context;
    match context.refs.get(&source.spec.repo_url) {
        Some(refs) => match resolve(revision, refs) {
            Some(reference) => Some(reference),
            None => unresolvable(draft, source, ""),
        },
        // Listing the refs of an SSH repository takes its key.
        None if is_ssh(&source.spec.repo_url) && lacks_credentials(draft, source) => guess(draft, source),
        None => draft.want(Want::RemoteRefs { url: source.spec.repo_url.clone() }),
    }
}

/// Argo CD has neither a key nor a password for the repository; a Secret that cannot be read has something, and where nobody
/// has looked there may be one.
fn lacks_credentials(draft: &Draft<'_>, source: &Source<'_>) -> bool {
    let Some(known) = &draft.context.repositories else { return false };
    known
        .find(&source.spec.repo_url, draft.app.project())
        .is_ok_and(|repository| !repository.has_credentials())
}

/// The newest tag with that prefix (argo-cd `util/versions/tags.go`, `MaxVersion`); Flux has no word for the prefix, so that
/// the tag itself is asked for, and a newer one is found where the refs are listed anew.
fn prefixed(draft: &mut Draft<'_>, source: &Source<'_>, prefix: &str) -> Option<Value> {
    let (url, revision) = (&source.spec.repo_url, source.spec.target_revision.as_str());
    if classify(revision) == Semver::Version {
        return Some(json!({"tag": format!("{prefix}{revision}")}));
    }
    let context = draft.context;
    let Some(refs) = context.refs.get(url) else {
        if is_ssh(url) && lacks_credentials(draft, source) {
            return unresolvable(draft, source, "name the tag, or give Argo CD the key of the repository");
        }
        return draft.want(Want::RemoteRefs { url: url.clone() });
    };
    let tags = refs.refs.keys().filter_map(|name| name.strip_prefix("refs/tags/")?.strip_prefix(prefix));
    match newest(revision, tags) {
        Some(tag) => Some(json!({"tag": format!("{prefix}{tag}")})),
        None => unresolvable(draft, source, &format!("no tag {prefix}VERSION is in that range")),
    }
}

/// `spec.ref` of an `OCIRepository`.
pub(super) fn oci(source: &Source<'_>) -> Value {
    let revision = source.spec.target_revision.as_str();
    if revision.starts_with("sha256:") {
        json!({"digest": revision})
    } else if revision.is_empty() {
        json!({"tag": "latest"})
    } else if classify(revision) == Semver::Constraint {
        json!({"semver": revision})
    } else {
        json!({"tag": revision})
    }
}

/// The version of a chart in a Helm repository, as Flux takes it: a version or a constraint.
pub(super) fn chart(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<String> {
    let revision = source.spec.target_revision.as_str();
    let field = source.at("targetRevision");
    if revision.is_empty() {
        return draft.error(
            field.clone(),
            format!("{field} is required if the manifest source is a helm chart"),
            "write a version, or * for the newest",
        );
    }
    match classify(revision) {
        Semver::Version | Semver::Constraint => Some(revision.to_owned()),
        Semver::Neither => draft.error(
            field,
            format!("{revision:?} is neither a version nor a range of versions"),
            "write a version such as 1.2.3, or a range such as 1.x",
        ),
    }
}

fn resolve(revision: &str, refs: &RemoteRefs) -> Option<Value> {
    if revision.is_empty() || revision == "HEAD" {
        return refs.head.as_deref().map(by_full_name);
    }
    for prefix in ["refs/heads/", "refs/tags/", "refs/"] {
        let full = format!("{prefix}{revision}");
        if refs.refs.contains_key(&full) {
            return Some(by_full_name(&full));
        }
    }
    let mut commits: Vec<&str> = Vec::new();
    if is_abbreviation(revision) {
        let abbreviated = revision.to_ascii_lowercase();
        commits = refs.refs.values().map(String::as_str).filter(|c| c.starts_with(&abbreviated)).collect();
        commits.sort_unstable();
        commits.dedup();
    }
    match commits.as_slice() {
        [commit] => Some(json!({"commit": commit})),
        _ => None,
    }
}

/// A commit that nothing but a tag names is out of reach for Flux, which clones branches for it (fluxcd/pkg
/// `git/gogit/clone.go`): then the tag is asked for.
fn by_commit(commit: &str, refs: Option<&RemoteRefs>) -> Value {
    let commit = commit.to_ascii_lowercase();
    let named: Vec<&str> = refs
        .into_iter()
        .flat_map(|refs| refs.refs.iter().filter(|(_, at)| **at == commit).map(|(name, _)| name.as_str()))
        .collect();
    let is_branch = named.iter().any(|name| name.starts_with("refs/heads/"));
    match named.iter().find_map(|name| name.strip_prefix("refs/tags/")) {
        Some(tag) if !is_branch => json!({"tag": tag}),
        _ => json!({"commit": commit}),
    }
}

fn by_full_name(name: &str) -> Value {
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        json!({"branch": branch})
    } else if let Some(tag) = name.strip_prefix("refs/tags/") {
        json!({"tag": tag})
    } else {
        json!({"name": name})
    }
}

/// Without the refs: what looks like a version is a tag, any other name a branch. Flux says when there is no such ref.
fn guess(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Value> {
    let revision = source.spec.target_revision.as_str();
    match RemoteRefs::assume(revision) {
        Some(refs) => resolve(revision, &refs),
        None if is_abbreviation(revision) => unresolvable(draft, source, ""),
        None => unresolvable(draft, source, "name the branch, or give Argo CD the key of the repository"),
    }
}

fn unresolvable(draft: &mut Draft<'_>, source: &Source<'_>, hint: &str) -> Option<Value> {
    let revision = match source.spec.target_revision.as_str() {
        "" => "HEAD",
        revision => revision,
    };
    let hint = match hint {
        "" if is_abbreviation(revision) => "write all 40 digits of the commit",
        "" => "name a branch, a tag or a commit of the repository",
        hint => hint,
    };
    draft.error(source.at("targetRevision"), format!("unable to resolve '{revision}' to a commit SHA"), hint)
}

/// Whether `targetRevision` names one revision for good: a commit, the version of a chart, the digest of an artifact.
pub fn is_exact_revision(source: &ApplicationSource) -> bool {
    let revision = source.target_revision.as_str();
    match (source.repo_url.starts_with("oci://"), source.chart.is_empty()) {
        (_, false) => is_version(revision),
        (true, true) => revision.starts_with("sha256:"),
        (false, true) => is_commit(revision),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::translate::Context;
    use rstest::rstest;
    use std::sync::Arc;

    const A: &str = "1234567aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "89abcdebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn app(url: &str, revision: &str) -> Application {
        let spec = json!({"source": {"repoURL": url, "targetRevision": revision, "path": "."}});
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec})).unwrap()
    }

    fn git_ref(url: &str, revision: &str, context: &Context) -> (Option<Value>, String, Vec<Want>) {
        let app = app(url, revision);
        let mut draft = Draft::new(&app, context);
        let reference = git(&mut draft, &Source::new(&app, 0, &app.sources()[0]));
        (reference, draft.problems.first().map(ToString::to_string).unwrap_or_default(), draft.wants)
    }

    fn known() -> Context {
        let refs = [
            ("refs/heads/main", A),
            ("refs/heads/both", A),
            ("refs/tags/both", B),
            ("refs/tags/v1.0.0", B),
            ("refs/pull/7/head", B),
        ];
        let refs = RemoteRefs {
            head: Some("refs/heads/main".to_owned()),
            refs: refs.map(|(name, commit)| (name.to_owned(), commit.to_owned())).into(),
        };
        Context { refs: [("https://git.example.org/a".to_owned(), refs)].into(), ..Context::default() }
    }

    #[rstest]
    #[case("", json!({"branch": "main"}))]
    #[case("HEAD", json!({"branch": "main"}))]
    #[case("main", json!({"branch": "main"}))]
    #[case("both", json!({"branch": "both"}))]
    #[case("v1.0.0", json!({"tag": "v1.0.0"}))]
    #[case("pull/7/head", json!({"name": "refs/pull/7/head"}))]
    #[case("refs/heads/other", json!({"name": "refs/heads/other"}))]
    #[case("1234567", json!({"commit": A}))]
    #[case("89ABCDEb", json!({"commit": B}))]
    #[case("1234567AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", json!({"commit": A}))]
    #[case("1.x", json!({"semver": "1.x"}))]
    #[case(">=1 <2", json!({"semver": ">=1 <2"}))]
    #[case("*", json!({"semver": "*"}))]
    fn with_the_refs_known(#[case] revision: &str, #[case] expected: Value) {
        let (reference, problem, wants) = git_ref("https://git.example.org/a", revision, &known());
        assert_eq!((reference, problem.as_str(), wants.len()), (Some(expected), "", 0));
    }

    /// Nobody asks for the refs because of a commit; but where they are known, they help.
    #[rstest]
    #[case::of_a_branch(A, json!({"commit": A}))]
    #[case::of_tags_alone(B, json!({"tag": "both"}))]
    #[case::of_none("cccccccccccccccccccccccccccccccccccccccc", json!({"commit": "cccccccccccccccccccccccccccccccccccccccc"}))]
    fn a_commit_that_only_a_tag_names_is_fetched_by_the_tag(#[case] commit: &str, #[case] expected: Value) {
        let (reference, problem, wants) = git_ref("https://git.example.org/a", commit, &known());
        assert_eq!((reference, problem.as_str(), wants.len()), (Some(expected), "", 0));
    }

    #[rstest]
    #[case("nowhere", "name a branch, a tag or a commit of the repository")]
    #[case("abcdef0", "write all 40 digits of the commit")]
    fn not_there(#[case] revision: &str, #[case] hint: &str) {
        let (reference, problem, _) = git_ref("https://git.example.org/a", revision, &known());
        assert_eq!(reference, None);
        let sentence = format!("unable to resolve '{revision}' to a commit SHA");
        assert_eq!(problem, format!("spec.source.targetRevision: {sentence} ({hint})"));
    }

    #[rstest]
    #[case::range("1.x", json!({"tag": "web/1.10.0"}))]
    #[case::version("1.2.0", json!({"tag": "web/1.2.0"}))]
    #[case::branch("main", json!({"branch": "main"}))]
    fn tags_with_a_prefix(#[case] revision: &str, #[case] expected: Value) {
        let url = "https://git.example.org/a";
        let mut app = app(url, revision);
        app.sources_mut()[0].tag_prefix = "web/".to_owned();
        let mut context = known();
        for tag in ["web/1.2.0", "web/1.10.0", "web/2.0.0", "api/1.11.0", "1.12.0"] {
            let refs = &mut context.refs.get_mut(url).unwrap().refs;
            refs.insert(format!("refs/tags/{tag}"), A.to_owned());
        }
        let mut draft = Draft::new(&app, &context);
        let reference = git(&mut draft, &Source::new(&app, 0, &app.sources()[0]));
        assert_eq!(reference, Some(expected));
        let warned =
            draft.problems.iter().any(|p| p.to_string().starts_with("spec.source.tagPrefix: has no effect"));
        assert_eq!(warned, revision == "main");
    }

    #[test]
    fn a_range_without_a_tag_of_the_prefix_is_named() {
        let mut app = app("https://git.example.org/a", "3.x");
        app.sources_mut()[0].tag_prefix = "web/".to_owned();
        let context = known();
        let mut draft = Draft::new(&app, &context);
        assert_eq!(git(&mut draft, &Source::new(&app, 0, &app.sources()[0])), None);
        let problem = draft.problems[0].to_string();
        assert!(problem.contains("(no tag web/VERSION is in that range)"), "{problem}");
    }

    #[test]
    fn names_ask_for_the_refs_and_commits_do_not() {
        let url = "https://git.example.org/b";
        let want = Want::RemoteRefs { url: url.to_owned() };
        assert_eq!(git_ref(url, "main", &known()).2, std::slice::from_ref(&want));
        assert_eq!(git_ref(url, "", &known()).2, [want]);
        assert_eq!(git_ref(url, A, &known()).2, []);
    }

    #[rstest]
    #[case("main", Some(json!({"branch": "main"})))]
    #[case("v1.0.0", Some(json!({"tag": "v1.0.0"})))]
    #[case("HEAD", None)]
    #[case("", None)]
    #[case("1234567", None)]
    fn over_ssh_without_a_key_names_are_guessed(#[case] revision: &str, #[case] expected: Option<Value>) {
        let context = Context { repositories: Some(Arc::default()), ..known() };
        let (reference, _, wants) = git_ref("git@git.example.org:a", revision, &context);
        assert_eq!((reference, wants.len()), (expected, 0));
        // Where nobody has looked for a key, there may be one.
        let url = "git@git.example.org:a".to_owned();
        assert_eq!(git_ref(&url, revision, &known()).2, [Want::RemoteRefs { url }]);
    }

    #[rstest]
    #[case("", json!({"tag": "latest"}))]
    #[case("1.0.5", json!({"tag": "1.0.5"}))]
    #[case("1.x", json!({"semver": "1.x"}))]
    #[case("sha256:0123", json!({"digest": "sha256:0123"}))]
    #[case("main-abc", json!({"tag": "main-abc"}))]
    fn artifacts(#[case] revision: &str, #[case] expected: Value) {
        let app = app("oci://registry.example.org/a", revision);
        assert_eq!(oci(&Source::new(&app, 0, &app.sources()[0])), expected);
    }
}
