//! `NetworkPolicies` in the way of the bridge: into Argo CD's Redis, into source-controller, and out of its own Pods.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Finding, Namespaces};

type Labels = BTreeMap<String, String>;

/// Pods that the bridge connects to.
struct Target {
    what: &'static str,
    namespace: String,
    labels: Labels,
    /// Number and name of the port.
    port: (i32, &'static str),
}

fn labels(key: &str, value: &str) -> Labels {
    [(key.to_owned(), value.to_owned())].into()
}

fn bridge() -> Labels {
    labels("app.kubernetes.io/name", "flux-subsystem")
}

fn targets(namespaces: &Namespaces) -> [Target; 3] {
    let redis = |what, name| Target {
        what,
        namespace: namespaces.argocd.clone(),
        labels: labels("app.kubernetes.io/name", name),
        port: (6379, "redis"),
    };
    [
        redis("Argo CD's Redis", "argocd-redis"),
        redis("Argo CD's Redis proxy", "argocd-redis-ha-haproxy"),
        Target {
            what: "source-controller",
            namespace: namespaces.flux.clone(),
            labels: labels("app", "source-controller"),
            port: (9090, "http"),
        },
    ]
}

/// Judges the policies of both namespaces.
pub fn judge(policies: &[NetworkPolicy], namespaces: &Namespaces) -> Vec<Finding> {
    const CHECK: &str = "Network policies";
    let mut findings: Vec<Finding> = targets(namespaces)
        .iter()
        .filter_map(|target| {
            let closing = closing(policies, target, namespaces)?;
            Some(Finding::fail(
                CHECK,
                format!("{closing} keeps the bridge from {}", target.what),
                "apply manifests/network-policies.yaml, with the namespaces of your installation",
            ))
        })
        .collect();
    let limiting = policies.iter().find(|policy| is_about(policy, &namespaces.argocd, &bridge(), "Egress"));
    findings.extend(limiting.map(|policy| {
        Finding::warn(
            CHECK,
            format!("{} limits where the bridge's Pods may connect to", name(policy)),
            "make sure that it admits the API server, DNS, Argo CD's Redis, source-controller and git over HTTP",
        )
    }));
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "nothing stands between the bridge, Redis and source-controller"));
    }
    findings
}

/// The policies that close the target to the bridge; `None` when it is open, or opened by one.
fn closing(policies: &[NetworkPolicy], target: &Target, namespaces: &Namespaces) -> Option<String> {
    let about: Vec<_> = policies
        .iter()
        .filter(|policy| is_about(policy, &target.namespace, &target.labels, "Ingress"))
        .collect();
    let rules =
        about.iter().filter_map(|policy| policy.spec.as_ref()).flat_map(|spec| spec.ingress.iter().flatten());
    let mut admitting = rules.filter(|rule| admits(rule, target, namespaces));
    if about.is_empty() || admitting.next().is_some() {
        return None;
    }
    Some(about.iter().map(|policy| name(policy)).collect::<Vec<_>>().join(", "))
}

fn name(policy: &NetworkPolicy) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("NetworkPolicy {}/{}", text(&policy.metadata.namespace), text(&policy.metadata.name))
}

/// The policy selects Pods with those labels, for that direction. Without types, a policy is about Ingress, and about Egress
/// when it has such rules.
fn is_about(policy: &NetworkPolicy, namespace: &str, labels: &Labels, direction: &str) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let is_direction = match &spec.policy_types {
        Some(types) => types.iter().any(|kind| kind == direction),
        None => direction == "Ingress" || spec.egress.is_some(),
    };
    policy.metadata.namespace.as_deref() == Some(namespace)
        && is_direction
        && spec.pod_selector.as_ref().is_none_or(|selector| matches(selector, labels))
}

fn admits(rule: &NetworkPolicyIngressRule, target: &Target, namespaces: &Namespaces) -> bool {
    let ports = rule.ports.as_deref().unwrap_or_default();
    let peers = rule.from.as_deref().unwrap_or_default();
    (ports.is_empty() || ports.iter().any(|port| is_port(port, target.port)))
        && (peers.is_empty() || peers.iter().any(|peer| is_bridge(peer, target, namespaces)))
}

