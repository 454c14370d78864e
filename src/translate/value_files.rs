//! `helm.valueFiles` and the paths of `helm.fileParameters`: which files are meant (argo-cd `repository.go`,
//! `getResolvedValueFiles`; `util/io/path/resolved.go`).

use std::collections::HashSet;

use super::draft::{Draft, Source};
use super::files::Matches;
use super::{File, FilePattern, RepoPath, Want, env, lfs, links};
use crate::argo::source::HelmSource;

/// Schemes that Argo CD allows unless told otherwise (argo-cd `util/settings`, `helm.valuesFileSchemes`).
pub(crate) const DEFAULT_SCHEMES: [&str; 2] = ["https", "http"];

/// Where the files of a chart lie.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// The chart's folder in the artifact.
    pub(super) folder: RepoPath,
    /// The folder in the artifact that no path leaves, and that a leading slash stands for.
    pub(super) root: RepoPath,
    pub(super) reader: Reader,
}

/// Who can read files beside a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Flux alone, as `valuesFiles`: the artifact of a `HelmRepository` is an index without charts.
    Flux,
    /// The bridge alone: with a `chartRef` there are no `valuesFiles`.
    Bridge,
    /// Both.
    Both,
}

impl Home {
    /// Whether the bridge can look into the artifact.
    pub(super) fn is_readable(&self) -> bool {
        self.reader != Reader::Flux
    }
}

/// Where one file is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the artifact of a source, by its index, at that path.
    Source(usize, String),
    /// At an address.
    Address(String),
}

/// One value file, with the field that names it.
#[derive(Clone, Debug)]
pub(super) struct ValueFile {
    pub(super) field: String,
    pub(super) place: Place,
}

/// The value files in rising precedence: patterns expanded, missing ones left out where that is wished, none twice.
///
/// A file that is listed by its name as well stands where its name does, not where the pattern is.
pub(super) fn resolve(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    helm: &HelmSource,
    home: &Home,
) -> Option<Vec<ValueFile>> {
    let mut named: Vec<Option<ValueFile>> = Vec::new();
    for (index, text) in helm.value_files.iter().enumerate() {
        let field = source.at(&format!("helm.valueFiles[{index}]"));
        named.push(locate(draft, source, home, &field, text).map(|place| ValueFile { field, place }));
    }
    let named: Vec<ValueFile> = named.into_iter().collect::<Option<_>>()?;
    let explicit: HashSet<&Place> =
        named.iter().map(|file| &file.place).filter(|place| !is_pattern(place)).collect();
    let mut files: Vec<ValueFile> = Vec::new();
    let mut complete = true;
    for (index, file) in named.iter().enumerate() {
        let text = &helm.value_files[index];
        let Some(found) = expand(draft, source, home, file, text, helm.ignore_missing_value_files) else {
            complete = false;
            continue;
        };
        for place in found {
            let is_elsewhere = is_pattern(&file.place) && explicit.contains(&place);
            if !is_elsewhere && !files.iter().any(|known| known.place == place) {
                files.push(ValueFile { field: file.field.clone(), place });
            }
        }
    }
    complete.then_some(files)
}

/// Where `text`, the value of `field`, points to.
pub(super) fn locate(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    home: &Home,
    field: &str,
    text: &str,
) -> Option<Place> {
    if text.starts_with('$') && draft.app.has_multiple_sources() {
        let other = reference(draft, field, text)?;
        if lfs::is_enabled(draft, &draft.app.sources()[other]) {
            return draft.unfaithful(lfs::REASON);
        }
        let path = text.split_once('/').map_or("", |(_, path)| path);
        let path = env::substitute(draft, source, &format!("/{path}"))?;
        let anywhere =
            Home { folder: RepoPath::default(), root: RepoPath::default(), reader: Reader::Bridge };
        return within(draft, field, &anywhere, other, &path);
    }
    let text = env::substitute(draft, source, text)?;
    if let Some(scheme) = scheme(&text) {
        return address(draft, field, scheme, &text);
    }
    within(draft, field, home, source.index, &text)
}

/// What stands at a place; `None` while it is not known, or when it is no text.
pub(super) fn read(draft: &mut Draft<'_>, field: &str, place: &Place) -> Option<String> {
    let (name, file) = match place {
        Place::Address(url) => match draft.context.addresses.get(url) {
            Some(file) => (url, Some(file.clone())),
            None => return draft.want(Want::Address { url: url.clone() }),
        },
        Place::Source(index, path) => {
            let pattern = FilePattern::Path(path.clone());
            let matches = look_up(draft, *index, pattern)?;
            if matches.is_empty() {
                links::of_missing_file(draft, *index, path)?;
            }
            (path, matches.first().map(|(_, file)| file.clone()))
        }
    };
    match file.as_ref().map(File::text) {
        Some(Ok(text)) => Some(text.to_owned()),
        Some(Err(_)) => draft.unfaithful("very large or binary files"),
        None => draft.error(
            field,
            format!("open {name}: no such file or directory"),
            "create the file, or set helm.ignoreMissingValueFiles for value files that need not be there",
        ),
    }
}

