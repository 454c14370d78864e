//! A running plain Application of a kustomization in git joins by its sync options and leaves by them, with the same pods
//! all the while.

use anyhow::Result;
use flux_subsystem_e2e::Stack;

use crate::applications::Application;
use crate::switching::{BRIDGED, PLAIN};

#[tokio::test]
async fn there_and_back_twice() -> Result<()> {
    let env = Stack::shared().await?.test("switch-git").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "apps/overlays/production", "main")
        .options(&PLAIN);
    app.deliver(&env).await?;
    let pods = app.pods(&env).await?;
    for _ in 0..2 {
        app.switch(&env, &BRIDGED).await?;
        app.taken_over(&env).await?;
        env.wait_for_ready("Kustomization", app.destination(), app.name(), "True").await?;
        assert_eq!(app.pods(&env).await?, pods, "taken over");
        app.goes_back(&env, &pods).await?;
    }
    app.delete(&env).await
}

/// Flux objects that somebody else made are his: only the stamp comes and goes.
#[tokio::test]
async fn objects_that_it_only_refers_to_stay_untouched() -> Result<()> {
    let env = Stack::shared().await?.test("switch-reference").await?;
    let owner = Application::git(&env, &env.sources().git_url("fleet"), "apps/overlays/staging", "main")
        .without_finalizer()
        .merge(&serde_json::json!({ "spec": { "syncPolicy": { "automated": { "allowEmpty": true } } } }));
    owner.deliver(&env).await?;
    // Nobody's any more.
    owner.delete(&env).await?;
    let strip = serde_json::json!({ "metadata": { "labels": null, "annotations": null } });
    for kind in ["GitRepository", "Kustomization"] {
        env.patch(kind, owner.destination(), owner.name(), &strip).await?;
    }
    let app = owner.options(&["FluxSubsystem=true"]);
    app.taken_over_by_reference(&env).await?;
    let before = (app.flux_objects(&env).await?, app.pods(&env).await?);
    app.switch(&env, &[]).await?;
    env.wait_until("the stamp is off", crate::applications::PATIENCE, async || {
        let found = env.application(app.name()).await?;
        Ok(crate::switching::our_annotations(&found).is_empty().then_some(()))
    })
    .await?;
    assert_eq!((app.flux_objects(&env).await?, app.pods(&env).await?), before);
    app.delete(&env).await
}
