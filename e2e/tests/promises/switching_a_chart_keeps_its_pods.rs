//! A running plain Application of a chart joins by its sync options and leaves by them: the same pods all the while, a real
//! Helm release in between, stock Argo CD Synced and Healthy afterwards.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, beginning};
use crate::observations::columns;
use crate::switching::{BRIDGED, PLAIN};

#[tokio::test]
async fn there_and_back_twice_and_nothing_grows() -> Result<()> {
    let env = Stack::shared().await?.test("switch-chart").await?;
    let app = Application::chart(&env, "6.3.5").options(&PLAIN).parameter("ui.message", "Welcome");
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;
    let mut sizes = Vec::new();
    for _ in 0..2 {
        argocd_set(&env, &app, &["FluxSubsystem=true", "AutoCreateFluxResources=true"]).await?;
        app.taken_over(&env).await?;
        assert_eq!(app.release(&env).await?["revision"], "1");
        assert_eq!(app.pods(&env).await?, pods, "taken over");
        argocd_set(&env, &app, &["!FluxSubsystem=true", "!AutoCreateFluxResources=true"]).await?;
        let plain = app.handed_back(&env).await?;
        assert_eq!(app.pods(&env).await?, pods, "handed back");
        assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
        let annotations = plain["metadata"]["annotations"].as_object().map_or(0, serde_json::Map::len);
        sizes.push((plain["status"]["conditions"].as_array().map_or(0, Vec::len), annotations));
    }
    assert_eq!(sizes[0], sizes[1], "conditions and annotations");
    app.delete(&env).await
}

#[tokio::test]
async fn a_manual_application_waits_for_its_first_sync() -> Result<()> {
    let env = Stack::shared().await?.test("switch-manual").await?;
    let app = Application::chart(&env, "6.3.5").options(&PLAIN).manual();
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name(), "--timeout", "90"]).await?.text()?;
    app.settled(&env).await?;
    let pods = app.pods(&env).await?;

    app.switch(&env, &BRIDGED).await?;
    let waits = app
        .wait(&env, "waiting for its Sync", |app| {
            columns(app) == ["OutOfSync", "Missing"]
                && app["status"]["resources"].to_string().contains("HelmRelease")
        })
        .await?;
    assert_eq!(waits["operation"], Value::Null);
    assert!(env.get("HelmRelease", app.destination(), app.name()).await?.is_none(), "nobody asked for it");
    assert_eq!(app.pods(&env).await?, pods, "what runs stays");
    let told = app.events(&env, "TakenOver").await?.join("\n");
    assert!(told.contains("Flux takes it over with the next Sync"), "{told}");

    env.argocd(&["app", "sync", app.name(), "--timeout", "90"]).await?.text()?;
    app.taken_over(&env).await?;
    assert_eq!(app.release(&env).await?["revision"], "1");
    assert_eq!(app.pods(&env).await?, pods, "adopted");

    app.goes_back(&env, &pods).await?;
    app.delete(&env).await
}

/// It never was stock Argo CD's: nothing that it delivered carries Argo CD's tracking annotation.
#[tokio::test]
async fn an_application_born_bridged_becomes_plain() -> Result<()> {
    let env = Stack::shared().await?.test("switch-born").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;
    app.switch(&env, &PLAIN).await?;
    app.handed_back(&env).await?;
    assert_eq!(app.pods(&env).await?, pods);
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    app.delete(&env).await?;
    env.wait_until_gone("Deployment", app.destination(), &crate::observations::podinfo(&app)).await
}

