//! Walks `testdata/`: one folder per case, `application.yaml` and what is known beside it (`known.yaml`) on one side,
//! the objects (`expected.yaml`) and everything else that was said (`problems.txt`) on the other.
//!
//! `UPDATE_GOLDENS=1` writes the right side anew.

mod partial;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::matching_folders;
use super::{
    Contents, Context, File, FilePattern, Form, RemoteRefs, RenderedSource, Severity, Translation, Want,
    translate,
};
use crate::argo::Application;
use crate::project::RenderedObject;
use crate::{names, yaml};

/// `known.yaml`: what a controller would have found out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    /// Files of the source's artifact.
    files: Option<Vec<String>>,
    /// What the repo-server rendered: digest and revision.
    rendered: Option<(String, String)>,
    /// The ref that `HEAD` points to.
    head: Option<String>,
    /// Refs of the source's repository.
    refs: Option<BTreeMap<String, String>>,
    /// What some of the files hold; of the others, a manifest is a `ConfigMap` of its own, a kustomization is of nothing.
    texts: BTreeMap<String, String>,
    /// The objects that the repo-server says the source holds, as `apiVersion kind namespace/name`; `/name` for one that says
    /// no namespace, `name` for one of the cluster.
    objects: Vec<String>,
    /// Why the repo-server cannot say that.
    unrendered: Option<String>,
    /// The resolved revision.
    revision: Option<String>,
    /// What is found at addresses.
    addresses: BTreeMap<String, String>,
    /// Nothing may be delivered but what the project was asked about.
    checked_only: bool,
    /// The same for each of several sources, in their order.
    sources: Vec<Known>,
}

impl Known {
    /// What is known of the source with that index.
    fn of(&self, index: usize) -> Option<&Self> {
        if self.sources.is_empty() { Some(self).filter(|_| index == 0) } else { self.sources.get(index) }
    }

    fn held(&self) -> Result<Vec<RenderedObject>, String> {
        self.unrendered.clone().map_or_else(|| Ok(self.objects()), Err)
    }

    fn objects(&self) -> Vec<RenderedObject> {
        self.objects.iter().map(|text| object(text)).collect()
    }

    /// The answer to `pattern`, where files are known.
    fn matches(&self, pattern: &FilePattern) -> Option<Vec<(String, File)>> {
        let is_match = pattern.matcher().unwrap();
        let found = self.files.as_ref()?.iter().filter(|file| is_match(file));
        let text = |file: &String| self.texts.get(file).cloned().unwrap_or_else(|| default_text(file));
        let mut found: Vec<_> = found.map(|file| (file.clone(), File::Text(text(file).into()))).collect();
        let folders = matching_folders(self.files.iter().flatten().map(String::as_str), &*is_match);
        found.extend(folders.into_iter().map(|folder| (folder, File::Folder)));
        found.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
        Some(found)
    }
}

fn object(text: &str) -> RenderedObject {
    let mut words = text.split_whitespace().map(str::to_owned);
    let mut next = || words.next().unwrap();
    let (api_version, kind, name) = (next(), next(), next());
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
    let (namespace, name) = name.split_once('/').map_or((None, name.as_str()), |(n, name)| (Some(n), name));
    RenderedObject {
        group: group.to_owned(),
        version: version.to_owned(),
        kind,
        namespace: namespace.unwrap_or_default().to_owned(),
        name: name.to_owned(),
        is_namespaced: Some(namespace.is_some()),
    }
}

fn default_text(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or_default();
    if super::contents::is_kustomization(file) {
        return "resources: []\n".to_owned();
    }
    let is_manifest = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "yaml");
    if name.starts_with(".argocd-source") || name.contains("values") || !is_manifest {
        return String::new();
    }
    let name = file.replace(['/', '.'], "-");
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

fn context(app: &Application, known: &Known) -> Context {
    let text = |(url, text): (&String, &String)| (url.clone(), File::Text(text.clone().into()));
    let mut context = Context {
        addresses: known.addresses.iter().map(text).collect(),
        control_namespace: "argocd".to_owned(),
        poll_interval: "120s".to_owned(),
        artifact_address: names::artifact_address("argocd"),
        checked_only: known.checked_only,
        ..Context::default()
    };
    for (index, source) in app.sources().iter().enumerate() {
        let Some(known) = known.of(index) else { continue };
        if let Some(files) = &known.files {
            let is_oci = source.repo_url.starts_with("oci://");
            let contents = Contents::of(files.iter().map(String::as_str), &source.path, is_oci);
            context.contents.insert(index, contents);
        }
        if let Some(revision) = &known.revision {
            context.revisions.insert(index, revision.clone());
        }
        if let Some((digest, revision)) = known.rendered.clone() {
            let objects = known.objects();
            let rendered =
                RenderedSource { digest, revision, objects: objects.into(), ..RenderedSource::default() };
            context.rendered.insert(index, rendered);
        }
        if let Some(refs) = &known.refs {
            let refs = RemoteRefs { head: known.head.clone(), refs: refs.clone() };
            context.refs.insert(source.repo_url.clone(), refs);
        }
    }
    context
}

