//! Images and addresses of what was delivered, as Argo CD lists them in `status.summary`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::argo::Application;
use crate::argo::status::Summary;

/// Annotations whose values are addresses to show (argo-cd `common/common.go`, `AnnotationKeyLinkPrefix`).
const LINK_PREFIX: &str = "link.argocd.argoproj.io/";
/// The addresses that an object's spec amounts to are not to be shown (`AnnotationKeyIgnoreDefaultLinks`).
const IGNORE_DEFAULT_LINKS: &str = "argocd.argoproj.io/ignore-default-links";

/// The summary of live objects (argo-cd `controller/cache/info.go`, `populateNodeInfo`; types.go, `GetSummary`).
///
/// Argo CD reads images off Pods, this off what Pods are made from. A Service has no address of its own there either:
/// that of a load balancer counts where an Ingress names no host.
pub fn of(objects: &[Value]) -> Summary {
    let images: BTreeSet<String> = objects.iter().flat_map(images).collect();
    let urls: BTreeSet<String> = objects.iter().flat_map(urls).collect();
    Summary {
        images: images.into_iter().collect(),
        external_urls: urls.into_iter().collect(),
        ..Summary::default()
    }
}

/// `summary` with the links that the Application itself carries.
pub fn with_links_of(app: &Application, mut summary: Summary) -> Summary {
    let annotations = app.metadata.annotations.iter().flatten();
    let links = annotations.filter(|(key, _)| key.starts_with(LINK_PREFIX)).map(|(_, link)| link.clone());
    summary.external_urls.extend(links);
    summary.external_urls.sort();
    summary.external_urls.dedup();
    summary
}

