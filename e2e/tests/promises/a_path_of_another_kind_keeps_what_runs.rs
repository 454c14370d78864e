//! A source that becomes a chart, or stops being one, gets another workload object. What both deliver stays through it, as with
//! stock Argo CD, which knows no releases; what only the old one delivered is named.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::json;

use crate::applications::{Application, PATIENCE};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[tokio::test]
async fn a_path_of_another_kind_keeps_what_runs() -> Result<()> {
    let env = Stack::shared().await?.test("other-kind").await?;
    let [kept, of_files, of_chart] = ["kept", "of-files", "of-chart"].map(map);
    let files = [
        ("files/kept.yaml", Some(kept.as_str())),
        ("files/more.yaml", Some(of_files.as_str())),
        ("chart/Chart.yaml", Some(CHART)),
        ("chart/templates/kept.yaml", Some(kept.as_str())),
        ("chart/templates/more.yaml", Some(of_chart.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("kinds"), &files).await?;
    let app = Application::git(&env, &repository.url(), "files", "main");
    app.deliver(&env).await?;
    app.delivered(&env, "ConfigMap", "kept").await?;
    let first = uid(&env, &app).await?;
    for (path, source_type, gone, new, left) in [
        ("chart", "Helm", "Kustomization", "of-chart", "of-files"),
        ("files", "Directory", "HelmRelease", "of-files", "of-chart"),
    ] {
        let change = json!({ "spec": { "source": { "path": path } } });
        env.patch("Application", &env.control, app.name(), &change).await?;
        let shown = app.settled(&env).await?;
        assert_eq!(shown["status"]["sourceType"], source_type, "{path}");
        app.delivered(&env, "ConfigMap", new).await?;
        env.wait_until(&format!("{gone} is gone"), PATIENCE, async || {
            Ok(env.list(gone, app.destination()).await?.is_empty().then_some(()))
        })
        .await?;
        assert_eq!(uid(&env, &app).await?, first, "{path}: what both deliver was never away");
        env.wait_until(&format!("{left} is named"), PATIENCE, async || {
            let events = env.list("Event", &env.control).await?;
            let names = |event: &serde_json::Value| {
                event["reason"] == "ObjectsLeft"
                    && event["involvedObject"]["name"] == app.name()
                    && event["message"].as_str().is_some_and(|message| message.contains(&format!("/{left}")))
            };
            Ok(events.iter().any(names).then_some(()))
        })
        .await?;
    }
    let releases = env.helm(&["list", "-n", app.destination(), "-o", "json"]).await?.json()?;
    assert_eq!(releases, json!([]), "no record of the release that is gone");
    Ok(())
}

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

async fn uid(env: &TestEnv, app: &Application) -> Result<String> {
    let live = env.get("ConfigMap", app.destination(), "kept").await?.context("kept is there")?;
    Ok(live["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
}
