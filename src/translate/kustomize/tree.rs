//! The kustomizations that a path is built from, looked at file by file: whether Flux makes of them what Argo CD does.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::images::is_chained;
use crate::project::ResourcesFilter;
use crate::translate::contents::is_kustomization;
use crate::translate::directory::{self, files, text};
use crate::translate::draft::{Draft, Source};
use crate::translate::files::{File, FilePattern, Matches};
use crate::translate::{RepoPath, glob, keep, manifest};
use crate::yaml;

/// More kustomizations than this are left to the repo-server.
const MAX_FOLDERS: usize = 64;

/// Fields by which a kustomization runs after what Flux adds, needs build options, or cannot be looked through.
const EXOTIC: [&str; 12] = [
    "configurations",
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "openapi",
    "replacements",
    "transformers",
    "validators",
    "vars",
];

/// A reason, `None` when there is none; without an answer while files are wanted.
type Answer = Option<Option<&'static str>>;

/// The first reason why Flux would not build the same. `fields` is what the Kustomization is going to say.
pub(super) fn unlike_flux(draft: &mut Draft<'_>, source: &Source<'_>, fields: &Map<String, Value>) -> Answer {
    let folder = source.folder(draft)?;
    let filter = directory::filter(draft)?;
    let top = read(draft, source, &folder)?;
    let Some(kustomization) = kustomization(&top) else {
        return Some(Some("a kustomization file that cannot be read"));
    };
    if let Some(reason) = clash(&kustomization, fields) {
        return Some(Some(reason));
    }
    if keep::is_added_last(&kustomization) {
        return Some(Some("sync options that the kustomization adds last"));
    }
    let says_namespace = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).is_some_and(|namespace| !namespace.is_empty())
    };
    let mut walk = Walk {
        filter,
        sees_default: !says_namespace(fields, "targetNamespace")
            && !says_namespace(&kustomization, "namespace"),
        left: BTreeSet::new(),
        seen: BTreeSet::new(),
        waits: false,
    };
    walk.enter(folder.as_str());
    let components = fields.get("components").and_then(Value::as_array);
    for component in components.into_iter().flatten().filter_map(Value::as_str) {
        match folder.join(component) {
            Some(path) => walk.enter(path.as_str()),
            None => return Some(Some("components outside of the repository")),
        }
    }
    walk.run(draft, source)
}

/// What Flux merges in another way than `kustomize edit` does.
fn clash(file: &Map<String, Value>, fields: &Map<String, Value>) -> Option<&'static str> {
    let list = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let known = list(file, "components");
    if list(fields, "components").iter().any(|component| known.contains(component)) {
        return Some("a component that the kustomization has already");
    }
    let own = list(fields, "images");
    // Without overrides of its own, the Application leaves the file's alone.
    if !own.is_empty() && is_chained(&[list(file, "images"), own].concat()) {
        return Some("image overrides that build on each other");
    }
    let labels = fields.get("commonMetadata").and_then(|common| common.get("labels")?.as_object());
    let has_label = |name: &String| {
        let common = file.get("commonLabels").and_then(Value::as_object);
        let listed = list(file, "labels");
        let mut pairs = listed.iter().filter_map(|labels| labels.get("pairs")?.as_object());
        common.is_some_and(|common| common.contains_key(name)) || pairs.any(|pairs| pairs.contains_key(name))
    };
    labels?.keys().any(has_label).then_some("a label that the kustomization has already")
}

/// Everything in a folder, by its path; `None` while it is wanted.
fn read(draft: &mut Draft<'_>, source: &Source<'_>, folder: &RepoPath) -> Option<Matches> {
    let pattern = match folder.as_str() {
        "" => "*".to_owned(),
        folder => format!("{}/*", glob::escape(folder)),
    };
    files(draft, source, FilePattern::Glob(pattern))
}

