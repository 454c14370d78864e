//! While the Pods of a first delivery come up, the page of the Application shows them, as stock Argo CD's does.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::Stack;

use crate::broken;
use crate::observations::columns;
use crate::resource_trees::Tree;

#[tokio::test]
async fn down_to_the_pod_that_is_not_ready() -> Result<()> {
    let env = Stack::shared().await?.test("first-install").await?;
    let app = broken::chart(&env);
    app.apply(&env).await?;
    let progressing = |tree: &Tree| {
        let (deployment, pod) = (tree.only("Deployment")?, tree.only("Pod")?);
        ensure!(deployment["health"]["status"] == "Progressing", "{deployment}");
        Ok(tree.ancestry(pod))
    };
    let (_, ancestry) = app.tree(&env, "the Pod", progressing).await?;
    assert_eq!(ancestry, ["Pod", "ReplicaSet", "Deployment", "HelmRelease"]);
    app.wait(&env, "Progressing", |app| columns(app) == ["Synced", "Progressing"]).await.map(drop)
}
