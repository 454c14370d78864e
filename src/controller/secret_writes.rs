//! The Secrets that the bridge makes: written and deleted, in Argo CD's namespace alone.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};

use super::patching::{has_code, merge_params};
use super::shared::Shared;
use crate::credentials::SecretManifest;
use crate::merge::deep_merge;
use crate::names;
use crate::plan::step::KnownSecret;

/// Creates the Secret, or brings the bridge's own up to date: one request, to Argo CD's namespace.
pub(super) async fn apply(
    shared: &Shared,
    manifest: &SecretManifest,
    over: Option<&KnownSecret>,
) -> Result<(), kube::Error> {
    let value = to_value(manifest, over);
    let written = match over {
        None => {
            let field_manager = Some(names::FIELD_MANAGER.into());
            let params = PostParams { field_manager, ..PostParams::default() };
            let secret = serde_json::from_value(value).map_err(kube::Error::SerdeError)?;
            api(shared).create(&params, &secret).await?
        }
        Some(_) => api(shared).patch(&manifest.name, &merge_params(), &Patch::Merge(value)).await?,
    };
    shared.secrets.wrote(written);
    Ok(())
}

/// What is created, or the merge patch of what is there, which must be the very Secret that was seen.
fn to_value(manifest: &SecretManifest, over: Option<&KnownSecret>) -> Value {
    let data = manifest.data.exposed().iter();
    let mut data: serde_json::Map<String, Value> =
        data.map(|(key, value)| (key.clone(), json!(ByteString(value.clone())))).collect();
    let surplus = over.iter().flat_map(|over| &over.surplus);
    data.extend(surplus.map(|key| (key.clone(), Value::Null)));
    let mut metadata = json!({
        "name": manifest.name,
        "labels": manifest.labels,
        "annotations": manifest.annotations,
    });
    if let Some(over) = over {
        deep_merge(&mut metadata, json!({"uid": over.uid}));
    }
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": manifest.kind, "data": data})
}

/// Another Secret of the same name (409) stays, one that is gone (404) is.
pub(super) async fn delete(shared: &Shared, name: &str, uid: &str) -> Result<(), kube::Error> {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    shared.secrets.forget(name);
    match api(shared).delete(name, &params).await {
        Err(error) if !has_code(&error, 404) && !has_code(&error, 409) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the API server has one of that Application's Secrets left.
pub(super) async fn is_left(
    shared: &Shared,
    params: &ListParams,
    identity: &str,
) -> Result<bool, kube::Error> {
    let namespace = &shared.options.control_namespace;
    let api = Api::<PartialObjectMeta<Secret>>::namespaced(shared.client.clone(), namespace);
    let found = api.list_metadata(params).await?;
    let owner = |metadata: &kube::core::ObjectMeta| {
        metadata.annotations.as_ref()?.get(names::ANNOTATION_APPLICATION).cloned()
    };
    Ok(found.items.iter().any(|secret| owner(&secret.metadata).as_deref() == Some(identity)))
}

fn api(shared: &Shared) -> Api<Secret> {
    Api::namespaced(shared.client.clone(), &shared.options.control_namespace)
}

/// How messages name a Secret.
pub(super) fn shown(shared: &Shared, name: &str) -> String {
    format!("Secret {}/{name}", shared.options.control_namespace)
}

/// A Secret of that name is there, and it is not the bridge's: nothing is written over it.
pub(super) fn is_foreign(step: &str, status: &kube::core::Status) -> bool {
    step == "ApplySecret" && status.is_already_exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::Application;
    use crate::credentials::SecretData;

    #[test]
    fn a_patch_takes_away_what_is_not_wanted() {
        let data = SecretData::default().with("password", "p");
        let manifest = SecretManifest::owned_by(&Application::default(), "a".into(), "Opaque", data);
        let over = KnownSecret { uid: "u".into(), surplus: vec!["bearerToken".into()] };
        let patch = to_value(&manifest, Some(&over));
        assert_eq!(patch["data"], json!({"password": "cA==", "bearerToken": null}));
        assert_eq!(patch["metadata"]["uid"], "u");
        assert!(to_value(&manifest, None)["metadata"].get("uid").is_none());
    }
}