/// What the Application becomes when everything is answered that is known.
fn translated(app: &Application, known: &Known) -> Translation {
    answered(app, known).1
}

/// The same with the answers.
fn answered(app: &Application, known: &Known) -> (Context, Translation) {
    let mut context = context(app, known);
    loop {
        let translation = translate(app, &context);
        let mut is_wiser = false;
        for want in &translation.wants {
            if let Want::Files { source, pattern } = want
                && let Some(found) = known.of(*source).and_then(|known| known.matches(pattern))
            {
                let files = context.files.entry(*source).or_default();
                is_wiser |= files.insert(pattern.clone(), found.into()).is_none();
            }
            if let Want::Objects { source } = want {
                let held = known.of(*source).map_or_else(|| Ok(Vec::new()), Known::held);
                is_wiser |= context.objects.insert(*source, held).is_none();
            }
        }
        if !is_wiser {
            return (context, translation);
        }
    }
}

fn objects(translation: &Translation) -> String {
    let documents: Vec<String> = translation
        .all_objects()
        .map(|object| {
            let mut value = object.to_value();
            // The fingerprint repeats the rest in a form that nobody can review.
            value["metadata"]["annotations"].as_object_mut().unwrap().remove(names::ANNOTATION_DIGEST);
            yaml::write(&value).unwrap()
        })
        .collect();
    documents.join("---\n")
}

fn said(translation: &Translation) -> String {
    let mut text = String::new();
    for problem in &translation.problems {
        let word = if problem.severity == Severity::Error { "error" } else { "warning" };
        writeln!(text, "{word}: {problem}").unwrap();
    }
    for (field, sentence) in &translation.notes {
        writeln!(text, "note: {field}: {sentence}").unwrap();
    }
    for want in &translation.wants {
        match want {
            Want::Contents { source } => writeln!(text, "wants: contents of source {source}").unwrap(),
            Want::Rendered { source, form } => {
                let form = if *form == Form::Objects { " as objects" } else { "" };
                writeln!(text, "wants: source {source} rendered{form}").unwrap();
            }
            Want::RemoteRefs { url } => writeln!(text, "wants: refs of {url}").unwrap(),
            Want::Files { source, pattern } => {
                writeln!(text, "wants: {pattern:?} of source {source}").unwrap();
            }
            Want::Git { source, paths } => writeln!(text, "wants: {paths:?} of source {source}").unwrap(),
            Want::Address { url } => writeln!(text, "wants: {url}").unwrap(),
            Want::Revision { source } => writeln!(text, "wants: revision of source {source}").unwrap(),
            Want::Discovered { source } => writeln!(text, "wants: type of source {source}").unwrap(),
            Want::Objects { source } => writeln!(text, "wants: objects of source {source}").unwrap(),
        }
    }
    for key in &translation.references {
        writeln!(text, "refers to: {key}").unwrap();
    }
    if !translation.source_type.is_empty() {
        writeln!(text, "source type: {}", translation.source_type).unwrap();
    }
    text
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_value(yaml::parse(&text).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compare(path: &Path, actual: &str, wrong: &mut String) {
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        if actual.is_empty() {
            let _ = fs::remove_file(path);
        } else {
            fs::write(path, actual).unwrap();
        }
    } else if fs::read_to_string(path).unwrap_or_default() != actual {
        let _ = write!(wrong, "\n=== {}\n{actual}", path.display());
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/translate/testdata");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn every_case_becomes_what_its_folder_says() {
    let mut wrong = String::new();
    let cases = cases();
    for case in &cases {
        let app: Application = read(&case.join("application.yaml"));
        let known_file = case.join("known.yaml");
        let known = if known_file.exists() { read(&known_file) } else { Known::default() };
        let translation = translated(&app, &known);
        compare(&case.join("expected.yaml"), &objects(&translation), &mut wrong);
        compare(&case.join("problems.txt"), &said(&translation), &mut wrong);
    }
    assert!(cases.len() >= 35, "only {} cases", cases.len());
    assert!(wrong.is_empty(), "UPDATE_GOLDENS=1 takes over what differs:{wrong}");
}

#[test]
fn what_is_written_reads_back_as_what_is_applied() {
    for case in cases() {
        let app: Application = read(&case.join("application.yaml"));
        for object in translated(&app, &Known::default()).objects {
            let value = object.to_value();
            assert_eq!(yaml::parse(&yaml::write(&value).unwrap()), Ok(value), "{}", case.display());
        }
    }
}
