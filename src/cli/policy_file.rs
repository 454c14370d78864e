//! Policies from files, for verbs that have no cluster to read them from.

use std::fs;
use std::sync::Arc;

use serde_json::Value;

use crate::policy::{CRD_NAME, FluxDeliveryPolicy};
use crate::yaml;

/// The policies in one file.
#[derive(Clone, Debug)]
pub(super) struct PolicyFile(pub(super) Vec<Arc<FluxDeliveryPolicy>>);

/// Reads a file of policies: YAML, any number of documents. Said as clap says what is wrong with an argument.
pub(super) fn read(path: &str) -> Result<PolicyFile, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents = yaml::parse_all(&text).map_err(|error| error.to_string())?;
    documents.into_iter().map(policy).collect::<Result<_, _>>().map(PolicyFile)
}

fn policy(document: Value) -> Result<Arc<FluxDeliveryPolicy>, String> {
    if document["kind"] != "FluxDeliveryPolicy" {
        return Err(format!("{} is no FluxDeliveryPolicy ({CRD_NAME})", document["kind"]));
    }
    serde_json::from_value(document).map(Arc::new).map_err(|error| error.to_string())
}
