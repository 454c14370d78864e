//! The objects in the cluster that a delivery is responsible for, found without knowing any kind beforehand.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use flux_subsystem::merge::deep_merge;
use futures::StreamExt as _;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::discovery::{Discovery, Scope, verbs};
use serde_json::{Value, json};

use super::side::{Delivery, Side};
use crate::TestEnv;

/// Kinds that the cluster makes for itself.
const OF_THE_CLUSTER: &[&str] =
    &["Event", "Endpoints", "EndpointSlice", "Lease", "ControllerRevision", "PodMetrics"];
/// Lists under way at the same time.
const AT_ONCE: usize = 6;

/// An object's group, kind, namespace and name.
type Id = (String, String, String, String);

/// Everything that `delivery` has in the cluster: all of its namespace, and beyond that what it says of itself.
pub async fn objects(env: &TestEnv, delivery: &Delivery) -> Result<Vec<Value>> {
    let discovery =
        Discovery::new(env.client().clone()).run_aggregated().await.context("discover the API")?;
    let mut found = namespaced(env, &discovery, &delivery.namespace).await?;
    for id in beyond(env, delivery).await? {
        if let Some(object) = one(env, &discovery, &id).await? {
            found.push(object);
        }
    }
    found.retain(is_delivered);
    Ok(found)
}

async fn namespaced(env: &TestEnv, discovery: &Discovery, namespace: &str) -> Result<Vec<Value>> {
    let resources = discovery
        .groups()
        .flat_map(kube::discovery::ApiGroup::recommended_resources)
        .filter(|(_, can)| can.scope == Scope::Namespaced && can.supports_operation(verbs::LIST))
        .filter(|(resource, _)| !OF_THE_CLUSTER.contains(&resource.kind.as_str()));
    let lists = futures::stream::iter(resources.map(|(resource, _)| list(env, namespace, resource)));
    let lists: Vec<Result<Vec<Value>>> = lists.buffer_unordered(AT_ONCE).collect().await;
    Ok(lists.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

async fn list(env: &TestEnv, namespace: &str, resource: ApiResource) -> Result<Vec<Value>> {
    let api: Api<DynamicObject> = Api::namespaced_with(env.client().clone(), namespace, &resource);
    let list = match api.list(&ListParams::default()).await {
        // A definition that another delivery has just removed.
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
        list => list.with_context(|| format!("list {}", resource.kind))?,
    };
    let full = |object: DynamicObject| -> Result<Value> {
        let mut value = serde_json::to_value(object)?;
        deep_merge(&mut value, json!({ "apiVersion": resource.api_version, "kind": resource.kind }));
        Ok(value)
    };
    list.items.into_iter().map(full).collect()
}

async fn one(env: &TestEnv, discovery: &Discovery, id: &Id) -> Result<Option<Value>> {
    let (group, kind, namespace, name) = id;
    let Some((resource, capabilities)) = discovery.get(group).and_then(|found| found.recommended_kind(kind))
    else {
        return Ok(None);
    };
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(env.client().clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(env.client().clone(), namespace, &resource),
    };
    let object = api.get_opt(name).await.with_context(|| format!("get {kind} {name}"))?;
    let Some(object) = object else { return Ok(None) };
    let mut value = serde_json::to_value(object)?;
    deep_merge(&mut value, json!({ "apiVersion": resource.api_version, "kind": resource.kind }));
    Ok(Some(value))
}

/// What the delivery has outside of its namespace, and that namespace itself.
async fn beyond(env: &TestEnv, delivery: &Delivery) -> Result<BTreeSet<Id>> {
    let mut ids = match delivery.side {
        Side::Plain => of_argo_cd(&env.application(&delivery.name).await?),
        Side::Bridged => of_flux(env, &delivery.name).await?,
    };
    ids.retain(|id| id.2 != delivery.namespace);
    ids.insert((String::new(), "Namespace".to_owned(), String::new(), delivery.namespace.clone()));
    Ok(ids)
}

/// `status.resources` of a plain Application.
fn of_argo_cd(application: &Value) -> BTreeSet<Id> {
    let resources = application.pointer("/status/resources").and_then(Value::as_array);
    let text = |resource: &Value, field: &str| resource[field].as_str().unwrap_or_default().to_owned();
    resources
        .into_iter()
        .flatten()
        .map(|resource| {
            let [group, kind, namespace, name] =
                ["group", "kind", "namespace", "name"].map(|field| text(resource, field));
            (group, kind, namespace, name)
        })
        .collect()
}

/// The inventories of the Flux objects that were generated for a bridged Application.
async fn of_flux(env: &TestEnv, name: &str) -> Result<BTreeSet<Id>> {
    let mut ids = BTreeSet::new();
    for kind in ["HelmRelease", "Kustomization"] {
        for workload in env.list(kind, "").await? {
            let owner = &workload["metadata"]["labels"]["flux-subsystem.dev/application-name"];
            if owner == name {
                let entries = workload.pointer("/status/inventory/entries").and_then(Value::as_array);
                let entries = entries.into_iter().flatten().filter_map(|entry| entry["id"].as_str());
                ids.extend(entries.filter_map(inventory_id));
            }
        }
    }
    Ok(ids)
}

/// `NAMESPACE_NAME_GROUP_KIND`, with `__` in the name for a colon (cli-utils `object/objmetadata.go`).
fn inventory_id(id: &str) -> Option<Id> {
    let (namespace, rest) = id.split_once('_')?;
    let (rest, kind) = rest.rsplit_once('_')?;
    let (name, group) = rest.rsplit_once('_')?;
    Some((group.to_owned(), kind.to_owned(), namespace.to_owned(), name.replace("__", ":")))
}

/// Whether somebody's manifest is behind the object: not the cluster itself, not the bridge, not Flux's own records.
fn is_delivered(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let (kind, name) = (&object["kind"], &metadata["name"]);
    let owners = metadata["ownerReferences"].as_array();
    let has_controller = owners.into_iter().flatten().any(|owner| owner["controller"] == true);
    let is_generated = metadata["labels"]["flamingo/generated"] == "true";
    let is_made_of_a_release =
        kind == "HelmChart" && !metadata["labels"]["helm.toolkit.fluxcd.io/name"].is_null();
    let is_of_the_namespace =
        kind == "ConfigMap" && name == "kube-root-ca.crt" || kind == "ServiceAccount" && name == "default";
    let is_release_record = object["type"] == "helm.sh/release.v1";
    !(has_controller || is_generated || is_made_of_a_release || is_of_the_namespace || is_release_record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inventories_are_read() {
        let id = |group: &str, kind: &str, namespace: &str, name: &str| {
            Some((group.to_owned(), kind.to_owned(), namespace.to_owned(), name.to_owned()))
        };
        assert_eq!(inventory_id("default_podinfo__Service"), id("", "Service", "default", "podinfo"));
        let role = "_a__b_rbac.authorization.k8s.io_ClusterRole";
        assert_eq!(inventory_id(role), id("rbac.authorization.k8s.io", "ClusterRole", "", "a:b"));
        assert_eq!(inventory_id("nothing"), None);
    }
}