/// The other source that `text` refers to (`$NAME/path`).
///
/// Among several sources nothing else may begin with a dollar sign (argo-cd `repository.go`, `runManifestGenAsync`).
fn reference(draft: &mut Draft<'_>, field: &str, text: &str) -> Option<usize> {
    let name = text.trim_start_matches('$').split('/').next().unwrap_or_default();
    let sources = draft.app.sources();
    let others: Vec<String> =
        sources.iter().filter(|s| !s.reference.is_empty()).map(|s| format!("${}", s.reference)).collect();
    match sources.iter().position(|source| !source.reference.is_empty() && source.reference == name) {
        Some(index) if sources[index].chart.is_empty() => Some(index),
        Some(_) => draft.error(
            field,
            "source has a 'chart' field defined, but Helm charts are not yet not supported for 'ref' sources",
            "refer to a source that is a git repository",
        ),
        None if others.is_empty() => {
            let message = format!("source referenced \"${name}\", but no source has a 'ref' field defined");
            draft.error(field, message, "name a source by its ref")
        }
        None => draft.error(
            field,
            format!(
                "source referenced \"${name}\", which is not one of the available sources ({})",
                others.join(", ")
            ),
            "name a source by its ref",
        ),
    }
}

/// The scheme of an address, as Go's `url.Parse` reads it; `None` for a path.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

fn address(draft: &mut Draft<'_>, field: &str, scheme: &str, url: &str) -> Option<Place> {
    let is_same = |allowed: &str| allowed.eq_ignore_ascii_case(scheme);
    let is_allowed = match &draft.context.settings.value_file_schemes {
        Some(schemes) => schemes.iter().any(|allowed| is_same(allowed)),
        None => DEFAULT_SCHEMES.into_iter().any(is_same),
    };
    if !is_allowed {
        let hint = "helm.valuesFileSchemes in argocd-cm lists the schemes that are allowed";
        return draft.error(field, format!("the URL scheme '{scheme}' is not allowed"), hint);
    }
    if DEFAULT_SCHEMES.into_iter().any(is_same) {
        return Some(Place::Address(url.to_owned()));
    }
    // A plugin of Helm's fetches it, where the repo-server has one.
    draft.unfaithful("files over a scheme of Helm's plugins")
}

fn within(draft: &mut Draft<'_>, field: &str, home: &Home, index: usize, text: &str) -> Option<Place> {
    let path =
        if text.starts_with('/') { home.root.join(&format!("./{text}")) } else { home.folder.join(text) };
    match path {
        Some(path) if path == home.root => {
            let hint = "name a file below it";
            draft.error(field, "path resolved to repository root, which is not allowed", hint)
        }
        Some(path) if home.root.strip(path.as_str()).is_some() => {
            Some(Place::Source(index, path.as_str().to_owned()))
        }
        _ => draft.error(
            field,
            format!("file '{text}' resolved to outside repository root"),
            "name a file inside the repository",
        ),
    }
}

fn is_pattern(place: &Place) -> bool {
    matches!(place, Place::Source(_, path) if path.contains(['*', '?', '[']))
}

/// What one entry of the list stands for; `None` while that is not known, or when it stands for nothing.
fn expand(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    home: &Home,
    file: &ValueFile,
    text: &str,
    ignores_missing: bool,
) -> Option<Vec<Place>> {
    let Place::Source(index, path) = &file.place else { return Some(vec![file.place.clone()]) };
    let is_hidden = *index == source.index && !home.is_readable();
    if !is_pattern(&file.place) {
        if !ignores_missing || is_hidden {
            return Some(vec![file.place.clone()]);
        }
        let found = look_up(draft, *index, FilePattern::Path(path.clone()))?;
        if found.is_empty() {
            links::of_missing_file(draft, *index, path)?;
            return Some(Vec::new());
        }
        return Some(vec![file.place.clone()]);
    }
    if is_hidden {
        return draft.unfaithful("patterns of files in a packed chart");
    }
    let pattern = FilePattern::Glob(path.clone());
    if let Err(message) = pattern.matcher() {
        return draft.error(&file.field, format!("error expanding glob pattern {text:?}: {message}"), "");
    }
    let found = look_up(draft, *index, pattern)?;
    links::of_files(draft, *index, path.clone(), &found)?;
    if found.is_empty() && !ignores_missing {
        let hint = "set helm.ignoreMissingValueFiles where there may be none";
        return draft.error(&file.field, format!("values file glob {text:?} matched no files"), hint);
    }
    Some(found.iter().map(|(path, _)| Place::Source(*index, path.clone())).collect())
}

