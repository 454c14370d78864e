//! An object that several sources of one Application hold is the last one's, as with stock Argo CD: whatever the sources
//! are, from the first delivery on and when it changes hands, and nobody takes it from anybody afterwards.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::sources::git::Repository;
use flux_subsystem_e2e::{Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};

const CHART: &str = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
const KUSTOMIZATION: &str = "resources: [all.yaml]\nnamePrefix: sha\n";
/// What an object carries while it is taken over.
const MARKS: [&str; 3] =
    ["flux-subsystem.dev/taken-over", "helm.sh/resource-policy", "kustomize.toolkit.fluxcd.io/prune"];

fn map(name: &str, from: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{from: {from}}}\n---\n")
}

/// A chart, two folders and a kustomization; each holds `shared` and an object of its own.
async fn repository(env: &TestEnv) -> Result<Repository> {
    let all = |from: &str| map("shared", from) + &map(&format!("own-{from}"), from);
    let (chart, one, two) = (all("chart"), all("one"), all("two"));
    let overlay = map("red", "overlay") + &map("own", "overlay");
    let files = [
        ("chart/Chart.yaml", Some(CHART)),
        ("chart/templates/all.yaml", Some(chart.as_str())),
        ("one/all.yaml", Some(one.as_str())),
        ("two/all.yaml", Some(two.as_str())),
        ("overlay/kustomization.yaml", Some(KUSTOMIZATION)),
        ("overlay/all.yaml", Some(overlay.as_str())),
    ];
    env.sources().create_repository(&env.name("shared"), &files).await
}

fn application(env: &TestEnv, repository: &Repository, name: &str, paths: &[&str]) -> Application {
    let source = |path: &&str| json!({ "repoURL": repository.url(), "path": path, "targetRevision": "main" });
    Application::sources(env, &paths.iter().map(source).collect::<Vec<_>>()).named(env, name)
}

/// What each ConfigMap in the destination is from.
async fn maps(env: &TestEnv, app: &Application) -> Result<BTreeMap<String, Value>> {
    let maps = env.list("ConfigMap", app.destination()).await?;
    let from = |map: Value| Some((map["metadata"]["name"].as_str()?.to_owned(), map["data"]["from"].clone()));
    Ok(maps.into_iter().filter_map(from).filter(|(_, from)| from.is_string()).collect())
}

/// What Argo CD says of repeated objects.
fn repeated(app: &Value, destination: &str) -> Vec<String> {
    let conditions = app["status"]["conditions"].as_array().into_iter().flatten();
    let repeated = conditions.filter(|condition| condition["type"] == "RepeatedResourceWarning");
    repeated.map(|one| one["message"].to_string().replace(destination, "NAMESPACE")).collect()
}

async fn shared(env: &TestEnv, app: &Application) -> Result<Value> {
    app.delivered(env, "ConfigMap", "shared").await
}

/// Has Flux deliver everything once more.
async fn reconcile_all(env: &TestEnv, app: &Application) -> Result<()> {
    for kind in ["Kustomization", "HelmRelease"] {
        for object in env.list(kind, app.destination()).await? {
            let name = object["metadata"]["name"].as_str().context("no name")?;
            if object["metadata"]["labels"]["flux-subsystem.dev/role"].is_null() {
                env.flux(&["reconcile", &kind.to_lowercase(), name, "-n", app.destination()])
                    .await?
                    .text()?;
            }
        }
    }
    Ok(())
}

