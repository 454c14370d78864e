//! A new commit of a chart is delivered when its release is, and not when Flux has begun to look at it.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, beginning};
use crate::observations::has_failed;

/// How many deliver the same chart: the moment in which it could be taken for delivered is short.
const APPLICATIONS: usize = 6;
const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";

/// Kubernetes refuses another template.
fn job(tag: &str) -> String {
    format!(
        r"apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: migrate, image: 'registry.example.org/migrate:{tag}'}}]
"
    )
}

fn settings(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{key: {value}}}\n")
}

#[tokio::test]
async fn of_a_chart_in_git() -> Result<()> {
    let env = Stack::shared().await?.test("no-success").await?;
    let (first, second) = (job("1"), job("2"));
    let (before, after) = (settings("a"), settings("b"));
    let files = [
        ("app/Chart.yaml", Some(CHART)),
        ("app/templates/job.yaml", Some(first.as_str())),
        ("app/templates/settings.yaml", Some(before.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("source"), &files).await?;
    let one = |index: usize| {
        Application::git(&env, &repository.url(), "app", "main").named(&env, &format!("a{index}"))
    };
    let all: Vec<Application> = (0..APPLICATIONS).map(one).collect();
    for app in &all {
        app.apply(&env).await?;
    }
    for app in &all {
        app.wait(&env, "delivered", |app| app["status"]["history"][0].is_object()).await?;
    }
    let since = beginning(&env).await?;
    let edits = [
        ("app/templates/job.yaml", Some(second.as_str())),
        ("app/templates/settings.yaml", Some(after.as_str())),
    ];
    let commit = repository.commit("main", &edits, "Change the Job").await?;
    for app in &all {
        env.argocd(&["app", "get", app.name(), "--hard-refresh"]).await?.text()?;
    }
    for app in &all {
        app.wait(&env, "told of the failure", has_failed).await?;
        never_a_success(&env, app, &since, &commit).await?;
    }
    Ok(())
}

/// No version of the Application said that `commit` was delivered.
async fn never_a_success(env: &TestEnv, app: &Application, since: &str, commit: &str) -> Result<()> {
    for version in app.versions(env, since).await? {
        let status = &version["status"];
        let mut history = status["history"].as_array().into_iter().flatten();
        assert!(history.all(|entry| entry["revision"] != commit), "{}: {}", app.name(), status["history"]);
        let operation = &status["operationState"];
        let is_success = operation["phase"] == "Succeeded" && operation["syncResult"]["revision"] == commit;
        assert!(!is_success, "{}: {operation}", app.name());
        let is_synced = status["sync"]["status"] == "Synced" && status["sync"]["revision"] == commit;
        assert!(!is_synced, "{}: {}", app.name(), status["sync"]);
    }
    Ok(())
}
