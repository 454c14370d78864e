//! A revision that the source does not have: named in the words people know, delivered once it exists.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Stack};

use crate::applications::Application;
use crate::observations::columns;

#[tokio::test]
async fn an_unknown_git_revision_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("unknown-revision").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/staging", "release");
    app.apply(&env).await?;
    let told = app.told(&env, "ComparisonError", "unable to resolve 'release' to a commit SHA").await?;
    assert_eq!(columns(&told)[0], "Unknown");
    assert!(env.list("Kustomization", app.destination()).await?.is_empty());

    let commit = repository.resolve("main").await?;
    repository.branch("release", "main").await?;
    let healed = app.settled(&env).await?;
    assert_eq!(healed["status"]["sync"]["revision"], commit);
    assert_eq!(app.available(&env, "web").await?, 1);

    let lost = app.at("v9.9.9");
    lost.apply(&env).await?;
    lost.told(&env, "ComparisonError", "unable to resolve 'v9.9.9' to a commit SHA").await?;
    assert_eq!(lost.available(&env, "web").await?, 1, "what was delivered runs on");
    repository.tag("v9.9.9", "main").await?;
    lost.settled(&env).await?;
    Ok(())
}

#[tokio::test]
async fn an_unknown_chart_version_is_named() -> Result<()> {
    let env = Stack::shared().await?.test("unknown-version").await?;
    let (sources, repository) = (env.sources(), env.name("charts"));
    sources.publish_chart(&repository, &Chart::podinfo("1.0.0")).await?;
    let app = Application::chart_from(&env, &sources.helm_url(&repository), "1.0.0");
    app.deliver(&env).await?;

    let lost = app.at("9.9.9");
    lost.apply(&env).await?;
    let told = lost.told(&env, "ComparisonError", "9.9.9").await?;
    assert_eq!(columns(&told), ["Unknown", "Degraded"]);
    let running = lost.release(&env).await?;
    assert_eq!([&running["chart"], &running["status"]], ["podinfo-1.0.0", "deployed"]);

    sources.publish_chart(&repository, &Chart::podinfo("9.9.9")).await?;
    let healed = lost.settled(&env).await?;
    assert_eq!(healed["status"]["sync"]["revision"], "9.9.9");
    assert_eq!(lost.release(&env).await?["chart"], "podinfo-9.9.9");
    Ok(())
}
