//! While Flux's controllers are down, an Application that is deleted or goes back to stock Argo CD waits, says so, and comes
//! to its end when they are back.

use anyhow::Result;
use flux_subsystem_e2e::{BridgeOptions, Options, Stack};
use serde_json::json;

use crate::applications::Application;
use crate::namespaces::wait_until_empty;
use crate::observations::conditions;
use crate::switching::{PLAIN, our_annotations};

#[tokio::test]
async fn nothing_is_lost_and_nothing_left() -> Result<()> {
    let stack = Stack::private(Options { argocd: true, ..Options::default() }).await?;
    let _bridge = stack.bridge(BridgeOptions::serving("argocd")).await?;
    let env = stack.test("flux-down").await?;
    let url = env.sources().git_url("fleet");
    let doomed = Application::chart(&env, "6.3.5");
    let doomed_git = Application::git(&env, &url, "apps/overlays/staging", "main").named(&env, "git");
    let leaving = Application::chart(&env, "6.3.5").named(&env, "leaving");
    let all = [&doomed, &doomed_git, &leaving];
    for app in all {
        app.apply(&env).await?;
    }
    for app in all {
        app.settled(&env).await?;
    }
    let pods = leaving.pods(&env).await?;
    let controllers = ["helm-controller", "kustomize-controller", "source-controller"];
    for controller in controllers {
        stack.kill_component(controller).await?;
    }

    for app in [&doomed, &doomed_git] {
        env.argocd(&["app", "delete", app.name(), "--yes"]).await?.text()?;
    }
    leaving.switch(&env, &PLAIN).await?;
    let words =
        format!("waiting for Flux to let go of HelmRelease {}/{}", leaving.destination(), leaving.name());
    let told = leaving.told(&env, "HandBackWarning", &words).await?;
    assert!(!our_annotations(&told).is_empty(), "stock Argo CD has to wait");
    for app in [&doomed, &doomed_git] {
        let left = env.application(app.name()).await?;
        assert_eq!(left["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
        assert!(!app.flux_objects(&env).await?.is_empty());
    }

    for controller in controllers {
        stack.start_component(controller).await?;
    }
    for app in [&doomed, &doomed_git] {
        env.wait_until_gone("Application", &env.control, app.name()).await?;
        wait_until_empty(&env, app.destination()).await?;
    }
    let plain = leaving.handed_back(&env).await?;
    assert_eq!(conditions(&plain, "HandBackWarning"), "");
    assert_eq!(leaving.pods(&env).await?, pods);
    assert_eq!(leaving.left_behind(&env).await?, Vec::<String>::new());
    Ok(())
}
