//! Versions of Kubernetes, Argo CD and Flux.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;

use super::{Finding, Namespaces};

/// The Kubernetes that serves `MutatingAdmissionPolicy` v1 without any switch.
const KUBERNETES: (u32, u32) = (1, 36);
/// The Argo CD whose server and status the bridge speaks to.
const ARGO_CD: (u32, u32) = (3, 0);
/// The Flux whose helm-controller (1.5) writes the inventory of a release.
const FLUX: (u32, u32) = (2, 8);
/// Flux's controllers that the bridge needs.
const CONTROLLERS: [&str; 3] = ["source-controller", "helm-controller", "kustomize-controller"];
/// kustomize-controller takes over what Argo CD had applied only when it is told so.
const OVERRIDE_MANAGER: &str = "--override-manager=argocd-controller";

/// Major and minor of `v1.36.3`, `1.36+`, `v3.5.7-abc`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn written((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

/// Kubernetes, by `gitVersion` of `/version`.
pub fn kubernetes(git_version: &str) -> Finding {
    const CHECK: &str = "Kubernetes";
    let needed = written(KUBERNETES);
    match version(git_version) {
        Some(found) if found >= KUBERNETES => Finding::ok(CHECK, git_version),
        Some(_) => Finding::warn(
            CHECK,
            format!(
                "{git_version} does not serve MutatingAdmissionPolicy v1: stock Argo CD sees new bridged Applications for \
                     a moment, and may begin a sync"
            ),
            format!(
                "upgrade to {needed}, or leave admission-policy.yaml out and accept the event TakenOverLate"
            ),
        ),
        None => Finding::warn(
            CHECK,
            format!("unreadable version {git_version:?}"),
            format!("{needed} or newer is needed"),
        ),
    }
}

fn containers(deployment: &Deployment) -> impl Iterator<Item = &Container> {
    deployment.spec.iter().filter_map(|spec| spec.template.spec.as_ref()).flat_map(|spec| &spec.containers)
}

/// The tag of an image, without a digest behind it.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    name.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'))
}

fn label<'a>(deployment: &'a Deployment, key: &str) -> Option<&'a str> {
    deployment.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

fn image_version(deployment: &Deployment) -> Option<&str> {
    containers(deployment).next().and_then(|container| tag(container.image.as_deref()?))
}

/// Argo CD, by the image of its server among the Deployments of its namespace.
pub fn argo_cd(deployments: &[Deployment], namespaces: &Namespaces) -> Finding {
    const CHECK: &str = "Argo CD";
    let is_server =
        |deployment: &&Deployment| label(deployment, "app.kubernetes.io/name") == Some("argocd-server");
    let Some(server) = deployments.iter().find(is_server) else {
        return Finding::warn(
            CHECK,
            format!(
                "no Deployment with label app.kubernetes.io/name=argocd-server in namespace {}",
                namespaces.argocd
            ),
            "name Argo CD's namespace: --argocd-namespace",
        );
    };
    let text = image_version(server).unwrap_or_default();
    match version(text) {
        Some(found) if found >= ARGO_CD => Finding::ok(CHECK, text),
        Some(_) => {
            let needed = written(ARGO_CD);
            Finding::fail(
                CHECK,
                format!("{text} is older than {needed}"),
                format!("upgrade Argo CD to {needed} or newer"),
            )
        }
        None => Finding::warn(
            CHECK,
            format!("the image of argocd-server tells no version: {text:?}"),
            format!("make sure that it is {} or newer", written(ARGO_CD)),
        ),
    }
}

