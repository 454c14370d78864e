//! Several sources of one Application are delivered, shown, compared, rolled back and deleted as one, through Argo CD's own
//! CLI and server.

use anyhow::Result;
use flux_subsystem_e2e::sources::git::Repository;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::observations::podinfo;

const KINDS: [&str; 5] = ["HelmRelease", "Kustomization", "GitRepository", "HelmRepository", "Deployment"];

#[tokio::test]
async fn two_paths_of_one_repository_are_synced_and_rolled_back_together() -> Result<()> {
    let env = Stack::shared().await?.test("several-paths").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let app =
        Application::sources(&env, &[path(&repository, "apps/overlays/staging"), path(&repository, "plain")]);
    let app = app.manual();
    let first = commit(&repository, "first").await?;
    app.apply(&env).await?;
    sync(&env, &app, &[]).await?;
    let shown = app.settled(&env).await?;
    let status = &shown["status"];
    assert_eq!(status["sync"]["revisions"], json!([first, first]));
    assert_eq!(status["sourceTypes"], json!(["Kustomize", "Directory"]));
    assert!(status["sync"]["revision"].is_null() && status["sourceType"].is_null(), "{status}");
    let result = &status["operationState"]["syncResult"];
    assert_eq!(
        (&result["revisions"], &result["sources"]),
        (&json!([first, first]), &shown["spec"]["sources"])
    );
    app.delivered(&env, "Deployment", "plain").await?;
    assert_eq!(revision(&env, &app).await?, "first");

    let second = commit(&repository, "second").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    let is_news = |app: &Value| at(app, "OutOfSync", [&second, &second]);
    app.wait(&env, "OutOfSync at the second commit", is_news).await?;
    env.wait_until("the diff shows both commits", PATIENCE, async || {
        let diff = env.argocd(&["app", "diff", app.name()]).await?;
        let is_shown = diff.code == 1 && diff.stdout.contains(&first) && diff.stdout.contains(&second);
        anyhow::ensure!(is_shown, "{diff:?}");
        Ok(Some(()))
    })
    .await?;
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    assert_eq!(revision(&env, &app).await?, "second");
    env.wait_until("the diff is empty", PATIENCE, async || {
        let diff = env.argocd(&["app", "diff", app.name()]).await?;
        anyhow::ensure!(diff.code == 0 && diff.stdout.is_empty(), "{diff:?}");
        Ok(Some(()))
    })
    .await?;

    let printed = env.argocd(&["app", "rollback", app.name(), "0", "--timeout", "80"]).await?.text()?;
    assert!(printed.contains("successfully synced (all tasks run)"), "{printed}");
    assert_eq!(revision(&env, &app).await?, "first");
    app.wait(&env, "OutOfSync at its branch", is_news).await?;
    let listed = env.argocd(&["app", "history", app.name()]).await?.text()?;
    assert_eq!(listed.matches(&format!("main ({})", &first[..7])).count(), 4, "{listed}");
    assert_eq!(listed.matches(&format!("main ({})", &second[..7])).count(), 2, "{listed}");
    let entry = app.history(&env).await?.pop().unwrap_or_default();
    assert_eq!(
        (&entry["revisions"], entry["sources"].as_array().map(Vec::len)),
        (&json!([first, first]), Some(2))
    );

    // One of them alone at another commit.
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    sync(&env, &app, &["--revisions", &first, "--source-positions", "1"]).await?;
    assert_eq!(revision(&env, &app).await?, "first");
    let entry = app.history(&env).await?.pop().unwrap_or_default();
    assert_eq!(entry["revisions"], json!([first, second]));
    app.wait(&env, "OutOfSync at its branch again", is_news).await?;
    sync(&env, &app, &[]).await?;
    app.settled(&env).await?;
    assert_eq!(revision(&env, &app).await?, "second");
    let wait = ["app", "wait", app.name(), "--sync", "--health", "--operation", "--timeout", "30"];
    env.argocd(&wait).await?.text()?;
    Ok(())
}

