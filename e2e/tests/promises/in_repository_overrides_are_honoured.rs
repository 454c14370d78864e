//! `.argocd-source.yaml` and `.argocd-source-APPLICATION.yaml` change the source that reads them, as with stock Argo CD.

use anyhow::Result;
use flux_subsystem_e2e::sources::git::Repository;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n";

#[tokio::test]
async fn in_repository_overrides_are_honoured() -> Result<()> {
    let env = Stack::shared().await?.test("in-repository").await?;
    let bridged = Application::git(&env, "", "deploy", "main").named(&env, "bridged");
    let own = format!("deploy/.argocd-source-{}.yaml", bridged.name());
    let files = [
        ("deploy/kustomization.yaml", Some("resources: [map.yaml]\n")),
        ("deploy/map.yaml", Some(MAP)),
        ("deploy/.argocd-source.yaml", Some("kustomize: {namePrefix: all-}\npath: elsewhere\n")),
        (own.as_str(), Some("kustomize: {nameSuffix: -own}\n")),
    ];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let bridged = of(&env, &repository, "bridged");
    let plain = of(&env, &repository, "plain").plain();
    bridged.apply(&env).await?;
    plain.apply(&env).await?;
    let shown = bridged.settled(&env).await?;
    assert_eq!(shown["status"]["sourceType"], "Kustomize");
    bridged.delivered(&env, "ConfigMap", "all-map-own").await?;
    plain.settled(&env).await?;
    plain.delivered(&env, "ConfigMap", "all-map").await?;

    repository.commit("main", &[(&own, Some("kustomize: {nameSuffix: -mine}\n"))], "Edit").await?;
    env.wait_until("the changed file counts", PATIENCE, async || {
        Ok(env.get("ConfigMap", bridged.destination(), "all-map-mine").await?.map(drop))
    })
    .await?;
    env.wait_until_gone("ConfigMap", bridged.destination(), "all-map-own").await
}

/// One that cannot be read is told in Argo CD's words, and the last delivery keeps running.
#[tokio::test]
async fn a_broken_one_is_told() -> Result<()> {
    let env = Stack::shared().await?.test("in-repository-broken").await?;
    let files = [
        ("deploy/kustomization.yaml", Some("resources: [map.yaml]\n")),
        ("deploy/map.yaml", Some(MAP)),
        ("deploy/.argocd-source.yaml", Some("kustomize: {namePrefix: all-}\n")),
    ];
    let repository = env.sources().create_repository(&env.name("objects"), &files).await?;
    let app = Application::git(&env, &repository.url(), "deploy", "main");
    app.deliver(&env).await?;
    repository.commit("main", &[("deploy/.argocd-source.yaml", Some("kustomize: ["))], "Break").await?;
    app.wait(&env, "told what is wrong", |app| {
        app["status"]["conditions"].as_array().is_some_and(|all| {
            all.iter().any(|condition| {
                let message = condition["message"].as_str().unwrap_or_default();
                condition["type"] == "ComparisonError"
                    && message.contains("error while parsing source parameters: deploy/.argocd-source.yaml")
            })
        })
    })
    .await?;
    app.delivered(&env, "ConfigMap", "all-map").await?;
    Ok(())
}

fn of(env: &TestEnv, repository: &Repository, name: &str) -> Application {
    Application::git(env, &repository.url(), "deploy", "main").named(env, name)
}
