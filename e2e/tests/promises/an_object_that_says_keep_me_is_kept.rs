//! An object that says in its sync options that it stays (`Prune=false`, `Delete=false`, `…=confirm`) stays: when it leaves the
//! source, and when the Application goes, whatever the source is, and also where nobody looks in between. It is shown as stock
//! Argo CD shows it, beside whom the same is delivered plain.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{BridgeOptions, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::{Application, PATIENCE};
use crate::protected::{
    ASKED_FOR, DECIDED, Protected, Shape, at, is_in_the_tree, survivors, unpruned, waiting,
};
use crate::twins::Twins;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn refresh(env: &TestEnv, app: &Application) -> Result<()> {
    env.argocd(&["app", "get", app.name(), "--hard-refresh"]).await?.text().map(drop)
}

/// The messages of conditions of that type.
fn conditions(app: &Value, kind: &str) -> String {
    let conditions = app["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.filter(|condition| condition["type"] == kind);
    found.filter_map(|condition| condition["message"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Delivers both at the first revision, then at the second.
async fn left(env: &TestEnv, source: &Protected) -> Result<Twins> {
    let twins = Twins::of(env, "kept", |app| source.on(env, app, "1.0.0")).await?;
    env.wait_for_application(twins.plain.name(), "Synced", "Healthy").await?;
    twins.bridged.settled(env).await?;
    for app in [&twins.plain, &twins.bridged] {
        assert!(survivors(env, app).await?.contains("leaving-free"));
    }
    let revision = source.leave(env).await?;
    let of = |app: &Application| source.on(env, app.clone(), "1.0.1");
    let twins = Twins { plain: of(&twins.plain), bridged: of(&twins.bridged) };
    for app in [&twins.plain, &twins.bridged] {
        app.apply(env).await?;
        refresh(env, app).await?;
        at(env, app, &revision).await?;
    }
    Ok(twins)
}

/// The whole story, for sources of that shape.
async fn kept(shape: Shape) -> Result<()> {
    let name = format!("keep-{shape:?}").to_lowercase();
    let env = Stack::shared().await?.test(&name).await?;
    let source = Protected::new(&env, shape, DECIDED).await?;
    let Twins { plain, bridged } = left(&env, &source).await?;

    // What stays of those that left, and more of it than with stock Argo CD: Flux has one word for everything.
    let more = if shape.is_exact() {
        names(&["leaving-delete-false"])
    } else {
        names(&["leaving-delete-false", "leaving-replace"])
    };
    let by_stock = survivors(&env, &plain).await?;
    assert!(by_stock.contains("leaving-prune-false") && by_stock.contains("leaving-both"), "{by_stock:?}");
    assert!(!by_stock.contains("leaving-free"), "{by_stock:?}");
    let expected: BTreeSet<String> = by_stock.union(&more).cloned().collect();
    env.wait_until("the rest is pruned", PATIENCE, async || {
        let found = survivors(&env, &bridged).await?;
        anyhow::ensure!(found == expected, "{found:?}, not {expected:?}");
        Ok(Some(()))
    })
    .await?;

    shown(&env, &plain, &bridged, &more).await?;
    synced_again(&env, &plain, &bridged).await?;
    gone(&env, &plain, &bridged, &expected).await
}

/// What stays is out of sync and waits to be pruned, and nobody tries for ever.
async fn shown(
    env: &TestEnv,
    plain: &Application,
    bridged: &Application,
    more: &BTreeSet<String>,
) -> Result<()> {
    let stock = plain.wait(env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    let expected = waiting(&stock, plain.destination()).union(more).cloned().collect::<BTreeSet<_>>();
    let app = bridged
        .wait(env, "OutOfSync as stock is", |app| {
            app["status"]["sync"]["status"] == "OutOfSync"
                && waiting(app, bridged.destination()) == expected
                && app["status"]["health"]["status"] == "Healthy"
        })
        .await?;
    let warning = conditions(&app, "TranslationWarning");
    for name in more {
        assert!(warning.contains(name.as_str()), "{name} stays unasked, and that is said: {warning}");
    }
    assert!(!warning.contains("leaving-prune-false"), "{warning}");
    for app in [plain, bridged] {
        is_in_the_tree(env, app, "leaving-prune-false").await?;
    }
    let began = |app: &Value| app["status"]["operationState"]["startedAt"].clone();
    let reconciled = |app: &Value| app["status"]["reconciledAt"].clone();
    refresh(env, bridged).await?;
    let later = bridged.wait(env, "looked at anew", |later| reconciled(later) != reconciled(&app)).await?;
    assert_eq!(began(&later), began(&app), "no other Sync begins by itself");
    Ok(())
}

/// A Sync that prunes succeeds, and says of each what it did not do.
async fn synced_again(env: &TestEnv, plain: &Application, bridged: &Application) -> Result<()> {
    let mut told = Vec::new();
    for app in [plain, bridged] {
        env.argocd(&["app", "sync", app.name(), "--prune"]).await?.text()?;
        let done = env.application(app.name()).await?;
        assert_eq!(done["status"]["operationState"]["phase"], "Succeeded", "{done}");
        told.push(unpruned(&done));
    }
    for line in &told[0] {
        assert!(told[1].contains(line), "{line:?} is not among {:?}", told[1]);
    }
    assert!(
        told[0].contains(&("leaving-prune-false".to_owned(), "ignored (no prune)".to_owned())),
        "{told:?}"
    );
    Ok(())
}

/// What outlives the Application; `there` is what was there before.
async fn gone(
    env: &TestEnv,
    plain: &Application,
    bridged: &Application,
    there: &BTreeSet<String>,
) -> Result<()> {
    for app in [plain, bridged] {
        app.delete(env).await?;
    }
    let by_stock = survivors(env, plain).await?;
    assert!(by_stock.contains("staying-delete-false") && by_stock.contains("staying-both"), "{by_stock:?}");
    assert!(!by_stock.contains("staying-prune-false") && !by_stock.contains("staying-free"), "{by_stock:?}");
    let by_flux = survivors(env, bridged).await?;
    assert!(by_stock.is_subset(&by_flux), "{by_flux:?} lacks some of {by_stock:?}");
    assert!(by_flux.is_subset(there) && !by_flux.contains("staying-free"), "{by_flux:?}");
    let events = env.list("Event", &env.control).await?;
    let own = events.iter().filter(|event| event["involvedObject"]["name"] == bridged.name());
    let said: Vec<&str> = own
        .filter(|event| event["reason"] == "ObjectsLeft")
        .filter_map(|event| event["message"].as_str())
        .collect();
    let said = said.join("\n");
    // Some had left the source before, and say that they outlive the Application.
    let unasked = by_flux.difference(&by_stock).filter(|name| !name.ends_with("delete-false"));
    for name in unasked {
        assert!(said.contains(name.as_str()), "{name} outlives the Application, and that is said: {said}");
    }
    assert!(!said.contains("staying-delete-false"), "{said}");
    Ok(())
}

#[tokio::test]
async fn in_a_directory() -> Result<()> {
    kept(Shape::Directory).await
}

#[tokio::test]
async fn in_a_kustomization() -> Result<()> {
    kept(Shape::Kustomization).await
}

#[tokio::test]
async fn in_what_argo_cd_renders() -> Result<()> {
    kept(Shape::Jsonnet).await
}

#[tokio::test]
async fn in_a_chart_in_git() -> Result<()> {
    kept(Shape::GitChart).await
}

#[tokio::test]
async fn in_a_chart_of_a_repository() -> Result<()> {
    kept(Shape::HelmRepository).await
}

#[tokio::test]
async fn in_a_chart_that_argo_cd_renders() -> Result<()> {
    kept(Shape::FinishedChart).await
}

#[tokio::test]
async fn in_an_artifact() -> Result<()> {
    kept(Shape::Artifact).await
}

#[tokio::test]
async fn in_one_of_several_sources() -> Result<()> {
    kept(Shape::FirstOfTwo).await
}

/// Stock Argo CD waits for a confirmation. Flux asks for none, and keeps the object.
async fn confirmed_by_nobody(shape: Shape) -> Result<()> {
    let env = Stack::shared().await?.test(&format!("confirm-{shape:?}").to_lowercase()).await?;
    let source = Protected::new(&env, shape, ASKED_FOR).await?;
    let app = source.on(&env, Application::of(&env, &Value::Null), "1.0.0");
    app.deliver(&env).await?;
    let revision = source.leave(&env).await?;
    refresh(&env, &app).await?;
    at(&env, &app, &revision).await?;
    env.wait_until_gone("ConfigMap", app.destination(), "leaving-free").await?;
    let left = names(&["leaving-prune-confirm", "leaving-delete-confirm"]);
    let said =
        app.wait(&env, "OutOfSync for what is left", |app_| waiting(app_, app.destination()) == left).await?;
    assert!(conditions(&said, "TranslationWarning").contains("leaving-prune-confirm"), "{said}");
    app.delete(&env).await?;
    let found = survivors(&env, &app).await?;
    assert!(found.contains("staying-delete-confirm") && found.contains("leaving-prune-confirm"), "{found:?}");
    assert!(!found.contains("staying-free"), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn until_a_confirmation_in_a_directory() -> Result<()> {
    confirmed_by_nobody(Shape::Directory).await
}

#[tokio::test]
async fn until_a_confirmation_in_a_chart() -> Result<()> {
    confirmed_by_nobody(Shape::GitChart).await
}

/// Has Flux deliver what the source offers, without the bridge.
async fn reconcile(env: &TestEnv, app: &Application, kind: &str) -> Result<()> {
    let (name, namespace) = (app.name(), app.destination());
    env.flux(&["reconcile", kind, name, "-n", namespace, "--with-source"]).await?.text().map(drop)
}

/// The bridge sees neither the revision that holds the objects nor the one that does not any more.
async fn looked_at_by_nobody(shape: Shape, kind: &str) -> Result<()> {
    let stack = Stack::shared().await?;
    let name = format!("unseen-{kind}");
    let env = stack.test(&name).await?.with_control_namespace("10s").await?;
    let bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;
    let source = Protected::new(&env, shape, DECIDED).await?;
    source.leave(&env).await?;
    let app = source.on(&env, Application::of(&env, &Value::Null), "1.0.1");
    app.deliver(&env).await?;
    bridge.kill();
    source.join(&env).await?;
    reconcile(&env, &app, kind).await?;
    assert!(survivors(&env, &app).await?.contains("leaving-free"));
    source.leave(&env).await?;
    reconcile(&env, &app, kind).await?;
    env.wait_until_gone("ConfigMap", app.destination(), "leaving-free").await?;
    let found = survivors(&env, &app).await?;
    assert!(found.contains("leaving-prune-false") && found.contains("leaving-both"), "{found:?}");
    bridge.restart().await?;
    app.delete(&env).await?;
    let found = survivors(&env, &app).await?;
    assert!(found.contains("staying-delete-false") && !found.contains("staying-free"), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn where_nobody_looks_at_a_directory() -> Result<()> {
    looked_at_by_nobody(Shape::Directory, "kustomization").await
}

#[tokio::test]
async fn where_nobody_looks_at_a_chart() -> Result<()> {
    looked_at_by_nobody(Shape::GitChart, "helmrelease").await
}

/// What was delivered is known: killed while the objects leave, the bridge shows afterwards what stays, until somebody
/// deletes it.
#[tokio::test]
async fn and_shown_by_a_bridge_that_was_killed_meanwhile() -> Result<()> {
    let stack = Stack::shared().await?;
    let env = stack.test("kept-killed").await?.with_control_namespace("10s").await?;
    let bridge = stack.bridge(BridgeOptions::serving(&env.control)).await?;
    let source = Protected::new(&env, Shape::Directory, DECIDED).await?;
    let app = source.on(&env, Application::of(&env, &Value::Null), "1.0.0");
    app.deliver(&env).await?;
    env.wait_until("it is remembered what Flux keeps", PATIENCE, async || {
        let workload = app.delivered(&env, "Kustomization", app.name()).await?;
        let kept = workload["metadata"]["annotations"]["flux-subsystem.dev/kept"].as_str();
        Ok(kept.context("nothing yet")?.contains("leaving-prune-false").then_some(()))
    })
    .await?;
    bridge.kill();
    source.leave(&env).await?;
    reconcile(&env, &app, "kustomization").await?;
    env.wait_until_gone("ConfigMap", app.destination(), "leaving-free").await?;
    bridge.restart().await?;
    let mut left = names(&["leaving-prune-false", "leaving-delete-false", "leaving-both", "leaving-replace"]);
    app.wait(&env, "OutOfSync for what stays", |it| waiting(it, app.destination()) == left).await?;
    while let Some(name) = left.pop_first() {
        env.delete("ConfigMap", app.destination(), &name).await?;
        app.wait(&env, "without what is deleted", |it| waiting(it, app.destination()) == left).await?;
    }
    app.settled(&env).await?;
    app.delete(&env).await
}

/// The patch that does it changes nothing else of a chart, be it one that renders nothing.
#[tokio::test]
async fn and_nothing_else_of_a_chart_is_changed() -> Result<()> {
    let env = Stack::shared().await?.test("keep-odd").await?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "dns", "annotations": {"argocd.argoproj.io/sync-options": "Prune=false"}},
        "spec": {"ports": [
            {"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53, "protocol": "TCP"},
        ]},
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [service]}).to_string();
    let nothing = "{{ if .Values.on }}\napiVersion: v1\n{{ end }}\n";
    let chart = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    let (odd, empty) = (chart("odd"), chart("empty"));
    let files = [
        ("odd/Chart.yaml", Some(odd.as_str())),
        ("odd/templates/list.yaml", Some(list.as_str())),
        ("empty/Chart.yaml", Some(empty.as_str())),
        ("empty/templates/nothing.yaml", Some(nothing)),
    ];
    let repository = env.sources().create_repository(&env.name("odd"), &files).await?;
    let of = |path: &str| {
        Application::git(&env, &repository.url(), path, "main")
            .merge(&json!({"spec": {"syncPolicy": {"automated": {"allowEmpty": true}}}}))
            .named(&env, path)
    };
    for path in ["odd", "empty"] {
        let app = of(path);
        app.deliver(&env).await?;
        assert_eq!(app.release(&env).await?["status"], "deployed");
    }
    let delivered = of("odd").delivered(&env, "Service", "dns").await?;
    let ports: Vec<_> = delivered["spec"]["ports"].as_array().into_iter().flatten().collect();
    assert_eq!(ports.len(), 2, "{delivered}");
    assert_eq!(delivered["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    Ok(())
}

/// A kustomization may add the options where no patch reaches: Argo CD renders it then.
#[tokio::test]
async fn where_the_kustomization_adds_the_options_last() -> Result<()> {
    let env = Stack::shared().await?.test("keep-common").await?;
    let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n---\n");
    let (both, one) = (object("leaving") + &object("staying"), object("staying"));
    let common =
        "resources: [all.yaml]\ncommonAnnotations: {argocd.argoproj.io/sync-options: 'Prune=false'}\n";
    let files = [("all.yaml", Some(both.as_str())), ("kustomization.yaml", Some(common))];
    let repository = env.sources().create_repository(&env.name("common"), &files).await?;
    let source = json!({"repoURL": repository.url(), "path": ".", "targetRevision": "main"});
    let twins = Twins::apply(&env, "common", &source).await?;
    for app in [&twins.plain, &twins.bridged] {
        app.settled(&env).await?;
    }
    let revision = repository.commit("main", &[("all.yaml", Some(&one))], "one leaves").await?;
    for app in [&twins.plain, &twins.bridged] {
        refresh(&env, app).await?;
        at(&env, app, &revision).await?;
        app.delivered(&env, "ConfigMap", "leaving").await?;
        app.wait(&env, "OutOfSync", |app| app["status"]["sync"]["status"] == "OutOfSync").await?;
    }
    Ok(())
}