/// What a source holds of `pattern`; asks for it while that is unknown.
pub(super) fn look_up(draft: &mut Draft<'_>, source: usize, pattern: FilePattern) -> Option<Matches> {
    match draft.context.files.get(&source).and_then(|files| files.get(&pattern)) {
        Some(matches) => Some(matches.clone()),
        None => draft.want(Want::Files { source, pattern }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::argo::Application;
    use crate::translate::Context;
    use rstest::rstest;
    use serde_json::{Value, json};

    const FILES: [&str; 6] = [
        "chart/a.yaml",
        "chart/env/b.yaml",
        "chart/env/c.yaml",
        "env/d.yaml",
        "env/e/f.yaml",
        "chart/x y.yaml",
    ];

    /// Everything that a translation asks for, out of [`FILES`].
    fn answer(context: &mut Context, wants: &[Want]) {
        for want in wants {
            let Want::Files { source, pattern } = want else { panic!("{want:?}") };
            let is_match = pattern.matcher().unwrap();
            let mut found: Vec<_> = FILES
                .into_iter()
                .filter(|file| is_match(file))
                .map(|f| (f.to_owned(), File::Text("".into())))
                .collect();
            found.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
            context.files.entry(*source).or_default().insert(pattern.clone(), Arc::new(found));
        }
    }

    fn resolved(files: &Value, ignores_missing: bool) -> Result<Vec<String>, String> {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "shop"},
            "spec": {"sources": [
                {"repoURL": "https://git.example.org/a", "path": "chart",
                 "helm": {"valueFiles": files, "ignoreMissingValueFiles": ignores_missing}},
                {"repoURL": "https://git.example.org/b", "ref": "values"},
                {"repoURL": "https://charts.example.org", "chart": "b", "ref": "chart"},
            ]},
        }))
        .unwrap();
        let mut context = Context::default();
        let home = Home {
            folder: RepoPath::folder("chart").unwrap(),
            root: RepoPath::default(),
            reader: Reader::Both,
        };
        loop {
            let mut draft = Draft::new(&app, &context);
            let source = Source::new(&app, 0, &app.sources()[0]);
            let files = resolve(&mut draft, &source, source.spec.helm.as_ref().unwrap(), &home);
            if let Some(problem) = draft.problems.first() {
                return Err(problem.to_string());
            }
            if let Some(files) = files {
                let text = |file: &ValueFile| match &file.place {
                    Place::Source(0, path) => path.clone(),
                    Place::Source(index, path) => format!("{index}:{path}"),
                    Place::Address(url) => url.clone(),
                };
                return Ok(files.iter().map(text).collect());
            }
            let wants = draft.wants;
            assert!(!wants.is_empty());
            answer(&mut context, &wants);
        }
    }

    #[rstest]
    #[case::relative(json!(["a.yaml", "./env/../env/b.yaml"]), &["chart/a.yaml", "chart/env/b.yaml"])]
    #[case::root(json!(["/env/d.yaml", "../env/e/f.yaml"]), &["env/d.yaml", "env/e/f.yaml"])]
    #[case::twice(json!(["a.yaml", "env/b.yaml", "a.yaml"]), &["chart/a.yaml", "chart/env/b.yaml"])]
    #[case::glob(json!(["env/*.yaml"]), &["chart/env/b.yaml", "chart/env/c.yaml"])]
    #[case::deep_glob(json!(["/env/**/*.yaml"]), &["env/d.yaml", "env/e/f.yaml"])]
    #[case::named_wins_over_glob(json!(["env/*.yaml", "a.yaml", "env/b.yaml"]), &["chart/env/c.yaml", "chart/a.yaml", "chart/env/b.yaml"])]
    #[case::other_source(json!(["$values/env/d.yaml"]), &["1:env/d.yaml"])]
    #[case::other_source_glob(json!(["$values/**/e/*.yaml"]), &["1:env/e/f.yaml"])]
    #[case::address(json!(["https://example.org/*.yaml"]), &["https://example.org/*.yaml"])]
    #[case::variable(json!(["/env/${ARGOCD_APP_NAME}d.yaml"]), &["env/shopd.yaml"])]
    #[case::blank(json!(["x y.yaml"]), &["chart/x y.yaml"])]
    fn those_that_are_meant(#[case] files: Value, #[case] expected: &[&str]) {
        assert_eq!(resolved(&files, false).unwrap(), expected);
    }

    #[test]
    fn missing_ones_are_left_out_where_that_is_wished() {
        let named = json!(["missing.yaml", "a.yaml", "none/*.yaml", "$values/missing.yaml"]);
        assert_eq!(resolved(&named, true).unwrap(), ["chart/a.yaml"]);
    }

    #[rstest]
    #[case("none/*.yaml", "values file glob \"none/*.yaml\" matched no files")]
    #[case("../../a.yaml", "file '../../a.yaml' resolved to outside repository root")]
    #[case("/../a.yaml", "file '/../a.yaml' resolved to outside repository root")]
    #[case("/", "path resolved to repository root")]
    #[case("git://example.org/a", "the URL scheme 'git' is not allowed")]
    #[case(
        "$other/a.yaml",
        "source referenced \"$other\", which is not one of the available sources ($values, $chart)"
    )]
    #[case("$chart/a.yaml", "source has a 'chart' field defined")]
    #[case("a[.yaml", "error expanding glob pattern \"a[.yaml\"")]
    fn problems(#[case] file: &str, #[case] message: &str) {
        let problem = resolved(&json!([file]), false).unwrap_err();
        assert!(problem.contains(message), "{problem}");
        assert!(problem.starts_with("spec.sources[0].helm.valueFiles[0]: "), "{problem}");
    }
}
