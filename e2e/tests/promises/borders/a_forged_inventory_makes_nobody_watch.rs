//! What a project does not permit is not even watched.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::{BridgeOptions, Stack};

use super::reach::{config_map, elsewhere, forge, suspended, tenant};
use crate::applications::PATIENCE;
use crate::only_what_is_in_use_is_watched::watches;

#[tokio::test]
async fn of_what_is_not_permitted() -> Result<()> {
    let env = Stack::shared().await?.test("forged-watch").await?.with_control_namespace("10s").await?;
    let bridge = env.stack().bridge(BridgeOptions::serving(&env.control)).await?;
    let app = tenant(&env).await?;
    let (own, victim) = (app.destination(), elsewhere(&env).await?);
    config_map(&env, own, "mine").await?;
    suspended(&env, "Kustomization", own, app.name()).await?;
    let ids = [
        format!("{own}_mine__ConfigMap"),
        format!("{victim}_crown__ConfigMap"),
        format!("{victim}_web_apps_Deployment"),
        "kube-system_web_apps_DaemonSet".to_owned(),
        "_system__masters_rbac.authorization.k8s.io_ClusterRole".to_owned(),
    ];
    forge(&env, "Kustomization", own, app.name(), &ids).await?;
    app.apply(&env).await?;
    // ConfigMaps of the tenant's namespace: his own, and what Kubernetes puts into each namespace.
    watches(&env, &bridge, 1.0).await?;
    env.wait_until("two objects are kept", PATIENCE, async || {
        let kept = bridge.metric("flux_subsystem_live_objects", &[]).await?;
        ensure!((kept - 2.0).abs() < 0.5, "{kept} are");
        Ok(Some(()))
    })
    .await
}