/// The kustomization in a folder.
fn kustomization(folder: &Matches) -> Option<Map<String, Value>> {
    let mut found = folder.iter().filter(|(path, _)| is_kustomization(path));
    let text = found.next().and_then(|(_, file)| text(file))?;
    match (found.next(), yaml::parse(text)) {
        (None, Ok(Value::Object(fields))) => Some(fields),
        _ => None,
    }
}

struct Walk {
    /// What Argo CD leaves out.
    filter: ResourcesFilter,
    /// Whether an object that names the namespace `default` would be moved.
    sees_default: bool,
    left: BTreeSet<String>,
    seen: BTreeSet<String>,
    /// Files are wanted.
    waits: bool,
}

impl Walk {
    fn enter(&mut self, folder: &str) {
        if !self.seen.contains(folder) {
            self.left.insert(folder.to_owned());
        }
    }

    fn run(&mut self, draft: &mut Draft<'_>, source: &Source<'_>) -> Answer {
        while let Some(folder) = self.left.pop_first() {
            self.seen.insert(folder.clone());
            if self.seen.len() > MAX_FOLDERS {
                return Some(Some("very many kustomizations"));
            }
            let Ok(folder) = RepoPath::folder(&folder) else {
                return Some(Some("a path outside of the repository"));
            };
            let Some(found) = read(draft, source, &folder) else {
                self.waits = true;
                continue;
            };
            let Some(kustomization) = kustomization(&found) else {
                return Some(Some("a kustomization file that cannot be read"));
            };
            if let Err(reason) = self.one(draft, source, &folder, &found, &kustomization) {
                return Some(Some(reason));
            }
        }
        (!self.waits).then_some(None)
    }

