//! Whatever an Application tells Kustomize, Flux delivers what Argo CD would have delivered: by its own means where it has
//! the words for it, else as Argo CD's repo-server renders it.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::twins::Twins;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'nginx:1.25', envFrom: [{configMapRef: {name: settings}}]}
";
const KUSTOMIZATION: &str = "\
resources: [deployment.yaml]
labels: [{pairs: {tier: front}}]
configMapGenerator: [{name: settings, literals: [a=b]}]
images: [{name: nginx, newTag: '1.26'}]
";
const COMPONENT: &str = r#"
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- {patch: '[{"op": "add", "path": "/metadata/annotations", "value": {"tls": "on"}}]', target: {kind: Deployment}}
"#;
const PATCH: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {minReadySeconds: 1}
";

#[tokio::test]
async fn each_setting_comes_to_the_same() -> Result<()> {
    let env = Stack::shared().await?.test("kustomize-settings").await?;
    let files = [
        ("app/kustomization.yaml", Some(KUSTOMIZATION)),
        ("app/deployment.yaml", Some(DEPLOYMENT)),
        ("app/patch.yaml", Some(PATCH)),
        ("tls/kustomization.yaml", Some(COMPONENT)),
    ];
    let repository = env.sources().create_repository(&env.name("web"), &files).await?;
    let inline = r#"[{"op": "replace", "path": "/spec/replicas", "value": 2}]"#;
    let target = json!({ "kind": "Deployment" });
    let settings: [(&str, Value, bool); 8] = [
        ("images", json!({ "images": ["nginx=httpd:2.4"], "namePrefix": "x-", "nameSuffix": "-y" }), false),
        ("labels", json!({ "commonLabels": { "team": "web" }, "labelWithoutSelector": true }), false),
        ("component", json!({ "components": ["../tls"] }), false),
        ("patch", json!({ "patches": [{ "patch": inline, "target": target }] }), false),
        ("replicas", json!({ "replicas": [{ "name": "web", "count": 2 }] }), true),
        ("everywhere", json!({ "commonLabels": { "team": "web" }, "commonAnnotations": { "a": "b" } }), true),
        ("file", json!({ "patches": [{ "path": "patch.yaml" }] }), true),
        ("wildcard", json!({ "images": ["nginx=httpd:*"] }), true),
    ];
    let mut all = Vec::new();
    for (name, kustomize, is_rendered) in settings {
        let source = json!({
            "repoURL": repository.url(), "path": "app", "targetRevision": "main", "kustomize": kustomize,
        });
        all.push((name, Twins::apply(&env, name, &source).await?, is_rendered));
    }
    for (name, twins, is_rendered) in &all {
        let objects = twins.alike(&env).await?;
        assert_eq!(objects.len(), 2, "{name}: {objects:?}");
        assert_eq!(twins.is_rendered(&env).await?, *is_rendered, "{name}");
    }
    Ok(())
}
