//! An Application for what Flux delivers already: one that shows it, or one that generates it from now on, after the proof
//! that translating it yields the same objects. Nothing restarts either way.

use anyhow::{Context as _, Result};
use flux_subsystem_e2e::{Output, Stack, TestEnv};
use serde_json::{Value, json};

use crate::applications::PATIENCE;
use crate::commands::flux_subsystem;
use crate::flux_objects::{kustomization, live, release};

#[tokio::test]
async fn a_release_is_generated_from_then_on() -> Result<()> {
    let env = Stack::shared().await?.test("generate-release").await?;
    let ns = release(&env, "shop").await?;
    let before = live(&env, "HelmRelease", &ns, "shop").await?;
    let name = env.name("shop");
    let arguments = ["hr/shop", "-n", &ns, "--app", &name, "--auto-create"];
    translates_to(&env, &arguments, "HelmRelease", &before["spec"]).await?;

    let said = generate(&env, &arguments).await?.text()?;
    assert!(said.contains(&format!("generates HelmRelease {ns}/shop")), "{said}");
    env.wait_for_application(&name, "Synced", "Healthy").await?;
    let after = live(&env, "HelmRelease", &ns, "shop").await?;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["metadata"]["labels"]["flamingo/generated"], "true");
    assert_eq!(contained(&before["spec"], &after["spec"]), None, "all that was said is said");
    env.wait_until("one revision more has the patch by which objects stay", PATIENCE, async || {
        let listed = env.helm(&["list", "-n", &ns, "-o", "json"]).await?.json()?;
        Ok((listed[0]["revision"] == "2" && listed[0]["status"] == "deployed").then_some(()))
    })
    .await?;
    let restarted = env.list("ReplicaSet", &ns).await?;
    assert_eq!(restarted.len(), 1, "no Pod is replaced: {restarted:?}");

    // The Application is where changes are made now.
    let change = json!({ "spec": { "source": { "helm": { "valuesObject": { "replicaCount": 3 } } } } });
    env.patch("Application", &env.control, &name, &change).await?;
    env.wait_until("the change is delivered", PATIENCE, async || {
        let deployments = env.list("Deployment", &ns).await?;
        Ok(deployments.iter().any(|deployment| deployment["spec"]["replicas"] == 3).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_kustomization_is_generated_from_then_on() -> Result<()> {
    let env = Stack::shared().await?.test("generate-kustomization").await?;
    let ns = kustomization(&env, "web").await?;
    let before = live(&env, "Kustomization", &ns, "web").await?;
    let workload = live(&env, "Deployment", &ns, "web").await?;
    let name = env.name("web");
    let arguments = ["ks/web", "-n", &ns, "--app", &name, "--auto-create"];
    let mut wanted = before["spec"].clone();
    wanted["sourceRef"]["name"] = json!("web");
    translates_to(&env, &arguments, "Kustomization", &wanted).await?;

    let said = generate(&env, &arguments).await?;
    assert!(
        said.stderr.contains(&format!("is made as a copy of GitRepository {ns}/fleet")),
        "{}",
        said.stderr
    );
    said.text()?;
    env.wait_until("the copy feeds it", PATIENCE, async || {
        let found = live(&env, "Kustomization", &ns, "web").await?;
        Ok((found["spec"]["sourceRef"]["name"] == "web").then_some(()))
    })
    .await?;
    env.wait_for_application(&name, "Synced", "Healthy").await?;
    let after = live(&env, "Kustomization", &ns, "web").await?;
    assert_eq!(contained(&wanted, &after["spec"]), None);
    let kept = live(&env, "Deployment", &ns, "web").await?;
    for field in ["uid", "generation"] {
        assert_eq!(kept["metadata"][field], workload["metadata"][field], "{field}");
    }
    Ok(())
}

#[tokio::test]
async fn without_auto_create_the_objects_are_only_shown() -> Result<()> {
    let env = Stack::shared().await?.test("generate-reference").await?;
    let ns = release(&env, "shop").await?;
    let before = live(&env, "HelmRelease", &ns, "shop").await?;
    let name = env.name("shop");
    let said = generate(&env, &["hr/shop", "-n", &ns, "--app", &name]).await?.text()?;
    assert_eq!(said, format!("Application {}/{name} refers to HelmRelease {ns}/shop\n", env.control));
    let app = env.wait_for_application(&name, "Synced", "Healthy").await?;
    let labels = &app["metadata"]["labels"];
    assert_eq!(labels["flamingo/workload-name"], "shop");
    assert_eq!(labels["flamingo/workload-type"], "HelmRelease");
    assert_eq!(labels["flamingo/source-type"], "HelmRepository");
    assert_eq!(labels["flamingo/destination-namespace"], ns);
    env.delete("Application", &env.control, &name).await?;
    env.wait_until_gone("Application", &env.control, &name).await?;
    let after = live(&env, "HelmRelease", &ns, "shop").await?;
    assert_eq!([&after["metadata"]["uid"], &after["spec"]], [&before["metadata"]["uid"], &before["spec"]]);

    let refused = generate(&env, &["hr/other", "-n", &ns]).await?;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains(&format!("there is no HelmRelease {ns}/other")), "{}", refused.stderr);
    Ok(())
}

async fn generate(env: &TestEnv, arguments: &[&str]) -> Result<Output> {
    let arguments: Vec<&str> =
        ["generate-app", "--argocd-namespace", &env.control].iter().chain(arguments).copied().collect();
    flux_subsystem(env, &arguments, "").await
}

/// What `--export` prints is translated offline, and says all that stands in the cluster.
async fn translates_to(env: &TestEnv, arguments: &[&str], kind: &str, spec: &Value) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().chain(&["--export"]).copied().collect();
    let exported = generate(env, &arguments).await?.text()?;
    let clone = clone(env, kind).await?;
    let offline = ["translate", "-o", "json", "--source-dir", &clone, "--argocd-namespace", &env.control];
    let translated = flux_subsystem(env, &offline, &exported).await;
    tokio::fs::remove_dir_all(&clone).await?;
    let objects = translated?.json()?;
    let objects = objects["items"].as_array().context("no items")?;
    let found = objects.iter().find(|object| object["kind"] == kind).context("not translated")?;
    assert_eq!(contained(spec, &found["spec"]), None, "{exported}");
    Ok(())
}

/// A clone of the repository, for a translation that asks what a path holds.
async fn clone(env: &TestEnv, kind: &str) -> Result<String> {
    let folder = std::env::temp_dir().join(env.name(&format!("clone-{}", kind.to_lowercase())));
    let folder = folder.display().to_string();
    let url = env.sources().git_url("fleet");
    env.stack().run("git", &["clone", "--quiet", &url, &folder]).await?.text()?;
    Ok(folder)
}

/// The first field of `part` that `whole` says otherwise; defaults that Flux fills in do not count.
fn contained(part: &Value, whole: &Value) -> Option<String> {
    let defaults = ["force", "reconcileStrategy"];
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().find_map(|(key, value)| {
            if defaults.contains(&key.as_str()) {
                return None;
            }
            contained(value, whole.get(key).unwrap_or(&Value::Null)).map(|rest| format!("{key}.{rest}"))
        }),
        (part, whole) if part == whole => None,
        (part, whole) => Some(format!(" is {whole}, not {part}")),
    }
}
