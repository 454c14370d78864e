//! A chart that the repository does not have: said in Flux's words, delivered as soon as it is published.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Stack};

use crate::applications::Application;
use crate::observations::{columns, conditions, ready_message};

#[tokio::test]
async fn an_unknown_chart_is_named_and_heals() -> Result<()> {
    let env = Stack::shared().await?.test("unknown-chart").await?;
    let (sources, repository) = (env.sources(), env.name("charts"));
    sources.publish_chart(&repository, &Chart { name: "beside", version: "1.0.0", edits: &[] }).await?;
    let app = Application::chart_from(&env, &sources.helm_url(&repository), "1.0.0");
    app.apply(&env).await?;

    let told = app.told(&env, "ComparisonError", "no chart name found").await?;
    assert_eq!(columns(&told), ["Unknown", "Degraded"]);
    let chart = format!("{}-{}", app.destination(), app.name());
    let chart = env.wait_for_failure("HelmChart", app.destination(), &chart, "no chart name found").await?;
    assert!(conditions(&told, "ComparisonError").contains(&ready_message(&chart)), "not Flux's words");
    assert!(app.history(&env).await?.is_empty(), "nothing was delivered");

    sources.publish_chart(&repository, &Chart::podinfo("1.0.0")).await?;
    let healed = app.settled(&env).await?;
    assert_eq!(healed["status"]["conditions"].as_array().map_or(0, Vec::len), 0);
    let history = app.history(&env).await?;
    assert_eq!(history.len(), 1, "{history:?}");
    assert_eq!(history[0]["revision"], "1.0.0");
    let release = app.release(&env).await?;
    assert_eq!(
        [&release["revision"], &release["chart"], &release["status"]],
        ["1", "podinfo-1.0.0", "deployed"]
    );
    Ok(())
}
