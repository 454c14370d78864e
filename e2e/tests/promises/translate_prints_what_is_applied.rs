//! What `flux-subsystem translate` prints without a cluster is what the bridge applies in one.

use anyhow::{Context as _, Result};
use flux_subsystem::flux::{FluxKind, defaults};
use flux_subsystem_e2e::{Output, Stack, TestEnv, bridge};
use serde_json::{Value, json};

use crate::applications::Application;

/// How often the shared stack's Argo CD looks at its sources.
const POLL: &str = "10s";

#[tokio::test]
async fn translate_prints_what_is_applied() -> Result<()> {
    let env = Stack::shared().await?.test("translate").await?;
    let sources = env.sources();
    let clone = tempfile::tempdir()?;
    let folder = clone.path().display().to_string();
    let git = sources.git_url("fleet");
    env.stack().run("git", &["clone", "--quiet", &git, &folder]).await?.text()?;
    let values = "ui: {message: Salut}\nbackends: [a, b]\ncache: {tiers: [{name: warm, sizeMegabytes: 1}]}\n";
    let overlay =
        json!({ "spec": { "source": { "kustomize": { "namePrefix": "x-", "images": ["a=b:1"] } } } });
    // The registry speaks plain HTTP.
    let annotated = ("flamingo/helmrepository-override", "spec: {insecure: true, timeout: 3m}");
    let charts = format!("{}/charts", sources.registry());
    let apps = [
        Application::chart(&env, "6.x").values(values).parameter("replicaCount", "2"),
        Application::chart_from(&env, &charts, "6.3.5")
            .annotation(annotated.0, annotated.1)
            .named(&env, "oci"),
        Application::git(&env, &git, "charts/podinfo", "HEAD").named(&env, "chart-in-git"),
        Application::git(&env, &git, "apps/overlays/staging", "main").merge(&overlay).named(&env, "overlay"),
        Application::git(&env, &git, "plain", "v1.1.0").self_healing().named(&env, "directory"),
    ];
    for app in &apps {
        app.apply(&env).await?;
    }
    for app in &apps {
        app.settled(&env).await?;
        let printed = translate(&env, app, &folder).await?.json()?;
        let objects = printed["items"].as_array().context("no List")?;
        // What prunes has a guard beside it.
        let guards = objects
            .iter()
            .filter(|object| object["metadata"]["labels"]["flux-subsystem.dev/role"].is_string());
        assert_eq!(objects.len() - guards.count(), 2, "{printed}");
        for object in objects {
            let kind = object["kind"].as_str().context("no kind")?;
            let name = object["metadata"]["name"].as_str().context("no name")?;
            let live = app.delivered(&env, kind, name).await?;
            assert_eq!(applied(kind, live), applied(kind, object.clone()), "{kind} {name}");
        }
    }
    Ok(())
}

async fn translate(env: &TestEnv, app: &Application, folder: &str) -> Result<Output> {
    let binary = tokio::task::spawn_blocking(|| bridge::built_binary("flux-subsystem")).await??;
    let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(&file, app.to_yaml())?;
    let (program, file) = (binary.display().to_string(), file.path().display().to_string());
    let arguments = ["translate", "-f", &file, "--source-dir", folder, "--poll-interval", POLL, "-o", "json"];
    env.stack().run(&program, &arguments).await
}

/// Everything but what the API server and Flux's own conventions add.
fn applied(kind: &str, mut object: Value) -> Value {
    let spec = FluxKind::parse(kind).map(|kind| defaults::without_defaults(kind, &object["spec"]));
    let metadata = &mut object["metadata"];
    if let Some(annotations) = metadata["annotations"].as_object_mut() {
        annotations.remove("reconcile.fluxcd.io/requestedAt");
    }
    let kept = ["name", "namespace", "labels", "annotations"].map(|field| metadata[field].clone());
    json!({ "apiVersion": object["apiVersion"], "metadata": kept, "spec": spec })
}
