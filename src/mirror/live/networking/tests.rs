use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Object, of, service_key};
use crate::mirror::live::{Networking, NodeKey};
use crate::mirror::patch;

const INGRESS: (&str, &str, &str) = ("networking.k8s.io", "v1", "Ingress");

fn networking(kind: (&str, &str, &str), content: &Value) -> Option<Networking> {
    let (group, version, kind) = kind;
    let mut object = json!({"metadata": {"name": "x", "namespace": "apps"}});
    patch::merge(&mut object, content);
    let whole: DynamicObject = serde_json::from_value(object).unwrap();
    of(Object { group, version, kind, whole: &whole })
}

fn urls(kind: (&str, &str, &str), content: &Value) -> Vec<String> {
    networking(kind, content).map(|found| found.external_urls.into_iter().collect()).unwrap_or_default()
}

fn ingress(spec: &Value, annotations: &Value, balancer: &Value) -> Vec<String> {
    let status = json!({"loadBalancer": {"ingress": balancer}});
    urls(INGRESS, &json!({"metadata": {"annotations": annotations}, "spec": spec, "status": status}))
}

fn rule(host: &str, paths: &[&str]) -> Value {
    let paths: Vec<_> = paths.iter().map(|path| json!({"path": path})).collect();
    json!({"host": host, "http": {"paths": paths}})
}

#[rstest]
#[case::host(json!({"rules": [rule("a.org", &["/"])]}), json!([]), &["http://a.org/"])]
#[case::several_paths(
    json!({"rules": [rule("a.org", &["/x", "/*", "/x"])]}),
    json!([]),
    &["http://a.org/", "http://a.org/x"]
)]
#[case::without_a_path(json!({"rules": [{"host": "a.org", "http": {"paths": [{}]}}]}), json!([]), &["http://a.org"])]
#[case::without_rules_below(json!({"rules": [{"host": "a.org"}]}), json!([]), &[])]
#[case::certificate(
    json!({"rules": [rule("a.org", &["/"])], "tls": [{"secretName": "s"}]}),
    json!([]),
    &["https://a.org/"]
)]
#[case::listed_beside_no_certificate(
    json!({"rules": [rule("a.org", &["/"]), rule("b.org", &["/"])], "tls": [{"hosts": ["b.org"]}]}),
    json!([]),
    &["http://a.org/", "https://b.org/"]
)]
#[case::no_host_and_no_address(json!({"rules": [rule("", &["/"])]}), json!([]), &[])]
#[case::no_host(json!({"rules": [rule("", &["/"])]}), json!([{"ip": "192.0.2.1"}]), &["http://192.0.2.1/"])]
#[case::hostname_before_address(
    json!({"rules": [rule("", &["/"])]}),
    json!([{"hostname": "lb.org", "ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]),
    &["http://lb.org/"]
)]
fn an_ingress_has_an_address_for_each_path(
    #[case] spec: Value,
    #[case] balancer: Value,
    #[case] expected: &[&str],
) {
    assert_eq!(ingress(&spec, &json!({}), &balancer), expected);
}

#[rstest]
#[case::link(json!({"link.argocd.argoproj.io/docs": "https://docs.org"}), &["http://a.org/", "https://docs.org"])]
#[case::titled(json!({"link.argocd.argoproj.io/docs": "Docs|HTTP://docs.org"}), &["Docs|HTTP://docs.org", "http://a.org/"])]
#[case::script(json!({"link.argocd.argoproj.io/docs": "Docs|javascript:alert(1)"}), &["http://a.org/"])]
#[case::ignored(json!({"argocd.argoproj.io/ignore-default-links": "true"}), &[])]
#[case::not_ignored(json!({"argocd.argoproj.io/ignore-default-links": "no"}), &["http://a.org/"])]
#[case::links_are_never_ignored(
    json!({"argocd.argoproj.io/ignore-default-links": "1", "link.argocd.argoproj.io/docs": "https://docs.org"}),
    &["https://docs.org"]
)]
fn annotations_have_a_say(#[case] annotations: Value, #[case] expected: &[&str]) {
    assert_eq!(ingress(&json!({"rules": [rule("a.org", &["/"])]}), &annotations, &json!([])), expected);
}

