//! An ApplicationSet's RollingSync walks through its steps: each begins once the one before is Healthy, an unhealthy
//! one holds up those behind it, and in the end all have arrived.

use anyhow::{Context as _, Result, ensure};
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::application_sets::{ApplicationSet, is_stamped};
use crate::applications::{Application, PATIENCE};

const STAGES: [&str; 3] = ["dev", "stage", "prod"];

#[tokio::test]
async fn each_step_waits_for_the_health_of_the_one_before() -> Result<()> {
    let env = Stack::shared().await?.test("rolling").await?;
    let set = rolling(&env, "6.3.5", "");
    set.apply(&env).await?;
    for app in apps(&env) {
        app.appears(&env).await?;
        app.settled(&env).await?;
    }
    walked(&env, &set, "6.3.5").await?;

    rolling(&env, "6.3.6", "").apply(&env).await?;
    walked(&env, &set, "6.3.6").await?;
    for app in apps(&env) {
        let release = app.release(&env).await?;
        assert_eq!((&release["chart"], &release["revision"]), (&json!("podinfo-6.3.6"), &json!("2")));
        let live = env.application(app.name()).await?;
        assert!(is_stamped(&live));
        let by = &live["status"]["operationState"]["operation"]["initiatedBy"];
        assert_eq!(by, &json!({ "username": "applicationset-controller", "automated": true }));
    }
    set.delete(&env).await
}

#[tokio::test]
async fn a_step_that_does_not_become_healthy_holds_up_the_next() -> Result<()> {
    let env = Stack::shared().await?.test("rolling-held").await?;
    let set = rolling(&env, "6.3.5", "");
    set.apply(&env).await?;
    walked(&env, &set, "6.3.5").await?;

    // No Node has what the second one asks for.
    rolling(&env, "6.3.6", "stage").apply(&env).await?;
    env.wait_until("the second step is at work", PATIENCE, async || {
        let (steps, stage) = (steps(&set.live(&env).await?), env.application(&env.name("stage")).await?);
        let held = stage["status"]["health"]["status"] == "Progressing"
            && stage["status"]["operationState"]["phase"] == "Succeeded"
            && steps == ["Healthy", "Progressing", "Waiting"];
        ensure!(held, "{steps:?}, {}", stage["status"]["health"]);
        Ok(Some(()))
    })
    .await?;
    // The controller looks again and goes no further.
    set.refresh(&env).await?;
    assert_eq!(steps(&set.live(&env).await?), ["Healthy", "Progressing", "Waiting"]);
    let [_, _, last] = apps(&env);
    let live = env.application(last.name()).await?;
    assert_eq!(live["status"]["sync"]["status"], "OutOfSync");
    let history = last.history(&env).await?;
    assert!(history.iter().all(|entry| entry["revision"] == "6.3.5"), "the last step has begun: {history:?}");
    assert_eq!(last.release(&env).await?["chart"], "podinfo-6.3.5");

    let label = format!("{}=linux", env.namespace);
    env.kubectl(&["label", "node", "node", &label]).await?.text()?;
    walked(&env, &set, "6.3.6").await?;
    set.delete(&env).await?;
    env.kubectl(&["label", "node", "node", &format!("{}-", env.namespace)]).await?.text().map(drop)
}

/// One Application a stage, one stage a step; the Pods of `held` wait for a Node with a label named after the test.
fn rolling(env: &TestEnv, version: &str, held: &str) -> ApplicationSet {
    let elements = STAGES.map(|name| {
        let label = if name == held { env.namespace.as_str() } else { "kubernetes\\.io/os" };
        json!({ "name": name, "label": label })
    });
    let template = Application::chart(env, version)
        .parameter("nodeSelector.{{.label}}", "linux")
        .merge(&json!({ "metadata": { "labels": { "stage": "{{.name}}" } } }));
    let steps = STAGES
        .map(|name| json!({ "matchExpressions": [{ "key": "stage", "operator": "In", "values": [name] }] }));
    let strategy = json!({ "type": "RollingSync", "rollingSync": { "steps": steps } });
    ApplicationSet::of(env, template, &json!(elements)).with("strategy", &strategy)
}

fn apps(env: &TestEnv) -> [Application; 3] {
    STAGES.map(|name| Application::chart(env, "6.3.5").named(env, name))
}

/// Waits until all steps are Healthy at that version; each began after the one before had ended.
async fn walked(env: &TestEnv, set: &ApplicationSet, version: &str) -> Result<()> {
    let mut versions = Vec::new();
    env.wait_until(&format!("all steps are at {version}"), PATIENCE * 2, async || {
        versions.clear();
        for name in STAGES {
            let app = env.application(&env.name(name)).await?;
            let sync = &app["status"]["sync"];
            versions.push(json!([sync["revision"], sync["status"], app["operation"]]));
        }
        let steps = steps(&set.live(env).await?);
        ensure!(steps == ["Healthy"; 3], "{steps:?}");
        ensure!(versions.iter().all(|at| *at == json!([version, "Synced", null])), "{versions:?}");
        Ok(Some(()))
    })
    .await?;
    let mut before: Option<String> = None;
    for app in apps(env) {
        let history = app.history(env).await?;
        let delivered = history.iter().find(|entry| entry["revision"] == version);
        let delivered = delivered.with_context(|| format!("{} has no such delivery", app.name()))?;
        let [begin, end] = ["deployStartedAt", "deployedAt"].map(|time| delivered[time].to_string());
        if let Some(before) = before {
            assert!(begin >= before, "{} began at {begin}, the step before ended at {before}", app.name());
        }
        before = Some(end);
    }
    Ok(())
}

/// What the controller says of each stage, in the order of the steps.
fn steps(set: &Value) -> Vec<String> {
    let all = set["status"]["applicationStatus"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<_> =
        all.iter().map(|app| (app["step"].to_string(), app["status"].as_str().unwrap_or_default())).collect();
    all.sort();
    all.into_iter().map(|(_, status)| status.to_owned()).collect()
}
