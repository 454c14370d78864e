//! An Application may deliver Applications: a bridged one (a Kustomization delivers them) and a plain one, with children
//! of either kind, and its deletion ends them all.

use anyhow::Result;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::application_sets::is_stamped;
use crate::applications::{Application, beginning};
use crate::namespaces::wait_until_empty;

#[tokio::test]
async fn a_bridged_parent_delivers_plain_and_bridged_children() -> Result<()> {
    let env = Stack::shared().await?.test("apps-bridged").await?;
    let (parent, children) = family(&env, |parent| parent).await?;
    let live = parent.deliver(&env).await?;
    assert!(is_stamped(&live));
    grow_up(&env, &children).await?;
    let inventory = env.get("Kustomization", &env.control, parent.name()).await?.unwrap_or_default();
    for child in &children {
        let id = format!("{}_{}_argoproj.io_Application", env.control, child.name());
        assert!(inventory["status"]["inventory"].to_string().contains(&id), "{inventory}");
    }
    stays(&env, &parent, &children).await?;
    parent
        .wait(&env, "known to deliver Applications", |app| app["status"]["summary"]["isAppOfApps"] == true)
        .await?;
    goes(&env, &parent, &children).await
}

#[tokio::test]
async fn a_plain_parent_delivers_plain_and_bridged_children() -> Result<()> {
    let env = Stack::shared().await?.test("apps-plain").await?;
    // One that would undo at once what it took for an edit, such as the stamp.
    let (parent, children) = family(&env, |parent| parent.plain().self_healing()).await?;
    let live = parent.deliver(&env).await?;
    assert!(!is_stamped(&live));
    grow_up(&env, &children).await?;
    stays(&env, &parent, &children).await?;
    goes(&env, &parent, &children).await
}

#[tokio::test]
async fn a_bridged_parent_may_have_bridged_children_alone() -> Result<()> {
    let env = Stack::shared().await?.test("apps-alone").await?;
    let child = Application::chart(&env, "6.3.5").named(&env, "child");
    let files = child.to_yaml();
    let files = [("children/child.yaml", Some(files.as_str()))];
    let repository = env.sources().create_repository(&env.name("children"), &files).await?;
    let url = repository.url();
    let parent = Application::git(&env, &url, "children", "main").into_namespace(&env.control);
    parent.deliver(&env).await?;
    child.settled(&env).await?;
    // A change of a child in git arrives in what the child delivers.
    let newer = Application::chart(&env, "6.3.6").named(&env, "child");
    let files = newer.to_yaml();
    repository.commit("main", &[("children/child.yaml", Some(files.as_str()))], "newer").await?;
    child.wait(&env, "at the new version", |app| app["status"]["sync"]["revision"] == "6.3.6").await?;
    child.settled(&env).await?;
    assert_eq!(child.release(&env).await?["chart"], "podinfo-6.3.6");
    goes(&env, &parent, &[child]).await
}

/// A parent, and a bridged and a plain child in the repository it delivers from.
async fn family(
    env: &TestEnv,
    change: impl FnOnce(Application) -> Application,
) -> Result<(Application, [Application; 2])> {
    let children = [
        Application::chart(env, "6.3.5").named(env, "bridged"),
        Application::chart(env, "6.3.5").plain().named(env, "plain"),
    ];
    let [bridged, plain] = [&children[0], &children[1]].map(Application::to_yaml);
    let files = [("children/bridged.yaml", Some(&*bridged)), ("children/plain.yaml", Some(&*plain))];
    let repository = env.sources().create_repository(&env.name("children"), &files).await?;
    let parent = Application::git(env, &repository.url(), "children", "main").into_namespace(&env.control);
    Ok((change(parent), children))
}

/// Both children are delivered, each by its own side.
async fn grow_up(env: &TestEnv, children: &[Application; 2]) -> Result<()> {
    let [bridged, plain] = children;
    assert!(is_stamped(&bridged.settled(env).await?));
    assert!(!is_stamped(&plain.settled(env).await?));
    assert_eq!(bridged.release(env).await?["status"], "deployed");
    let releases = env.helm(&["list", "-n", plain.destination(), "-o", "json"]).await?.json()?;
    assert_eq!(releases, Value::Array(Vec::new()));
    Ok(())
}

/// The parent looks at its children again and again, finds nothing to do, and does nothing to them.
async fn stays(env: &TestEnv, parent: &Application, children: &[Application; 2]) -> Result<()> {
    let since = beginning(env).await?;
    let before = written(env, children).await?;
    for _ in 0..3 {
        let shown = env.argocd(&["app", "get", parent.name(), "--hard-refresh", "-o", "json"]).await?;
        assert_eq!(shown.json()?["status"]["sync"]["status"], "Synced");
    }
    assert_eq!(written(env, children).await?, before);
    let [bridged, _] = children;
    let versions = bridged.versions(env, &since).await?;
    assert!(!versions.is_empty(), "the watch missed its life");
    assert!(versions.iter().all(is_stamped), "{} was without its stamp for a while", bridged.name());
    assert_eq!(parent.history(env).await?.len(), 1, "the parent was synced again");
    Ok(())
}

/// Everything of the children that the parent may write.
async fn written(env: &TestEnv, children: &[Application; 2]) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for child in children {
        let app = env.application(child.name()).await?;
        let metadata = &app["metadata"];
        all.push(json!([app["spec"], metadata["labels"], metadata["annotations"], metadata["finalizers"]]));
    }
    Ok(all)
}

/// Deleting the parent ends its children and what they delivered.
async fn goes(env: &TestEnv, parent: &Application, children: &[Application]) -> Result<()> {
    parent.delete(env).await?;
    for child in children {
        env.wait_until_gone("Application", &env.control, child.name()).await?;
        wait_until_empty(env, child.destination()).await?;
    }
    Ok(())
}
