//! A user's own Application, delivered on the stack: its source from a folder, everything else as it is.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flux_subsystem::merge::deep_merge;
use serde_json::{Value, json};

use super::entry::{Entry, Expectation, Fixed, parse};
use crate::Sources;

/// `--source-dir`: a folder, and the `repoURL` it stands for; without one, for every git repository.
#[derive(Debug, Clone)]
pub struct SourceDir {
    /// `repoURL`, as the Application writes it.
    pub url: Option<String>,
    /// Its contents.
    pub folder: PathBuf,
}

impl std::str::FromStr for SourceDir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A URL holds `://` or `@host:`; folders rarely hold `=`, and one that does can be written `./a=b`.
        let (url, folder) = match text.split_once('=') {
            Some((url, folder)) if url.contains(':') => (Some(url.to_owned()), folder),
            _ => (None, text),
        };
        let folder = PathBuf::from(folder);
        if folder.is_dir() {
            Ok(Self { url, folder })
        } else {
            Err(format!("{} is no folder", folder.display()))
        }
    }
}

/// Makes an entry of the Application in `file`, publishing what `folders` hold.
///
/// Errors when the file holds no Application, or an address is named that it does not have.
pub async fn entry(sources: &Sources, file: &Path, folders: &[SourceDir], unique: &str) -> Result<Entry> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let mut application = parse(&text, &file.display().to_string())?;
    if application["kind"] != "Application" {
        bail!("{} holds no Application, but {}", file.display(), application["kind"]);
    }
    for (index, folder) in folders.iter().enumerate() {
        let url = sources.publish_git(&format!("parity-own-{unique}-{index}"), &folder.folder).await?;
        if replace(&mut application, folder, &url) == 0 {
            let which = folder.url.as_deref().unwrap_or("a git repository");
            bail!("no source of {} has the repoURL {which}", file.display());
        }
    }
    let part = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let name = part("/metadata/name").with_context(|| format!("{} has no name", file.display()))?;
    let fixed =
        Fixed { namespace: part("/spec/destination/namespace").unwrap_or_default(), name: name.clone() };
    at_home(&mut application);
    Ok(Entry {
        name,
        about: format!("{}", file.display()),
        application: application.to_string(),
        before: String::new(),
        expectation: Expectation::default(),
        fixed: Some(fixed),
    })
}

/// Points the sources that `folder` stands for at `url`; says how many.
fn replace(application: &mut Value, folder: &SourceDir, url: &str) -> usize {
    let mut replaced = 0;
    let mut point = |source: &mut Value| {
        let written = source["repoURL"].as_str().unwrap_or_default();
        let is_git = source["chart"].is_null() && !written.starts_with("oci://");
        let is_meant = folder.url.as_deref().map_or(is_git, |wanted| wanted == written);
        if is_meant {
            // The folder is the one revision that there is.
            deep_merge(source, json!({ "repoURL": url, "targetRevision": "main" }));
            replaced += 1;
        }
    };
    // One of the two is not there, and must not come to be: the API server takes no null for a list.
    let single = application.pointer_mut("/spec/source").filter(|source| source.is_object());
    single.into_iter().for_each(&mut point);
    let several = application.pointer_mut("/spec/sources").and_then(Value::as_array_mut);
    several.into_iter().flatten().for_each(&mut point);
    replaced
}

/// The stack has one cluster and one project.
fn at_home(application: &mut Value) {
    let metadata = json!({
        "name": application["metadata"]["name"],
        "annotations": application["metadata"]["annotations"],
        "labels": application["metadata"]["labels"],
    });
    let namespace = application["spec"]["destination"]["namespace"].clone();
    let destination = json!({ "server": "https://kubernetes.default.svc", "namespace": namespace });
    let options = application["spec"]["syncPolicy"]["syncOptions"].as_array().cloned().unwrap_or_default();
    let mut options: Vec<Value> = options
        .into_iter()
        .filter(|option| option != "FluxSubsystem=true" && option != "AutoCreateFluxResources=true")
        .collect();
    if !options.iter().any(|option| option == "CreateNamespace=true") {
        options.push("CreateNamespace=true".into());
    }
    deep_merge(
        application,
        json!({ "spec": { "project": "default", "syncPolicy": { "syncOptions": options } } }),
    );
    if let Some(spec) = application.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("destination".to_owned(), destination);
    }
    if let Some(fields) = application.as_object_mut() {
        fields.insert("metadata".to_owned(), metadata);
        fields.remove("status");
        fields.remove("operation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_for_git_repositories() {
        let mut application = json!({"spec": {"sources": [
            {"repoURL": "https://g/a", "path": "x"},
            {"repoURL": "https://h", "chart": "c"},
            {"repoURL": "oci://r/x", "path": "."},
        ]}});
        let any = SourceDir { url: None, folder: PathBuf::from(".") };
        assert_eq!(replace(&mut application, &any, "http://here"), 1);
        assert_eq!(application["spec"]["sources"][0]["repoURL"], "http://here");
        let other = SourceDir { url: Some("https://h".to_owned()), folder: PathBuf::from(".") };
        assert_eq!(replace(&mut application, &other, "http://there"), 1);
    }

    /// The API server takes no null for a list.
    #[test]
    fn an_application_with_one_source_gets_no_list_of_sources() {
        let mut application = json!({"spec": {"source": {"repoURL": "https://g/a", "path": "x"}}});
        let any = SourceDir { url: None, folder: PathBuf::from(".") };
        assert_eq!(replace(&mut application, &any, "http://here"), 1);
        let source = json!({"repoURL": "http://here", "path": "x", "targetRevision": "main"});
        assert_eq!(application, json!({"spec": {"source": source}}));
        at_home(&mut application);
        assert!(application["spec"].get("sources").is_none(), "{application}");
    }

    #[test]
    fn a_source_dir_may_name_its_address() {
        let read: SourceDir = "https://g/a=.".parse().unwrap();
        assert_eq!(read.url.as_deref(), Some("https://g/a"));
        assert!("nowhere-at-all".parse::<SourceDir>().is_err());
    }
}