async fn wins(name: &str, paths: &[&str]) -> Result<()> {
    let env = Stack::shared().await?.test(&format!("last-{name}")).await?;
    let repository = repository(&env).await?;
    let plain = application(&env, &repository, "plain", paths).plain();
    let bridged = application(&env, &repository, "flux", paths);
    plain.apply(&env).await?;
    bridged.apply(&env).await?;
    let stock = env.wait_for_application(plain.name(), "Synced", "Healthy").await?;
    bridged.settled(&env).await?;
    let expected = maps(&env, &plain).await?;
    assert_eq!(expected["shared"], *paths.last().context("no path")?);
    assert_eq!(maps(&env, &bridged).await?, expected);
    let told = repeated(&stock, plain.destination());
    assert_eq!(told.len(), 1, "{told:?}");
    bridged.wait(&env, "told", |app| repeated(app, bridged.destination()) == told).await?;

    let before = shared(&env, &bridged).await?;
    reconcile_all(&env, &bridged).await?;
    bridged.settled(&env).await?;
    let after = shared(&env, &bridged).await?;
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "{after}");
    bridged.delete(&env).await?;
    assert!(maps(&env, &bridged).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_folder_after_a_chart() -> Result<()> {
    wins("chart-one", &["chart", "one"]).await
}

#[tokio::test]
async fn a_chart_after_a_folder() -> Result<()> {
    wins("one-chart", &["one", "chart"]).await
}

#[tokio::test]
async fn a_folder_after_a_folder() -> Result<()> {
    wins("one-two", &["one", "two"]).await
}

#[tokio::test]
async fn a_folder_after_a_kustomization_that_renames() -> Result<()> {
    wins("overlay-one", &["overlay", "one"]).await
}

/// The shared object, which nothing of the handover is left on.
async fn unmarked(env: &TestEnv, app: &Application) -> Result<Value> {
    let shared = shared(env, app).await?;
    for mark in MARKS {
        assert!(shared["metadata"]["annotations"][mark].is_null(), "{shared}");
    }
    Ok(shared)
}

/// A later source begins to hold what an earlier one delivers, and ends it again. While it is taken over it is never deleted.
async fn changes_hands(name: &str, first: &str, last: &str, file: &str) -> Result<()> {
    let env = Stack::shared().await?.test(&format!("hands-{name}")).await?;
    let repository = repository(&env).await?;
    let (with, without) = (map("shared", last), map("other", last));
    repository.commit("main", &[(file, Some(&without))], "not yet").await?;
    let app = application(&env, &repository, "flux", &[first, last]);
    app.deliver(&env).await?;
    let before = shared(&env, &app).await?;
    assert_eq!(before["data"]["from"], first);

    for (text, from) in [(&with, last), (&without, first)] {
        let revision = repository.commit("main", &[(file, Some(text))], from).await?;
        env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
        let is_there = |app: &Value| app["status"]["sync"]["revisions"] == json!([revision, revision]);
        app.wait(&env, "at the revision", is_there).await?;
        env.wait_until(&format!("shared is from {from}"), PATIENCE, async || {
            let shared = shared(&env, &app).await?;
            Ok((shared["data"]["from"] == from).then_some(()))
        })
        .await?;
        app.settled(&env).await?;
        reconcile_all(&env, &app).await?;
        let shared = unmarked(&env, &app).await?;
        assert_eq!(shared["data"]["from"], from);
        let is_kept = shared["metadata"]["uid"] == before["metadata"]["uid"];
        assert!(is_kept || from == first, "it was deleted in between: {before} {shared}");
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_takes_over_from_a_chart_and_gives_back() -> Result<()> {
    changes_hands("chart-one", "chart", "one", "one/all.yaml").await
}

#[tokio::test]
async fn a_chart_takes_over_from_a_folder_and_gives_back() -> Result<()> {
    changes_hands("one-chart", "one", "chart", "chart/templates/all.yaml").await
}

#[tokio::test]
async fn a_folder_takes_over_from_a_folder_and_gives_back() -> Result<()> {
    changes_hands("one-two", "one", "two", "two/all.yaml").await
}

/// Without automated syncs nothing happens by itself, and one Sync is enough for all of it.
#[tokio::test]
async fn a_manual_sync_takes_over_and_gives_back() -> Result<()> {
    let env = Stack::shared().await?.test("hands-manual").await?;
    let repository = repository(&env).await?;
    let (with, without) = (map("shared", "one"), map("other", "one"));
    repository.commit("main", &[("one/all.yaml", Some(&without))], "not yet").await?;
    let app = application(&env, &repository, "flux", &["chart", "one"]).manual();
    app.apply(&env).await?;
    env.argocd(&["app", "sync", app.name()]).await?.text()?;
    let mut before = unmarked(&env, &app).await?;
    for (text, from) in [(&with, "one"), (&without, "chart")] {
        let revision = repository.commit("main", &[("one/all.yaml", Some(text))], from).await?;
        env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
        let is_there = |app: &Value| app["status"]["sync"]["revisions"] == json!([revision, revision]);
        app.wait(&env, "at the revision", is_there).await?;
        assert_eq!(
            shared(&env, &app).await?["metadata"]["resourceVersion"],
            before["metadata"]["resourceVersion"]
        );
        env.argocd(&["app", "sync", app.name(), "--prune"]).await?.text()?;
        app.settled(&env).await?;
        before = unmarked(&env, &app).await?;
        assert_eq!(before["data"]["from"], from);
    }
    Ok(())
}

/// Nobody else has had it: without self-healing it is for the next Sync, as with one source.
#[tokio::test]
async fn an_object_of_one_source_that_a_person_deletes_stays_away() -> Result<()> {
    let env = Stack::shared().await?.test("hands-off").await?;
    let repository = repository(&env).await?;
    let app = application(&env, &repository, "flux", &["chart", "one"]);
    app.deliver(&env).await?;
    // What it was asked, and how often it has applied what it delivers.
    let workload = async || {
        let name = format!("{}-2", app.name());
        let found = env.get("Kustomization", app.destination(), &name).await?.context("no Kustomization")?;
        let asked = found["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"].clone();
        anyhow::Ok((asked, found["status"]["history"].clone()))
    };
    let (asked, _) = workload().await?;
    env.wait_until("it stays away where Flux does not come by", PATIENCE, async || {
        let (_, before) = workload().await?;
        env.delete("ConfigMap", app.destination(), "own-one").await?;
        env.wait_until("it is gone from the tree, or Flux comes by", PATIENCE, async || {
            let is_seen = !is_in_the_tree(&env, &app).await? || workload().await?.1 != before;
            Ok(is_seen.then_some(()))
        })
        .await?;
        env.argocd(&["app", "get", app.name(), "--refresh"]).await?.text()?;
        let is_back = env.get("ConfigMap", app.destination(), "own-one").await?.is_some();
        let (now, after) = workload().await?;
        assert_eq!(now, asked, "nobody asks for it");
        // Flux tries again by itself, half a minute after a dependency was not ready.
        let has_come_by = after != before;
        assert!(has_come_by || !is_back, "it is back, and nobody has applied it");
        Ok((!has_come_by).then_some(()))
    })
    .await
}

/// Whether the tree has a live `own-one`.
async fn is_in_the_tree(env: &TestEnv, app: &Application) -> Result<bool> {
    let tree = app.ask(env, "GET", "/resource-tree", "").await?;
    let nodes = tree["nodes"].as_array().context("no nodes")?;
    let is_there =
        |node: &Value| node["name"] == "own-one" && node["uid"].as_str().is_some_and(|uid| !uid.is_empty());
    Ok(nodes.iter().any(is_there))
}
