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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case::none(json!({"name": "proxy", "command": ["envoy"]}), "containers", &[])]
    #[case::command(json!({"name": "cue", "command": ["/var/run/argocd/argocd-cmp-server"]}), "containers", &["cue"])]
    #[case::arguments(json!({"name": "cue", "args": ["argocd-cmp-server"]}), "containers", &["cue"])]
    #[case::init(json!({"name": "cue", "args": ["argocd-cmp-server"]}), "initContainers", &["cue"])]
    fn plugins_are_known_by_their_program(
        #[case] sidecar: Value,
        #[case] field: &str,
        #[case] expected: &[&str],
    ) {
        let own = json!({"name": "argocd-repo-server", "args": ["/usr/local/bin/argocd-repo-server"]});
        let mut pod = json!({"containers": [own]});
        match pod[field].as_array_mut() {
            Some(list) => list.push(sidecar),
            None => pod[field] = json!([sidecar]),
        }
        let deployment = json!({"spec": {"selector": {}, "template": {"spec": pod}}});
        let deployment: Deployment = serde_json::from_value(deployment).unwrap();
        assert_eq!(sidecars(&deployment).collect::<Vec<_>>(), expected);
    }
}
