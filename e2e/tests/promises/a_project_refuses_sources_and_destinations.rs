//! What an `AppProject` does not allow is refused in stock Argo CD's own words, before any Flux object is written.

use anyhow::Result;
use flux_subsystem_e2e::Stack;
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::columns;
use crate::projects::{conditions, nothing_of_flux, project, restrict};

#[tokio::test]
async fn a_source() -> Result<()> {
    refused(
        "project-source",
        &json!({ "sourceRepos": ["https://example.org/*"] }),
        "is not permitted in project",
    )
    .await
}

#[tokio::test]
async fn a_destination() -> Result<()> {
    let elsewhere = json!({ "destinations": [{ "server": "*", "namespace": "elsewhere" }] });
    refused("project-destination", &elsewhere, "do not match any of the allowed destinations").await
}

#[tokio::test]
async fn a_destination_that_is_denied() -> Result<()> {
    let denied = json!({ "destinations": [{ "server": "*", "namespace": "*" }, { "server": "*", "namespace": "!*-ns" }] });
    refused("project-denied", &denied, "do not match any of the allowed destinations").await
}

/// A plain and a bridged Application of that project say the same, and both are delivered once they may be.
async fn refused(test: &str, spec: &Value, words: &str) -> Result<()> {
    let env = Stack::shared().await?.test(test).await?;
    let project = project(&env, spec).await?;
    let plain = Application::chart(&env, "6.3.5").named(&env, "plain").plain().in_project(&project);
    // The same namespace to deliver to: it is part of the sentence.
    let destination = json!({ "spec": { "destination": { "namespace": plain.destination() } } });
    let bridged =
        Application::chart(&env, "6.3.5").named(&env, "bridged").in_project(&project).merge(&destination);
    bridged.apply(&env).await?;
    plain.apply(&env).await?;
    let told = bridged.told(&env, "InvalidSpecError", words).await?;
    assert_eq!(columns(&told), ["Unknown", "Unknown"]);
    env.wait_until("both say the same", PATIENCE, async || {
        let (plain, bridged) = (conditions(&env, &plain).await?, conditions(&env, &bridged).await?);
        anyhow::ensure!(plain == bridged, "{plain:?}\n{bridged:?}");
        Ok(Some(()))
    })
    .await?;
    nothing_of_flux(&env, &bridged).await?;
    assert!(env.get("Namespace", "", bridged.destination()).await?.is_none(), "nobody may deliver there");

    plain.delete(&env).await?;
    restrict(
        &env,
        &project,
        &json!({ "sourceRepos": ["*"], "destinations": [{ "server": "*", "namespace": "*" }] }),
    )
    .await?;
    let healed = bridged.settled(&env).await?;
    assert!(healed["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", healed["status"]);
    Ok(())
}

#[tokio::test]
async fn a_project_that_does_not_exist() -> Result<()> {
    let env = Stack::shared().await?.test("no-project").await?;
    let name = env.name("project");
    let app = Application::chart(&env, "6.3.5").in_project(&name);
    app.apply(&env).await?;
    let sentence = format!("Application referencing project {name} which does not exist");
    app.told(&env, "InvalidSpecError", &sentence).await?;
    nothing_of_flux(&env, &app).await?;
    project(&env, &json!({})).await?;
    let healed = app.settled(&env).await?;
    assert!(healed["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{}", healed["status"]);
    Ok(())
}