/// Flux, by the Deployments of its namespace: which controllers there are, their version, and one flag.
pub fn flux(deployments: &[Deployment], namespaces: &Namespaces) -> Vec<Finding> {
    const CHECK: &str = "Flux";
    let find =
        |name: &str| deployments.iter().find(|deployment| deployment.metadata.name.as_deref() == Some(name));
    let missing: Vec<String> =
        CONTROLLERS.into_iter().filter(|name| find(name).is_none()).map(str::to_owned).collect();
    if missing.len() == CONTROLLERS.len() {
        return vec![Finding::warn(
            CHECK,
            format!("no controllers of Flux in namespace {}", namespaces.flux),
            "name Flux's namespace: --flux-namespace",
        )];
    }
    let mut findings = Vec::new();
    if !missing.is_empty() {
        findings.push(Finding::fail(
            CHECK,
            format!("no {} in namespace {}", missing.join(", "), namespaces.flux),
            "install it: flux install",
        ));
    }
    let text = find("helm-controller").or(find("source-controller"));
    let text = text.and_then(|deployment| label(deployment, "app.kubernetes.io/version")).unwrap_or_default();
    findings.push(match version(text) {
        Some(found) if found >= FLUX => Finding::ok(CHECK, text),
        Some(_) => {
            let needed = written(FLUX);
            Finding::fail(
                CHECK,
                format!("{text} is older than {needed}"),
                format!("upgrade Flux to {needed} or newer"),
            )
        }
        None => Finding::warn(
            CHECK,
            "the label app.kubernetes.io/version of Flux's Deployments tells no version",
            format!("make sure that it is {} or newer: flux version", written(FLUX)),
        ),
    });
    findings.extend(find("kustomize-controller").map(override_manager));
    findings
}

fn override_manager(deployment: &Deployment) -> Finding {
    const CHECK: &str = "Flux flags";
    let mut arguments = containers(deployment).flat_map(|container| container.args.iter().flatten());
    if arguments.any(|argument| argument == OVERRIDE_MANAGER) {
        Finding::ok(CHECK, format!("kustomize-controller has {OVERRIDE_MANAGER}"))
    } else {
        Finding::warn(
            CHECK,
            format!(
                "kustomize-controller lacks {OVERRIDE_MANAGER}: what stock Argo CD applied before an Application was switched \
                 keeps its old fields"
            ),
            format!("add {OVERRIDE_MANAGER} to the arguments of kustomize-controller"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn namespaces() -> Namespaces {
        Namespaces { argocd: "argocd".into(), flux: "flux-system".into() }
    }

    fn deployment(name: &str, image: &str, version: &str, arguments: &Value) -> Deployment {
        let containers = json!([{"name": name, "image": image, "args": arguments}]);
        let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/version": version});
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {}, "template": {"spec": {"containers": containers}}},
        }))
        .unwrap()
    }

    #[rstest]
    #[case("v1.36.3", Level::Ok)]
    #[case("v1.37.0+k3s1", Level::Ok)]
    #[case("v1.35.9", Level::Warn)]
    #[case("?", Level::Warn)]
    fn kubernetes_versions(#[case] version: &str, #[case] level: Level) {
        assert_eq!(kubernetes(version).level, level);
    }

    #[rstest]
    #[case("quay.io/argoproj/argocd:v3.5.7", Level::Ok)]
    #[case("host:5000/argocd:v3.1.0@sha256:01", Level::Ok)]
    #[case("quay.io/argoproj/argocd:v2.14.2", Level::Fail)]
    #[case("host:5000/argocd", Level::Warn)]
    #[case("quay.io/argoproj/argocd:latest", Level::Warn)]
    fn argo_cd_versions(#[case] image: &str, #[case] level: Level) {
        let server = deployment("argocd-server", image, "", &json!([]));
        assert_eq!(argo_cd(&[server], &namespaces()).level, level);
        assert_eq!(argo_cd(&[], &namespaces()).level, Level::Warn);
    }

    #[test]
    fn flux_is_judged_by_its_controllers() {
        let all = |version: &str, arguments: &Value| {
            CONTROLLERS.map(|name| deployment(name, "x", version, arguments)).to_vec()
        };
        let levels = |deployments: &[Deployment]| {
            flux(deployments, &namespaces()).iter().map(|finding| finding.level).collect::<Vec<_>>()
        };
        assert_eq!(levels(&all("v2.9.5", &json!([OVERRIDE_MANAGER]))), [Level::Ok, Level::Ok]);
        assert_eq!(levels(&all("v2.7.5", &json!([]))), [Level::Fail, Level::Warn]);
        assert_eq!(levels(&all("v2.9.5", &json!([]))[..2]), [Level::Fail, Level::Ok]);
        assert_eq!(levels(&[]), [Level::Warn]);
    }
}
