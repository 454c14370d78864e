//! An Application without a destination namespace delivers what is cluster-wide and what says its namespace itself; the Flux
//! objects stand beside the Application then.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn they_are_delivered_and_go() -> Result<()> {
    let env = Stack::shared().await?.test("no-namespace").await?;
    let (role, namespace) = (env.name("reader"), &env.namespace);
    let manifests = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {role}}}\nrules: []\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: {namespace}}}\ndata: {{a: b}}\n"
    );
    let files = [("all.yaml", Some(manifests.as_str()))];
    let repository = env.sources().create_repository(&env.name("cluster"), &files).await?;
    let app = Application::git(&env, &repository.url(), ".", "main")
        .merge(&json!({"spec": {"destination": {"namespace": null}}}));
    app.apply(&env).await?;
    env.wait_for_application(app.name(), "Synced", "Healthy").await?;
    assert!(env.get("ClusterRole", "", &role).await?.is_some());
    assert!(env.get("ConfigMap", namespace, "settings").await?.is_some());
    assert!(env.get("Kustomization", &env.control, app.name()).await?.is_some());
    app.delete(&env).await?;
    assert!(env.get("ClusterRole", "", &role).await?.is_none());
    assert!(env.get("ConfigMap", namespace, "settings").await?.is_none());
    assert!(env.get("Kustomization", &env.control, app.name()).await?.is_none());
    Ok(())
}
