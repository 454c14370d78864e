//! Where Argo CD impersonates, Flux delivers as the ServiceAccount that the project names, or not at all.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Options, Stack};
use serde_json::{Value, json};

use crate::applications::Application;
use crate::projects::{project, restrict};

#[tokio::test]
async fn flux_delivers_as_the_account_of_the_project() -> Result<()> {
    // The setting is everybody's.
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let _bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    let env = stack.test("impersonated").await?;
    let project = project(&env, &json!({})).await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "plain", "main").in_project(&project);
    let namespace = app.destination();
    let metadata = json!({ "name": "deployer", "namespace": namespace });
    for object in [
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }),
    ] {
        env.apply(&object.to_string()).await?;
    }
    let enabled = json!({ "data": { "application.sync.impersonation.enabled": "true" } });
    env.patch("ConfigMap", &env.control, "argocd-cm", &enabled).await?;
    app.apply(&env).await?;
    app.told(&env, "ComparisonError", "no matching service account found for destination server").await?;

    let account = |name: &str| json!([{ "server": "*", "namespace": "*", "defaultServiceAccount": name }]);
    restrict(&env, &project, &json!({ "destinationServiceAccounts": account("other:deployer") })).await?;
    app.told(&env, "ComparisonError", "system:serviceaccount:other:deployer").await?;
    assert!(env.list("Kustomization", namespace).await?.is_empty());

    // It may do nothing yet.
    restrict(&env, &project, &json!({ "destinationServiceAccounts": account("deployer") })).await?;
    app.told(&env, "SyncError", &format!("system:serviceaccount:{namespace}:deployer")).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "deployer", "namespace": namespace }],
    });
    env.apply(&binding.to_string()).await?;
    app.settled(&env).await?;
    let workload = app.delivered(&env, "Kustomization", app.name()).await?;
    assert_eq!(workload["spec"]["serviceAccountName"], Value::from("deployer"));
    Ok(())
}