/// Somebody replaces the manifest: the stamp goes together with the option, and comes back until all is done.
#[tokio::test]
async fn a_stamp_that_is_taken_off_with_the_option_stays_until_flux_is_out() -> Result<()> {
    let env = Stack::shared().await?.test("switch-replace").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let (pods, since) = (app.pods(&env).await?, beginning(&env).await?);
    let change = json!({
        "metadata": { "annotations": {
            "argocd.argoproj.io/skip-reconcile": null,
            "flux-subsystem.dev/stamped": null,
        } },
        "spec": { "syncPolicy": { "syncOptions": PLAIN } },
    });
    let replaced = env.patch("Application", &env.control, app.name(), &change).await?;
    assert_eq!(replaced["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"], "true");
    app.handed_back(&env).await?;
    assert_eq!(app.pods(&env).await?, pods);
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    // Stock Argo CD wrote nothing before the stamp was off.
    let by_argo_cd =
        |app: &&Value| app["metadata"]["managedFields"].to_string().contains("argocd-application-controller");
    let versions = app.versions(&env, &since).await?;
    let first = versions.iter().find(by_argo_cd).map(crate::switching::our_annotations);
    assert_eq!(first, Some(Vec::new()));
    app.delete(&env).await
}

/// `argocd app set --sync-option`.
async fn argocd_set(env: &TestEnv, app: &Application, options: &[&str]) -> Result<()> {
    for option in options {
        env.argocd(&["app", "set", app.name(), "--sync-option", option]).await?.text()?;
    }
    Ok(())
}

/// An ApplicationSet takes the annotations off together with the option that its template loses.
#[tokio::test]
async fn an_applicationset_switches_by_its_template() -> Result<()> {
    let env = Stack::shared().await?.test("switch-set").await?;
    let app = Application::chart(&env, "6.3.5");
    let mut template: Value = serde_json::from_str(&app.to_yaml())?;
    template["metadata"] = json!({ "name": app.name() });
    let set = |options: &[&str]| {
        let mut template = template.clone();
        template["spec"]["syncPolicy"]["syncOptions"] = json!(options);
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": { "name": env.name("set"), "namespace": env.control },
            "spec": {
                "generators": [{ "list": { "elements": [{ "only": "one" }] } }],
                "template": { "metadata": template["metadata"], "spec": template["spec"] },
            },
        })
        .to_string()
    };
    env.apply(&set(&PLAIN)).await?;
    app.wait(&env, "there", |_| true).await?;
    app.handed_back(&env).await?;
    let pods = app.pods(&env).await?;
    env.apply(&set(&BRIDGED)).await?;
    app.taken_over(&env).await?;
    assert_eq!(app.pods(&env).await?, pods, "taken over");
    env.apply(&set(&PLAIN)).await?;
    app.handed_back(&env).await?;
    assert_eq!(app.pods(&env).await?, pods, "handed back");
    assert_eq!(app.left_behind(&env).await?, Vec::<String>::new());
    env.delete("ApplicationSet", &env.control, &env.name("set")).await?;
    env.wait_until_gone("Application", &env.control, app.name()).await
}

/// What the policy makes of an update; nothing is stored.
#[tokio::test]
async fn the_mark_comes_back_and_a_word_of_ones_own_stays() -> Result<()> {
    let env = Stack::shared().await?.test("switch-mark").await?;
    let app = Application::chart(&env, "6.3.5");
    app.deliver(&env).await?;
    let stamped =
        json!({ "argocd.argoproj.io/skip-reconcile": "true", "flux-subsystem.dev/stamped": "true" });
    let own = json!({ "argocd.argoproj.io/skip-reconcile": "false" });
    for (change, expected) in [
        (json!({ "flux-subsystem.dev/stamped": null }), stamped.clone()),
        (json!({ "argocd.argoproj.io/skip-reconcile": null }), stamped.clone()),
        (json!(null), stamped),
        (json!({ "argocd.argoproj.io/skip-reconcile": "false", "flux-subsystem.dev/stamped": null }), own),
    ] {
        let patch = json!({ "metadata": { "annotations": change } }).to_string();
        let arguments =
            ["patch", "application", app.name(), "-n", &env.control, "--type=merge", "-p", &patch];
        let patched =
            env.kubectl(&[&arguments[..], &["--dry-run=server", "-o", "json"]].concat()).await?.json()?;
        assert_eq!(patched["metadata"]["annotations"], expected, "{patch}");
    }
    app.delete(&env).await
}
