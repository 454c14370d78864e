//! The surroundings, without the bridge: what users of Flux and of Argo CD do works here.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::state::State;
use flux_subsystem_e2e::{Server, Stack, TestEnv, programs};
use serde_json::json;

#[tokio::test]
async fn flux_installs_a_chart_and_both_clis_show_it() -> Result<()> {
    let env = Stack::plain().await?.test("stack-chart").await?;
    let (ns, url) = (&env.namespace, env.sources().helm_url("podinfo"));
    env.apply(&format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{ name: podinfo, namespace: {ns} }}
spec: {{ interval: 1m, url: {url} }}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{ name: podinfo, namespace: {ns} }}
spec:
  interval: 5m
  chart:
    spec:
      chart: podinfo
      version: 6.3.5
      sourceRef: {{ kind: HelmRepository, name: podinfo }}
  values: {{ replicaCount: 2, hook: Job }}
  test: {{ enable: true }}
"
    ))
    .await?;
    env.wait_for_ready("HelmRelease", ns, "podinfo", "True").await?;

    let releases = env.helm(&["list", "-n", ns, "-o", "json"]).await?.json()?;
    assert_eq!(releases[0]["chart"], "podinfo-6.3.5");
    assert_eq!(releases[0]["revision"], "1");
    assert_eq!(releases[0]["status"], "deployed");
    let shown = env.flux(&["get", "all", "-n", ns]).await?.text()?;
    for line in ["helmrepository/podinfo", &format!("helmchart/{ns}-podinfo"), "helmrelease/podinfo"] {
        assert!(shown.contains(line), "no {line} in\n{shown}");
    }
    let deployment = env.get("Deployment", ns, "podinfo").await?.context("no Deployment")?;
    assert_eq!(deployment["status"]["availableReplicas"], 2);
    Ok(())
}

#[tokio::test]
async fn flux_refuses_values_that_the_chart_does_not_allow() -> Result<()> {
    let env = Stack::plain().await?.test("stack-schema").await?;
    let (ns, url) = (&env.namespace, env.sources().oci_url("charts/podinfo"));
    env.apply(&format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{ name: podinfo, namespace: {ns} }}
spec: {{ interval: 1m, url: '{url}', ref: {{ semver: '>=6.3.0 <6.4.0' }} }}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{ name: podinfo, namespace: {ns} }}
spec:
  interval: 5m
  chartRef: {{ kind: OCIRepository, name: podinfo }}
  values: {{ replicaCount: many }}
"
    ))
    .await?;
    env.wait_for_failure("HelmRelease", ns, "podinfo", "replicaCount").await?;
    let source = env.wait_for_ready("OCIRepository", ns, "podinfo", "True").await?;
    assert!(source["status"]["artifact"]["revision"].to_string().contains("6.3.6"), "{}", source["status"]);
    Ok(())
}

#[tokio::test]
async fn flux_follows_a_branch_over_http() -> Result<()> {
    let env = Stack::plain().await?.test("stack-http").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let ns = &env.namespace;
    env.apply(&kustomization(&env, &repository.url(), "", "./apps/overlays/production")).await?;
    env.wait_for_ready("Kustomization", ns, "fleet", "True").await?;
    let deployment = env.get("Deployment", ns, "web").await?.context("no Deployment")?;
    assert_eq!(deployment["status"]["availableReplicas"], 3);

    let commit =
        repository.commit("main", &[("apps/base/revision.env", Some("revision=moved\n"))], "Move").await?;
    let moved = env
        .wait_until("the commit is applied", std::time::Duration::from_secs(30), async || {
            let object = env.get("Kustomization", ns, "fleet").await?.context("no Kustomization")?;
            let applied = object["status"]["lastAppliedRevision"].as_str().unwrap_or_default();
            Ok(applied.ends_with(&commit).then_some(()))
        })
        .await;
    moved?;
    let revision = env.get("ConfigMap", ns, "web-revision").await?.context("no ConfigMap")?;
    assert_eq!(revision["data"]["revision"], "moved");
    Ok(())
}

