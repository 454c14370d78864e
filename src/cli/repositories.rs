//! What Argo CD knows of repositories, from files: its Secrets and the ConfigMaps that say whom to trust.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::{Value, json};

use crate::controller;
use crate::credentials::{Repositories, SecretManifest};
use crate::yaml;

/// Stands for a value that nobody asked to see.
const HIDDEN: &str = "(hidden: --show-secrets shows it)";

/// Reads Secrets with Argo CD's label, and its ConfigMaps, out of `files`; everything else in them is passed over.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Repositories> {
    let (mut secrets, mut maps) = (Vec::new(), BTreeMap::new());
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let documents = yaml::parse_all(&text).with_context(|| format!("{name} is no YAML"))?;
        for object in documents.into_iter().flat_map(items) {
            match object.get("kind").and_then(Value::as_str) {
                Some("Secret") => {
                    let secret: Secret = serde_json::from_value(object).map_err(|_| {
                        anyhow::anyhow!("{name} holds a Secret that cannot be read (is its data base64?)")
                    })?;
                    secrets.push(controller::live_secret(&with_text(secret)));
                }
                Some("ConfigMap") => {
                    let map: ConfigMap = serde_json::from_value(object)
                        .with_context(|| format!("{name} holds a ConfigMap that cannot be read"))?;
                    maps.insert(map.metadata.name.unwrap_or_default(), map.data.unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    if secrets.is_empty() && maps.is_empty() && !files.is_empty() {
        bail!("no Secret and no ConfigMap is in the files that --repositories names");
    }
    let mut map = |name: &str| maps.remove(name).unwrap_or_default();
    let known_hosts = map(controller::KNOWN_HOSTS).remove("ssh_known_hosts").unwrap_or_default();
    Ok(Repositories::new(secrets, known_hosts, map(controller::CERTIFICATES)))
}

fn items(document: Value) -> Vec<Value> {
    match document.get("items") {
        Some(Value::Array(items)) => items.clone(),
        _ => vec![document],
    }
}

/// `stringData` counts before `data`, as the API server has it.
fn with_text(mut secret: Secret) -> Secret {
    let text = secret.string_data.take().unwrap_or_default();
    let data = secret.data.get_or_insert_default();
    data.extend(text.into_iter().map(|(key, value)| (key, k8s_openapi::ByteString(value.into_bytes()))));
    secret
}

/// A Secret as it is printed: with its values only where somebody asked for them.
pub(super) fn printed(secret: &SecretManifest, namespace: &str, is_shown: bool) -> Value {
    let data = secret.data.exposed().keys();
    let text = |key: &str| if is_shown { secret.data.text(key) } else { HIDDEN.to_owned() };
    let data: BTreeMap<&str, String> = data.map(|key| (key.as_str(), text(key))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret.name,
            "namespace": namespace,
            "labels": secret.labels,
            "annotations": secret.annotations,
        },
        "type": secret.kind,
        "stringData": data,
    })
}
