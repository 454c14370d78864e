//! A directory of manifests: the files that stock Argo CD takes (argo-cd `repository.go`, `getPotentiallyValidManifests`),
//! and whether Flux can be brought to take exactly the same and to make the same objects of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::draft::{Draft, Source};
use super::files::{File, FilePattern};
use super::{Contents, Want, glob, ignore, keep, manifest};
use crate::argo::zero::is_empty;
use crate::project::{ResourcesFilter, glob as matches};

/// How what a path holds gets into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Flux reads it itself.
    Native,
    /// Argo CD's repo-server renders it, for this reason.
    Rendered(&'static str),
}

/// The settings of a directory.
pub(super) struct Directory {
    pub(super) recurses: bool,
    include: String,
    exclude: String,
}

impl Directory {
    pub(super) fn of(source: &Source<'_>) -> Self {
        let none = Map::new();
        let settings = source.spec.directory.as_ref().unwrap_or(&none);
        let text = |field: &str| settings.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            recurses: settings.get("recurse") == Some(&Value::Bool(true)),
            include: text("include"),
            exclude: text("exclude"),
        }
    }

    /// Whether Argo CD takes the file, by its path below that of the source.
    pub(super) fn takes(&self, file: &str) -> bool {
        let is_in_reach = self.recurses || !file.contains('/');
        let is_excluded = !self.exclude.is_empty() && matches(&self.exclude, file);
        let is_included = self.include.is_empty() || matches(&self.include, file);
        is_in_reach && !is_excluded && is_included
    }

    /// `spec.ignore` that leaves Flux nothing but what Argo CD looks at; `None` when it needs none.
    ///
    /// The error is a reason: patterns that `.gitignore` has no words for.
    pub(super) fn ignore(&self, source: &Source<'_>) -> Result<Option<String>, &'static str> {
        if self.recurses {
            let is_narrowed = !self.include.is_empty() || !self.exclude.is_empty();
            return if is_narrowed { Err("include or exclude across folders") } else { Ok(None) };
        }
        let words = |pattern: &str| {
            let words = if pattern.is_empty() { Some(Vec::new()) } else { glob::words(pattern) };
            words.ok_or("include or exclude with a pattern that .gitignore does not know")
        };
        let (include, exclude) = (words(&self.include)?, words(&self.exclude)?);
        let include = (!self.include.is_empty()).then_some(include);
        let folder = super::RepoPath::folder(&source.spec.path).unwrap_or_default();
        Ok(Some(ignore::only_files_in(&folder, include.as_deref(), &exclude)))
    }
}

/// The way of a directory that holds `contents`; `None` while files of it are wanted.
pub(super) fn way(draft: &mut Draft<'_>, source: &Source<'_>, contents: &Contents) -> Option<Way> {
    check_settings(draft, source);
    let directory = Directory::of(source);
    let jsonnet_counts = !draft.context.settings.jsonnet_is_disabled;
    let taken: Vec<&str> =
        contents.manifests.iter().map(String::as_str).filter(|file| directory.takes(file)).collect();
    let ends = |extension: &str| taken.iter().any(|file| file.ends_with(extension));
    let is_built = contents.kustomizations.iter().any(|file| directory.takes(file));
    let is_told =
        source.spec.directory.iter().flatten().any(|(name, value)| name == "jsonnet" && !is_empty(value));
    let reason = match directory.ignore(source) {
        Err(reason) => Some(reason),
        Ok(_) if contents.has_too_many => Some("very many files"),
        Ok(_) if is_built => Some("kustomization files read as manifests"),
        Ok(_) if jsonnet_counts && (is_told || ends(".jsonnet")) => Some("jsonnet"),
        Ok(_) if ends(".json") => Some("JSON files"),
        Ok(_) => None,
    };
    if let Some(reason) = reason {
        return Some(Way::Rendered(reason));
    }
    let taken: BTreeSet<&str> = taken.into_iter().filter(|file| !file.ends_with(".jsonnet")).collect();
    if taken.is_empty() {
        return Some(Way::Native);
    }
    let filter = filter(draft)?;
    let files = read(draft, source, directory.recurses)?;
    let folder = source.folder(draft)?;
    let texts = files.iter().filter(|(path, _)| folder.strip(path).is_some_and(|path| taken.contains(path)));
    let texts: Result<Vec<&str>, String> = texts.map(|(_, file)| file.text()).collect();
    let Ok(texts) = texts else { return Some(Way::Rendered("very large or binary files")) };
    if let Some(reason) = manifest::unlike_flux(texts.iter().copied(), &filter) {
        return Some(Way::Rendered(reason));
    }
    for text in texts {
        keep::note(draft, &source.at("path"), text);
    }
    Some(Way::Native)
}

/// Which kinds Argo CD leaves out; `None` when that cannot be read, which is noted.
pub(super) fn filter(draft: &mut Draft<'_>) -> Option<ResourcesFilter> {
    match &draft.context.settings.resources {
        Ok(filter) => Some(filter.clone()),
        Err(message) => draft.error(
            "spec",
            message.clone(),
            "correct it in argocd-cm: stock Argo CD compares nothing either",
        ),
    }
}

/// The files that both programs would read, as the artifact holds them.
fn read(draft: &mut Draft<'_>, source: &Source<'_>, recurses: bool) -> Option<super::files::Matches> {
    let folder = source.folder(draft)?;
    let prefix = if folder.as_str().is_empty() {
        String::new()
    } else {
        format!("{}/", glob::escape(folder.as_str()))
    };
    let depth = if recurses { "**/" } else { "" };
    let pattern = FilePattern::Glob(format!("{prefix}{depth}*.{{yaml,yml}}"));
    files(draft, source, pattern)
}

/// What the source's artifact holds of `pattern`; `None` while that is wanted.
pub(super) fn files(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    pattern: FilePattern,
) -> Option<super::files::Matches> {
    let context = draft.context;
    match context.files.get(&source.index).and_then(|files| files.get(&pattern)) {
        Some(files) => Some(files.clone()),
        None => draft.want(Want::Files { source: source.index, pattern }),
    }
}

/// The text of a file, unless it is none.
pub(super) fn text(file: &File) -> Option<&str> {
    file.text().ok()
}

fn check_settings(draft: &mut Draft<'_>, source: &Source<'_>) {
    for (name, value) in source.spec.directory.iter().flatten().filter(|(_, value)| !is_empty(value)) {
        let is_known = matches!(
            (name.as_str(), value),
            ("recurse", Value::Bool(_))
                | ("include" | "exclude", Value::String(_))
                | ("jsonnet", Value::Object(_))
        );
        if !is_known {
            let field = source.at(&format!("directory.{name}"));
            let hint = "leave it out: Argo CD has no such setting";
            draft.error::<()>(field, format!("{value} is nothing that a directory can be told"), hint);
        }
    }
}
