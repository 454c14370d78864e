//! Argo CD's notifications-controller tells of a bridged Application what it tells of any other, and each thing once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

/// Name, condition and what makes two of its events the same, as in Argo CD's own catalog (argo-cd
/// `notifications_catalog/triggers`).
const TRIGGERS: [(&str, &str); 4] = [
    ("on-sync-succeeded", "app.status.operationState?.phase in ['Succeeded']"),
    ("on-sync-failed", "app.status.operationState?.phase in ['Error', 'Failed']"),
    ("on-health-degraded", "app.status.health.status == 'Degraded'"),
    (
        "on-deployed",
        "app.status.operationState?.phase in ['Succeeded'] and app.status.health.status == 'Healthy' \
         and (!time.Parse(app.status.health.lastTransitionTime).Add(1 * time.Minute)\
         .Before(time.Parse(app.status.operationState.finishedAt)) \
         or time.Parse(app.status.health.lastTransitionTime)\
         .Before(time.Parse(app.status.operationState.startedAt)))",
    ),
];
const ONCE_PER: &str = "app.status.operationState?.syncResult?.revision";
/// Fires when the test says so, with another mark each time: what else there is to tell has been told by then.
const MARKED: (&str, &str) = ("on-marked", "app.metadata.annotations?.mark != nil");
const ONCE_PER_MARK: &str = "app.metadata.annotations?.mark";

/// Everything that was told, as `TRIGGER REVISION`, in order.
type Told = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn each_trigger_of_the_catalog_fires_once_a_revision() -> Result<()> {
    let env = Stack::shared().await?.test("notified").await?;
    let told = Told::default();
    let address = receive(Arc::clone(&told)).await?;
    let service = env.name("hook");
    configure(&env, &service, &address).await?;
    let triggers: Vec<_> =
        TRIGGERS.iter().map(|(name, _)| env.name(name)).chain([env.name(MARKED.0)]).collect();
    let subscriptions = json!([{
        "trigger": triggers,
        "destinations": [{ "service": service, "recipients": [""] }],
    }]);
    let app = |version: &str| {
        Application::chart(&env, version)
            .annotation("notifications.argoproj.io/subscriptions", &subscriptions.to_string())
    };

    app("6.3.5").deliver(&env).await?;
    are_told(&env, &told, &["on-deployed 6.3.5", "on-sync-succeeded 6.3.5"]).await?;

    // The API server refuses this one, again and again: Flux tries it more than once.
    let broken = app("6.3.6").parameter("service.type", "Bogus");
    broken.apply(&env).await?;
    broken.failed(&env).await?;
    env.wait_until("Flux has tried it more than once", PATIENCE * 2, async || {
        let release = broken.delivered(&env, "HelmRelease", broken.name()).await?;
        let failures = release["status"]["failures"].as_i64().unwrap_or_default();
        ensure!(failures > 1, "{failures} failures");
        Ok(Some(()))
    })
    .await?;
    are_told(&env, &told, &["on-health-degraded 6.3.6", "on-sync-failed 6.3.6"]).await?;

    app("6.4.0").deliver(&env).await?;
    are_told(&env, &told, &["on-deployed 6.4.0", "on-sync-succeeded 6.4.0"]).await?;

    // What the controller remembers stands beside what the bridge writes.
    for _ in 0..2 {
        env.argocd(&["app", "get", broken.name(), "--refresh"]).await?.text()?;
    }
    let live = env.application(broken.name()).await?;
    let notified = &live["metadata"]["annotations"]["notified.notifications.argoproj.io"];
    let notified: Value = serde_json::from_str(notified.as_str().context("it remembers nothing")?)?;
    for (trigger, _) in TRIGGERS {
        assert!(notified.to_string().contains(trigger), "{trigger} is not remembered: {notified}");
    }
    are_told(&env, &told, &[]).await
}

/// Waits until exactly these were told since the last time, each once; then marks the Application, so that whatever was
/// to be told before that has been.
async fn are_told(env: &TestEnv, told: &Told, expected: &[&str]) -> Result<()> {
    let live = env.application(&env.name("app")).await?;
    let mark = json!({ "metadata": { "annotations": { "mark": live["metadata"]["resourceVersion"] } } });
    let name = env.name("app");
    env.wait_until(&format!("{expected:?} are told"), PATIENCE, async || {
        let so_far = read(told);
        ensure!(expected.iter().all(|one| so_far.iter().any(|other| other == one)), "{so_far:?}");
        Ok(Some(()))
    })
    .await?;
    env.patch("Application", &env.control, &name, &mark).await?;
    env.wait_until("the mark is told", PATIENCE, async || {
        Ok(read(told).iter().any(|one| one.starts_with(MARKED.0)).then_some(()))
    })
    .await?;
    let mut all = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    all.retain(|one| !one.starts_with(MARKED.0));
    all.sort();
    ensure!(all == expected, "told: {all:?}, expected: {expected:?}");
    Ok(())
}

fn read(told: &Told) -> Vec<String> {
    told.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A webhook on a port of its own, for as long as the test runs; returns its address.
async fn receive(told: Told) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let hook = async |State(told): State<Told>, body: String| {
        told.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    };
    let router = Router::new().route("/", post(hook)).with_state(told);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Adds a receiver, triggers and templates under names that are the test's own.
async fn configure(env: &TestEnv, service: &str, address: &str) -> Result<()> {
    let mut data = BTreeMap::new();
    data.insert(format!("service.webhook.{service}"), format!("url: http://{address}/\n"));
    let once_per = |name: &str| if name == MARKED.0 { ONCE_PER_MARK } else { ONCE_PER };
    for (name, when) in TRIGGERS.into_iter().chain([MARKED]) {
        let own = env.name(name);
        let trigger = json!([{ "when": when, "send": [own], "oncePer": once_per(name) }]);
        data.insert(format!("trigger.{own}"), trigger.to_string());
        let body = format!("{name} {{{{.app.status.operationState.syncResult.revision}}}}");
        let template = json!({ "webhook": { service: { "method": "POST", "body": body } } });
        data.insert(format!("template.{own}"), template.to_string());
    }
    let change = json!({ "data": data });
    env.patch("ConfigMap", &env.control, "argocd-notifications-cm", &change).await.map(drop)
}
