//! A repository that is down: what was delivered runs on, the Application says so, and goes on when it is back.

use anyhow::Result;
use flux_subsystem_e2e::{Chart, Server, Stack};

use crate::applications::Application;
use crate::observations::{columns, podinfo};

#[tokio::test]
async fn an_unreachable_chart_repository_keeps_the_last_delivery() -> Result<()> {
    let env = Stack::shared().await?.test("chart-outage").await?;
    let (sources, repository) = (env.sources(), env.name("charts"));
    sources.publish_chart(&repository, &Chart::podinfo("1.0.0")).await?;
    let app =
        Application::chart_from(&env, &sources.helm_url(&repository), "1.x").parameter("replicaCount", "2");
    app.deliver(&env).await?;
    let release = app.release(&env).await?;

    sources.take_down(Server::Helm, &repository)?;
    let told = app.told(&env, "ComparisonError", "503 Service Unavailable").await?;
    assert_eq!(columns(&told), ["Unknown", "Degraded"]);
    assert_eq!(told["status"]["sync"]["revision"], "1.0.0", "the last known revision stays");
    assert_eq!(app.available(&env, &podinfo(&app)).await?, 2);
    assert_eq!(app.release(&env).await?, release);

    sources.publish_chart(&repository, &Chart::podinfo("1.1.0")).await?;
    sources.bring_up(Server::Helm, &repository)?;
    let offered = |app: &serde_json::Value| app["status"]["sync"]["revision"] == "1.1.0";
    app.wait(&env, "offered what was published meanwhile", offered).await?;
    app.settled(&env).await?;
    let release = app.release(&env).await?;
    assert_eq!([&release["chart"], &release["revision"]], ["podinfo-1.1.0", "2"]);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_git_repository_keeps_the_last_delivery() -> Result<()> {
    let env = Stack::shared().await?.test("git-outage").await?;
    let (sources, fleet) = (env.sources(), env.name("fleet"));
    let repository = sources.create_fleet(&fleet).await?;
    let app = Application::git(&env, &repository.url(), "apps/overlays/production", "main");
    app.deliver(&env).await?;

    sources.take_down(Server::Git, &fleet)?;
    let told = app.told(&env, "ComparisonError", &format!("GitRepository {}", app.name())).await?;
    assert_eq!(columns(&told), ["Unknown", "Degraded"]);
    assert_eq!(app.available(&env, "web").await?, 3);

    sources.bring_up(Server::Git, &fleet)?;
    app.settled(&env).await?;
    assert_eq!(app.history(&env).await?.len(), 1, "nothing new was delivered");
    Ok(())
}

#[tokio::test]
async fn an_application_created_during_an_outage_is_delivered_after_it() -> Result<()> {
    let env = Stack::shared().await?.test("born-in-outage").await?;
    let (sources, charts, fleet) = (env.sources(), env.name("charts"), env.name("fleet"));
    sources.publish_chart(&charts, &Chart::podinfo("1.0.0")).await?;
    let repository = sources.create_fleet(&fleet).await?;
    sources.take_down(Server::Helm, &charts)?;
    sources.take_down(Server::Git, &fleet)?;
    let podinfo = Application::chart_from(&env, &sources.helm_url(&charts), "1.0.0");
    let web = Application::git(&env, &repository.url(), "apps/overlays/staging", "main").named(&env, "web");
    for app in [&podinfo, &web] {
        app.apply(&env).await?;
        let told = app.told(&env, "ComparisonError", "503").await?;
        assert_eq!(columns(&told)[0], "Unknown");
    }

    sources.bring_up(Server::Helm, &charts)?;
    sources.bring_up(Server::Git, &fleet)?;
    for app in [&podinfo, &web] {
        app.settled(&env).await?;
        assert_eq!(app.history(&env).await?.len(), 1);
    }
    Ok(())
}
