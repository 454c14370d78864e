//! Where cases come from: the corpus with its repositories, and the Applications that the translation's own tests know.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use flux_subsystem::merge::deep_merge;
use flux_subsystem::yaml;
use serde_json::{Value, json};

use super::case::Case;
use crate::parity::entry::{Entry, Places};
use crate::paths;

/// All seeds.
pub fn all() -> Result<Vec<Case>> {
    let mut cases = corpus()?;
    cases.extend(goldens()?);
    Ok(cases)
}

fn corpus() -> Result<Vec<Case>> {
    let places = Places {
        git: "https://git.example.org/team".to_owned(),
        ssh: "ssh://git@git.example.org/team".to_owned(),
        helm: "https://charts.example.org".to_owned(),
        registry: "registry.example.org".to_owned(),
    };
    let root = paths::harness().join("parity/sources");
    let mut files = BTreeMap::new();
    read(&root.join("git/apps"), "", &mut files)?;
    read(&root.join("git/values"), "", &mut files)?;
    read(&root.join("charts"), "charts/", &mut files)?;
    Entry::read_all(&[])?
        .iter()
        .map(|entry| {
            let text = places.fill(&entry.application, "podinfo", "prod");
            let mut application = yaml::parse(&text).with_context(|| format!("read {}", entry.name))?;
            deep_merge(&mut application, json!({"metadata": {"name": "podinfo", "namespace": "argocd"}}));
            if application.pointer("/spec/destination").is_none_or(Value::is_null) {
                let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "prod"});
                deep_merge(&mut application, json!({"spec": {"destination": destination}}));
            }
            Ok(world(application, files.clone()))
        })
        .collect()
}

fn goldens() -> Result<Vec<Case>> {
    let folder = paths::workspace().join("src/translate/testdata");
    let mut cases = Vec::new();
    let entries = std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    for golden in folders {
        let path = golden.join("application.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let application = yaml::parse(&text).with_context(|| format!("read {}", path.display()))?;
        let known = std::fs::read_to_string(golden.join("known.yaml")).unwrap_or_default();
        let known = yaml::parse(&known).unwrap_or_default();
        let names = known["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let files = names.map(|name| (name.to_owned(), "a: 1\n".to_owned())).collect();
        cases.push(world(application, files));
    }
    Ok(cases)
}

fn world(application: Value, files: BTreeMap<String, String>) -> Case {
    let commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let names =
        ["refs/heads/main", "refs/heads/environments/dev", "refs/tags/v1.0.0", "refs/tags/app/v1.0.0"];
    let refs = names.map(|name| (name.to_owned(), commit.clone())).into();
    let head = Some("refs/heads/main".to_owned());
    Case { application, files, refs, head, revision: commit, ..Case::default() }
}

/// All text files below `folder`, their paths after `prefix`.
fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files)?;
        } else {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            files.insert(name, text);
        }
    }
    Ok(())
}
