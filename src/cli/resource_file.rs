//! Custom resources from files, for verbs that have no cluster to read them from.

use std::fs;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::policy::FluxDeliveryPolicy;
use crate::project::AppProject;
use crate::yaml;

/// The objects of one kind in one file.
#[derive(Clone, Debug)]
pub(super) struct ResourceFile<T>(pub(super) Vec<Arc<T>>);

/// Reads a file of `FluxDeliveryPolicy` objects: YAML, any number of documents. Said as clap says what is wrong with an argument.
pub(super) fn policies(path: &str) -> Result<ResourceFile<FluxDeliveryPolicy>, String> {
    read(path, "FluxDeliveryPolicy")
}

/// The same with `AppProject` objects.
pub(super) fn projects(path: &str) -> Result<ResourceFile<AppProject>, String> {
    read(path, "AppProject")
}

fn read<T: DeserializeOwned>(path: &str, kind: &str) -> Result<ResourceFile<T>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents = yaml::parse_all(&text).map_err(|error| error.to_string())?;
    documents.into_iter().map(|document| object(document, kind)).collect::<Result<_, _>>().map(ResourceFile)
}

fn object<T: DeserializeOwned>(document: Value, kind: &str) -> Result<Arc<T>, String> {
    let found = document.get("kind").unwrap_or(&Value::Null);
    if found != kind {
        return Err(format!("{found} is no {kind}"));
    }
    serde_json::from_value(document).map(Arc::new).map_err(|error| error.to_string())
}
