//! Applications from files, folders and standard input.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::argo::Application;
use crate::argo::schema::{APPLICATION, Finding};
use crate::yaml;

/// One document, and what it turned out to be.
#[derive(Debug)]
pub(super) enum Document {
    /// An Application, as the API server would take it.
    Application {
        /// The Application.
        app: Box<Application>,
        /// What the API server would leave out of it with a warning.
        unknown: Vec<Finding>,
    },
    /// Not an Application; the note says what it is instead.
    Skipped(String),
    /// An Application that the API server would refuse, and why, a sentence each.
    Broken(Vec<String>),
}

/// Everything in one file, named as messages name it.
#[derive(Debug)]
pub(super) struct File {
    /// Path as it was given, or `-`.
    pub(super) name: String,
    /// Its documents, or why there are none.
    pub(super) documents: Result<Vec<Document>, String>,
}

impl File {
    /// Several Applications share this file, so that messages have to name the one they mean.
    pub(super) fn holds_several(&self) -> bool {
        let documents = self.documents.iter().flatten();
        documents.filter(|document| matches!(document, Document::Application { .. })).count() > 1
    }
}

/// Reads files, folders (their `.yaml`, `.yml` and `.json`, not their subfolders) and `-`, in order.
///
/// Fails on what cannot be opened; texts that cannot be understood are in the result.
pub(super) fn read(paths: &[PathBuf], input: &mut dyn Read) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            input.read_to_string(&mut text).context("cannot read standard input")?;
            files.push(File { name: "-".to_owned(), documents: documents(&text) });
        } else if path.is_dir() {
            for path in manifests_in(path)? {
                files.push(file(&path)?);
            }
        } else {
            files.push(file(path)?);
        }
    }
    Ok(files)
}

fn manifests_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let is_manifest = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if is_manifest && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn file(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(File { name: path.display().to_string(), documents: documents(&text) })
}

fn documents(text: &str) -> Result<Vec<Document>, String> {
    let values = yaml::parse_all(text).map_err(|error| format!("is not valid YAML: {error}"))?;
    Ok(values.into_iter().flat_map(items).map(document).collect())
}

/// The items of a `List`, or the object itself.
fn items(mut value: Value) -> Vec<Value> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value.get_mut("items") {
        Some(Value::Array(items)) if is_list => std::mem::take(items),
        _ => vec![value],
    }
}

fn document(value: Value) -> Document {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    match (text("/apiVersion").starts_with("argoproj.io/"), kind.as_str()) {
        (true, "Application") => application(value, &name),
        (true, "ApplicationSet") => Document::Skipped(format!(
            "ApplicationSet {name} is not read; pass the Applications that it generates"
        )),
        (_, "") => Document::Skipped("a document without kind is skipped".to_owned()),
        _ => Document::Skipped(format!("{kind} {name} is skipped: it is not an Application")),
    }
}

/// The Application as the API server would take it. Nothing of what a person writes is in `status` and `operation`.
fn application(mut value: Value, name: &str) -> Document {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|field, _| field != "status" && field != "operation");
    }
    let findings = APPLICATION.prune(&mut value, "");
    let (refused, unknown): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_refused);
    if !refused.is_empty() {
        return Document::Broken(
            refused.iter().map(|finding| format!("Application {name}: {finding}")).collect(),
        );
    }
    match serde_json::from_value(value) {
        Ok(app) => Document::Application { app: Box::new(app), unknown },
        // All of the rest was looked at.
        Err(error) => Document::Broken(vec![format!("Application {name}: metadata: {error}")]),
    }
}
