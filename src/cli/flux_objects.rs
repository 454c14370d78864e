//! Applications and Flux objects, read with a person's rights.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::argo::Application;
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::policy::FluxDeliveryPolicy;

/// `applications.argoproj.io`.
pub(super) fn application() -> ApiResource {
    ApiResource::erase::<Application>(&())
}

/// All objects of a kind, in one namespace or in all; a kind that is not served has none.
pub(super) async fn list(
    client: &Client,
    kind: FluxKind,
    namespace: Option<&str>,
) -> anyhow::Result<Vec<DynamicObject>> {
    let resource = kind.api_resource();
    let api = match namespace {
        Some(namespace) => Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    match api.list(&ListParams::default()).await {
        Ok(found) => Ok(found.items),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| {
            let place =
                namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
            format!("cannot list {} in {place}", kind.plural())
        }),
    }
}

/// One object; `None` when there is none.
pub(super) async fn get(client: &Client, key: &ObjectKey) -> anyhow::Result<Option<DynamicObject>> {
    let resource = key.kind.api_resource();
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &key.namespace, &resource);
    api.get_opt(&key.name).await.with_context(|| format!("cannot read {key}"))
}

/// Applications of which Flux delivers what they want, in one namespace or in all.
pub(super) async fn bridged_applications(
    client: &Client,
    namespace: Option<&str>,
) -> anyhow::Result<Vec<Application>> {
    let api = match namespace {
        Some(namespace) => Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &application()),
        None => Api::all_with(client.clone(), &application()),
    };
    let found = api.list(&ListParams::default()).await.context("cannot list Applications")?;
    let mut apps = Vec::new();
    for object in found.items {
        let app: Application = serde_json::from_value(serde_json::to_value(object)?)?;
        if app.is_bridged() {
            apps.push(app);
        }
    }
    apps.sort_by_key(Application::identity);
    Ok(apps)
}

/// Argo CD's settings; none where they may not be read.
pub(super) async fn settings(client: &Client, argocd: &str) -> BTreeMap<String, String> {
    let settings = Api::<ConfigMap>::namespaced(client.clone(), argocd).get_opt("argocd-cm").await;
    settings.ok().flatten().and_then(|settings| settings.data).unwrap_or_default()
}

/// The policies; none where there is no such kind, or they may not be read.
pub(super) async fn policies(client: &Client, argocd: &str) -> Vec<Arc<FluxDeliveryPolicy>> {
    let api = Api::<FluxDeliveryPolicy>::namespaced(client.clone(), argocd);
    let found = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    found.into_iter().map(Arc::new).collect()
}

/// `ks/NAME` or `hr/NAME`, as Flux's own command line abbreviates.
pub(super) fn short(key: &ObjectKey) -> String {
    let kind = match key.kind {
        FluxKind::Kustomization => "ks",
        FluxKind::HelmRelease => "hr",
        other => other.kind(),
    };
    format!("{kind}/{}", key.name)
}

/// How an object is, for people and scripts.
pub(super) fn summary(live: Live<'_>) -> Value {
    let ready = live.condition("Ready");
    json!({
        "kind": live.kind.kind(),
        "namespace": live.namespace(),
        "name": live.name(),
        "ready": ready.map(|ready| ready.status).unwrap_or_default(),
        "suspended": live.is_suspended(),
        "message": ready.map(|ready| ready.message).unwrap_or_default(),
        "generated": live.is_generated(),
    })
}