#[tokio::test]
async fn flux_clones_over_ssh_with_a_key() -> Result<()> {
    let env = Stack::plain().await?.test("stack-ssh").await?;
    let (ns, sources) = (&env.namespace, env.sources());
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "ssh", "namespace": ns },
        "stringData": {
            "identity": sources.ssh_identity()?,
            "identity.pub": sources.ssh_identity_public()?,
            "known_hosts": sources.ssh_known_hosts()?,
        }
    });
    env.apply(&secret.to_string()).await?;
    let reference = ", secretRef: { name: ssh }";
    env.apply(&kustomization(&env, &sources.git_ssh_url("fleet"), reference, "./plain")).await?;
    env.wait_for_ready("Kustomization", ns, "fleet", "True").await?;
    for name in ["settings", "more-settings", "revision"] {
        assert!(env.get("ConfigMap", ns, name).await?.is_some(), "no ConfigMap {name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_repository_that_is_down_comes_back() -> Result<()> {
    let env = Stack::plain().await?.test("stack-outage").await?;
    let (sources, repository) = (env.sources(), env.name("charts"));
    sources.publish_chart(&repository, &flux_subsystem_e2e::Chart::podinfo("1.0.0")).await?;
    sources.take_down(Server::Helm, &repository)?;
    let (ns, url) = (&env.namespace, sources.helm_url(&repository));
    env.apply(&format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{ name: charts, namespace: {ns} }}
spec: {{ interval: 1m, url: {url} }}
"
    ))
    .await?;
    env.wait_for_failure("HelmRepository", ns, "charts", "503 Service Unavailable").await?;
    sources.bring_up(Server::Helm, &repository)?;
    env.wait_for_ready("HelmRepository", ns, "charts", "True").await?;
    Ok(())
}

#[tokio::test]
async fn argo_cd_deploys_a_chart_and_a_kustomization() -> Result<()> {
    let env = Stack::plain().await?.test("stack-argo").await?;
    let sources = env.sources();
    let chart = format!("repoURL: {}, chart: podinfo, targetRevision: 6.3.5", sources.helm_url("podinfo"));
    let path =
        format!("repoURL: {}, path: apps/overlays/staging, targetRevision: main", sources.git_url("fleet"));
    for (suffix, source) in [("podinfo", chart), ("web", path)] {
        env.apply(&format!(
            "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  destination: {{ server: https://kubernetes.default.svc, namespace: {ns} }}
  source: {{ {source} }}
  syncPolicy: {{ automated: {{ prune: true, selfHeal: true }} }}
",
            name = env.name(suffix),
            ns = env.namespace,
        ))
        .await?;
    }
    env.wait_for_application(&env.name("podinfo"), "Synced", "Healthy").await?;
    env.wait_for_application(&env.name("web"), "Synced", "Healthy").await?;
    let shown = env.argocd(&["app", "get", &env.name("podinfo"), "-o", "json"]).await?.json()?;
    assert_eq!(shown["status"]["sync"]["revision"], "6.3.5");
    let releases = env.helm(&["list", "-n", &env.namespace, "-o", "json"]).await?.json()?;
    assert_eq!(releases, json!([]), "Argo CD renders charts, it does not release them");
    Ok(())
}

#[tokio::test]
async fn the_repo_server_renders_with_the_helm_of_its_image() -> Result<()> {
    let stack = Stack::plain().await?;
    let state = State::read(&stack.state().name)?.context("no stack")?;
    let server = state.components.get("argocd-repo-server").and_then(|component| component.process);
    let pid = server.context("no repo-server")?.pid;
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ"))?;
    let path = environment.split('\0').find_map(|pair| pair.strip_prefix("PATH=")).context("no PATH")?;
    for (name, arguments) in
        [("helm", ["version", "--template={{.Version}}"]), ("kustomize", ["version", "--output=yaml"])]
    {
        let binary = std::env::split_paths(path).map(|folder| folder.join(name)).find(|path| path.is_file());
        let binary = binary.with_context(|| format!("the repo-server finds no {name}"))?;
        let said = stack.run(&binary.display().to_string(), &arguments).await?.text()?;
        let version = programs::named(name).context("not in the table")?.version;
        assert!(said.contains(version), "{}: {said}, not {version}", binary.display());
    }
    // Nobody else's helm: there is one in the whole stack.
    let helms = state.path.iter().filter(|folder| folder.join("helm").exists());
    assert_eq!(helms.count(), 1);
    Ok(())
}

/// A `GitRepository` on branch main and a Kustomization of `path`, both called `fleet`.
fn kustomization(env: &TestEnv, url: &str, more: &str, path: &str) -> String {
    let ns = &env.namespace;
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{ name: fleet, namespace: {ns} }}
spec: {{ interval: 2s, url: '{url}', ref: {{ branch: main }}{more} }}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{ name: fleet, namespace: {ns} }}
spec:
  interval: 5m
  path: {path}
  prune: true
  wait: true
  targetNamespace: {ns}
  sourceRef: {{ kind: GitRepository, name: fleet }}
"
    )
}
