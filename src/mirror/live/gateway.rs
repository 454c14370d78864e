//! Addresses and targets of the Gateway API (argo-cd `controller/cache/info.go`, `populateGatewayInfo`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::links::shows_default_links;
use super::object::{Object, list, text};
use super::{Networking, NodeKey};

const GROUP: &str = "gateway.networking.k8s.io";
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

/// Kinds that addresses and targets are read off.
pub(super) fn reads_body(group: &str, kind: &str) -> bool {
    group == GROUP && (kind == "Gateway" || ROUTES.contains(&kind))
}

/// Addresses and targets of a Gateway or a route; `None` of anything else.
pub(super) fn of(object: Object<'_>) -> Option<Networking> {
    match object.group_kind() {
        (GROUP, "Gateway") => Some(gateway(object)),
        (GROUP, kind) if ROUTES.contains(&kind) => Some(route(object)),
        _ => None,
    }
}

fn gateway(object: Object<'_>) -> Networking {
    let ingress: Vec<_> = object.list("/status/addresses").filter_map(address).collect();
    let mut external_urls = BTreeSet::new();
    if shows_default_links(object) {
        external_urls.extend(object.list("/spec/listeners").flat_map(|listener| urls(listener, &ingress)));
    }
    Networking { ingress, external_urls, ..Networking::default() }
}

/// IP or host name.
fn address(address: &Value) -> Option<(String, String)> {
    let value = Some(text(address, "/value")).filter(|value| !value.is_empty())?.to_owned();
    match text(address, "/type") {
        "Hostname" => Some((String::new(), value)),
        "IPAddress" | "" => Some((value, String::new())),
        _ => None,
    }
}

fn urls(listener: &Value, addresses: &[(String, String)]) -> Vec<String> {
    let port = listener.get("port").and_then(Value::as_i64).unwrap_or_default();
    let is_secure = matches!(text(listener, "/protocol"), "HTTPS" | "TLS");
    let (scheme, usual) = if is_secure { ("https", 443) } else { ("http", 80) };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    let hosts: Vec<&str> = match text(listener, "/hostname") {
        "" | "*" => {
            addresses.iter().map(|(ip, host)| if host.is_empty() { ip.as_str() } else { host }).collect()
        }
        hostname => vec![hostname],
    };
    hosts.into_iter().map(|host| format!("{scheme}://{host}{port}")).collect()
}

fn route(object: Object<'_>) -> Networking {
    let gateways =
        object.list("/spec/parentRefs").filter_map(|parent| target(object, parent, GROUP, "Gateway"));
    let backends = object.list("/spec/rules").flat_map(|rule| list(rule, "/backendRefs"));
    let services = backends.filter_map(|backend| target(object, backend, "", "Service"));
    Networking { target_refs: gateways.chain(services).collect(), ..Networking::default() }
}

fn target(route: Object<'_>, reference: &Value, group: &str, kind: &str) -> Option<NodeKey> {
    let or = |field: &str, default: &str| {
        let found = text(reference, field);
        if found.is_empty() { default.to_owned() } else { found.to_owned() }
    };
    let name = Some(text(reference, "/name")).filter(|name| !name.is_empty())?;
    Some(NodeKey {
        group: or("/group", group),
        kind: or("/kind", kind),
        namespace: or("/namespace", route.namespace()),
        name: name.to_owned(),
    })
}
