//! A chart whose `crds/` define what its templates are of is installed at the first try: Helm is not done with a definition
//! before the API server serves it.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, PATIENCE};

/// How many try it: an install that does not wait fails now and then.
const APPLICATIONS: usize = 6;
const CHART: &str = "apiVersion: v2\nname: own\nversion: 1.0.0\n";

fn definition(group: &str) -> String {
    format!(
        r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"
    )
}

async fn application(env: &TestEnv, index: usize) -> Result<(Application, String)> {
    let group = format!("{}.example.org", env.name(&index.to_string()));
    let (definition, widget) =
        (definition(&group), format!("apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\n"));
    let files = [
        ("app/Chart.yaml", Some(CHART)),
        ("app/crds/widget.yaml", Some(definition.as_str())),
        ("app/templates/one.yaml", Some(widget.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name(&format!("source{index}")), &files).await?;
    let app = Application::git(env, &repository.url(), "app", "main").named(env, &format!("a{index}"));
    app.apply(env).await?;
    Ok((app, group))
}

#[tokio::test]
async fn at_the_first_try() -> Result<()> {
    let env = Stack::shared().await?.test("own-kinds").await?;
    let mut all = Vec::new();
    for index in 0..APPLICATIONS {
        all.push(application(&env, index).await?);
    }
    for (app, group) in &all {
        let attempted = env.wait_until("it has been tried", PATIENCE, async || {
            let release = app.delivered(&env, "HelmRelease", app.name()).await?;
            let status = &release["status"];
            let is_over = status["history"][0].is_object() || status["failures"].as_i64().unwrap_or(0) > 0;
            Ok(is_over.then(|| status.clone()))
        });
        let attempted = attempted.await?;
        assert_eq!(attempted["history"][0]["status"], "deployed", "{attempted}");
        app.settled(&env).await?;
        let release = app.delivered(&env, "HelmRelease", app.name()).await?;
        let history = release["status"]["history"].as_array().context("no history")?;
        assert_eq!(history.len(), 1, "{history:?}");
        env.kubectl(&["get", &format!("widgets.{group}"), "one", "-n", app.destination()]).await?.text()?;
        env.kubectl(&["delete", "crd", &format!("widgets.{group}"), "--wait=false"]).await?.text()?;
    }
    Ok(())
}