#[tokio::test]
async fn a_chart_and_a_folder_come_and_go_together() -> Result<()> {
    let env = Stack::shared().await?.test("several-kinds").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    let chart = json!({
        "repoURL": env.sources().helm_url("podinfo"), "chart": "podinfo", "targetRevision": "6.3.5",
    });
    let app = Application::sources(&env, &[chart, path(&repository, "plain")]);
    let shown = app.deliver(&env).await?;
    let first = repository.resolve("main").await?;
    assert_eq!(shown["status"]["sync"]["revisions"], json!(["6.3.5", first]));
    assert_eq!(shown["status"]["sourceTypes"], json!(["Helm", "Directory"]));
    assert_eq!(app.release(&env).await?["chart"], "podinfo-6.3.5");
    app.delivered(&env, "Deployment", &podinfo(&app)).await?;
    app.delivered(&env, "Deployment", "plain").await?;
    let printed = env.argocd(&["app", "get", app.name()]).await?.text()?;
    assert!(printed.contains("Sources:") && printed.contains("Synced"), "{printed}");
    let tree = app.ask(&env, "GET", "/resource-tree", "").await?;
    let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
    for deployment in [podinfo(&app), "plain".to_owned()] {
        let is_it = |node: &&Value| node["kind"] == "Deployment" && node["name"] == deployment.as_str();
        let node = nodes.iter().find(is_it).unwrap_or(&Value::Null);
        assert!(node["parentRefs"][0]["uid"].is_string(), "{deployment}: {tree}");
    }

    // What moves by itself is recorded as an automated Sync of all of them.
    let second = repository.commit("main", &[("plain/more.yaml", Some(MORE))], "more").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.wait(&env, "Synced at the second commit", |app| at(app, "Synced", ["6.3.5", &second])).await?;
    app.delivered(&env, "ConfigMap", "more").await?;
    env.wait_until("it is in the history", PATIENCE, async || {
        let history = app.history(&env).await?;
        let revisions: Vec<&Value> = history.iter().map(|entry| &entry["revisions"]).collect();
        let expected = [json!(["6.3.5", first]), json!(["6.3.5", second])];
        Ok((revisions == expected.iter().collect::<Vec<_>>()).then_some(()))
    })
    .await?;

    app.delete(&env).await?;
    for kind in KINDS {
        let left = env.list(kind, app.destination()).await?;
        assert!(left.is_empty(), "{kind}: {left:?}");
    }
    Ok(())
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_other_is_delivered() -> Result<()> {
    let env = Stack::shared().await?.test("several-fail").await?;
    let repository = env.sources().create_fleet(&env.name("fleet")).await?;
    repository.commit("main", &[("broken/bad.yaml", Some(BROKEN))], "broken").await?;
    let app = Application::sources(&env, &[path(&repository, "plain"), path(&repository, "broken")]);
    app.apply(&env).await?;
    let name = format!("{}-2", app.name());
    let failed = app.wait(&env, "Degraded", |app| app["status"]["health"]["status"] == "Degraded").await?;
    let message = failed["status"]["health"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&format!("Kustomization {}/{name}", app.destination())), "{message}");
    let of = |shown: &Value, name: &str| {
        let resources = shown["status"]["resources"].as_array().cloned().unwrap_or_default();
        let is_it = |one: &&Value| one["kind"] == "Kustomization" && one["name"] == name;
        resources.iter().find(is_it).map(|one| one["status"].clone()).unwrap_or_default()
    };
    app.wait(&env, "half delivered", |shown| {
        of(shown, app.name()) == "Synced" && of(shown, &name) == "OutOfSync"
    })
    .await?;
    app.delivered(&env, "Deployment", "plain").await?;

    repository.commit("main", &[("broken/bad.yaml", Some(MORE))], "mended").await?;
    env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
    app.settled(&env).await?;
    app.delivered(&env, "ConfigMap", "more").await?;
    Ok(())
}

const MORE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\ndata:\n  a: b\n";
const BROKEN: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: broken\nspec:\n  ports: none\n";

fn path(repository: &Repository, path: &str) -> Value {
    json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" })
}

async fn commit(repository: &Repository, word: &str) -> Result<String> {
    let text = format!("revision={word}");
    repository.commit("main", &[("apps/base/revision.env", Some(&text))], word).await
}

async fn sync(env: &TestEnv, app: &Application, more: &[&str]) -> Result<()> {
    let arguments = [&["app", "sync", app.name(), "--timeout", "80"], more].concat();
    env.argocd(&arguments).await?.text().map(drop)
}

async fn revision(env: &TestEnv, app: &Application) -> Result<String> {
    let map = app.delivered(env, "ConfigMap", "web-revision").await?;
    Ok(map["data"]["revision"].as_str().unwrap_or_default().to_owned())
}

fn at(app: &Value, sync: &str, revisions: [&str; 2]) -> bool {
    app["status"]["sync"]["status"] == sync && app["status"]["sync"]["revisions"] == json!(revisions)
}
