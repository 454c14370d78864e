//! Addresses and selectors (argo-cd `controller/cache/info.go`).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::links::{links, shows_default_links};
use super::object::{Object, list, text};
use super::{Networking, NodeKey, gateway};

/// Kinds that addresses and selectors are read off.
pub(super) fn reads_body(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("", "Pod" | "Service")
            | ("extensions" | "networking.k8s.io", "Ingress")
            | ("networking.istio.io", "VirtualService" | "ServiceEntry")
    ) || gateway::reads_body(group, kind)
}

/// Addresses and selectors of `object`; `None` where it has none.
pub(super) fn of(object: Object<'_>) -> Option<Networking> {
    let found = match object.group_kind() {
        ("", "Pod") => Some(pod(object)),
        ("", "Service") => Some(service(object)),
        ("extensions" | "networking.k8s.io", "Ingress") => Some(ingress(object)),
        ("networking.istio.io", "VirtualService") => Some(virtual_service(object)),
        ("networking.istio.io", "ServiceEntry") => service_entry(object),
        _ => gateway::of(object),
    };
    let links = links(object.annotations());
    match found {
        Some(mut networking) => {
            networking.external_urls.extend(links);
            Some(networking)
        }
        None if links.is_empty() => None,
        None => Some(Networking { external_urls: links, ..Networking::default() }),
    }
}

/// A Service by name.
pub(super) fn service_key(namespace: &str, name: &str) -> NodeKey {
    NodeKey { group: String::new(), kind: "Service".into(), namespace: namespace.into(), name: name.into() }
}

fn pod(object: Object<'_>) -> Networking {
    let labels = object.whole.metadata.labels.clone().unwrap_or_default();
    Networking { labels, ..Networking::default() }
}

fn labels(value: Option<&Value>) -> BTreeMap<String, String> {
    let all = value.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn service(object: Object<'_>) -> Networking {
    let is_balanced = object.text("/spec/type") == "LoadBalancer";
    Networking {
        target_labels: labels(object.at("/spec/selector")),
        ingress: if is_balanced { balancer(object) } else { Vec::new() },
        ..Networking::default()
    }
}

/// What the load balancer gave: IP or host name, of which the host name counts.
fn balancer(object: Object<'_>) -> Vec<(String, String)> {
    let given = object.list("/status/loadBalancer/ingress");
    given
        .filter_map(|given| match (given.get("hostname"), given.get("ip")) {
            (Some(hostname), _) => Some((String::new(), hostname.as_str().unwrap_or_default().to_owned())),
            (None, Some(ip)) => Some((ip.as_str().unwrap_or_default().to_owned(), String::new())),
            (None, None) => None,
        })
        .collect()
}

fn ingress(object: Object<'_>) -> Networking {
    let backends =
        object.at("/spec/backend").into_iter().chain(paths(object).filter_map(|path| path.get("backend")));
    let targets = backends.filter_map(|backend| backend_service(object, backend));
    let ingress = balancer(object);
    let mut external_urls = BTreeSet::new();
    if shows_default_links(object) {
        let address = ingress.iter().map(|(ip, hostname)| if hostname.is_empty() { ip } else { hostname });
        let address = address.map(String::as_str).find(|address| !address.is_empty()).unwrap_or_default();
        external_urls.extend(object.list("/spec/rules").flat_map(|rule| rule_urls(object, rule, address)));
    }
    Networking {
        target_refs: targets.map(|name| service_key(object.namespace(), &name)).collect(),
        ingress,
        external_urls,
        ..Networking::default()
    }
}

fn paths(object: Object<'_>) -> impl Iterator<Item = &Value> {
    object.list("/spec/rules").flat_map(|rule| list(rule, "/http/paths"))
}

fn backend_service(object: Object<'_>, backend: &Value) -> Option<String> {
    let name = match (object.group, object.version) {
        ("extensions", _) | ("networking.k8s.io", "v1beta1") => backend.get("serviceName"),
        _ => backend.pointer("/service/name"),
    };
    name.and_then(Value::as_str).map(str::to_owned)
}

fn rule_urls(object: Object<'_>, rule: &Value, address: &str) -> Vec<String> {
    let host = Some(text(rule, "/host")).filter(|host| !host.is_empty()).unwrap_or(address);
    if host.is_empty() {
        return Vec::new();
    }
    let scheme = if is_secure(object, host) { "https" } else { "http" };
    let paths = list(rule, "/http/paths").map(|path| text(path, "/path"));
    paths.map(|path| format!("{scheme}://{host}{}", path.strip_suffix('*').unwrap_or(path))).collect()
}

/// Any certificate makes all hosts secure, as does being listed beside none.
fn is_secure(object: Object<'_>, host: &str) -> bool {
    let mut tls = object.list("/spec/tls");
    tls.any(|tls| {
        tls.get("secretName").is_some_and(|name| !name.is_null())
            || list(tls, "/hosts").any(|listed| listed.as_str() == Some(host))
    })
}

fn virtual_service(object: Object<'_>) -> Networking {
    let routes = object.list("/spec/http").flat_map(|rule| list(rule, "/route"));
    let hosts = routes.filter_map(|route| route.pointer("/destination/host").and_then(Value::as_str));
    let target_refs = hosts.map(|host| {
        let mut parts = host.split('.');
        let name = parts.next().unwrap_or_default();
        service_key(parts.next().unwrap_or(object.namespace()), name)
    });
    Networking { target_refs: target_refs.collect(), ..Networking::default() }
}

fn service_entry(object: Object<'_>) -> Option<Networking> {
    let selector = object.at("/spec/workloadSelector/labels")?;
    let pods = NodeKey { kind: "Pod".into(), ..NodeKey::default() };
    Some(Networking {
        target_labels: labels(Some(selector)),
        target_refs: [pods].into(),
        ..Networking::default()
    })
}
