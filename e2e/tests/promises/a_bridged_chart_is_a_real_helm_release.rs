//! A chart Application with the two sync options is delivered by Flux, as a real Helm release, and looks in Argo CD as
//! any other Application does. Stock Argo CD's application-controller runs all the while and deploys nothing of it.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::Stack;

use crate::applications::{Application, beginning};

#[tokio::test]
async fn helm_flux_and_argo_cd_all_show_it() -> Result<()> {
    let env = Stack::shared().await?.test("chart").await?;
    let app = Application::chart(&env, "6.3.5");
    let status = app.deliver(&env).await?["status"].clone();
    let ns = app.destination();

    for kind in ["HelmRepository", "HelmRelease", "HelmChart"] {
        assert_eq!(env.list(kind, ns).await?.len(), 1, "objects of kind {kind}");
    }
    let release = app.release(&env).await?;
    assert_eq!(release["name"], app.name());
    assert_eq!(release["revision"], "1");
    assert_eq!(release["status"], "deployed");
    assert_eq!(release["chart"], "podinfo-6.3.5");

    let flux = env.flux(&["get", "all", "-n", ns]).await?.text()?;
    let (name, chart) = (app.name(), format!("{ns}-{}", app.name()));
    for object in
        [format!("helmrepository/{name}"), format!("helmchart/{chart}"), format!("helmrelease/{name}")]
    {
        let line =
            flux.lines().find(|line| line.starts_with(&object)).with_context(|| format!("no {object}"))?;
        let words: Vec<_> = line.split('\t').map(str::trim).collect();
        assert!(words.contains(&"True"), "not Ready: {line}");
    }

    let deployment = app.delivered(&env, "Deployment", &format!("{name}-podinfo")).await?;
    assert_eq!(deployment["status"]["availableReplicas"], 1);

    let history = status["history"].as_array().context("no history")?;
    assert_eq!(history.len(), 1, "{history:?}");
    assert_eq!(history[0]["revision"], "6.3.5");
    assert_eq!(history[0]["initiatedBy"]["automated"], true);
    assert_eq!(status["sync"]["revision"], "6.3.5");
    assert_eq!(status["sourceType"], "Helm");
    assert_eq!(status["operationState"]["phase"], "Succeeded");
    Ok(())
}

#[tokio::test]
async fn argo_cds_own_commands_show_it_and_wait_for_it() -> Result<()> {
    let env = Stack::shared().await?.test("chart-cli").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    env.argocd(&["app", "wait", app.name(), "--sync", "--health", "--operation", "--timeout", "60"])
        .await?
        .text()?;
    let shown = env.argocd(&["app", "get", app.name(), "-o", "json"]).await?.json()?;
    assert_eq!(shown["status"]["sync"]["status"], "Synced");
    let kinds: Vec<_> = shown["status"]["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["kind"].clone())
        .collect();
    assert_eq!(kinds, ["HelmRelease", "HelmRepository"]);
    Ok(())
}

#[tokio::test]
async fn once_synced_it_never_looks_otherwise() -> Result<()> {
    let env = Stack::shared().await?.test("chart-calm").await?;
    let (app, since) = (Application::chart(&env, "6.3.5"), beginning(&env).await?);
    app.apply(&env).await?;
    // Argo CD's own command ends with a refresh the moment that everything is well.
    env.argocd(&["app", "wait", app.name(), "--sync", "--health", "--operation", "--timeout", "60"])
        .await?
        .text()?;
    for refresh in ["--refresh", "--hard-refresh"] {
        env.argocd(&["app", "get", app.name(), refresh]).await?.text()?;
    }
    let versions = app.versions(&env, &since).await?;
    for (of, last) in [("sync", "Synced"), ("health", "Healthy")] {
        let words = versions.iter().map(|app| app["status"][of]["status"].as_str().unwrap_or_default());
        let mut seen: Vec<_> = words.collect();
        seen.dedup();
        assert_eq!(seen.iter().position(|word| *word == last), Some(seen.len() - 1), "{of}: {seen:?}");
    }
    Ok(())
}

#[tokio::test]
async fn it_is_taken_over_at_admission() -> Result<()> {
    let env = Stack::shared().await?.test("chart-stamp").await?;
    // A dry run ends with admission: no controller ever sees it.
    let create = ["create", "--dry-run=server", "-f", "-", "-o", "json"];
    let yaml = Application::chart(&env, "6.3.5").to_yaml();
    let admitted = env.stack().run_with_input("kubectl", &create, &yaml).await?.json()?;
    let annotations = &admitted["metadata"]["annotations"];
    assert_eq!(annotations["argocd.argoproj.io/skip-reconcile"], "true");
    assert_eq!(annotations["flux-subsystem.dev/stamped"], "true");
    Ok(())
}

#[tokio::test]
async fn stock_argo_cd_never_touches_it() -> Result<()> {
    let env = Stack::shared().await?.test("chart-stock").await?;
    let app = Application::chart(&env, "6.3.5");
    app.apply(&env).await?;
    // Beside it, stock Argo CD is seen to be awake.
    let plain = Application::chart(&env, "6.3.5").named(&env, "plain").options(&["CreateNamespace=true"]);
    plain.deliver(&env).await?;
    app.settled(&env).await?;

    let arguments =
        ["get", "application", app.name(), "-n", &env.control, "--show-managed-fields", "-o", "json"];
    let written = env.kubectl(&arguments).await?.json()?;
    let managers = written["metadata"]["managedFields"].as_array().context("no managedFields")?;
    let managers: Vec<_> = managers.iter().map(|entry| entry["manager"].to_string()).collect();
    assert!(!managers.iter().any(|name| name.contains("argocd")), "written by {managers:?}");
    // Argo CD marks what it deploys with its tracking annotation or label.
    for kind in ["Deployment", "Service", "ConfigMap", "ServiceAccount"] {
        for object in env.list(kind, app.destination()).await? {
            let metadata = object["metadata"].to_string();
            assert!(!metadata.contains("argocd.argoproj.io/tracking-id"), "{metadata}");
            assert!(object["metadata"]["labels"]["app.kubernetes.io/instance"].is_null(), "{metadata}");
        }
    }
    Ok(())
}
