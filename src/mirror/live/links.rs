//! Addresses among the annotations of an object (argo-cd `controller/cache/info.go`).

use std::collections::BTreeSet;

use super::object::{Object, is_true};

/// Annotations whose values are addresses to show (argo-cd `common/common.go`, `AnnotationKeyLinkPrefix`).
pub(super) const LINK_PREFIX: &str = "link.argocd.argoproj.io/";

/// The addresses that an object's spec amounts to are not to be shown (`AnnotationKeyIgnoreDefaultLinks`).
pub(super) const IGNORE_DEFAULT_LINKS: &str = "argocd.argoproj.io/ignore-default-links";

/// Addresses among annotations.
pub(crate) fn links<'a>(annotations: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeSet<String> {
    let links = annotations.filter(|(key, link)| key.starts_with(LINK_PREFIX) && is_shown(link));
    links.map(|(_, link)| link.to_owned()).collect()
}

/// A link is an address, or `TITLE|ADDRESS`; other schemes could carry a script into the UI.
pub(super) fn is_shown(link: &str) -> bool {
    let address = link.split_once('|').map_or(link, |(_, address)| address);
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    address.is_empty() || matches!(scheme.as_deref(), Some("http" | "https"))
}

/// The addresses that the spec amounts to are to be shown, too.
pub(super) fn shows_default_links(object: Object<'_>) -> bool {
    !object.annotation(IGNORE_DEFAULT_LINKS).is_some_and(is_true)
}
