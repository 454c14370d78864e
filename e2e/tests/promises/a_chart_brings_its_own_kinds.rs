//! A chart whose `crds/` define what its templates are of is delivered by the first operation, without anybody seeing a failure.
//!
//! Helm without waiting is done with a definition before the API server serves it, and fails at the first try.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};

use crate::applications::{Application, beginning};

/// How many try it: the first try fails now and then.
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
async fn in_one_operation() -> Result<()> {
    let env = Stack::shared().await?.test("own-kinds").await?;
    let (since, mut all) = (beginning(&env).await?, Vec::new());
    for index in 0..APPLICATIONS {
        all.push(application(&env, index).await?);
    }
    for (app, group) in &all {
        app.settled(&env).await?;
        for version in app.versions(&env, &since).await? {
            let status = &version["status"];
            assert_ne!(status["health"]["status"], "Degraded", "{}: {}", app.name(), status["health"]);
            let operation = &status["operationState"];
            assert_ne!(operation["phase"], "Failed", "{}: {operation}", app.name());
            assert!(operation["retryCount"].is_null(), "{}: {operation}", app.name());
        }
        assert_eq!(app.release(&env).await?["revision"], "1", "nothing was installed twice");
        env.kubectl(&["get", &format!("widgets.{group}"), "one", "-n", app.destination()]).await?.text()?;
        env.kubectl(&["delete", "crd", &format!("widgets.{group}"), "--wait=false"]).await?.text()?;
    }
    Ok(())
}
