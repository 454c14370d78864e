//! Images and addresses of everything in the tree, as Argo CD lists them in `status.summary` (types.go, `GetSummary`).

use std::collections::BTreeSet;

use super::tree::Tree;
use super::view::View;
use crate::argo::status::Summary;

/// Annotations whose values are addresses to show (argo-cd `common/common.go`, `AnnotationKeyLinkPrefix`).
const LINK_PREFIX: &str = "link.argocd.argoproj.io/";

/// The summary of `tree`; as long as not everything in it has been looked at, that of before stands.
pub fn of(view: &View<'_>, tree: &Tree, previous: &Summary) -> Summary {
    if !view.observed.live_objects.is_complete {
        return previous.clone();
    }
    let nodes = || tree.nodes.iter().map(|node| &node.node);
    let images: BTreeSet<&String> = nodes().flat_map(|node| &node.images).collect();
    let urls = nodes().filter_map(|node| node.networking.as_ref()).flat_map(|found| &found.external_urls);
    let annotations = view.observed.app.metadata.annotations.iter().flatten();
    let links = annotations.filter(|(key, _)| key.starts_with(LINK_PREFIX)).map(|(_, link)| link);
    let urls: BTreeSet<&String> = urls.chain(links).collect();
    Summary {
        images: images.into_iter().cloned().collect(),
        external_urls: urls.into_iter().cloned().collect(),
        is_app_of_apps: nodes()
            .any(|node| (&*node.key.group, &*node.key.kind) == ("argoproj.io", "Application")),
    }
}
