//! Whatever an Application may point at: charts, kustomizations and directories, from Helm repositories, registries and
//! git, by every kind of revision.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

/// On loopback the registry speaks plain HTTP, which a `HelmRepository` has to be told.
const INSECURE: &str = "spec: {insecure: true}";

#[tokio::test]
async fn charts_from_repositories() -> Result<()> {
    let env = Stack::shared().await?.test("shape-chart").await?;
    let sources = env.sources();
    let registry = format!("{}/charts", sources.registry());
    let shapes = [
        (
            "http",
            json!({ "repoURL": sources.helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5" }),
        ),
        (
            "range",
            json!({ "repoURL": sources.helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.x" }),
        ),
        ("oci", json!({ "repoURL": registry, "chart": "podinfo", "targetRevision": "6.3.5" })),
        (
            "oci-path",
            json!({ "repoURL": sources.oci_url("charts/podinfo"), "path": ".", "targetRevision": "6.3.5" }),
        ),
    ];
    let apps = shapes.map(|(name, source)| Application::of(&env, &source).named(&env, name));
    let [http, range, oci, path] = apps;
    let oci = oci.annotation("flamingo/helmrepository-override", INSECURE);
    for app in [&http, &range, &oci, &path] {
        app.apply(&env).await?;
    }
    for (app, version) in [(&http, "6.3.5"), (&range, "6.3.6"), (&oci, "6.3.5"), (&path, "6.3.5")] {
        let delivered = app.settled(&env).await?;
        assert_eq!(delivered["status"]["sourceType"], "Helm", "{}", app.name());
        // To the version of a chart that it fetched as an artifact, Flux adds the digest: `6.3.5+5cf879013e31`.
        let chart = app.release(&env).await?["chart"].as_str().unwrap_or_default().to_owned();
        assert_eq!(chart.split('+').next(), Some(format!("podinfo-{version}").as_str()), "{}", app.name());
    }
    assert_eq!(kinds(&env, &http).await?, ["HelmRepository", "HelmChart", "HelmRelease"]);
    assert_eq!(kinds(&env, &oci).await?, ["HelmRepository", "HelmChart", "HelmRelease"]);
    assert_eq!(kinds(&env, &path).await?, ["OCIRepository", "HelmRelease"]);
    Ok(())
}

#[tokio::test]
async fn a_chart_in_git() -> Result<()> {
    let env = Stack::shared().await?.test("shape-git-chart").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let values = json!({ "spec": { "source": { "helm": { "valueFiles": ["values-prod.yaml"] } } } });
    let app = Application::git(&env, &repository.url(), "charts/podinfo", "main").merge(&values);
    let delivered = app.deliver(&env).await?;
    assert_eq!(kinds(&env, &app).await?, ["GitRepository", "HelmChart", "HelmRelease"]);
    assert_eq!(delivered["status"]["sync"]["revision"], *repository.resolve("main").await?);
    assert_eq!(settings(&env, &app).await?["message"], "Hello from production");
    assert_eq!(settings(&env, &app).await?["replicaCount"], "3");

    // A commit counts, whether or not somebody thought of the chart's version.
    let edit = "replicaCount: 2\nui:\n  message: Hello again\n";
    let commit =
        repository.commit("main", &[("charts/podinfo/values-prod.yaml", Some(edit))], "Edit").await?;
    env.wait_until("the commit is delivered", PATIENCE, async || {
        Ok((settings(&env, &app).await?["message"] == "Hello again").then_some(()))
    })
    .await?;
    app.wait(&env, "at the new commit", |app| {
        let last =
            app["status"]["history"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
        last["revision"] == *commit && app["status"]["sync"]["revision"] == *commit
    })
    .await?;
    app.settled(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "2");
    Ok(())
}

#[tokio::test]
async fn a_directory_with_and_without_its_subfolders() -> Result<()> {
    let env = Stack::shared().await?.test("shape-directory").await?;
    let url = env.sources().git_url("fleet");
    let flat = Application::git(&env, &url, "plain", "main").named(&env, "flat");
    let deep = Application::git(&env, &url, "plain", "main").named(&env, "deep");
    let deep = deep.merge(&json!({ "spec": { "source": { "directory": { "recurse": true } } } }));
    flat.apply(&env).await?;
    deep.apply(&env).await?;
    for app in [&flat, &deep] {
        let delivered = app.settled(&env).await?;
        assert_eq!(delivered["status"]["sourceType"], "Directory");
        assert_eq!(kinds(&env, app).await?, ["GitRepository", "Kustomization"]);
        app.delivered(&env, "Deployment", "plain").await?;
    }
    for name in ["settings", "more-settings"] {
        deep.delivered(&env, "ConfigMap", name).await?;
        assert!(
            env.get("ConfigMap", flat.destination(), name).await?.is_none(),
            "{name} lies in a subfolder"
        );
    }
    Ok(())
}

#[tokio::test]
async fn git_by_every_kind_of_revision() -> Result<()> {
    let env = Stack::shared().await?.test("shape-revision").await?;
    let fleet = env.sources().repository("fleet");
    let commit = fleet.resolve("v1.0.0").await?;
    // Name, targetRevision, what it resolves to, and what is read there.
    let revisions = [
        ("tag", "v1.0.0", "v1.0.0", "v1.0.0"),
        ("annotated", "v1.1.0", "v1.1.0", "v1.1.0"),
        ("commit", commit.as_str(), "v1.0.0", "v1.0.0"),
        ("range", "1.*", "v1.1.0", "v1.1.0"),
        ("branch", "next", "next", "next"),
        ("ref", "refs/heads/next", "next", "next"),
        ("head", "HEAD", "main", "main"),
    ];
    let apps = revisions.map(|(name, revision, ..)| {
        Application::git(&env, &fleet.url(), "plain", revision).named(&env, name)
    });
    for app in &apps {
        app.apply(&env).await?;
    }
    for (app, (name, _, resolved, content)) in apps.iter().zip(revisions) {
        let delivered = app.settled(&env).await?;
        assert_eq!(delivered["status"]["sync"]["revision"], *fleet.resolve(resolved).await?, "{name}");
        let map = app.delivered(&env, "ConfigMap", "revision").await?;
        assert_eq!(map["data"]["revision"], content, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn git_over_ssh() -> Result<()> {
    let env = Stack::shared().await?.test("shape-ssh").await?;
    let sources = env.sources();
    let reference = "spec: {secretRef: {name: ssh}}";
    let app = Application::git(&env, &sources.git_ssh_url("fleet"), "apps/overlays/staging", "main")
        .into_namespace(&env.namespace)
        .annotation("flamingo/gitrepository-override", reference);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "ssh", "namespace": app.destination() },
        "stringData": {
            "identity": sources.ssh_identity()?,
            "identity.pub": sources.ssh_identity_public()?,
            "known_hosts": sources.ssh_known_hosts()?,
        }
    });
    env.apply(&secret.to_string()).await?;
    let delivered = app.deliver(&env).await?;
    assert_eq!(delivered["status"]["sync"]["revision"], *sources.repository("fleet").resolve("main").await?);
    assert_eq!(delivered["status"]["sourceType"], "Kustomize");
    app.delivered(&env, "Deployment", "web").await?;
    Ok(())
}

/// The kinds of the Flux objects in the Application's namespace; each is there once.
async fn kinds(env: &TestEnv, app: &Application) -> Result<Vec<&'static str>> {
    let all =
        ["GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "HelmRelease", "Kustomization"];
    let mut found = Vec::new();
    for kind in all {
        for object in env.list(kind, app.destination()).await? {
            // What prunes has a guard beside it.
            if object["metadata"]["labels"]["flux-subsystem.dev/role"].is_null() {
                found.push(kind);
            }
        }
    }
    Ok(found)
}

/// What the chart says of the values that it was rendered with.
async fn settings(env: &TestEnv, app: &Application) -> Result<Value> {
    let map = app.delivered(env, "ConfigMap", &format!("{}-podinfo", app.name())).await?;
    map.get("data").cloned().context("no data")
}
