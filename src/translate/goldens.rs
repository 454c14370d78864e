//! Walks `testdata/`: one folder per case, `application.yaml` and what is known beside it (`known.yaml`) on one side,
//! the objects (`expected.yaml`) and everything else that was said (`problems.txt`) on the other.
//!
//! `UPDATE_GOLDENS=1` writes the right side anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::matching_folders;
use super::{Contents, Context, RemoteRefs, RenderedSource, Severity, Translation, Want, translate};
use super::{File, FilePattern};
use crate::argo::Application;
use crate::{names, yaml};

/// `known.yaml`: what a controller would have found out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    /// Files of the source's artifact.
    files: Option<Vec<String>>,
    /// What some of them hold; any other is a `ConfigMap` with a name of its own, or a kustomization of nothing.
    texts: BTreeMap<String, String>,
    /// What the repo-server rendered: digest and revision.
    rendered: Option<(String, String)>,
    /// The ref that `HEAD` points to.
    head: Option<String>,
    /// Refs of the source's repository.
    refs: Option<BTreeMap<String, String>>,
    /// The same for each of several sources, in their order.
    sources: Vec<Known>,
}

fn context(app: &Application, known: Known) -> Context {
    let mut context = Context {
        control_namespace: "argocd".to_owned(),
        poll_interval: "120s".to_owned(),
        artifact_address: names::artifact_address("argocd"),
        ..Context::default()
    };
    let known = if known.sources.is_empty() { vec![known] } else { known.sources };
    let mut held: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for (index, (source, known)) in app.sources().iter().zip(known).enumerate() {
        if let Some(files) = known.files {
            let texts = files.iter().map(|file| (file.clone(), text(file, &known.texts)));
            held.insert(index, texts.collect());
            let is_oci = source.repo_url.starts_with("oci://");
            let contents = Contents::of(files.iter().map(String::as_str), &source.path, is_oci);
            context.contents.insert(index, contents);
        }
        if let Some((digest, revision)) = known.rendered {
            context.rendered.insert(index, RenderedSource { digest, revision });
        }
        if let Some(refs) = known.refs {
            context.refs.insert(source.repo_url.clone(), RemoteRefs { head: known.head, refs });
        }
    }
    // Each answer may lead to the next question.
    for _ in 0..10 {
        for want in translate(app, &context).wants {
            let Want::Files { source, pattern } = want else { continue };
            let Some(held) = held.get(&source) else { continue };
            let files = matches(&pattern, held);
            context.files.entry(source).or_default().insert(pattern, files.into());
        }
    }
    context
}

fn text(file: &str, texts: &BTreeMap<String, String>) -> String {
    let default = if super::contents::is_kustomization(file) {
        "resources: []\n".to_owned()
    } else {
        let name = file.replace(['/', '.'], "-");
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
    };
    texts.get(file).cloned().unwrap_or(default)
}

fn matches(pattern: &FilePattern, held: &[(String, String)]) -> Vec<(String, File)> {
    let is_match = pattern.matcher().unwrap();
    let texts = held.iter().filter(|(file, _)| is_match(file));
    let mut files: Vec<_> =
        texts.map(|(file, text)| (file.clone(), File::of(text.clone().into_bytes()))).collect();
    let folders = matching_folders(held.iter().map(|(file, _)| file.as_str()), &*is_match);
    files.extend(folders.into_iter().map(|folder| (folder, File::Folder)));
    files
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
    for want in &translation.wants {
        match want {
            Want::Contents { source } => writeln!(text, "wants: contents of source {source}").unwrap(),
            Want::Rendered { source } => writeln!(text, "wants: source {source} rendered").unwrap(),
            Want::RemoteRefs { url } => writeln!(text, "wants: refs of {url}").unwrap(),
            Want::Files { source, pattern } => {
                writeln!(text, "wants: {pattern:?} of source {source}").unwrap();
            }
            Want::Revision { source } => writeln!(text, "wants: revision of source {source}").unwrap(),
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
        let translation = translate(&app, &context(&app, known));
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
        for object in translate(&app, &context(&app, Known::default())).objects {
            let value = object.to_value();
            assert_eq!(yaml::parse(&yaml::write(&value).unwrap()), Ok(value), "{}", case.display());
        }
    }
}