fn is_port(port: &NetworkPolicyPort, (number, name): (i32, &str)) -> bool {
    let is_tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    is_tcp
        && match (&port.port, port.end_port) {
            (None, _) => true,
            (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&number),
            (Some(IntOrString::Int(port)), None) => *port == number,
            (Some(IntOrString::String(port)), _) => port == name,
        }
}

/// A peer by addresses may be anybody's, but Pods have none to rely on.
fn is_bridge(peer: &NetworkPolicyPeer, target: &Target, namespaces: &Namespaces) -> bool {
    let is_its_namespace = match &peer.namespace_selector {
        Some(selector) => matches(selector, &labels("kubernetes.io/metadata.name", &namespaces.argocd)),
        None => target.namespace == namespaces.argocd,
    };
    peer.ip_block.is_none()
        && is_its_namespace
        && peer.pod_selector.as_ref().is_none_or(|selector| matches(selector, &bridge()))
}

fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let exact = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector.match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let is_listed =
            value.is_some_and(|value| expression.values.iter().flatten().any(|listed| listed == value));
        match expression.operator.as_str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    exact && expressions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::yaml;
    use serde_json::{Value, json};

    fn namespaces() -> Namespaces {
        Namespaces { argocd: "argocd".into(), flux: "flux-system".into() }
    }

    fn policy(namespace: &str, spec: &Value) -> NetworkPolicy {
        serde_json::from_value(json!({"metadata": {"name": "x", "namespace": namespace}, "spec": spec}))
            .unwrap()
    }

    /// As Argo CD's and Flux's own manifests have them.
    fn stock() -> Vec<NetworkPolicy> {
        let server = json!({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "argocd-server"}}});
        vec![
            policy(
                "argocd",
                &json!({
                    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "argocd-redis"}},
                    "policyTypes": ["Ingress"],
                    "ingress": [{"from": [server], "ports": [{"protocol": "TCP", "port": 6379}]}],
                }),
            ),
            policy(
                "flux-system",
                &json!({
                    "podSelector": {},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"from": [{"podSelector": {}}]}],
                    "egress": [{}],
                }),
            ),
            policy(
                "flux-system",
                &json!({
                    "podSelector": {},
                    "policyTypes": ["Ingress"],
                    "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 8080}]}],
                }),
            ),
        ]
    }

    fn shipped() -> Vec<NetworkPolicy> {
        let text = include_str!("../../manifests/network-policies.yaml");
        yaml::parse_all(text)
            .unwrap()
            .into_iter()
            .map(|value| serde_json::from_value(value).unwrap())
            .collect()
    }

    #[test]
    fn the_stock_policies_close_and_the_shipped_ones_open() {
        assert_eq!(judge(&[], &namespaces())[0].level, Level::Ok);
        let closed = judge(&stock(), &namespaces());
        let said: Vec<_> = closed.iter().map(|finding| (finding.level, finding.finding.as_str())).collect();
        assert_eq!(
            said,
            [
                (Level::Fail, "NetworkPolicy argocd/x keeps the bridge from Argo CD's Redis"),
                (
                    Level::Fail,
                    "NetworkPolicy flux-system/x, NetworkPolicy flux-system/x keeps the bridge from source-controller"
                ),
            ]
        );
        let all: Vec<_> = stock().into_iter().chain(shipped()).collect();
        assert_eq!(
            judge(&all, &namespaces()).iter().map(|finding| finding.level).collect::<Vec<_>>(),
            [Level::Ok]
        );
    }

    #[test]
    fn a_limit_on_the_way_out_is_told() {
        let policy = policy("argocd", &json!({"podSelector": {}, "policyTypes": ["Egress"]}));
        assert_eq!(judge(&[policy], &namespaces())[0].level, Level::Warn);
    }
}
