//! What a cloud does beside a cluster: Services of type `LoadBalancer` and Ingresses get an address. Without one, neither is
//! ever Healthy.

use std::collections::BTreeSet;
use std::convert::Infallible;

use anyhow::Result;
use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::kinds::resource;
use crate::progress;

/// Everybody's address: of the range for documentation, where nobody is (RFC 5737).
const ADDRESS: &str = "192.0.2.1";

/// Gives addresses in those namespaces, and to nobody else on the stack, for as long as the future is polled.
pub(super) async fn serve(client: &Client, namespaces: &BTreeSet<String>) -> Infallible {
    let watches =
        futures::try_join!(watch(client, "Service", namespaces), watch(client, "Ingress", namespaces));
    if let Err(error) = watches {
        progress::say(&format!("load balancers get no addresses any more: {error:#}"));
    }
    std::future::pending().await
}

async fn watch(client: &Client, kind: &str, namespaces: &BTreeSet<String>) -> Result<()> {
    let resource = resource(kind)?;
    let all = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let mut objects = watcher(all, watcher::Config::default()).default_backoff().applied_objects().boxed();
    while let Some(object) = objects.next().await {
        // A watch that breaks starts again by itself.
        let Ok(object) = object else { continue };
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        if !namespaces.contains(&namespace) || !wants_address(kind, &serde_json::to_value(&object)?) {
            continue;
        }
        let own = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace, &resource);
        let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": ADDRESS }] } } });
        if let Err(error) = own.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await {
            progress::say(&format!("no address for {kind} {namespace}/{name}: {error}"));
        }
    }
    Ok(())
}

fn wants_address(kind: &str, object: &Value) -> bool {
    let has_address = object
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array)
        .is_some_and(|addresses| !addresses.is_empty());
    let is_balanced =
        kind == "Ingress" || object.pointer("/spec/type").is_some_and(|kind| kind == "LoadBalancer");
    let is_going = object.pointer("/metadata/deletionTimestamp").is_some();
    is_balanced && !has_address && !is_going
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_from_outside_gets_an_address_once() {
        let service = |kind: &str, status: Value| json!({ "spec": { "type": kind }, "status": status });
        assert!(wants_address("Service", &service("LoadBalancer", json!({ "loadBalancer": {} }))));
        assert!(!wants_address("Service", &service("ClusterIP", json!({}))));
        let given = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
        assert!(!wants_address("Service", &service("LoadBalancer", given.clone())));
        assert!(wants_address("Ingress", &json!({ "spec": {} })));
        assert!(!wants_address("Ingress", &json!({ "spec": {}, "status": given })));
    }
}