    fn one(
        &mut self,
        draft: &mut Draft<'_>,
        source: &Source<'_>,
        folder: &RepoPath,
        found: &Matches,
        kustomization: &Map<String, Value>,
    ) -> Result<(), &'static str> {
        if EXOTIC.iter().any(|field| kustomization.contains_key(*field)) {
            return Err("a kustomization with charts, plugins, transformers or replacements");
        }
        let own = found.iter().find(|(path, _)| is_kustomization(path)).and_then(|(_, file)| text(file));
        if self.sees_default && own.is_some_and(speaks_of_default) {
            return Err(manifest::NAMES_DEFAULT);
        }
        for reference in references(kustomization)? {
            let Some(path) = folder.join(&reference).filter(|_| !reference.starts_with('/')) else {
                return Err("a path outside of the repository");
            };
            let parent = RepoPath::folder(parent(path.as_str())).unwrap_or_default();
            let siblings = if parent == *folder { Some(found.clone()) } else { read(draft, source, &parent) };
            let Some(siblings) = siblings else {
                self.waits = true;
                continue;
            };
            match siblings.iter().find(|(sibling, _)| sibling == path.as_str()).map(|(_, file)| file) {
                // A link, or a file that Flux keeps out of its artifacts.
                None if !path.as_str().is_empty() => return Err("files that Flux does not fetch"),
                None => self.enter(path.as_str()),
                Some(file) if file.is_folder() => self.enter(path.as_str()),
                Some(file) => self.file(draft, &source.at("path"), file)?,
            }
        }
        Ok(())
    }

    /// A file that a kustomization names: manifests, a patch, or what a generator packs.
    fn file(&self, draft: &mut Draft<'_>, field: &str, file: &File) -> Result<(), &'static str> {
        let Some(text) = text(file) else {
            return if self.sees_default { Err("very large or binary files") } else { Ok(()) };
        };
        let documents = yaml::parse_all(text).ok().filter(|documents| documents.iter().all(Value::is_object));
        let mut objects = documents.iter().flatten().filter(|document| document.get("kind").is_some());
        if let Some(reason) = objects.find_map(|object| manifest::unlike_a_sync(object, &self.filter)) {
            return Err(reason);
        }
        let names_default = self.sees_default
            && match &documents {
                Some(documents) => documents.iter().any(manifest::names_default),
                None => speaks_of_default(text),
            };
        if names_default {
            return Err(manifest::NAMES_DEFAULT);
        }
        keep::note(draft, field, text);
        Ok(())
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether a text may be about the namespace `default`: a kustomization, or a patch.
fn speaks_of_default(text: &str) -> bool {
    let words: String = text.chars().filter(|c| !matches!(c, '"' | '\'' | ' ')).collect();
    words.lines().any(|line| line.contains("namespace:default")) || words.contains("metadata/namespace")
}

/// The files and folders of the repository that a kustomization names, relative to it.
fn references(kustomization: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let mut found = Vec::new();
    let entries = |field: &str| {
        kustomization.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    for entry in ["resources", "bases", "components"].into_iter().flat_map(entries) {
        let Some(path) = entry.as_str() else { return Err("a kustomization file that cannot be read") };
        if path.contains('\n') {
            return Err("resources written into the kustomization");
        }
        if is_remote(path) {
            return Err("remote bases");
        }
        found.push(path.to_owned());
    }
    let strategic = entries("patchesStrategicMerge").iter().filter_map(Value::as_str);
    found.extend(strategic.filter(|patch| !patch.contains('\n')).map(str::to_owned));
    let patches = ["patches", "patchesJson6902"].into_iter().flat_map(entries);
    found.extend(patches.filter_map(|patch| patch.get("path")?.as_str()).map(str::to_owned));
    for generator in ["configMapGenerator", "secretGenerator"].into_iter().flat_map(entries) {
        let list = |field: &str| {
            generator.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        let files = list("files").iter().chain(list("envs")).chain(generator.get("env"));
        // `KEY=FILE`, or the file alone.
        let files =
            files.filter_map(Value::as_str).map(|file| file.split_once('=').map_or(file, |(_, file)| file));
        found.extend(files.map(str::to_owned));
    }
    Ok(found)
}

fn is_remote(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["://", "git@", "git::", "?ref=", "?version=", "github.com", "gh:"].iter().any(|mark| path.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    use crate::argo::Application;
    use crate::translate::{Context, Want};

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    /// What is said of the kustomization in `k`, all questions answered from `files`.
    fn ask(files: &[(&str, &str)], fields: &Value) -> Option<&'static str> {
        let app: Application = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {"source": {"repoURL": "https://git.example.org/a", "path": "k"}},
        }))
        .unwrap();
        let mut context = Context::default();
        for _ in 0..10 {
            let mut draft = Draft::new(&app, &context);
            let source = Source::new(&app, 0, &app.sources()[0]);
            let answer = unlike_flux(&mut draft, &source, fields.as_object().unwrap());
            if let Some(reason) = answer {
                return reason;
            }
            let wants = draft.wants;
            for want in wants {
                let Want::Files { pattern, .. } = want else { panic!("{want:?}") };
                let is_match = pattern.matcher().unwrap();
                let mut found: Vec<(String, File)> = files
                    .iter()
                    .filter(|(path, _)| is_match(path))
                    .map(|(path, text)| ((*path).to_owned(), File::of(text.as_bytes().to_vec())))
                    .collect();
                let names = files.iter().map(|(path, _)| *path);
                let folders = crate::translate::files::matching_folders(names, &*is_match);
                found.extend(folders.into_iter().map(|folder| (folder, File::Folder)));
                context.files.entry(0).or_default().insert(pattern, found.into());
            }
        }
        panic!("asks without end");
    }

    #[rstest]
    #[case::plain(&[("k/kustomization.yaml", "resources: [a.yaml]"), ("k/a.yaml", MAP)], None)]
    #[case::base(&[
        ("k/kustomization.yaml", "resources: [../base]\npatches: [{path: p.yaml}]"), ("k/p.yaml", MAP),
        ("base/kustomization.yml", "resources: [a.yaml, ../other/b.yaml]"), ("base/a.yaml", MAP), ("other/b.yaml", MAP),
    ], None)]
    #[case::remote(&[("k/kustomization.yaml", "resources: ['https://github.com/a/b?ref=v1']")], Some("remote bases"))]
    #[case::remote_below(&[
        ("k/kustomization.yaml", "resources: [../base]"), ("base/kustomization.yml", "bases: ['github.com/a/b']"),
    ], Some("remote bases"))]
    #[case::link(&[("k/kustomization.yaml", "resources: [link.yaml]")], Some("files that Flux does not fetch"))]
    #[case::generator(&[("k/kustomization.yaml", "configMapGenerator: [{name: a, files: [logo=a.png]}]")],
        Some("files that Flux does not fetch"))]
    #[case::outside(&[("k/kustomization.yaml", "resources: [../../a]")], Some("a path outside of the repository"))]
    #[case::charts(&[("k/kustomization.yaml", "helmCharts: [{name: a}]")],
        Some("a kustomization with charts, plugins, transformers or replacements"))]
    #[case::broken(&[("k/kustomization.yaml", "a: [")], Some("a kustomization file that cannot be read"))]
    #[case::two(&[("k/kustomization.yaml", "{}"), ("k/Kustomization", "{}")],
        Some("a kustomization file that cannot be read"))]
    #[case::options_added_last(&[("k/kustomization.yaml", "commonAnnotations: {argocd.argoproj.io/sync-options: Prune=false}")],
        Some("sync options that the kustomization adds last"))]
    #[case::json_patch_in_a_file(&[
        ("k/kustomization.yaml", "patchesJson6902: [{target: {kind: ConfigMap, name: a}, path: p.yaml}]"), ("k/p.yaml", "[]"),
    ], Some("sync options that the kustomization adds last"))]
    #[case::options_added_below(&[
        ("k/kustomization.yaml", "resources: [../base]\ncommonAnnotations: {a: b}"),
        ("base/kustomization.yaml", "commonAnnotations: {argocd.argoproj.io/sync-options: Prune=false}"),
    ], None)]
    #[case::cycle(&[("k/kustomization.yaml", "resources: [../k2]"), ("k2/kustomization.yaml", "resources: [../k]")], None)]
    fn kustomizations(#[case] files: &[(&str, &str)], #[case] expected: Option<&str>) {
        assert_eq!(ask(files, &json!({})), expected);
    }

    #[rstest]
    #[case::object("resources: [a.yaml]", json!({}), true)]
    #[case::namespace_set("resources: [a.yaml]\nnamespace: x", json!({}), false)]
    #[case::namespace_of_the_application("resources: [a.yaml]", json!({"targetNamespace": "x"}), false)]
    fn the_namespace_default_is_found(#[case] file: &str, #[case] fields: Value, #[case] is_found: bool) {
        let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
        let files = [("k/kustomization.yaml", file), ("k/a.yaml", object)];
        assert_eq!(ask(&files, &fields), is_found.then_some(manifest::NAMES_DEFAULT));
    }

    #[rstest]
    #[case::patch("patches: [{patch: '[{op: add, path: /metadata/namespace, value: default}]'}]")]
    #[case::namespace("namespace: 'default'")]
    fn a_kustomization_may_speak_of_default_itself(#[case] base: &str) {
        let files = [("k/kustomization.yaml", "resources: [../base]"), ("base/kustomization.yaml", base)];
        assert_eq!(ask(&files, &json!({})), Some(manifest::NAMES_DEFAULT));
    }

    #[rstest]
    #[case::component("components: [../c]", json!({"components": ["../c"]}), Some("a component that the kustomization has already"))]
    #[case::image("images: [{name: a, newName: b}]", json!({"images": [{"name": "b", "newTag": "1"}]}),
        Some("image overrides that build on each other"))]
    #[case::label("commonLabels: {a: b}", json!({"commonMetadata": {"labels": {"a": "c"}}}),
        Some("a label that the kustomization has already"))]
    #[case::other_label("labels: [{pairs: {a: b}}]", json!({"commonMetadata": {"labels": {"c": "d"}}}), None)]
    fn clashes(#[case] file: &str, #[case] fields: Value, #[case] expected: Option<&str>) {
        let files = [("k/kustomization.yaml", file), ("c/kustomization.yaml", "kind: Component")];
        assert_eq!(ask(&files, &fields), expected);
    }
}
