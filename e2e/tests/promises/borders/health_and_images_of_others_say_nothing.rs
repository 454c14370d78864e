//! Health and images of objects that the project does not permit say nothing in the status of an Application.

use anyhow::{Result, ensure};
use flux_subsystem_e2e::Stack;
use serde_json::json;

use super::reach::{deployment, elsewhere, forge, one_namespace};
use crate::a_crash_looping_pod_degrades_the_application::write_status;
use crate::applications::Application;
use crate::flux_objects::kustomization;
use crate::projects::{project, restrict};

const OWN: &str = "registry.local/own:1.0.0";
const THEIRS: &str = "registry.local/theirs:6.6.6";

#[tokio::test]
async fn in_the_status() -> Result<()> {
    let env = Stack::shared().await?.test("foreign-health").await?;
    let victim = elsewhere(&env).await?;
    let own = kustomization(&env, "app").await?;
    let app = Application::git(&env, &env.sources().git_url("fleet"), "plain", "main")
        .options(&["FluxSubsystem=true"]);
    let app = app
        .into_namespace(&own)
        .merge(&json!({ "metadata": { "labels": { "flamingo/workload-name": "app" } } }));
    let project = project(&env, &one_namespace(&own)).await?;
    let app = app.in_project(&project);

    deployment(&env, &own, OWN).await?;
    let pod = deployment(&env, &victim, THEIRS).await?;
    write_status(&env, &pod, true).await?;
    let ids = [format!("{own}_web_apps_Deployment"), format!("{victim}_web_apps_Deployment")];
    forge(&env, "Kustomization", &own, "app", &ids).await?;
    app.apply(&env).await?;

    let summarized = app
        .wait(&env, "summarized", |app| app["status"]["summary"]["images"].to_string().contains(OWN))
        .await?;
    let status = &summarized["status"];
    assert_eq!(status["summary"]["images"], json!([OWN]));
    assert_eq!(status["health"]["status"], "Healthy", "{}", status["health"]);
    ensure!(!status.to_string().contains(&victim), "{status}");

    // They do where it is permitted.
    let both = [&own, &victim].map(|namespace| one_namespace(namespace)["destinations"][0].clone());
    restrict(&env, &project, &json!({ "destinations": both })).await?;
    app.wait(&env, "Degraded, with both images", |app| {
        let status = &app["status"];
        status["summary"]["images"] == json!([OWN, THEIRS]) && status["health"]["status"] == "Degraded"
    })
    .await
    .map(drop)
}
