//! `flux-subsystem doctor` says of a healthy cluster that it is, and names what is wrong with another one.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{BridgeOptions, Options, Output, Stack, TestEnv};
use serde_json::Value;

use crate::applications::{Application, PATIENCE};
use crate::commands::flux_subsystem;

#[tokio::test]
async fn each_fault_has_its_line_and_its_way_out() -> Result<()> {
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let env = stack.test("doctor").await?;
    let arguments = vec!["--leader-elect".to_owned()];
    let bridge = stack.bridge(BridgeOptions { arguments, ..BridgeOptions::serving("argocd") }).await?;

    // The programs of this stack are processes, not Deployments: their versions are all that cannot be told.
    let healthy = until(&env, "it is healthy", |findings| !levels(findings).contains(&"FAIL")).await?;
    let warned: Vec<_> = findings(&healthy)?.into_iter().filter(|one| one["level"] != "OK").collect();
    let checks: Vec<_> = warned.iter().map(|one| one["check"].as_str().unwrap_or_default()).collect();
    assert_eq!(checks, ["Argo CD", "Flux"], "{warned:?}");
    assert_eq!(healthy.code, 0);
    let text = doctor(&env, &[]).await?.text()?;
    assert!(text.contains("OK    Admission policy  a bridged Application is stamped"), "{text}");
    assert!(text.contains("      fix: name Argo CD's namespace: --argocd-namespace"), "{text}");

    // Who may not look is told which right is missing, and that is no failure.
    let kubeconfig = stack.bridge_kubeconfig().await?.display().to_string();
    let limited = doctor(&env, &["-o", "json", "--kubeconfig", &kubeconfig]).await?;
    let crds = line(&limited, "CRDs")?;
    assert_eq!(crds["level"], "WARN");
    assert_eq!(crds["fix"], "ask for the right to get customresourcedefinitions");

    kubectl(&env, &["delete", "mutatingadmissionpolicybinding", "take-over.flux-subsystem.dev"]).await?;
    fails(&env, "Admission policy", "is not stamped when it is created").await?;
    bridge.terminate();
    fails(&env, "Leader", "no replica holds Lease flux-subsystem").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    fails(&env, "Applications", &format!("argocd/{} carry FluxSubsystem=true", app.name())).await?;
    kubectl(&env, &["delete", "clusterrolebinding", "flux-subsystem"]).await?;
    fails(&env, "Rights", "create helmreleases.helm.toolkit.fluxcd.io").await?;
    kubectl(&env, &["delete", "networkpolicy", "flux-subsystem-to-redis", "-n", "argocd"]).await?;
    env.apply(REDIS_POLICY).await?;
    fails(&env, "Network policies", "NetworkPolicy argocd/argocd-redis-network-policy keeps the bridge from")
        .await?;
    kubectl(&env, &["scale", "deployment", "flux-subsystem", "-n", "argocd", "--replicas=0"]).await?;
    fails(&env, "Bridge", "0 of 0 replicas are ready").await?;
    stack.kill_component("redis").await?;
    let lost = until(&env, "Redis is missed", |findings| {
        findings.iter().any(|one| one["check"] == "Redis" && one["level"] == "WARN")
    });
    let lost = line(&lost.await?, "Redis")?;
    assert!(lost["fix"].to_string().contains("kubectl port-forward -n argocd"), "{lost}");
    kubectl(&env, &["delete", "crd", "ocirepositories.source.toolkit.fluxcd.io", "--wait=false"]).await?;
    fails(&env, "CRDs", "ocirepositories.source.toolkit.fluxcd.io is not installed").await
}

/// As Argo CD's own manifests have it.
const REDIS_POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: argocd-redis-network-policy, namespace: argocd }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/name: argocd-redis } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ podSelector: { matchLabels: { app.kubernetes.io/name: argocd-server } } }]
      ports: [{ protocol: TCP, port: 6379 }]
";

async fn doctor(env: &TestEnv, arguments: &[&str]) -> Result<Output> {
    flux_subsystem(env, &[&["doctor"], arguments].concat(), "").await
}

async fn kubectl(env: &TestEnv, arguments: &[&str]) -> Result<()> {
    env.kubectl(arguments).await?.text().map(drop)
}

fn findings(output: &Output) -> Result<Vec<Value>> {
    serde_json::from_str(&output.stdout).with_context(|| format!("{}{}", output.stdout, output.stderr))
}

fn levels(findings: &[Value]) -> Vec<&str> {
    findings.iter().filter_map(|one| one["level"].as_str()).collect()
}

fn line(output: &Output, check: &str) -> Result<Value> {
    let found = findings(output)?.into_iter().find(|one| one["check"] == check);
    found.with_context(|| format!("no line {check} in {}", output.stdout))
}

/// Waits until the check fails with these words; the exit code says so too, and there is a way out.
async fn fails(env: &TestEnv, check: &str, words: &str) -> Result<()> {
    let says = |one: &Value| {
        one["check"] == check
            && one["level"] == "FAIL"
            && one["finding"].as_str().is_some_and(|finding| finding.contains(words))
            && one["fix"].as_str().is_some_and(|fix| !fix.is_empty())
    };
    let what = format!("{check} fails with {words:?}");
    let output = until(env, &what, |findings| findings.iter().any(says)).await?;
    assert_eq!(output.code, 1);
    Ok(())
}

async fn until(env: &TestEnv, what: &str, check: impl Fn(&[Value]) -> bool) -> Result<Output> {
    env.wait_until(what, PATIENCE, async || {
        let output = doctor(env, &["-o", "json"]).await?;
        if check(&findings(&output)?) { Ok(Some(output)) } else { Err(anyhow::anyhow!("{}", output.stdout)) }
    })
    .await
}
