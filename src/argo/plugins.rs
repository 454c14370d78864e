//! Sidecars of Argo CD's repo-server that hold config management plugins.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;

/// The program that such a sidecar runs (argo-cd `cmd/argocd-cmp-server`).
const SERVER: &str = "argocd-cmp-server";

/// The containers of a Deployment that hold a plugin, by name.
pub fn sidecars(deployment: &Deployment) -> impl Iterator<Item = String> {
    let pod = deployment.spec.iter().filter_map(|spec| spec.template.spec.as_ref());
    // A sidecar may be an init container that goes on running.
    let containers = pod.flat_map(|pod| pod.containers.iter().chain(pod.init_containers.iter().flatten()));
    containers.filter(|container| is_plugin(container)).map(|container| container.name.clone())
}

fn is_plugin(container: &Container) -> bool {
    let words = [&container.command, &container.args].into_iter().flatten().flatten();
    // The program is copied beside others, so that the end of the path tells.
    words.into_iter().any(|word| word.rsplit('/').next() == Some(SERVER))
}