/// The object waits for an address that will be part of the summary: an Ingress without a host, and without a load
/// balancer so far.
pub fn awaits_address(object: &Value) -> bool {
    let has_hostless = || rules(object).any(|rule| text(rule, "/host").is_empty());
    kind(object) == "Ingress"
        && !ignores_default_links(object)
        && has_hostless()
        && balancer(object).is_empty()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

fn annotations(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn images(object: &Value) -> Vec<String> {
    let pods = match kind(object) {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => return Vec::new(),
    };
    let containers = ["initContainers", "containers"]
        .into_iter()
        .flat_map(|field| list(object, &format!("{pods}/{field}")));
    let images = containers.map(|container| text(container, "/image"));
    images.filter(|image| !image.is_empty()).map(str::to_owned).collect()
}

fn urls(object: &Value) -> Vec<String> {
    let links = annotations(object).filter(|(key, link)| key.starts_with(LINK_PREFIX) && is_shown(link));
    let mut urls: Vec<String> = links.map(|(_, link)| link.to_owned()).collect();
    if kind(object) == "Ingress" && !ignores_default_links(object) {
        urls.extend(ingress_urls(object));
    }
    urls
}

/// A link is an address, or `TITLE|ADDRESS`; other schemes could carry a script into the UI.
fn is_shown(link: &str) -> bool {
    let address = link.split_once('|').map_or(link, |(_, address)| address);
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    address.is_empty() || matches!(scheme.as_deref(), Some("http" | "https"))
}

fn ignores_default_links(object: &Value) -> bool {
    let mut all = annotations(object);
    let value = all.find(|(key, _)| *key == IGNORE_DEFAULT_LINKS).map(|(_, value)| value);
    // What Go's strconv.ParseBool takes for true.
    matches!(value, Some("1" | "t" | "T" | "TRUE" | "true" | "True"))
}

/// The rules that lead somewhere.
fn rules(ingress: &Value) -> impl Iterator<Item = &Value> {
    list(ingress, "/spec/rules").filter(|rule| list(rule, "/http/paths").next().is_some())
}

fn ingress_urls(ingress: &Value) -> Vec<String> {
    let mut urls = Vec::new();
    for rule in rules(ingress) {
        let host = Some(text(rule, "/host")).filter(|host| !host.is_empty()).unwrap_or(balancer(ingress));
        if host.is_empty() {
            continue;
        }
        let scheme = if is_secure(ingress, host) { "https" } else { "http" };
        urls.extend(list(rule, "/http/paths").map(|path| {
            let path = text(path, "/path");
            format!("{scheme}://{host}{}", path.strip_suffix('*').unwrap_or(path))
        }));
    }
    urls
}

/// The first name or address of the load balancer.
fn balancer(object: &Value) -> &str {
    let addresses = list(object, "/status/loadBalancer/ingress");
    let mut addresses = addresses.map(|address| match address.get("hostname") {
        Some(hostname) => hostname.as_str().unwrap_or_default(),
        None => text(address, "/ip"),
    });
    addresses.find(|address| !address.is_empty()).unwrap_or_default()
}

/// Any certificate makes all hosts secure, as does being listed beside none.
fn is_secure(ingress: &Value, host: &str) -> bool {
    list(ingress, "/spec/tls").any(|tls| {
        tls.get("secretName").is_some_and(|name| !name.is_null())
            || list(tls, "/hosts").any(|listed| listed.as_str() == Some(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::fixtures::app;
    use rstest::rstest;
    use serde_json::json;

    fn pods(init: &[&str], images: &[&str]) -> Value {
        let containers =
            |images: &[&str]| images.iter().map(|image| json!({"image": image})).collect::<Vec<_>>();
        json!({"template": {"spec": {"initContainers": containers(init), "containers": containers(images)}}})
    }

    fn ingress(spec: &Value, annotations: &Value, balancer: &Value) -> Value {
        json!({
            "kind": "Ingress",
            "metadata": {"annotations": annotations},
            "spec": spec,
            "status": {"loadBalancer": {"ingress": balancer}},
        })
    }

    fn rule(host: &str, paths: &[&str]) -> Value {
        let paths: Vec<_> = paths.iter().map(|path| json!({"path": path})).collect();
        json!({"host": host, "http": {"paths": paths}})
    }

    #[test]
    fn images_are_those_of_all_containers_each_once_in_order() {
        let objects = [
            json!({"kind": "Deployment", "spec": pods(&["c:1"], &["b:1", "a:1"])}),
            json!({"kind": "StatefulSet", "spec": pods(&[], &["b:1"])}),
            json!({"kind": "DaemonSet", "spec": pods(&[], &["d:1", ""])}),
            json!({"kind": "Job", "spec": pods(&[], &["e:1"])}),
            json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": pods(&["g:1"], &["f:1"])}}}),
            json!({"kind": "Service", "spec": pods(&[], &["never:1"])}),
        ];
        assert_eq!(of(&objects).images, ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1"]);
        assert_eq!(of(&[]), Summary::default());
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
        #[case] urls: &[&str],
    ) {
        assert_eq!(of(&[ingress(&spec, &json!({}), &balancer)]).external_urls, urls);
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
    fn annotations_have_a_say(#[case] annotations: Value, #[case] urls: &[&str]) {
        let spec = json!({"rules": [rule("a.org", &["/"])]});
        assert_eq!(of(&[ingress(&spec, &annotations, &json!([]))]).external_urls, urls);
    }

    #[test]
    fn a_service_has_its_links_alone() {
        let service = json!({
            "kind": "Service",
            "metadata": {"annotations": {"link.argocd.argoproj.io/a": "https://a.org"}},
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
        });
        assert_eq!(of(&[service]).external_urls, ["https://a.org"]);
    }

    #[test]
    fn the_links_of_the_application_join_in_order() {
        let links = json!({"link.argocd.argoproj.io/a": "https://b.org", "link.argocd.argoproj.io/b": "https://d.org"});
        let app = app("demo").with(&json!({"metadata": {"annotations": links}})).build();
        let found = Summary {
            external_urls: vec!["https://a.org".into(), "https://b.org".into(), "https://c.org".into()],
            ..Summary::default()
        };
        let urls = with_links_of(&app, found).external_urls;
        assert_eq!(urls, ["https://a.org", "https://b.org", "https://c.org", "https://d.org"]);
    }

    #[rstest]
    #[case::no_host(json!({"rules": [rule("", &["/"])]}), json!({}), json!([]), true)]
    #[case::has_it(json!({"rules": [rule("", &["/"])]}), json!({}), json!([{"ip": "192.0.2.1"}]), false)]
    #[case::needs_none(json!({"rules": [rule("a.org", &["/"])]}), json!({}), json!([]), false)]
    #[case::wants_none(
        json!({"rules": [rule("", &["/"])]}),
        json!({"argocd.argoproj.io/ignore-default-links": "true"}),
        json!([]),
        false
    )]
    fn an_ingress_without_a_host_waits_for_its_balancer(
        #[case] spec: Value,
        #[case] annotations: Value,
        #[case] balancer: Value,
        #[case] awaits: bool,
    ) {
        assert_eq!(awaits_address(&ingress(&spec, &annotations, &balancer)), awaits);
    }
}
