//! Where generated objects stand and what they are called.

use super::draft::{Draft, Placement};
use crate::names;

/// Namespace and name of everything that is generated for the Application.
pub(super) fn place(draft: &mut Draft<'_>) -> Option<Placement> {
    let destination = cluster(draft);
    let namespace = namespace(draft);
    let name = workload_name(draft);
    destination?;
    Some(Placement { namespace: namespace?, name: name? })
}

/// The destination must be the cluster of Argo CD and Flux (argo-cd `util/argo/argo.go`, `GetDestinationServer`).
fn cluster(draft: &mut Draft<'_>) -> Option<()> {
    let destination = &draft.app.spec.destination;
    let server = destination.server.trim_end_matches('/');
    match (destination.name.as_str(), server) {
        ("", "") => draft.error(
            "spec.destination",
            "destination server missing from app spec",
            format!("set server to {}", names::IN_CLUSTER_SERVER),
        ),
        ("", names::IN_CLUSTER_SERVER) | (names::IN_CLUSTER_NAME, "") => Some(()),
        ("", server) => other_cluster(draft, "spec.destination.server", server),
        (name, "") => other_cluster(draft, "spec.destination.name", name),
        (name, _) => {
            let server = &destination.server;
            draft.error(
                "spec.destination",
                format!("application destination can't have both name and server defined: {name} {server}"),
                "leave one of them out",
            )
        }
    }
}

fn other_cluster(draft: &mut Draft<'_>, field: &str, cluster: &str) -> Option<()> {
    draft.error(
        field,
        format!("delivery to another cluster ({cluster}) is not supported yet"),
        format!("name the cluster that Flux runs in: {}", names::IN_CLUSTER_SERVER),
    )
}

fn namespace(draft: &mut Draft<'_>) -> Option<String> {
    const FIELD: &str = "spec.destination.namespace";
    let namespace = draft.app.flux_namespace();
    if namespace.is_empty() {
        let hint = "name it, or that of the Application in metadata.namespace: the Flux objects stand there";
        return draft.error(FIELD, "the destination namespace is empty", hint);
    }
    if !is_dns_label(namespace) {
        let hint = "use lower-case letters, digits and dashes";
        return draft.error(FIELD, format!("{namespace:?} is not a valid namespace name"), hint);
    }
    Some(namespace.to_owned())
}

/// The name of the Flux objects, no longer than Flux can write into a label.
fn workload_name(draft: &mut Draft<'_>) -> Option<String> {
    let (field, name) = match draft.app.label(names::LABEL_WORKLOAD_NAME) {
        Some(name) => (format!("metadata.labels[{}]", names::LABEL_WORKLOAD_NAME), name),
        None => ("metadata.name".to_owned(), draft.app.name()),
    };
    if is_dns_subdomain(name) {
        Some(names::shorten(name, names::MAX_LABEL_VALUE))
    } else {
        draft.error(
            field,
            format!("{name:?} is not a valid name for Flux objects"),
            "use lower-case letters, digits, dashes and dots",
        )
    }
}

/// RFC 1123 label, as Kubernetes asks of namespaces.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= names::MAX_LABEL_VALUE && is_dns_part(text)
}

/// RFC 1123 subdomain, as Kubernetes asks of most names, and Helm of releases.
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_part)
}

fn is_dns_part(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(is_word)
        && bytes.last().copied().is_some_and(is_word)
        && bytes.iter().all(|&byte| is_word(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("podinfo", true, true)]
    #[case("0-a", true, true)]
    #[case("a.b", false, true)]
    #[case("a..b", false, false)]
    #[case("-a", false, false)]
    #[case("a-", false, false)]
    #[case("A", false, false)]
    #[case("a_b", false, false)]
    #[case("", false, false)]
    fn names(#[case] text: &str, #[case] label: bool, #[case] subdomain: bool) {
        assert_eq!(is_dns_label(text), label);
        assert_eq!(is_dns_subdomain(text), subdomain);
    }
}
