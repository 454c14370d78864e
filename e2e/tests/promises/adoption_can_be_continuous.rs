//! With the annotation `flux-subsystem.dev/adopt-edits: "true"` an Application keeps hand-made changes of its Flux objects
//! by itself, although it heals itself.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::json;

use crate::applications::Application;

#[tokio::test]
async fn an_edit_flows_back_before_it_would_be_healed() -> Result<()> {
    let env = Stack::shared().await?.test("adopt-always").await?;
    let app = Application::chart(&env, "6.3.5")
        .parameter("replicaCount", "2")
        .self_healing()
        .annotation("flux-subsystem.dev/adopt-edits", "true");
    app.deliver(&env).await?;
    for replicas in ["3", "1"] {
        let edit = format!(r#"{{"spec": {{"values": {{"replicaCount": {replicas}}}}}}}"#);
        let arguments =
            ["patch", "helmrelease", app.name(), "-n", app.destination(), "--type=merge", "-p", &edit];
        env.kubectl(&arguments).await?.text()?;
        let kept = app.wait(&env, "saying so", |app| {
            app["spec"]["source"]["helm"]["parameters"]
                == json!([{ "name": "replicaCount", "value": replicas }])
        });
        kept.await?;
        app.settled(&env).await?;
        let deployment = app.delivered(&env, "Deployment", &format!("{}-podinfo", app.name())).await?;
        assert_eq!(deployment["spec"]["replicas"].to_string(), replicas);
    }
    assert_eq!(app.history(&env).await?.len(), 3, "each is a delivery to go back to");
    let field = format!("regarding.name={}", app.name());
    let events = ["get", "events.events.k8s.io", "-n", "argocd", "--field-selector", &field, "-o", "json"];
    let events = env.kubectl(&events).await?.json()?;
    let notes: Vec<String> = events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["reason"] == "EditAdopted")
        .filter_map(|event| event["note"].as_str().map(str::to_owned))
        .collect();
    let release = format!("HelmRelease {}/{}", app.destination(), app.name());
    let expected = format!("kept what was changed by hand: {release} spec.values.replicaCount");
    assert!(!notes.is_empty() && notes.iter().all(|note| *note == expected), "{notes:?}");
    Ok(())
}
