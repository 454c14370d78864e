//! Jsonnet, which Flux does not read, is rendered by Argo CD's repo-server with the Application's variables and delivered by Flux,
//! with the namespaces that stock Argo CD gives to objects.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;

const SETTINGS: &str = r"
local lib = import 'names.libsonnet';
function(colour='none') [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: lib.name }, data: { stage: std.extVar('stage'), colour: colour } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: lib.name, namespace: 'default', labels: { made: std.extVar('made') } } },
]
";

#[tokio::test]
async fn jsonnet_is_rendered_and_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("jsonnet").await?;
    let name = env.name("made");
    let names = format!("{{ name: '{name}' }}");
    let files = [
        ("deploy/settings.jsonnet", Some(SETTINGS)),
        ("deploy/plain.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\n")),
        ("lib/names.libsonnet", Some(names.as_str())),
    ];
    let repository = env.sources().create_repository(&env.name("jsonnet"), &files).await?;
    let jsonnet = json!({
        "libs": ["lib"],
        "extVars": [{ "name": "stage", "value": "prod" }, { "name": "made", "value": "'by-' + 'code'", "code": true }],
        "tlas": [{ "name": "colour", "value": "green" }],
    });
    let app = Application::git(&env, &repository.url(), "deploy", "main")
        .merge(&json!({ "spec": { "source": { "directory": { "jsonnet": jsonnet } } } }));
    let delivered = app.deliver(&env).await?;
    assert_eq!(delivered["status"]["sourceType"], "Directory");
    assert_eq!(delivered["status"]["sync"]["revision"], *repository.resolve("main").await?);
    let map = app.delivered(&env, "ConfigMap", &name).await?;
    assert_eq!(map["data"], json!({ "stage": "prod", "colour": "green" }));
    app.delivered(&env, "ConfigMap", "plain").await?;
    // What names `default` itself stays there.
    let elsewhere = env.get("ConfigMap", "default", &name).await?.unwrap_or_default();
    assert_eq!(elsewhere["metadata"]["labels"]["made"], "by-code");
    app.delete(&env).await?;
    assert!(env.get("ConfigMap", "default", &name).await?.is_none());
    Ok(())
}
