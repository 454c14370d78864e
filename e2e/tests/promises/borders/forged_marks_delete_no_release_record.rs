//! Whoever may write a `HelmRelease` in one namespace gets no Helm release of another one deleted by the bridge, whatever he writes
//! into its marks, its spec and its status.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::forged_marks::{release, says_stored};
use crate::applications::Application;
use crate::switching::PLAIN;

#[tokio::test]
async fn a_release_elsewhere_keeps_its_record() -> Result<()> {
    let env = Stack::shared().await?.test("forged-records").await?;
    // Without pruning, so that what is forged waits for the way back.
    let app = Application::chart(&env, "6.3.5")
        .merge(&json!({ "spec": { "syncPolicy": { "automated": { "prune": false } } } }));
    app.deliver(&env).await?;
    let victims = env.namespace.as_str();
    let record = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": { "name": "sh.helm.release.v1.victim.v1", "namespace": victims },
    });
    env.apply(&record.to_string()).await?;

    let by_status = release(&env, &app, app.destination(), "by-status", &json!({}));
    let by_spec = release(
        &env,
        &app,
        app.destination(),
        "by-spec",
        &json!({ "releaseName": "victim", "storageNamespace": victims }),
    );
    for forged in [&by_status, &by_spec] {
        env.apply(&forged.to_string()).await?;
        says_stored(&env, forged, victims, "victim").await?;
    }
    app.wait(&env, "beside what is forged", |app| {
        let listed = app["status"]["resources"].to_string();
        listed.contains("by-status") && listed.contains("by-spec")
    })
    .await?;

    app.switch(&env, &PLAIN).await?;
    app.handed_back(&env).await?;
    assert!(env.get("Secret", victims, "sh.helm.release.v1.victim.v1").await?.is_some());
    // Its own release, in its own namespace, leaves none, and nothing forged holds the way back up.
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    let mut told = app.events(&env, "ReleaseRecordsLeft").await?;
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("by-spec") && told[0].contains("spec.storageNamespace"), "{told:?}");
    assert!(told[1].contains("by-status") && told[1].contains("\"victim\""), "{told:?}");
    app.delete(&env).await
}
