//! Where the registry is at the moment: the replica that leads says so in an `EndpointSlice` of the Service, which selects
//! no Pods by itself. The next leader writes its own address over it; nothing has to be taken away.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::names;

/// How often it is looked whether the address still stands there, and how soon after a failure.
const LOOK: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(5));

/// Keeps the registry of this replica at `address` and `port` found, for as long as it is polled.
pub async fn publish(client: Client, namespace: String, address: IpAddr, port: u16) {
    let slices: Api<EndpointSlice> = Api::namespaced(client, &namespace);
    let wanted = slice(address, port);
    loop {
        let wait = match assert(&slices, &wanted).await {
            Ok(()) => LOOK.0,
            Err(error) => {
                tracing::warn!(%error, "Flux cannot find this replica's artifacts: EndpointSlice {}", names::ARTIFACTS);
                LOOK.1
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn assert(slices: &Api<EndpointSlice>, wanted: &Value) -> Result<(), kube::Error> {
    if slices.get_opt(names::ARTIFACTS).await?.is_some_and(|slice| stands(&slice, wanted)) {
        return Ok(());
    }
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    slices.patch(names::ARTIFACTS, &params, &Patch::Apply(wanted)).await.map(drop)
}

fn stands(slice: &EndpointSlice, wanted: &Value) -> bool {
    let found = serde_json::to_value(slice).unwrap_or_default();
    let is_same = |pointer: &str| found.pointer(pointer) == wanted.pointer(pointer);
    is_same("/endpoints/0/addresses") && is_same("/ports/0/port") && found.pointer("/endpoints/1").is_none()
}

fn slice(address: IpAddr, port: u16) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": names::ARTIFACTS,
            "labels": {
                "kubernetes.io/service-name": names::ARTIFACTS,
                "endpointslice.kubernetes.io/managed-by": names::MANAGED_BY,
                names::LABEL_MANAGED_BY: names::MANAGED_BY,
            },
        },
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [address.to_string()], "conditions": {"ready": true}}],
        "ports": [{"name": "artifacts", "port": port, "protocol": "TCP"}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_address_is_written() {
        let here = slice("10.0.0.1".parse().unwrap(), 8082);
        let live: EndpointSlice = serde_json::from_value(here.clone()).unwrap();
        assert!(stands(&live, &here));
        assert!(!stands(&live, &slice("10.0.0.2".parse().unwrap(), 8082)));
        assert!(!stands(&live, &slice("10.0.0.1".parse().unwrap(), 8083)));
        assert_eq!(slice("fd00::1".parse().unwrap(), 8082)["addressType"], "IPv6");
    }
}