#[rstest]
#[case::cluster_ip("ClusterIP", 0)]
#[case::balanced("LoadBalancer", 1)]
fn only_a_balanced_service_has_an_address(#[case] kind: &str, #[case] addresses: usize) {
    let spec = json!({"type": kind, "selector": {"app": "web"}});
    let status = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    let found = networking(("", "v1", "Service"), &json!({"spec": spec, "status": status})).unwrap();
    assert_eq!((found.ingress.len(), found.external_urls.len()), (addresses, 0));
    assert_eq!(found.target_labels["app"], "web");
}

#[rstest]
#[case::v1("v1", json!({"service": {"name": "web"}}))]
#[case::v1beta1("v1beta1", json!({"serviceName": "web"}))]
fn an_ingress_names_the_services_behind_it(#[case] version: &str, #[case] backend: Value) {
    let spec = json!({"rules": [{"http": {"paths": [{"backend": backend}]}}]});
    let found = networking(("networking.k8s.io", version, "Ingress"), &json!({"spec": spec})).unwrap();
    assert_eq!(found.target_refs, [service_key("apps", "web")].into());
}

#[test]
fn a_pod_is_found_by_its_labels_and_other_kinds_have_nothing() {
    let labels = json!({"metadata": {"labels": {"app": "web"}}});
    assert_eq!(networking(("", "v1", "Pod"), &labels).unwrap().labels["app"], "web");
    assert_eq!(networking(("", "v1", "ConfigMap"), &labels), None);
    let linked = json!({"metadata": {"annotations": {"link.argocd.argoproj.io/a": "https://a.org"}}});
    assert_eq!(urls(("", "v1", "ConfigMap"), &linked), ["https://a.org"]);
}

#[test]
fn meshes_name_services_of_other_namespaces_and_pods_by_label() {
    let route = |host: &str| json!({"destination": {"host": host}});
    let spec = json!({"http": [{"route": [route("web"), route("db.data.svc.cluster.local")]}]});
    let found = networking(("networking.istio.io", "v1", "VirtualService"), &json!({"spec": spec})).unwrap();
    assert_eq!(found.target_refs, [service_key("apps", "web"), service_key("data", "db")].into());
    let entry = ("networking.istio.io", "v1", "ServiceEntry");
    assert_eq!(networking(entry, &json!({"spec": {}})), None);
    let spec = json!({"workloadSelector": {"labels": {"app": "web"}}});
    let found = networking(entry, &json!({"spec": spec})).unwrap();
    assert_eq!(found.target_labels["app"], "web");
    assert_eq!(found.target_refs.first().map(|key| key.kind.as_str()), Some("Pod"));
}

#[test]
fn a_gateway_has_an_address_for_each_listener() {
    let listeners = json!([
        {"hostname": "a.org", "protocol": "HTTPS", "port": 443},
        {"hostname": "*", "protocol": "HTTP", "port": 8080},
    ]);
    let status = json!({"addresses": [{"type": "IPAddress", "value": "192.0.2.1"}, {"type": "Hostname", "value": "lb.org"}]});
    let gateway = ("gateway.networking.k8s.io", "v1", "Gateway");
    let content = json!({"spec": {"listeners": listeners}, "status": status});
    assert_eq!(urls(gateway, &content), ["http://192.0.2.1:8080", "http://lb.org:8080", "https://a.org"]);
}

#[test]
fn a_route_names_its_gateway_and_its_services() {
    let spec = json!({
        "parentRefs": [{"name": "public", "namespace": "edge"}],
        "rules": [{"backendRefs": [{"name": "web"}, {"name": ""}]}],
    });
    let found = networking(("gateway.networking.k8s.io", "v1", "HTTPRoute"), &json!({"spec": spec})).unwrap();
    let gateway = NodeKey {
        group: "gateway.networking.k8s.io".into(),
        kind: "Gateway".into(),
        namespace: "edge".into(),
        name: "public".into(),
    };
    assert_eq!(found.target_refs, [service_key("apps", "web"), gateway].into());
}
