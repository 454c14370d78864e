//! An ApplicationSet owns the annotations of its Applications, and takes away each one its template does not have, yet
//! they stay bridged; changes of its template and of its elements arrive.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::application_sets::{ApplicationSet, is_stamped};
use crate::applications::{Application, beginning};

#[tokio::test]
async fn the_stamp_stays_though_the_controller_strips_it() -> Result<()> {
    let env = Stack::shared().await?.test("set-stamp").await?;
    let since = beginning(&env).await?;
    let elements = json!([{ "name": "dev" }, { "name": "prod" }]);
    let set = ApplicationSet::of(&env, Application::chart(&env, "6.3.5"), &elements);
    set.apply(&env).await?;
    let apps = ["dev", "prod"].map(|name| Application::chart(&env, "6.3.5").named(&env, name));
    for app in &apps {
        app.appears(&env).await?;
        app.settled(&env).await?;
    }
    // Each look of the controller is a try to take the annotations away.
    for _ in 0..3 {
        set.refresh(&env).await?;
    }
    for app in &apps {
        let versions = app.versions(&env, &since).await?;
        assert!(!versions.is_empty(), "the watch missed its life");
        assert!(versions.iter().all(is_stamped), "{} was without its stamp for a while", app.name());
        let release = app.release(&env).await?;
        assert_eq!((&release["name"], &release["revision"]), (&json!(app.name()), &json!("1")));
        let deployment = app.delivered(&env, "Deployment", &format!("{}-podinfo", app.name())).await?;
        let tracking = &deployment["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
        assert!(tracking.is_null(), "stock Argo CD deployed it, too: {tracking}");
    }
    set.delete(&env).await
}

#[tokio::test]
async fn what_changes_in_its_template_and_elements_arrives() -> Result<()> {
    let env = Stack::shared().await?.test("set-change").await?;
    let app = |name: &str, version: &str| Application::chart(&env, version).named(&env, name);
    let set = |version: &str, names: &[&str]| {
        let template = Application::chart(&env, version).parameter("ui.message", "{{.name}} runs this");
        let elements: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        ApplicationSet::of(&env, template, &json!(elements))
    };
    set("6.3.5", &["dev", "prod"]).apply(&env).await?;
    for name in ["dev", "prod"] {
        app(name, "6.3.5").appears(&env).await?;
        app(name, "6.3.5").settled(&env).await?;
    }
    let changed = set("6.3.6", &["prod", "new"]);
    changed.apply(&env).await?;
    for (name, revision) in [("prod", "2"), ("new", "1")] {
        let app = app(name, "6.3.6");
        app.appears(&env).await?;
        app.wait(&env, "at the new version", |app| app["status"]["sync"]["revision"] == "6.3.6").await?;
        app.settled(&env).await?;
        let release = app.release(&env).await?;
        assert_eq!((&release["chart"], &release["revision"]), (&json!("podinfo-6.3.6"), &json!(revision)));
        let values = env.helm(&["get", "values", app.name(), "-n", app.destination()]).await?.text()?;
        assert!(values.contains(&format!("message: {name} runs this")), "{values}");
    }
    // What left its elements goes, and takes with it what it delivered.
    let left = app("dev", "6.3.5");
    env.wait_until_gone("Application", &env.control, left.name()).await?;
    let releases = env.helm(&["list", "-n", left.destination(), "-o", "json"]).await?.json()?;
    assert_eq!(releases, json!([]));
    changed.delete(&env).await
}
