//! Config management plugins: what stock Argo CD finds by discovery, and the bridge does not look for.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;

use super::{Finding, some};
use crate::argo::{Application, ApplicationSource};

/// The program that a plugin's sidecar runs (argo-cd `cmd/argocd-cmp-server`).
const SERVER: &str = "argocd-cmp-server";

/// Names the bridged Applications whose sources stock Argo CD would offer to a plugin: beside plugins, discovery asks them before
/// it looks for charts and kustomizations (argo-cd `util/app/discovery/discovery.go`, `Discover`). Nothing where there is no
/// plugin.
pub fn judge(deployments: &[Deployment], apps: &[Application]) -> Vec<Finding> {
    const CHECK: &str = "Plugins";
    let plugins: Vec<String> = deployments.iter().flat_map(sidecars).collect();
    if plugins.is_empty() {
        return Vec::new();
    }
    let open = |app: &&Application| app.is_bridged() && app.sources().iter().any(is_offered);
    let open: Vec<String> = apps.iter().filter(open).map(Application::identity).collect();
    let plugins = some(&plugins);
    if open.is_empty() {
        let finding = format!("each bridged Application says whether it needs {plugins}");
        return vec![Finding::ok(CHECK, finding)];
    }
    vec![Finding::warn(
        CHECK,
        format!(
            "{} do not say what their sources are: one of {plugins} may find them by discovery in stock Argo CD, and is not \
             asked by the bridge",
            some(&open)
        ),
        "write plugin: {} into a source that a plugin renders, and helm, kustomize or directory settings into any other",
    )]
}

/// The containers of a Deployment that hold a plugin.
fn sidecars(deployment: &Deployment) -> impl Iterator<Item = String> {
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

/// Nothing says what is at the path (types.go, `ExplicitType`).
fn is_offered(source: &ApplicationSource) -> bool {
    let is_explicit = source.helm.is_some()
        || source.kustomize.is_some()
        || source.directory.is_some()
        || source.plugin.is_some();
    source.chart.is_empty() && !source.is_only_referred_to() && !is_explicit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::mirror::fixtures::app;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn repo_server(sidecar: &Value) -> Deployment {
        let containers =
            json!([{"name": "argocd-repo-server", "args": ["/usr/local/bin/argocd-repo-server"]}, sidecar]);
        serde_json::from_value(
            json!({"spec": {"selector": {}, "template": {"spec": {"containers": containers}}}}),
        )
        .unwrap()
    }

    #[rstest]
    #[case::no_plugin(json!({"name": "proxy", "command": ["envoy"]}), json!({}), None)]
    #[case::undecided(json!({"name": "cue", "command": ["/var/run/argocd/argocd-cmp-server"]}), json!({}), Some(Level::Warn))]
    #[case::in_arguments(json!({"name": "cue", "args": ["argocd-cmp-server"]}), json!({}), Some(Level::Warn))]
    #[case::asked_for(json!({"name": "cue", "args": ["argocd-cmp-server"]}), json!({"plugin": {}}), Some(Level::Ok))]
    #[case::not_wanted(json!({"name": "cue", "args": ["argocd-cmp-server"]}), json!({"directory": {"recurse": true}}), Some(Level::Ok))]
    fn sources_that_a_plugin_may_find(
        #[case] sidecar: Value,
        #[case] source: Value,
        #[case] expected: Option<Level>,
    ) {
        let bridged = app("a").git().with(&json!({"spec": {"source": source}})).build();
        let plain = app("b").git().with(&json!({"spec": {"syncPolicy": null}})).build();
        let found = judge(&[repo_server(&sidecar)], &[bridged, plain]);
        assert_eq!(found.first().map(|finding| finding.level), expected, "{found:?}");
        if expected == Some(Level::Warn) {
            let words = "argocd/a do not say what their sources are: one of cue may find them";
            assert!(found[0].finding.starts_with(words), "{}", found[0].finding);
        }
    }
}
