//! What a Pod requests of its Node (k8s.io/component-helpers `resource/helpers.go`, `PodRequests`).

use serde_json::Value;

use super::object::{Object, text};

/// `cpu` and `memory`, each in thousandths: Argo CD's UI adds them up by Node.
pub(super) fn chips(pod: Object<'_>) -> [(String, String); 2] {
    ["cpu", "memory"].map(|resource| (resource.to_owned(), of_pod(pod, resource).to_string()))
}

fn of_pod(pod: Object<'_>, resource: &str) -> i128 {
    let below = |pointer: &str| pod.at(pointer).and_then(|requests| quantity(requests, resource));
    let requested = below("/spec/resources/requests").unwrap_or_else(|| of_containers(pod, resource));
    requested + below("/spec/overhead").unwrap_or_default()
}

/// Containers run together; init containers one after the other, beside the sidecars that were started before them.
fn of_containers(pod: Object<'_>, resource: &str) -> i128 {
    let containers = pod.list("/spec/containers");
    let mut sum: i128 =
        containers.map(|container| of_running(pod, container, "/status/containerStatuses", resource)).sum();
    let (mut sidecars, mut most) = (0, 0);
    for container in pod.list("/spec/initContainers") {
        if is_sidecar(container) {
            let requested = of_running(pod, container, "/status/initContainerStatuses", resource);
            sum += requested;
            sidecars += requested;
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars + wanted(container, resource));
        }
    }
    sum.max(most)
}

fn wanted(container: &Value, resource: &str) -> i128 {
    container
        .pointer("/resources/requests")
        .and_then(|requests| quantity(requests, resource))
        .unwrap_or_default()
}

/// What a container may be resized to, and what it was given so far: the most of it.
fn of_running(pod: Object<'_>, container: &Value, statuses: &str, resource: &str) -> i128 {
    let name = text(container, "/name");
    let status = pod.list(statuses).find(|status| text(status, "/name") == name);
    let Some(status) = status.filter(|status| status.get("resources").is_some()) else {
        return wanted(container, resource);
    };
    let given = ["/resources/requests", "/allocatedResources"].into_iter();
    let given =
        given.filter_map(|pointer| quantity(status.pointer(pointer)?, resource)).max().unwrap_or_default();
    let is_infeasible =
        pod.condition("PodResizePending").is_some_and(|pending| pending.reason == "Infeasible");
    if is_infeasible { given } else { given.max(wanted(container, resource)) }
}

fn quantity(resources: &Value, resource: &str) -> Option<i128> {
    match resources.get(resource)? {
        Value::String(text) => thousandths(text),
        number => thousandths(&number.to_string()),
    }
}

/// A quantity of Kubernetes (apimachinery `pkg/api/resource/quantity.go`) in thousandths, rounded up.
fn thousandths(text: &str) -> Option<i128> {
    let text = text.trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (base, exponent): (i128, i32) = scale(suffix)?;
    let mut numerator = digits.checked_mul(1000)?;
    let mut denominator = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let power = base.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 {
        denominator = denominator.checked_mul(power)?;
    } else {
        numerator = numerator.checked_mul(power)?;
    }
    let rest = numerator.rem_euclid(denominator);
    Some(numerator.div_euclid(denominator) + i128::from(rest > 0))
}

/// Base and exponent of a suffix: `Ki`, `M`, `m`, `e3`, ….
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let index = |suffixes: &str| i32::try_from(suffixes.find(suffix)?).ok();
    match suffix {
        "" => Some((10, 0)),
        "k" => Some((10, 3)),
        _ if suffix.len() == 2 && suffix.ends_with('i') => {
            let index = i32::try_from("KMGTPE".find(&suffix[..1])?).ok()?;
            Some((1024, index + 1))
        }
        _ if suffix.len() > 1 => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            Some((10, exponent.parse().ok()?))
        }
        _ => index("MGTPE")
            .map(|index| (10, 6 + 3 * index))
            .or_else(|| index("mun").map(|index| (10, -3 - 3 * index))),
    }
}

/// An init container that runs on beside the others.
pub(super) fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::DynamicObject;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::whole("2", 2000)]
    #[case::milli("100m", 100)]
    #[case::fraction("0.5", 500)]
    #[case::micro_is_rounded_up("1u", 1)]
    #[case::nano_is_rounded_up("1500000n", 2)]
    #[case::kibi("1Ki", 1_024_000)]
    #[case::mebi("16Mi", 16_777_216_000)]
    #[case::kilo("1k", 1_000_000)]
    #[case::mega("1.5M", 1_500_000_000)]
    #[case::exa("1E", 1_000_000_000_000_000_000_000)]
    #[case::exponent("1e3", 1_000_000)]
    #[case::small_exponent("12E-1", 1200)]
    fn quantities_are_read(#[case] text: &str, #[case] expected: i128) {
        assert_eq!(thousandths(text), Some(expected));
    }

    #[rstest]
    #[case::empty("")]
    #[case::unit("1x")]
    #[case::word("much")]
    #[case::huge("1e99")]
    fn anything_else_is_none(#[case] text: &str) {
        assert_eq!(thousandths(text), None);
    }

    fn cpu(pod: &Value) -> String {
        let object: DynamicObject = serde_json::from_value(pod.clone()).unwrap();
        let [(name, cpu), _] = chips(Object { group: "", version: "v1", kind: "Pod", whole: &object });
        assert_eq!(name, "cpu");
        cpu
    }

    fn container(name: &str, cpu: &str) -> Value {
        json!({"name": name, "resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(cpu: &str) -> Value {
        json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[rstest]
    #[case::none(json!({"containers": [{"name": "a"}]}), "0")]
    #[case::sum(json!({"containers": [container("a", "100m"), container("b", "1")]}), "1100")]
    #[case::init(json!({"containers": [container("a", "100m")], "initContainers": [container("i", "2")]}), "2000")]
    #[case::sidecar(json!({"containers": [container("a", "100m")], "initContainers": [sidecar("50m")]}), "150")]
    #[case::init_beside_sidecar(
        json!({"containers": [container("a", "100m")], "initContainers": [sidecar("50m"), container("i", "200m")]}),
        "250"
    )]
    #[case::overhead(json!({"containers": [container("a", "100m")], "overhead": {"cpu": "10m"}}), "110")]
    #[case::of_the_pod(json!({"containers": [container("a", "100m")], "resources": {"requests": {"cpu": "3"}}}), "3000")]
    fn containers_run_together_and_init_containers_before(#[case] spec: Value, #[case] expected: &str) {
        assert_eq!(cpu(&json!({"metadata": {"name": "p"}, "spec": spec})), expected);
    }

    #[rstest]
    #[case::shrinking(json!([]), "400")]
    #[case::infeasible(json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]), "300")]
    fn a_container_that_is_resized_has_the_most(#[case] conditions: Value, #[case] expected: &str) {
        let given = json!({"name": "a", "resources": {"requests": {"cpu": "200m"}}, "allocatedResources": {"cpu": "300m"}});
        let status = json!({"containerStatuses": [given], "conditions": conditions});
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [container("a", "400m")]}, "status": status});
        assert_eq!(cpu(&pod), expected);
    }
}
